"""Arrays, values and opening words as they stand in an exported Python file."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from pprint import pformat

import numpy as np

from handgrad.exchange.exporting.subject import plain_classes
from handgrad.textbook.layers import Array

WIDTH = 100


def array(dtype: str, shape: Sequence[int], text: str) -> Array:
    """The array whose bytes these are, in base64."""
    return np.frombuffer(b64decode(text), dtype).reshape(shape)


def stored(values: Array) -> str:
    """The call of `array` that gives these values, bit for bit."""
    values = values.astype(values.dtype.newbyteorder("<"))
    text = b64encode(values.tobytes()).decode()
    lines = "\n".join(text[i : i + WIDTH] for i in range(0, len(text), WIDTH))
    return f'array("{values.dtype.str}", {values.shape!r}, """\n{lines}\n""")'


def literal(value: object) -> str:
    """A value of Python's own as it is written down, in lines that are not too long."""
    return pformat(value, width=WIDTH, compact=True, sort_dicts=False)


def classes_text(classes: Array) -> str:
    """The classes as an array of their own type."""
    values = plain_classes(classes)
    plain = {"O": ", object", "U": "", "b": ", bool"}
    dtype = plain.get(classes.dtype.kind, f", np.{classes.dtype.name}")
    return f"np.array({literal(values)}{dtype})"


def docstring(text: str) -> str:
    """A text between triple quotes, as a file or a function opens."""
    safe = text.replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{safe}{" " * safe.endswith(chr(34))}"""'
