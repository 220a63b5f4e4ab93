"""Arrays of an ONNX model, from its file or external data files."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from handgrad.exchange.importing.limits import PER_BYTE, file_errors
from handgrad.files.paths import opened
from handgrad.files.tensors import shown
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    from onnx import TensorProto

BESIDE = "a regular file in the model's folder or below it, not a link"


class TensorReader:
    """Reader of arrays in a model and in external data files of its `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n_bytes, self._left = folder, 0, dict[str, int]()

    def array(self, tensor: TensorProto) -> Array:
        """Array of a tensor."""
        from onnx.numpy_helper import to_array

        name = f"array {shown(tensor.name)}"
        with file_errors(name, "as many numbers as its shape says", "export the model again"):
            if tensor.data_location == tensor.EXTERNAL:
                tensor.raw_data = self._bytes(tensor, name)
                tensor.data_location = tensor.DEFAULT
            return to_array(tensor)

    def _bytes(self, tensor: TensorProto, name: str) -> bytes:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        path = self._allowed(entries.get("location", ""), name)
        with opened(path, BESIDE, "copy it into the model's folder") as (file, size):
            start = int(entries.get("offset", 0))
            length = int(entries.get("length", size - start))
            self.n_bytes += size if str(path) not in self._left else 0
            left = self._left.setdefault(str(path), PER_BYTE * size)
            if start < 0 or length < 0 or start + length > size or length > left:
                raise FileError(
                    f"{name}: {length} bytes from {start} on, of {shown(path.name)} with {size}",
                    "bytes within the file, shared by few arrays",
                    "copy the whole file",
                )
            self._left[str(path)] = left - length
            file.seek(start)
            return file.read(length)

    def _allowed(self, location: str, name: str) -> Path:
        """Path of a file in the folder; an error for a link or a path outside."""
        parts = PureWindowsPath(location)  # it parses the separators of all systems
        path, folder = self.folder / location, self.folder.resolve()
        if not location or parts.anchor or ".." in parts.parts or "\0" in location:
            raise FileError(
                f"{name}: numbers in {shown(location)!r}", BESIDE, "copy it into the model's folder"
            )
        if path.resolve() != folder / location or (path.is_file() and path.stat().st_nlink > 1):
            raise FileError(
                f"{name}: numbers in the link {shown(location)!r}", BESIDE, "copy the file itself"
            )
        return path
