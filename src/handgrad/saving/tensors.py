"""A safetensors file, read with distrust: all it claims is checked before anything is allocated."""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

from handgrad.errors import HandgradError, SettingError
from handgrad.files import FileError, reason
from handgrad.layers import Array

TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4",
    "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip

T = TypeVar("T")

LONGEST_HEADER = 4 * 2**20
MOST_BRACKETS = 50_000
DEEPEST = 100
MOST_DIMENSIONS = 32

# What other formats begin with, where that is no length of a header.
OTHERS = {
    b"PK\x03\x04": "a zip archive, as the .pt files of PyTorch are",
    **{bytes([128, protocol]): "a pickle" for protocol in range(2, 6)},
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
}
FROM_PYTORCH = (
    "in PyTorch, safetensors.torch.save_file(module.state_dict(), path); "
    "then hg.load_weights(net, path)"
)
COPIED_WHOLE = "check that the file was copied whole, and is a .safetensors file"


@dataclass(frozen=True)
class Tensor:
    """What the header says of one tensor: its type, its shape, and its bytes in the data."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """What a file says of itself: its tensors and words by name; `size` is that of its data."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    size: int


@dataclass(frozen=True)
class Stored:
    """What a file holds: arrays by name, views of the bytes that were read; words by name."""

    arrays: dict[str, Array]
    metadata: dict[str, str]


def read(path: str | Path) -> Stored:
    """The arrays and metadata of a safetensors file; `FileError` for whatever is wrong with it."""
    return _opened(path, parsed)


def read_header(path: str | Path) -> Header:
    """What a safetensors file says of itself, without its numbers."""
    return _opened(path, header_of)


def _opened(path: str | Path, look: Callable[[IO[bytes], int], T]) -> T:
    if not isinstance(path, str | os.PathLike):
        raise SettingError(
            f"{shown(path)}, of type {type(path).__name__}",
            "the path of a .safetensors file",
            FROM_PYTORCH,
        )
    try:
        if not Path(path).is_file():
            Path(path).stat()
            what = "a folder" if Path(path).is_dir() else "no regular file"
            raise FileError(what, "a .safetensors file", "check the path")
        with Path(path).open("rb") as file:
            return look(file, os.fstat(file.fileno()).st_size)
    except FileError:
        raise
    except (OSError, ValueError) as error:
        raise FileError(reason(error), "a .safetensors file", "check the path") from error


def parsed(file: IO[bytes], size: int) -> Stored:
    """The arrays and metadata of an open file of `size` bytes."""
    header = header_of(file, size)
    data = file.read(header.size + 1)
    if len(data) != header.size:
        raise damaged("a file that changed while it was read", "a file at rest")
    arrays = {
        name: np.ndarray(tensor.shape, tensor.dtype, buffer=data, offset=tensor.start)
        for name, tensor in header.tensors.items()
    }
    return Stored(arrays, header.metadata)


def header_of(file: IO[bytes], size: int) -> Header:
    """What an open file of `size` bytes says of itself, checked against its size."""
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
    header = strict_json(text, "the header")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise damaged("metadata that are not words", "words by name")
    tensors = {name: _tensor(name, entry) for name, entry in header.items()}
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda pair: (pair[1].start, pair[1].stop)):
        if tensor.start != end:
            raise damaged(
                f"{shown(name)} begins at byte {tensor.start}", f"byte {end}, no gap or overlap"
            )
        end = tensor.stop
    if end != size - 8 - length:
        raise damaged(f"{size - 8 - length} bytes of numbers", f"{end}, as the header says")
    return Header(tensors, metadata, end)


def strict_json(text: str | bytes, what: str) -> Any:
    """The value of a JSON text: no key twice, no NaN, not too deep, not so large memory fills."""
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        if len(text) > LONGEST_HEADER or text.count("[") + text.count("{") > MOST_BRACKETS:
            raise ValueError(f"more than {LONGEST_HEADER} bytes or {MOST_BRACKETS} brackets")
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite
        )
        _check_depth([[value]])
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise damaged(f"{what} cannot be read: {shown(str(error))}", "JSON") from error
    return value


def damaged(came: str, expected: str) -> FileError:
    """The error for what no writer of such files leaves."""
    return FileError(came, expected, COPIED_WHOLE)


@contextmanager
def refused_as_damaged(what: str, expected: str) -> Iterator[None]:
    """Turn whatever is raised within it, as `what` is made from a file, into a FileError."""
    try:
        yield
    except (FileError, MemoryError):
        raise
    except HandgradError as error:
        came, wanted, hint = map(shown, (error.came, error.expected, error.hint))
        raise FileError(f"{what}: {came}", wanted, hint) from error
    except Exception as error:
        raise damaged(f"{what}: {shown(str(error))}", expected) from error


def shown(value: Any) -> str:
    """A value from a file, or what was said of it, as messages show it: never long."""
    text = value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 160 else text[:157] + "..."


def _tensor(name: str, entry: Any) -> Tensor:
    """Type, shape and bytes of one tensor, checked against one another."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise damaged(f"{shown(name)}: {shown(entry)}", "a dtype, a shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in TYPES:
        raise FileError(
            f"{shown(name)} has the type {shown(code)}",
            f"one of {', '.join(TYPES)}, which NumPy has",
            "in PyTorch, tensor.float() before it is saved",
        )
    if not (_whole(shape) and len(shape) <= MOST_DIMENSIONS):
        raise damaged(f"{shown(name)} has the shape {shown(shape)}", "whole numbers from 0 on")
    if not (_whole(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1]):
        raise damaged(f"{shown(name)} has the bytes {shown(offsets)}", "from one byte to another")
    dtype = np.dtype(TYPES[code])
    start, stop = offsets
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes != stop - start or math.prod(n for n in shape if n) >= 2**48:
        raise damaged(
            f"{shown(name)} has the shape {shown(shape)} and {stop - start} bytes",
            "as many bytes as the shape needs",
        )
    return Tensor(dtype, tuple(shape), start, stop)


def _check_depth(level: list[Any]) -> None:
    """Refuse lists within lists without end: what goes through them later may then recurse."""
    for _ in range(DEEPEST + 1):
        level = [
            part
            for whole in level
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"more than {DEEPEST} levels")


def _whole(values: Any) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 2**63 for value in values
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is no finite number")
    return number
