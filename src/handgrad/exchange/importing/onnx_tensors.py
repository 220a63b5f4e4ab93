"""Arrays of an ONNX model, from its file or external data files."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from handgrad.exchange.importing.limits import PER_BYTE, read_from
from handgrad.files.paths import opened
from handgrad.files.tensors import shown
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    from onnx import TensorProto

BESIDE = "a file beside the model, or in a folder beside it, that is no link"


class OtherFiles:
    """Reader of arrays in the model or in files of its `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n_bytes, self._left = folder, 0, dict[str, int]()

    def array(self, tensor: TensorProto) -> Array:
        """Array of a tensor."""
        from onnx.numpy_helper import to_array

        name = f"array {shown(tensor.name)}"
        with read_from(name, "as many numbers as its shape says", "write the model again"):
            if tensor.data_location == tensor.EXTERNAL:
                tensor.raw_data = self._bytes(tensor, name)
                tensor.data_location = tensor.DEFAULT
            return to_array(tensor)

    def _bytes(self, tensor: TensorProto, name: str) -> bytes:
        said = {entry.key: entry.value for entry in tensor.external_data}
        path = self._allowed(said.get("location", ""), name)
        with opened(path, BESIDE, "copy it where the model lies") as (file, size):
            start = int(said.get("offset", 0))
            length = int(said.get("length", size - start))
            self.n_bytes += size if str(path) not in self._left else 0
            left = self._left.setdefault(str(path), PER_BYTE * size)
            if start < 0 or length < 0 or start + length > size or length > left:
                raise FileError(
                    f"{name}: {length} bytes from {start} on, of {shown(path.name)} with {size}",
                    "bytes within the file, that few arrays share",
                    "copy the whole file",
                )
            self._left[str(path)] = left - length
            file.seek(start)
            return file.read(length)

    def _allowed(self, location: str, name: str) -> Path:
        """Path of a file in the folder; links are errors."""
        parts = PureWindowsPath(location)  # which knows the separators of all systems
        path, folder = self.folder / location, self.folder.resolve()
        if not location or parts.anchor or ".." in parts.parts or "\0" in location:
            raise FileError(f"{name}: numbers in {shown(location)!r}", BESIDE, "copy it there")
        if path.resolve() != folder / location or (path.is_file() and path.stat().st_nlink > 1):
            raise FileError(f"{name}: numbers in the link {shown(location)!r}", BESIDE, "copy it")
        return path
