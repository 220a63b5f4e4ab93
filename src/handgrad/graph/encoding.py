"""The arguments of operations as JSON: numbers, arrays, indices, references, what follows n."""

import json
import math
from collections.abc import Callable
from dataclasses import fields
from types import EllipsisType
from typing import Any

import numpy as np

from handgrad.graph.symbolic import Arange, Dim, Full, Ratio, Ref, Scaled, Scaling

RECORDS = {kind.__name__: kind for kind in (Ref, Dim, Scaled, Ratio, Arange, Full)}
# What the parts of each kind make.
DECODED: dict[str, Callable[..., Any]] = {
    **RECORDS,
    "Scaled": lambda text, *rest: Scaled(Scaling(text), *rest),  # type: ignore[call-arg]
    "float": float,
    "dtype": np.dtype,
    "slice": slice,
    "list": lambda *values: [*values],
    "ellipsis": lambda: ...,
    "scalar": lambda number, dtype: np.dtype(dtype).type(number),
    "array": lambda dtype, shape, numbers: np.array(numbers, dtype).reshape(shape),
}


def encode(value: object) -> Any:
    """`value` in what JSON has; a TypeError for what is no data. A JSON array is a tuple."""
    match value:
        case None | bool() | str():
            return value
        case np.generic():
            return {"scalar": [encode(value.item()), value.dtype.name]}
        case int():
            return value
        case float():
            return value if math.isfinite(value) else {"float": str(value)}
        case tuple():
            return [encode(part) for part in value]
        case list():
            return {"list": [encode(part) for part in value]}
        case slice():
            return {"slice": [encode(end) for end in (value.start, value.stop, value.step)]}
        case EllipsisType():
            return {"ellipsis": []}
        case np.dtype():
            return {"dtype": value.name}
        case np.ndarray() if value.dtype.kind in "fiub":
            numbers = [encode(number) for number in value.ravel().tolist()]
            return {"array": [value.dtype.name, list(value.shape), numbers]}
    kind = type(value).__name__
    if RECORDS.get(kind) is not type(value):
        raise TypeError(f"{kind} is no value of a graph")
    return {kind: [encode(getattr(value, field.name)) for field in fields(RECORDS[kind])]}


def decode(data: object) -> Any:
    """What `encode` wrote."""
    if isinstance(data, list):
        return tuple(map(decode, data))
    if not isinstance(data, dict):
        return data
    ((kind, parts),) = data.items()
    return DECODED[kind](*decode(parts if isinstance(parts, list) else [parts]))


def key(*values: object) -> str:
    """A text that is the same for the same values: 1, 1.0, True and float32(1) differ."""
    return json.dumps([encode(value) for value in values])
