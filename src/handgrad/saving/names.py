"""Names of a net's arrays in a file, which are PyTorch's: `0.weight` for `0.W`."""

from collections.abc import Iterator

from handgrad.layers import Array, Layer

PYTORCHS = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}


def learned(layer: Layer, path: str) -> Iterator[tuple[str, Array]]:
    """The parameters and running state of this one layer, each with its name in the file."""
    for name, word in words_of(type(layer)).items():
        yield placed(path, word), getattr(layer, name)


def all_learned(net: Layer) -> dict[str, Array]:
    """The parameters and running state of a net and all within it, by their names in the file."""
    return dict(pair for path, layer in net.walk() for pair in learned(layer, path))


def words_of(kind: type[Layer]) -> dict[str, str]:
    """The name of each parameter and state in a file: PyTorch's, unless two had the same."""
    names = (*kind.param_names, *kind.state_names)
    words = {name: PYTORCHS.get(name, name) for name in names}
    return words if len({*words.values()}) == len(words) else dict(zip(names, names, strict=True))


def placed(path: str, word: str) -> str:
    """The name of a tensor of the layer at `path`."""
    return f"{path}.{word}" if path else word
