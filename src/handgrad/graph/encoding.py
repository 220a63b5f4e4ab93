"""The arguments of operations as JSON: numbers, arrays, indices, references, what follows n."""

import json
import math
from dataclasses import fields
from types import EllipsisType
from typing import Any

import numpy as np

from handgrad.graph.references import Ref
from handgrad.graph.symbolic import Arange, Dim, Full, Ratio, Scaled, Scaling

RECORDS = {kind.__name__: kind for kind in (Ref, Dim, Scaled, Ratio, Arange, Full)}


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
    if kind == "float":
        return float(parts)
    if kind == "dtype":
        return np.dtype(parts)
    if kind == "array":
        dtype, shape, numbers = parts
        return np.array([decode(number) for number in numbers], dtype).reshape(shape)
    values = [decode(part) for part in parts]
    if kind == "scalar":
        number, dtype = values
        return np.dtype(dtype).type(number)
    if kind == "list":
        return values
    if kind == "slice":
        return slice(*values)
    if kind == "ellipsis":
        return ...
    if kind == "Scaled":
        return Scaled(Scaling(values[0]), *values[1:])  # type: ignore[call-arg]  # by its value
    return RECORDS[kind](*values)


def key(*values: object) -> str:
    """A text that is the same for the same values: 1, 1.0, True and float32(1) differ."""
    return json.dumps([encode(value) for value in values])
