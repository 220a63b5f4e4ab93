"""exp and log of whole arrays with the same bits on every processor, where NumPy's are its own."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from handgrad.layers import Array

FLOATS = (np.float32, np.float64)


def alike(x: Array) -> Array:
    """The same array, of which pages take exp and log in machine code; x itself without llvmlite.

    NumPy has other loops for each width of a processor's vectors, and they do not agree in the
    last digit. All else that the losses do is exact, or in an order that the sizes decide.

    >>> import numpy as np
    >>> np.log(alike(np.array([1.0, 0.5]))).round(4).tolist()
    [0.0, -0.6931]
    """
    return x.view(_Alike) if _compiled() else x


class _Alike(np.ndarray[Any, Any]):
    """An array that asks machine code where NumPy would look at the processor."""

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **options: object
    ) -> object:
        values, function = [_plain(value) for value in inputs], getattr(ufunc, method)
        if isinstance(out := options.get("out"), tuple):
            options["out"] = tuple(map(_plain, out))
        elif method == "__call__" and getattr(values[0], "dtype", None) in FLOATS:
            function = _compiled().get(ufunc, function)
        found = function(*values, **options)
        return found.view(_Alike) if type(found) is np.ndarray else found


def _plain(value: object) -> object:
    return value.view(np.ndarray) if type(value) is _Alike else value


@lru_cache
def _compiled() -> Mapping[np.ufunc, Callable[[Array], Array]]:
    """The functions by what they are in NumPy; none without llvmlite."""
    try:
        from handgrad.engines.compiled.elementwise import function_of
    except ImportError:
        return {}
    return {np.exp: function_of("exp"), np.log: function_of("log")}
