"""Files that are no tables of text, known by their first bytes, and what to do with each."""

import re
import zipfile
from pathlib import Path

from handgrad.files import FileError

IN_PYTHON = "a CSV file of it: pandas.{}({!r}).to_csv('table.csv', index=False) in Python"
SPREADSHEET = "save it as “CSV UTF-8” in the spreadsheet, and take that file"
UNPACK = "unpack it, and take the table in it"

# First bytes, what such a file is, and what to try.
KINDS = (
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file (.xls)", SPREADSHEET),
    (b"PAR1[\x00-\x1f]", "a Parquet file, by its first bytes", "a name that ends in .parquet"),
    (b"ARROW1\x00", "a Feather (Arrow) file", "read_feather"),
    (b"FEA1[\x00-\x1f]", "a Feather file", "read_feather"),
    (b"\x80[\x02-\x05]", "a Python pickle", "read_pickle"),
    (b"\x93NUMPY", "a NumPy array", "numpy.savetxt, with a line of names first"),
    (b"\x89HDF", "an HDF5 file", "read_hdf"),
    (b"<stata_dta>", "a Stata file", "read_stata"),
    (b"\\$FL[23]", "an SPSS file", "read_spss"),
    (b"SQLite format 3\x00", "an SQLite database", "read_sql"),
    (b"%PDF", "a PDF document", "the table that it was made of, as CSV"),
    (b"Obj\x01", "an Avro file", "a CSV or Parquet file of it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a", "a RAR archive", UNPACK),
    (b"\x89PNG|\xff\xd8\xff|GIF8[79]a", "a picture", "the table behind it, as CSV"),
    (b"(?i)\\s*<(!doctype html|html)", "a web page", SPREADSHEET),
    (b"\\s*<\\?xml", "an XML file", SPREADSHEET),
    (b'\\s*\\{\\s*("|\\})', "JSON, objects one after another", "read_json"),
    (b"\\s*\\[\\s*[\\[{]", "a JSON array", "read_json"),
)
TAR = 257, b"ustar"
IN_A_ZIP = (
    ("xl/", "an Excel file (.xlsx)", SPREADSHEET),
    ("content.xml", "an OpenDocument file (.ods)", SPREADSHEET),
    ("Index/", "a Numbers file", SPREADSHEET),
)


def refuse_other_kinds(path: Path, head: bytes) -> None:
    """Refuse a file that begins with `head` by its kind, if that is no table of text."""
    if head[TAR[0] :].startswith(TAR[1]):
        raise _refused(path, "a TAR archive", UNPACK)
    for begin, kind, hint in KINDS:
        if re.match(begin, head):
            if head.startswith(b"PK"):
                kind, hint = _in_a_zip(path) or (kind, hint)
            raise _refused(path, kind, hint)


def _refused(path: Path, kind: str, hint: str) -> FileError:
    if hint.startswith("read_"):
        hint = IN_PYTHON.format(hint, str(path))
    return FileError(f"{path}: {kind}", "a CSV file with a header line, or a Parquet file", hint)


def _in_a_zip(path: Path) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return None
    found = (entry[1:] for entry in IN_A_ZIP if any(n.startswith(entry[0]) for n in names))
    return next(found, None)
