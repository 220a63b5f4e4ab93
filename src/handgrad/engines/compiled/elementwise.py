"""A function of every number of an array, as machine code."""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.engines.compiled.llvm import compiled_function
from handgrad.engines.loops.ir import Body, Call, For, Load, Store, Var
from handgrad.engines.loops.program import Parameter, Program
from handgrad.textbook.layers import Array

DOOR = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)


def function_of(operation: str) -> Callable[[Array], Array]:
    """The operation of the graph, of arrays of float32 or float64 in any shape."""

    def function(x: Array) -> Array:
        given, found = np.ascontiguousarray(x), np.empty(x.shape, x.dtype)
        block = np.array([x.size, given.ctypes.data, found.ctypes.data])
        _function(operation, x.dtype)[1](block.ctypes.data)
        return found

    return function


@lru_cache
def _function(operation: str, dtype: npt.DTypeLike) -> tuple[Any, Callable[[int], int]]:
    """Its machine code, which must live as long, and what calls that."""
    code = compiled_function(program_of(operation, dtype))
    return code, DOOR(code.address)


def program_of(operation: str, dtype: npt.DTypeLike) -> Program:
    """The loop over all numbers."""
    i = Var("i", "int")
    value = Call(operation, (Load("x", i, "float"),), "float")
    body: Body = [For("i", Var("n", "int"), [Store("y", i, value)])]
    given = Parameter("n", "int", buffer=False), Parameter("x", "float"), Parameter("y", "float")
    return Program(operation, given, body, np.dtype(dtype))
