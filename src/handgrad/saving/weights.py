"""Weights as safetensors: a file that holds numbers and can run nothing."""

from pathlib import Path

from handgrad.errors import HandgradError
from handgrad.files import FileError, reason, write_whole
from handgrad.net import Net

IN_THE_FILE = {"W": "weight", "b": "bias"}
IN_THE_NET = {theirs: ours for ours, theirs in IN_THE_FILE.items()}


def save_weights(net: Net, path: str | Path) -> Path:
    """Write all parameters and running state; names are PyTorch's, `0.weight` for `0.W`."""
    from safetensors.numpy import save

    content = save({_renamed(name, IN_THE_FILE): array for name, array in net.state().items()})
    return write_whole(path, lambda file: file.write(content), "wb")


def load_weights(net: Net, path: str | Path) -> Net:
    """Read the weights into `net`, which must have the same layers; all of them, or none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
    except (OSError, TypeError, KeyError, SafetensorError) as error:
        raise FileError(
            f"{path}: {reason(error)}",
            "a .safetensors file, as hg.save_weights writes it",
            "check the path, and that the file was copied whole",
        ) from error
    try:
        net.load_state(
            {_renamed(name, IN_THE_NET): array for name, array in sorted(arrays.items())}
        )
    except HandgradError as error:
        raise FileError(
            f"{path}: made for another net: {error.came}",
            error.expected,
            "a net of the same layers and sizes as the one that was saved",
        ) from error
    return net


def _renamed(path: str, names: dict[str, str]) -> str:
    layer, dot, name = path.rpartition(".")
    return layer + dot + names.get(name, name)
