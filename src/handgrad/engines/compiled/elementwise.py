"""Elementwise functions of arrays, as machine code."""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.engines.compiled.machine_code import ENTRY_POINT, load
from handgrad.engines.loops.ir import Body, Call, For, Load, Store, Var
from handgrad.engines.loops.program import Parameter, Program
from handgrad.textbook.layers import Array

FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)


def function_of(operation: str) -> Callable[[Array], Array]:
    """The function of an operation of the graph, for arrays of float32 or float64 of any shape."""

    def function(x: Array) -> Array:
        source, result = np.ascontiguousarray(x), np.empty(x.shape, x.dtype)
        block = np.array([x.size, source.ctypes.data, result.ctypes.data])
        _function(operation, x.dtype)[1](block.ctypes.data)
        return result

    return function


@lru_cache
def _function(operation: str, dtype: npt.DTypeLike) -> tuple[Any, Callable[[int], int]]:
    """The machine code, to be kept in memory, and the ctypes function that calls it."""

    def text() -> str:
        from handgrad.engines.compiled.llvm import llvm_text

        return llvm_text(program_of(operation, dtype))

    code = load(f"{operation} of {np.dtype(dtype)}", text, ENTRY_POINT)
    return code, FUNCTION(code.address)


def program_of(operation: str, dtype: npt.DTypeLike) -> Program:
    """The loop program: one loop over all numbers."""
    i = Var("i", "int")
    value = Call(operation, (Load("x", i, "float"),), "float")
    body: Body = [For("i", Var("n", "int"), [Store("y", i, value)])]
    parameters = (
        Parameter("n", "int", buffer=False),
        Parameter("x", "float"),
        Parameter("y", "float"),
    )
    return Program(operation, parameters, body, np.dtype(dtype))
