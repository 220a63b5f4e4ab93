"""Keys that are the same in every process, for what is cached on disk.

A fingerprint holds classes, functions and code as objects. Here they become text: what belongs to
Python, NumPy and handgrad is known by its name, for the versions of these are part of each key on
disk; everything else by its code. What has no such text, such as a class of one's own that is no
layer, makes the whole key None: nothing is then read from disk, and nothing is written.
"""

import hashlib
import os
import sys
import types
from collections.abc import Hashable, Mapping
from enum import Enum
from pathlib import Path
from types import BuiltinFunctionType, CodeType, EllipsisType, FunctionType, ModuleType, NoneType

import numpy as np

LIBRARIES = ("handgrad", "numpy")
STANDARD_LIBRARY = str(Path(os.__file__).parent)
PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"
PLAIN = {NoneType, bool, int, float, complex, str, EllipsisType}
# Of code: all that it does, but not where it is written.
OF_CODE = (
    *("co_code", "co_consts", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags"),
    *("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_exceptiontable", "co_qualname"),
)


class _OnlyHereError(Exception):
    """A value that is known in this process only."""


def stable_key(key: Hashable, classes: Mapping[int, int]) -> str | None:
    """A checksum of a key that is equal in other processes; None if there is none.

    Parameters
    ----------
    key : hashable
        Of a fingerprint.
    classes : mapping of int to int
        The numbers of the classes whose code is in the key, by their `id`.
    """
    try:
        return hashlib.sha256(_Texts(classes).of(key).encode()).hexdigest()
    except (_OnlyHereError, ValueError, RecursionError):  # an empty cell, a function in its own
        return None


def is_library(module: str | None) -> bool:
    """True for a module of Python, NumPy or handgrad."""
    root = (module or "").partition(".")[0]
    if root in LIBRARIES:
        return True
    # a file of one's own may have the name of a module that it hides
    file = getattr(sys.modules.get(root), "__file__", None)
    return root in sys.stdlib_module_names and (file is None or file.startswith(STANDARD_LIBRARY))


class _Texts:
    """Makes texts of keys that differ for different keys."""

    def __init__(self, classes: Mapping[int, int]) -> None:
        self.classes = classes

    def of(self, value: object) -> str:
        """The text of a value in a key."""
        kind = type(value)
        if kind in PLAIN:
            return f"{kind.__name__} {value!r}"
        if kind is type:
            return self._of_named(value)
        if isinstance(value, bytes):
            return f"bytes {hashlib.sha256(value).hexdigest()}"
        if kind is tuple or kind is list:
            return f"{kind.__name__}({', '.join(map(self.of, value))})"  # type: ignore[call-overload]
        if isinstance(value, frozenset):  # a constant of code, in no order
            return f"frozenset({', '.join(sorted(map(self.of, value)))})"
        if isinstance(value, CodeType):
            if value.co_filename.startswith(PACKAGE):  # which has a checksum of its own
                return f"code {value.co_filename} {value.co_firstlineno} {value.co_qualname}"
            return f"code{self.of(tuple(getattr(value, name) for name in OF_CODE))}"
        if isinstance(value, np.dtype):
            return f"dtype {value.descr!r}"
        if isinstance(value, np.generic):
            return f"number {value.dtype.descr!r} {value.tobytes().hex()}"
        if isinstance(value, Enum):
            return f"{self.of(kind)} {value.name!r}"
        return self._of_named(value)

    def _of_named(self, value: object) -> str:
        """The name of a class, function or module that belongs to a library."""
        if id(value) in self.classes:
            return f"class {self.classes[id(value)]}"
        if isinstance(value, ModuleType) and is_library(value.__name__):
            return f"module {value.__name__}"
        if isinstance(value, np.ufunc):
            name: str = value.__name__
            if getattr(np, name, None) is value:
                return f"ufunc {name}"
        if isinstance(value, FunctionType) and is_library(value.__globals__.get("__name__")):
            cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            # `dataclasses` makes `__repr__` with a set, which changes no number
            parts = [c.cell_contents for name, c in cells if name != "__class__"]
            made_with = [] if value.__name__ == "__repr__" else parts
            return f"function {value.__module__}.{value.__qualname__}{self.of(made_with)}"
        if isinstance(value, type | BuiltinFunctionType) and is_library(value.__module__):
            named: object = sys.modules[value.__module__]
            for part in value.__qualname__.split("."):
                named = getattr(named, part, None)
            # some types of Python itself, as of None, have their place in `types` only
            if named is value or value in vars(types).values():
                return f"{value.__module__}.{value.__qualname__}"
        raise _OnlyHereError
