"""Weights in files, under PyTorch's names, `0.weight` for `0.W`, and files with weights only."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from handgrad.files.paths import write_whole
from handgrad.files.tensors import damaged, naming, read, shown
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net import Net

PYTORCHS = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
# PyTorch's count of batches in batch normalization, used only without momentum.
PYTORCHS_COUNTER = "num_batches_tracked"


def learned(layer: Layer, path: str) -> Iterator[tuple[str, Array]]:
    """Iterate over a layer's own parameters and running state with their names in the file."""
    for name, word in words_of(type(layer)).items():
        yield placed(path, word), getattr(layer, name)


def all_learned(layer: Layer, path: str = "") -> dict[str, Array]:
    """Parameters and running state of a layer and its inner layers, by their names in the file."""
    return dict(pair for place, inner in layer.walk(path) for pair in learned(inner, place))


def words_of(kind: type[Layer]) -> dict[str, str]:
    """Name of each parameter and state in a file: PyTorch's, unless two would be the same."""
    names = (*kind.param_names, *kind.state_names)
    words = {name: PYTORCHS.get(name, name) for name in names}
    return words if len({*words.values()}) == len(words) else dict(zip(names, names, strict=True))


def placed(path: str, word: str) -> str:
    """Name of a tensor of the layer at `path`."""
    return f"{path}.{word}" if path else word


def fill(layer: Layer, path: str, arrays: Mapping[str, Array]) -> None:
    """Copy finite numbers of the right dtype into a layer and its inner layers."""
    for tensor, array in all_learned(layer, path).items():
        values = arrays[tensor]
        if values.dtype != array.dtype:
            raise damaged(f"{tensor} is {values.dtype}", f"{array.dtype}, the net's dtype")
        check_finite(tensor, values)
        array[...] = values


def check_finite(tensor: str, values: Array, cast: str = "") -> None:
    """Refuse numbers that are not finite."""
    if not np.isfinite(values).all():
        raise FileError(
            f"{tensor} has NaN or infinity{cast}",
            "finite numbers",
            "a file from before the training diverged",
        )


def write_weights(net: Net, path: Path) -> None:
    """Write only the weights, for `load_weights`, without a description of the net."""
    from safetensors.numpy import save

    content = save(all_learned(net))
    write_whole(path, lambda file: file.write(content), "wb")


def load_weights(net: Net, path: str | Path) -> Net:
    """Load weights into `net`, which must have the same layers, and cast them to its dtype.

    Parameters
    ----------
    net : Net
        Changed in place; not at all after an error.
    path : path
        A file of `hg.save`, or of PyTorch's `save_file(sequential.state_dict(), path)`.

    Returns
    -------
    Net
        The same net.

    Raises
    ------
    FileError
        Names or shapes differ, or a number is not finite.
    """
    with naming(path):
        tensors = {
            name: array
            for name, array in read(path)[0].items()
            if name.rpartition(".")[2] != PYTORCHS_COUNTER
        }
        own = all_learned(net)
        if missing := [name for name in own if name not in tensors]:
            raise _other_net(f"the file lacks {', '.join(missing)}", ", ".join(own))
        if unknown := ", ".join(sorted(name for name in tensors if name not in own)):
            raise _other_net(
                f"the file has {shown(unknown)}, which this net does not have", ", ".join(own)
            )
        cast = {name: _fitting(name, tensors[name], own[name]) for name in own}
    for name, array in own.items():
        array[...] = cast[name]
    return net


def _fitting(name: str, array: Array, own: Array) -> Array:
    """Cast a tensor to the dtype of the net's array, whose shape it must have."""
    if array.shape != own.shape:
        raise _other_net(f"{name} came with shape {array.shape}", f"shape {own.shape}")
    if array.dtype.kind != "f":
        raise _other_net(f"{name} came as {array.dtype}", "float16, float32 or float64")
    with np.errstate(over="ignore"):
        cast = array.astype(own.dtype)
    check_finite(name, cast, f", as {own.dtype}")
    return cast


def _other_net(came: str, expected: str) -> FileError:
    return FileError(
        f"weights of another net: {came}",
        expected,
        "a net with the same layers and sizes as the saved one",
    )
