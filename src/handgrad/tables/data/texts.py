"""Text files: detection, reading, and windows of characters for nets."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from handgrad.files.addresses import is_address
from handgrad.files.byte_pairs import CODE_POINTS, code_points
from handgrad.files.paths import kind_of, reason, regular_file
from handgrad.tables.data.encodings import (
    IN_PAIRS,
    encoding_of_text,
    likely_encoding,
    marked_encoding,
)
from handgrad.textbook.errors import DataError, FileError, described, not_negative, positive
from handgrad.textbook.layers import Array
from handgrad.training.datasets import BUNDLED

MOST_BYTES = 2**33  # of windows: they overlap, and take more memory than the text or table
# Extensions of tables, whatever the contents.
ENDINGS = (".csv", ".tsv", ".tab", ".psv", ".parquet", ".pq")


@dataclass(frozen=True)
class Characters:
    """Text cut into windows of characters, each encoded as its index in the vocabulary.

    Parameters
    ----------
    name : str
        Name of the file.
    vocabulary : str
        All distinct characters of the text, in the order of Unicode.
    train : pair of arrays (n, length), int64
        Inputs x and targets y: for each character of x, the next one in the text.
    validation : pair of arrays (n, length), int64
        The same for the end of the text; it shares no character position with `train`.
    """

    name: str
    vocabulary: str
    train: tuple[Array, Array]
    validation: tuple[Array, Array]

    def encode(self, text: str) -> Array:
        """Encode a text: the index of each character in the vocabulary, (t,) int64.

        Raises a DataError for a character that is not in the vocabulary.
        """
        if not isinstance(text, str):
            raise DataError(described(text), "text to encode", 'encode("and")')
        characters, points = code_points(self.vocabulary), code_points(text)
        codes: Array = np.searchsorted(characters, points).clip(max=len(characters) - 1)
        if (unknown := characters[codes] != points).any():
            place = int(unknown.argmax())
            raise DataError(
                f"the character {text[place]!r}, at position {place} of the text, counted from 0",
                f"the {len(characters)} characters of {self.name}, {self.vocabulary!r}",
                "remove it, or replace it",
            )
        return codes

    def decode(self, codes: npt.ArrayLike) -> str:
        """Decode indices (t,) from `encode` to text."""
        codes, n = np.asarray(codes), len(self.vocabulary)
        if codes.ndim != 1 or (codes.size and codes.dtype.kind not in "iu"):
            raise DataError(
                f"codes of shape {codes.shape} and type {codes.dtype}",
                "whole numbers, (t,), those of one text",
                "decode(x[0]), a row at a time; decode(p.argmax(axis=-1)) for probabilities",
            )
        if (unknown := (codes < 0) | (codes >= n)).any():
            raise DataError(
                f"the code {codes[unknown][0]}",
                f"0 to {n - 1}: {self.name} has {n} characters",
                "codes that encode gave",
            )
        return "".join(self.vocabulary[code] for code in codes.tolist())

    def __repr__(self) -> str:
        (n, length), held_out = self.train[0].shape, len(self.validation[0])
        return (
            f"<Characters {self.name}: {len(self.vocabulary)} different characters, "
            f"{n} windows of {length} to train on, {held_out} held out>"
        )


def characters(
    path: str | Path, *, length: int, step: int | None = None, validation: float = 0.1
) -> Characters:
    """Cut a text file into windows of characters, each with the characters that follow.

    The file is in UTF-8, in UTF-16 or UTF-32 with a byte order mark, or in GB 18030, which is
    reported as a warning. Line ends become "\\n". Characters after the last whole window are
    dropped; no window crosses from the training part into the validation part.

    Parameters
    ----------
    path : str or Path
        Text file.
    length : int
        Characters of a window.
    step : int, optional
        Characters between the starts of two windows; `length` if not given: no overlap.
    validation : float, default 0.1
        Fraction of the text, at its end, held out for validation.

    Returns
    -------
    Characters

    Raises
    ------
    FileError
        If the file cannot be read.
    DataError
        If the text is too short, or the windows take more than 8 GB.

    Examples
    --------
    >>> import handgrad as hg, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "rhyme.txt"
    ...     _ = path.write_text("abbacabba")
    ...     text = hg.data.characters(path, length=2, validation=0.3)
    >>> text
    <Characters rhyme: 3 different characters, 2 windows of 2 to train on, 1 held out>
    >>> [(text.decode(x), text.decode(y)) for x, y in zip(*text.train)]
    [('ab', 'bb'), ('ba', 'ac')]
    >>> text.encode("cab")
    array([2, 0, 1])
    """
    positive("length", length, whole=True)
    step = length if step is None else step
    positive("step", step, whole=True)
    not_negative("validation", validation, below=1)
    text = read_text(path)
    points, codes = np.unique(code_points(text), return_inverse=True)
    end = len(codes) - round(validation * len(codes))
    parts = [codes[:end].astype(np.int64), codes[end:].astype(np.int64)]
    for part, what in zip(parts, ("", f" of the last {validation:g}"), strict=True):
        if len(part) <= length and (not what or validation):
            raise DataError(
                f"{path}: {len(codes):,} characters, of which {len(part):,}{what} are to be cut "
                f"into windows of {length}",
                f"{length + 1:,} or more: a window, and the character that follows it",
                f"a longer text, or a length below {max(len(part), 2)}",
            )
    refuse_too_many(len(codes) // step, step, 2 * 8 * length, str(path))
    train, held_out = (windows_of_codes(part, length, step) for part in parts)
    vocabulary = points.tobytes().decode(CODE_POINTS)
    return Characters(Path(path).stem, vocabulary, train, held_out)


def refuse_too_many(n: int, step: int, size: int, name: str) -> None:
    """Refuse `n` windows of `size` bytes each if they take too much memory in all."""
    if n * size > MOST_BYTES:
        raise DataError(
            f"{name}: {n:,} windows, {n * size / 1e9:.3g} GB",
            f"{MOST_BYTES / 1e9:.2g} GB of windows at most",
            f"step={-(-n * step * size // MOST_BYTES)}, or shorter windows",
        )


def windows_of_codes(codes: Array, length: int, step: int) -> tuple[Array, Array]:
    """Windows of `length` codes, and those shifted by one; both (n, length)."""
    if not len(codes):
        return np.empty((0, length), np.int64), np.empty((0, length), np.int64)
    longer = np.lib.stride_tricks.sliding_window_view(codes, length + 1)[::step]
    return longer[:, :-1].copy(), longer[:, 1:].copy()


def read_text(path: str | Path, encoding: str | None = None) -> str:
    """Read a text file; line ends become "\\n".

    Without an `encoding` it is inferred: by the byte order mark, GB 18030 if the bytes are valid
    only there, else UTF-8.

    Raises a FileError for a file that cannot be read, is empty, or is not text.
    """
    path = regular_file(path)
    try:
        written = path.read_bytes()
    except OSError as error:
        raise FileError(
            f"{path} could not be read: {reason(error)}", "a text file", "check the name"
        ) from error
    encoding = encoding or _encoding_of(path, written)
    try:
        text = written.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = written.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{path} is not in {encoding}: line {line} has the byte {written[error.start]:#04x}",
            f"text in {encoding}",
            f'convert it: path.write_text(path.read_text("{likely_encoding(written)}"), '
            '"utf-8"), with its encoding',
        ) from error
    if not text:
        raise FileError(f"{path} is empty", "a text", "check the file, and its name")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FileError(
            f"{path} is not text: line {line} has the byte 0x00",
            "a text file",
            "the file saved as text",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _encoding_of(path: Path, written: bytes) -> str:
    """Encoding inferred from the bytes of a text; UTF-8 by default."""
    if marked := marked_encoding(written):
        return marked
    if encoding_of_text([written]) != IN_PAIRS:
        return "UTF-8"
    warnings.warn(f"{path} is read as {IN_PAIRS}", stacklevel=3)
    return IN_PAIRS


def is_prose(data: str) -> bool:
    """Return True for a text file whose first lines do not look like a table.

    In a table all rows have as many fields as the header, more than one, with some separator; or a
    column is called target. A file that ends in .csv is a table.
    """
    if data in BUNDLED or is_address(data) or kind_of(data) != "file":
        return False
    if Path(data).suffix.lower() in ENDINGS:
        return False
    from handgrad.tables.data.csv_dialect import first_rows  # it loads pyarrow

    try:
        readings = first_rows(Path(data))
    except FileError:  # another kind of file, refused when it is read as a table
        return False
    return bool(readings) and not any(map(_is_table, readings))


def _is_table(rows: list[list[str]]) -> bool:
    """Return True if these rows of fields, header first, look like a table."""
    names, *others = rows
    if any(name.strip().lower() == "target" for name in names):
        return True
    return len(names) > 1 and bool(others) and all(len(row) == len(names) for row in others)
