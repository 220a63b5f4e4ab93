"""Safetensors files, read by their own library after our limits on what the header may claim."""

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

# What other formats begin with, where that is no length of a header.
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
    """Type and shape of a tensor, as the header has them."""

    dtype: str
    shape: tuple[int, ...]


# What a file holds: arrays by name, which are read-only, and words by name.
Stored = tuple[dict[str, Array], dict[str, str]]


def read(path: str | Path) -> Stored:
    """The arrays and metadata of a safetensors file; `FileError` for whatever is wrong with it."""
    with opened(path, *WHAT) as (file, size):
        limited_header(file, size)
        file.seek(0)
        content = file.read(size + 1)
        if len(content) != size:
            raise damaged("a file that changed while it was read", "a file at rest")
        return parsed(content)


def parsed(content: bytes) -> Stored:
    """The arrays and metadata of the bytes of a safetensors file."""
    from safetensors.numpy import load

    header = limited_header(io.BytesIO(content), len(content))
    with refused_as_damaged("tensors that are not as the header says", "a whole .safetensors file"):
        return load(content), header.get("__metadata__") or {}


def read_header(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and metadata that the header of a file tells of, without its numbers."""
    from safetensors import safe_open

    with opened(path, *WHAT) as (file, size):
        header = limited_header(file, size)
        with (
            refused_as_damaged("tensors that are not as the header says", "a .safetensors file"),
            safe_open(path, "numpy"),  # which checks names, types, shapes and bytes
        ):
            metadata = header.pop("__metadata__", None) or {}
            return {
                name: Tensor(np.dtype(TYPES[entry["dtype"]]).name, tuple(entry["shape"]))
                for name, entry in header.items()
            }, metadata


def limited_header(file: IO[bytes], size: int) -> dict[str, Any]:
    """The header of an open file of `size` bytes, as JSON: no larger, deeper or stranger than ours.

    Whether it is true the library finds out, which allocates nothing before.
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
                "in PyTorch, tensor.float() before it is saved",
            )
    return header


def strict_json(text: str | bytes, what: str, hint: str = COPIED_WHOLE) -> Any:
    """The value of a JSON text: no key twice, no NaN, not too deep, not so large memory fills."""
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        if len(text) > LONGEST_HEADER or text.count("[") + text.count("{") > MOST_BRACKETS:
            raise ValueError(f"more than {LONGEST_HEADER} bytes or {MOST_BRACKETS} brackets")
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite
        )
        if _depth([value]) > DEEPEST + 1:  # what goes through it later may then recurse
            raise ValueError(f"more than {DEEPEST} levels")
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise FileError(f"{what} cannot be read: {shown(str(error))}", "JSON", hint) from error
    return value


def damaged(came: str, expected: str) -> FileError:
    """The error for what no writer of such files leaves."""
    return FileError(came, expected, COPIED_WHOLE)


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Say in a FileError which file it is about."""
    try:
        yield
    except FileError as error:
        error.where = str(path)
        raise


@contextmanager
def refused_as_damaged(what: str, expected: str, hint: str = COPIED_WHOLE) -> Iterator[None]:
    """Turn whatever is raised within it, as `what` is made from a file, into a FileError."""
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
    """A value from a file, or what was said of it, as messages show it: never long."""
    text = value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 160 else text[:157] + "..."


def _depth(value: dict[str, object] | list[object]) -> int:
    """How many lists and objects lie within one another."""
    parts = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(part) for part in parts if isinstance(part, dict | list)), default=0)


def _once(pairs: list[tuple[str, object]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is no finite number")
    return number
