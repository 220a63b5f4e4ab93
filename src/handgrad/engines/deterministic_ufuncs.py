"""Deterministic ufuncs: exp and log of arrays with the same bits on every processor."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np

from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.textbook.layers import Array
from handgrad.textbook.net.predictor import EngineName

FLOATS = (np.float32, np.float64)
Functions = Mapping[np.ufunc, Callable[[Array], Array]]


def deterministic(x: Array, engine: EngineName = "compiled") -> Array:
    """View an array so that np.exp and np.log of it are the engine's; x itself if it has none.

    NumPy has different loops for each SIMD width, whose last digits differ. All other operations
    of the losses are exact, or in an order that depends on sizes alone.

    >>> import numpy as np
    >>> np.log(deterministic(np.array([1.0, 0.5]))).round(4).tolist()
    [0.0, -0.6931]
    """
    kind = _KINDS.get(engine)
    return x.view(kind) if kind is not None and kind.functions() else x


class _DeterministicArray(np.ndarray[Any, Any]):
    """An array whose exp and log are computed by `functions`, not by NumPy."""

    functions: ClassVar[Callable[[], Functions]]

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **options: object
    ) -> object:
        values, function = [_plain(value) for value in inputs], getattr(ufunc, method)
        if isinstance(out := options.get("out"), tuple):
            options["out"] = tuple(map(_plain, out))
        elif method == "__call__" and getattr(values[0], "dtype", None) in FLOATS:
            function = type(self).functions().get(ufunc, function)
        result = function(*values, **options)
        return result.view(type(self)) if type(result) is np.ndarray else result


def _plain(value: object) -> object:
    return value.view(np.ndarray) if isinstance(value, _DeterministicArray) else value


@lru_cache
def _compiled() -> Functions:
    """Compiled functions by ufunc; empty without llvmlite."""
    try:
        from handgrad.engines.compiled.elementwise import function_of
    except ImportError:
        return {}
    return {np.exp: function_of("exp"), np.log: function_of("log")}


def _portable() -> Functions:
    """Portable functions by ufunc."""
    return {np.exp: partial(value_of, "exp"), np.log: partial(value_of, "log")}


class _CompiledUfuncs(_DeterministicArray):
    functions = staticmethod(_compiled)


class _PortableUfuncs(_DeterministicArray):
    functions = staticmethod(_portable)


_KINDS: Mapping[EngineName, type[_DeterministicArray]] = {
    "compiled": _CompiledUfuncs,
    "portable": _PortableUfuncs,
}
