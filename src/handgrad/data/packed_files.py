"""Files as bytes, packed or not: gzip, bz2, zstd, lz4 and xz are known by their first bytes."""

import io
import lzma
import re
from pathlib import Path
from typing import IO, Any

from handgrad.files import FileError, reason

# So many bytes may always be in a packed file, and so many times as many as it has itself.
PLENTY, MOST_TIMES = 10**8, 200
PACKINGS = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh[1-9]1AY&SY", "bz2"),
    (b"\\(\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xfd7zXZ\x00", "xz"),
)


def packing_of(path: Path) -> str:
    """How the file is packed, '' where it is not, by its first bytes."""
    with opened(path) as file:
        head = file.read(16)
    return next((name for begin, name in PACKINGS if re.match(begin, head)), "")


def opened(path: Path) -> IO[bytes]:
    """The bytes of the file as they are."""
    try:
        return path.open("rb")
    except OSError as error:
        raise FileError(
            f"{path}: {reason(error)}", "a file that can be read", "check its permissions"
        ) from error


def unpacked(path: Path, packing: str) -> Any:
    """The bytes of the file as they were before it was packed."""
    if not packing:
        return opened(path)
    if packing == "xz":
        return Unpacking(lzma.open(path), path)
    import pyarrow as pa

    return Unpacking(pa.CompressedInputStream(pa.PythonFile(opened(path), "r"), packing), path)


class Unpacking(io.RawIOBase):
    """What a packed file unpacks to, refused where that is far more than tables ever have."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.file, self.path, self.so_far = file, path, 0
        self.most = max(PLENTY, MOST_TIMES * path.stat().st_size)

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or those that are left."""
        found: bytes = self.file.read(size)
        self.so_far += len(found)
        if self.so_far > self.most:
            raise FileError(
                f"{self.path}: more than {MOST_TIMES} times as large when unpacked",
                "a table, of which that is seldom true",
                "look at what is in it; unpacked it is taken as it is",
            )
        return found

    def close(self) -> None:
        """The file too."""
        self.file.close()
        super().close()


def damaged(path: Path, packing: str, error: Exception) -> FileError:
    """A packed file that does not unpack."""
    return FileError(
        f"{path}: it does not unpack as {packing}, {reason(error).splitlines()[0]}",
        "a whole file",
        "check that it was copied whole",
    )
