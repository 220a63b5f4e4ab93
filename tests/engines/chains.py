"""Matrix products number by number, in chains of fused multiply-adds: the rule of all products."""

import ctypes
from functools import cache
from typing import Any

import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.ir_helpers import (
    DOUBLE,
    INT,
    SINGLE,
    VOID,
    counted_loop,
    i64,
    intrinsic,
)
from handgrad.engines.compiled.machine_code import ctypes_function
from handgrad.engines.loops.target import block_depth
from handgrad.textbook.layers import Array


def product_by_the_rule(a: Array, b: Array, start: Array | None = None) -> Array:
    """a b: each number the chains of its blocks of k, the first from `start`, added in order."""
    (m, k), n = a.shape, b.shape[1]
    size = block_depth(k)
    result = np.zeros((m, n), a.dtype)
    result += 0 if start is None else start
    for begin in range(0, k, max(size, 1)):
        rows = np.ascontiguousarray(a[:, begin : begin + size])
        columns = np.ascontiguousarray(b[begin : begin + size].T)
        sums = result if begin == 0 else np.zeros_like(result)
        chains(rows, columns, sums)
        if begin:
            result += sums
    return result


def chains(rows: Array, columns: Array, sums: Array) -> None:
    """Add to each sum the products of a row and a column, one after another."""
    (m, k), n = rows.shape, len(columns)
    arguments = [m, n, k, *(array.ctypes.data for array in (rows, columns, sums))]
    block = np.array(arguments, np.int64)
    _compiled(sums.dtype.name)(block.ctypes.data)


@cache
def _compiled(dtype: str) -> Any:
    name = f"chains_{dtype}"
    return ctypes_function(name, lambda: _text(name, dtype), None, ctypes.c_void_p)


def _text(name: str, dtype: str) -> str:
    module = ir.Module(name)
    function = ir.Function(module, ir.FunctionType(VOID, [INT.as_pointer()]), name)
    b = ir.IRBuilder(function.append_basic_block())
    array = (SINGLE if dtype == "float32" else DOUBLE).as_pointer()
    given = [b.load(b.gep(function.args[0], [i64(i)])) for i in range(6)]
    m, n, k = given[:3]
    rows, columns, sums = (b.inttoptr(address, array) for address in given[3:])
    with counted_loop(b, m, name="i") as i, counted_loop(b, n, name="j") as j:
        place = b.gep(sums, [b.add(b.mul(i, n), j)])
        with counted_loop(b, k, name="k") as position:
            x = b.load(b.gep(rows, [b.add(b.mul(i, k), position)]))
            y = b.load(b.gep(columns, [b.add(b.mul(j, k), position)]))
            b.store(intrinsic(b, "fma", x, y, b.load(place)), place)
    b.ret_void()
    return str(module)
