"""Settings and fitted attributes as JSON: numbers, texts, tuples, dicts, small arrays, losses."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.files.tensors import damaged, shown
from handgrad.textbook import losses, optimizers
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.optimizers import Optimizer

NOT_FINITE = ("nan", "inf", "-inf")
NUMBERS = ("bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)))
TYPES = (*NUMBERS, "float16", "float32", "float64", "object")
MOST_CHARACTERS = 2**22  # of all arrays of text, whose values all have the same size

TEXT = re.compile("U([1-9][0-9]{0,7})")


WriteLayer = Callable[[Layer, str], object]
ReadLayer = Callable[[object, str], Layer]


def written(value: object, layer: WriteLayer | None = None, place: str = "") -> Any:
    """Convert a value to JSON; other types become an object with one key for the type.

    `layer` converts a layer and its path. Raises a TypeError for unsupported types.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return written_array(value)
    if isinstance(value, list | tuple):
        parts = [written(part, layer, f"{place}.{i}") for i, part in enumerate(value)]
        return parts if isinstance(value, list) else {"tuple": parts}
    if isinstance(value, dict):
        return {"dict": [[written(k), written(v)] for k, v in value.items()]}
    if isinstance(value, Layer) and layer is not None:
        return layer(value, place)
    if isinstance(value, Loss | Optimizer) and _page_of(type(value).__name__) is type(value):
        args, kwargs = value._made_with
        return {"page": [type(value).__name__, written([*args]), written({**kwargs})]}
    raise TypeError(f"{shown(value)}, of type {type(value).__name__}")


def read_value(said: object, layer: ReadLayer | None = None, place: str = "") -> Any:
    """Convert the JSON of `written` back to a value; FileError if it is invalid."""
    if isinstance(said, list):
        return [read_value(part, layer, f"{place}.{i}") for i, part in enumerate(said)]
    if not isinstance(said, dict):
        return said
    if layer is not None and "settings" in said:
        return layer(said, place)
    kind, inner = next(iter(said.items())) if len(said) == 1 else ("", None)
    if kind == "float" and inner in NOT_FINITE:
        return float(inner)
    if kind == "tuple" and isinstance(inner, list):
        return tuple(read_value(inner, layer, place))
    if kind == "array":
        return read_array(said)
    if kind == "page" and isinstance(inner, list) and len(inner) == 3:
        name, args, kwargs = inner
        if (page := _page_of(name)) is None:
            raise damaged(f"the class {shown(name)}", "a loss or an optimizer of handgrad")
        return page(*read_value(args), **read_value(kwargs))
    if kind == "dict" and isinstance(inner, list):
        try:
            return {read_value(key): read_value(value) for key, value in inner}
        except (TypeError, ValueError) as error:
            raise damaged(f"{shown(inner)} as a dict", "pairs of a key and a value") from error
    raise damaged(f"the value {shown(said)}", "one of the types in docs/model-file.md")


def _page_of(name: object) -> type[Loss | Optimizer] | None:
    """Public loss or optimizer of handgrad of this name; None for any other name."""
    kind = (vars(losses) | vars(optimizers)).get(str(name))
    return kind if isinstance(kind, type) and issubclass(kind, Loss | Optimizer) else None


def written_array(array: Array) -> Any:
    """Convert a one-dimensional array with its dtype: numbers, booleans, text or objects."""
    name = f"U{array.dtype.itemsize // 4}" if array.dtype.kind == "U" else array.dtype.name
    if array.ndim != 1 or (name not in TYPES and array.dtype.kind != "U"):
        raise TypeError(f"an array of type {array.dtype} and shape {array.shape}")
    return {"array": {"dtype": name, "values": [written(value) for value in array.tolist()]}}


def check_texts(said: object) -> None:
    """Refuse a description whose arrays of text would take much more memory than the text."""
    characters, left = 0, [said]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            entry = part.get("array")
            if isinstance(entry, dict) and isinstance(values := entry.get("values"), list):
                length = TEXT.fullmatch(str(entry.get("dtype")))
                characters += len(values) * int(length[1]) if length else 0
        left += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    if characters > MOST_CHARACTERS:
        raise FileError(
            f"arrays of text with {characters} characters",
            f"at most {MOST_CHARACTERS}",
            "shorter class names",
        )


def read_array(said: object) -> Array:
    """Convert the JSON of `written_array` back to an array."""
    try:
        entry = said["array"] if isinstance(said, dict) and len(said) == 1 else {}
        name, values = entry["dtype"], [read_value(value) for value in entry["values"]]
        if name not in TYPES and not TEXT.fullmatch(name):
            raise ValueError(f"the type {name}")
        array = np.empty(len(values), name)
        array[:] = values
        if written_array(array) != said:
            raise ValueError("values of another type")
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise damaged(f"{shown(said)} as an array", "a dtype and its values") from error
    return array


def read_classes(said: object) -> Array:
    """Read classes: different ones, sorted."""
    classes = read_array(said)
    if not len(classes) or not np.array_equal(np.unique(classes), classes):
        raise damaged(f"the classes {shown(said)}", "different ones, sorted")
    return classes
