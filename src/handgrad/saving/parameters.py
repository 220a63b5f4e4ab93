"""Weights alone: from a safetensors file, of PyTorch for example, into a net that is there."""

from pathlib import Path

import numpy as np

from handgrad.files import FileError, write_whole
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.saving.names import all_learned
from handgrad.saving.tensors import read, shown

# How many batches PyTorch's batch normalisation has seen: of use only without a momentum.
PYTORCHS_COUNTER = "num_batches_tracked"


def write_weights(net: Net, path: Path) -> None:
    """The weights alone, for `load_weights`: no constructor has to be able to repeat the net."""
    from safetensors.numpy import save

    content = save(all_learned(net))
    write_whole(path, lambda file: file.write(content), "wb")


def load_weights(net: Net, path: str | Path) -> Net:
    """Read the weights into `net`, which must have the same layers; all of them, or none.

    The file is one of `hg.save`, or one that PyTorch wrote: the weights of the `nn.Sequential`
    with the same layers, `safetensors.torch.save_file(sequential.state_dict(), path)`. They are
    cast to the net's dtype. `FileError` if names or shapes differ, or a number is not finite.
    """
    try:
        found = {
            name: array
            for name, array in read(path).arrays.items()
            if name.rpartition(".")[2] != PYTORCHS_COUNTER
        }
        own = all_learned(net)
        if missing := [name for name in own if name not in found]:
            raise _other_net(f"the file lacks {', '.join(missing)}", ", ".join(own))
        if unknown := ", ".join(sorted(name for name in found if name not in own)):
            raise _other_net(
                f"the file has {shown(unknown)}, which this net has not", ", ".join(own)
            )
        cast = {name: _fitting(name, found[name], own[name]) for name in own}
    except FileError as error:
        error.where = str(path)
        raise
    for name, array in own.items():
        array[...] = cast[name]
    return net


def _fitting(name: str, array: Array, own: Array) -> Array:
    """The numbers of a tensor in the type of the net's own array, whose shape they must have."""
    if array.shape != own.shape:
        raise _other_net(f"{name} came with shape {array.shape}", f"shape {own.shape}")
    if array.dtype.kind != "f":
        raise _other_net(f"{name} came as {array.dtype}", "float16, float32 or float64")
    with np.errstate(over="ignore"):
        cast = array.astype(own.dtype)
    if not np.isfinite(cast).all():
        raise FileError(
            f"{name} has NaN or infinity in it, as {own.dtype}",
            "finite numbers",
            "weights from before the training went wrong",
        )
    return cast


def _other_net(came: str, expected: str) -> FileError:
    return FileError(
        f"made for another net: {came}",
        expected,
        "a net of the same layers and sizes as the one that was saved",
    )
