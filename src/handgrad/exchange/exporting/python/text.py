"""Source of arrays, values and docstrings in exported Python files."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from pprint import pformat

import numpy as np

from handgrad.exchange.exporting.model_spec import plain_classes
from handgrad.textbook.layers import Array

WIDTH = 100


def array(dtype: str, shape: Sequence[int], text: str) -> Array:
    """Array from base64 bytes."""
    return np.frombuffer(b64decode(text), dtype).reshape(shape)


def stored(values: Array) -> str:
    """Call of `array` for these values, bit for bit."""
    values = values.astype(values.dtype.newbyteorder("<"))
    text = b64encode(values.tobytes()).decode()
    lines = "\n".join(text[i : i + WIDTH] for i in range(0, len(text), WIDTH))
    return f'array("{values.dtype.str}", {values.shape!r}, """\n{lines}\n""")'


def literal(value: object) -> str:
    """Source of a Python value, in short lines."""
    return pformat(value, width=WIDTH, compact=True, sort_dicts=False)


def classes_text(classes: Array) -> str:
    """Classes as an array of their type."""
    values = plain_classes(classes)
    plain = {"O": ", object", "U": "", "b": ", bool"}
    dtype = plain.get(classes.dtype.kind, f", np.{classes.dtype.name}")
    return f"np.array({literal(values)}{dtype})"


def docstring(text: str) -> str:
    """Docstring of a file or function."""
    safe = text.replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{safe}{" " * safe.endswith(chr(34))}"""'
