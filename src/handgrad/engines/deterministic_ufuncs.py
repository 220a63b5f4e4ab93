"""exp and log of whole arrays with the same bits on every processor, where NumPy's are its own."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np

from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.textbook.layers import Array
from handgrad.textbook.net.predictor import EngineName

FLOATS = (np.float32, np.float64)
Functions = Mapping[np.ufunc, Callable[[Array], Array]]


def alike(x: Array, engine: EngineName = "compiled") -> Array:
    """The same array, of which pages take exp and log as the engine does; x itself if it has none.

    NumPy has other loops for each width of a processor's vectors, and they do not agree in the
    last digit. All else that the losses do is exact, or in an order that the sizes decide.

    >>> import numpy as np
    >>> np.log(alike(np.array([1.0, 0.5]))).round(4).tolist()
    [0.0, -0.6931]
    """
    kind = _KINDS.get(engine)
    return x.view(kind) if kind is not None and kind.functions() else x


class _Alike(np.ndarray[Any, Any]):
    """An array that asks `functions` where NumPy would look at the processor."""

    functions: ClassVar[Callable[[], Functions]]

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **options: object
    ) -> object:
        values, function = [_plain(value) for value in inputs], getattr(ufunc, method)
        if isinstance(out := options.get("out"), tuple):
            options["out"] = tuple(map(_plain, out))
        elif method == "__call__" and getattr(values[0], "dtype", None) in FLOATS:
            function = type(self).functions().get(ufunc, function)
        found = function(*values, **options)
        return found.view(type(self)) if type(found) is np.ndarray else found


def _plain(value: object) -> object:
    return value.view(np.ndarray) if isinstance(value, _Alike) else value


@lru_cache
def _compiled() -> Functions:
    """The functions by what they are in NumPy; none without llvmlite."""
    try:
        from handgrad.engines.compiled.elementwise import function_of
    except ImportError:
        return {}
    return {np.exp: function_of("exp"), np.log: function_of("log")}


def _portable() -> Functions:
    """The functions in the arithmetic that is the same everywhere."""
    return {np.exp: partial(value_of, "exp"), np.log: partial(value_of, "log")}


class _AsCompiled(_Alike):
    functions = staticmethod(_compiled)


class _AsPortable(_Alike):
    functions = staticmethod(_portable)


_KINDS: Mapping[EngineName, type[_Alike]] = {"compiled": _AsCompiled, "portable": _AsPortable}
