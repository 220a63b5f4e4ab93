"""What the arrays of a net are called in a file: as PyTorch calls them, `0.weight` for `0.W`."""

from collections.abc import Iterator

from handgrad.layers import Array, Layer

IN_THE_FILE = {"W": "weight", "b": "bias"}


def name_in_file(path: str, name: str) -> str:
    """The name of the tensor that holds the array `name` of the layer at `path`."""
    name = IN_THE_FILE.get(name, name)
    return f"{path}.{name}" if path else name


def learned(layer: Layer, path: str) -> Iterator[tuple[str, Array]]:
    """The parameters and running state of this one layer, each with its name in the file."""
    for name in (*layer.param_names, *layer.state_names):
        yield name_in_file(path, name), getattr(layer, name)
