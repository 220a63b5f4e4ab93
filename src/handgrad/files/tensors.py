"""Safetensors files, read by their library after limits on the header are checked."""

import io
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from handgrad.files.paths import opened, reason
from handgrad.textbook.errors import FileError, HandgradError
from handgrad.textbook.layers import Array

TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4",
    "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip

LONGEST_HEADER = 4 * 2**20
MOST_BRACKETS = 50_000
DEEPEST = 100

# First bytes of other formats.
OTHERS = {
    b"PK\x03\x04": "a zip archive, as the .pt files of PyTorch are",
    **{bytes([128, protocol]): "a pickle" for protocol in range(2, 6)},
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
}
FROM_PYTORCH = (
    "in PyTorch, safetensors.torch.save_file(module.state_dict(), path); "
    "then hg.exchange.load_weights(net, path)"
)
WHAT = "a .safetensors file", FROM_PYTORCH
COPIED_WHOLE = "check that the file was copied whole, and is a .safetensors file"


@dataclass(frozen=True)
class Tensor:
    """Dtype and shape of a tensor from the header.

    Parameters
    ----------
    dtype : str
        NumPy's name of the dtype.
    shape : tuple of int
        Lengths of the axes.
    """

    dtype: str
    shape: tuple[int, ...]


# Content of a file: read-only arrays by name, and metadata by key.
Stored = tuple[dict[str, Array], dict[str, str]]


def read(path: str | Path) -> Stored:
    """Read the arrays and metadata of a safetensors file; FileError if it is invalid."""
    with opened(path, *WHAT) as (file, size):
        limited_header(file, size)
        file.seek(0)
        content = file.read(size + 1)
        if len(content) != size:
            raise damaged("a file that changed while it was read", "a file at rest")
        return parsed(content)


def parsed(content: bytes) -> Stored:
    """Parse the bytes of a safetensors file into arrays and metadata."""
    from safetensors.numpy import load

    header = limited_header(io.BytesIO(content), len(content))
    with refused_as_damaged("tensors that do not match the header", "a complete .safetensors file"):
        return load(content), header.get("__metadata__") or {}


def read_header(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors' dtypes and shapes and the metadata, without the numbers."""
    from safetensors import safe_open

    with opened(path, *WHAT) as (file, size):
        header = limited_header(file, size)
        with (
            refused_as_damaged("tensors that do not match the header", "a .safetensors file"),
            safe_open(path, "numpy"),  # checks names, types, shapes and bytes
        ):
            metadata = header.pop("__metadata__", None) or {}
            return {
                name: Tensor(np.dtype(TYPES[entry["dtype"]]).name, tuple(entry["shape"]))
                for name, entry in header.items()
            }, metadata


def limited_header(file: IO[bytes], size: int) -> dict[str, Any]:
    """Parse the header of an open file of `size` bytes as JSON, within limits.

    The library then checks it against the tensors, without allocating memory first.
    """
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if not 2 <= length <= min(LONGEST_HEADER, size - 8):
        if other := next((kind for first, kind in OTHERS.items() if start.startswith(first)), None):
            raise FileError(other, "a .safetensors file", FROM_PYTORCH)
        raise damaged(
            f"a header of {length} bytes in a file of {size}",
            f"a header of at most {LONGEST_HEADER} bytes, within the file",
        )
    text = file.read(length)
    if not text.startswith(b"{"):
        raise damaged(f"a header that begins with {text[:8]!r}", "a JSON object")
    header: dict[str, Any] = strict_json(text, "the header")
    for name, entry in header.items():
        code = entry.get("dtype") if isinstance(entry, dict) and name != "__metadata__" else None
        if isinstance(code, str) and code not in TYPES:
            raise FileError(
                f"{shown(name)} has the type {shown(code)}",
                f"one of {', '.join(TYPES)}, which NumPy has",
                "in PyTorch, tensor.float() before saving",
            )
    return header


def strict_json(text: str | bytes, what: str, hint: str = COPIED_WHOLE) -> Any:
    """Parse JSON without repeated keys and NaN, within limits of size and depth."""
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        if len(text) > LONGEST_HEADER or text.count("[") + text.count("{") > MOST_BRACKETS:
            raise ValueError(f"more than {LONGEST_HEADER} bytes or {MOST_BRACKETS} brackets")
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite
        )
        if _depth([value]) > DEEPEST + 1:  # later code may recurse
            raise ValueError(f"more than {DEEPEST} levels")
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise FileError(f"{what} cannot be read: {shown(str(error))}", "JSON", hint) from error
    return value


def damaged(came: str, expected: str) -> FileError:
    """FileError for content that no writer of such files produces."""
    return FileError(came, expected, COPIED_WHOLE)


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Add the file's name to a FileError."""
    try:
        yield
    except FileError as error:
        error.where = str(path)
        raise


@contextmanager
def refused_as_damaged(what: str, expected: str, hint: str = COPIED_WHOLE) -> Iterator[None]:
    """Turn any error raised while `what` is created from a file into a FileError."""
    try:
        yield
    except (FileError, MemoryError):
        raise
    except HandgradError as error:
        came, wanted, own = map(shown, (error.came, error.expected, error.hint))
        raise FileError(f"{what}: {came}", wanted, own) from error
    except Exception as error:
        raise FileError(f"{what}: {shown(reason(error))}", expected, hint) from error


def shown(value: object) -> str:
    """Shorten a value from a file, or an error about it, for a message.

    Parameters
    ----------
    value : object
        Anything; other than a str it is shown by its repr.
    """
    text = value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 160 else text[:157] + "..."


def _depth(value: dict[str, object] | list[object]) -> int:
    """Nesting depth of lists and objects."""
    parts = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(part) for part in parts if isinstance(part, dict | list)), default=0)


def _once(pairs: list[tuple[str, object]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a repeated key")
    return value


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is not a finite number")
    return number
