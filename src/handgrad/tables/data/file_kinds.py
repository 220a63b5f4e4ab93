"""File kinds by their first bytes: compressed files are decompressed, other than text refused."""

import lzma
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pyarrow as pa

from handgrad.files.paths import KINDS_OF_TABLES, reason
from handgrad.tables.data.files import Location, status_of
from handgrad.textbook.errors import FileError

# Limits of a decompressed file, in bytes and as a multiple of its compressed size.
PLENTY, MOST_TIMES = 10**8, 200
BLOCK = 2**20
PACKINGS = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh[1-9]1AY&SY", "bz2"),
    (b"\\(\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xfd7zXZ\x00", "xz"),
)

IN_PYTHON = "a CSV file of it: pandas.{}({!r}).to_csv('table.csv', index=False) in Python"
SPREADSHEET = "save it as “CSV UTF-8” in the spreadsheet program, and use that file"
PICTURES = "its table as CSV; or a folder with one folder of pictures for each class"
UNPACK = "unpack it, and use the table in it"

# First bytes, kind of the file, and hint.
KINDS = (
    (b"(?s).{257}ustar", "a TAR archive", UNPACK),
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"PAR1[\x00-\x1f]", "a Parquet file, by its first bytes", "a name that ends in .parquet"),
    (b"ARROW1\x00", "an Arrow (Feather) file, by its first bytes", "a name that ends in .arrow"),
    (b"FEA1[\x00-\x1f]", "a Feather file of the first version", "read_feather"),
    (b"\x80[\x02-\x05]", "a Python pickle", "read_pickle"),
    (b"\x93NUMPY", "a NumPy array", "numpy.savetxt, with a line of names first"),
    (b"\x89HDF", "an HDF5 file", "read_hdf"),
    (b"<stata_dta>", "a Stata file", "read_stata"),
    (b"\\$FL[23]", "an SPSS file", "read_spss"),
    (b"%PDF", "a PDF document", "its table as CSV"),
    (b"Obj\x01", "an Avro file", "a CSV or Parquet file of it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a", "a RAR archive", UNPACK),
    (b"\x89PNG|\xff\xd8\xff|GIF8[79]a", "a picture", PICTURES),
    (b"(?i)\\s*<(!doctype html|html)", "a web page", SPREADSHEET),
    (b"\\s*<\\?xml", "an XML file", SPREADSHEET),
    (b'\\s*\\{\\s*("|\\})', "JSON, but not one object in each line", "read_json"),
    (b"\\s*\\[\\s*[\\[{]", "a JSON array", "read_json"),
)
IN_A_ZIP = (("Index/", "a Numbers file", SPREADSHEET),)


def is_zip_of(path: Location, head: bytes, *entries: str) -> bool:
    """Return True for a ZIP archive with an entry whose name starts with one of `entries`."""
    return head.startswith(b"PK\x03\x04") and any(n.startswith(entries) for n in _entries(path))


def packing_of(path: Location) -> str:
    """Compression of a file by its first bytes; '' for none."""
    with opened(path) as file:
        head = file.read(16)
    return next((name for begin, name in PACKINGS if re.match(begin, head)), "")


def opened(path: Location) -> IO[bytes]:
    """Open a file for reading its raw bytes."""
    try:
        return path.open("rb")
    except OSError as error:
        raise FileError(
            f"{path}: {reason(error)}", "a file that can be read", "check its permissions"
        ) from error


def unpacked(path: Location, packing: str, size: int = BLOCK) -> Iterator[bytes]:
    """Yield the decompressed bytes of a file, in blocks of `size`.

    Refused if they are far more than a table can have.
    """
    most, so_far = max(PLENTY, MOST_TIMES * status_of(path).size), 0
    try:
        with _reader(path, packing) as file:
            while block := file.read(size):
                so_far += len(block)
                if packing and so_far > most:
                    raise FileError(
                        f"{path}: more than {MOST_TIMES} times as large when decompressed",
                        "a table, which seldom compresses that well",
                        "inspect it; decompressed, it is accepted",
                    )
                yield block
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise FileError(
            f"{path}: it cannot be decompressed as {packing}, {reason(error).splitlines()[0]}",
            "a whole file",
            "check that it was copied whole",
        ) from error


@contextmanager
def _reader(path: Location, packing: str) -> Iterator[IO[bytes]]:
    with opened(path) as file:
        if packing == "xz":
            with lzma.open(file) as xz:
                yield xz
        else:
            packed = packing and pa.CompressedInputStream(pa.PythonFile(file, "r"), packing)
            yield packed or file


def refuse_other_kinds(path: Location, head: bytes) -> None:
    """Refuse a file whose first bytes, `head`, are those of another kind than a text table."""
    for begin, kind, hint in KINDS:
        if re.match(begin, head):
            if head.startswith(b"PK"):
                kind, hint = _in_a_zip(path) or (kind, hint)
            if hint.startswith("read_"):
                hint = IN_PYTHON.format(hint, str(path))
            raise FileError(f"{path}: {kind}", KINDS_OF_TABLES, hint)


def _in_a_zip(path: Location) -> tuple[str, str] | None:
    names = _entries(path)
    entries = (entry[1:] for entry in IN_A_ZIP if any(n.startswith(entry[0]) for n in names))
    return next(entries, None)


def _entries(path: Location) -> list[str]:
    """Names of the entries of a ZIP archive; none if it is broken."""
    try:
        with opened(path) as file, zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []
