"""Packed products: the bits of chains of fma, whatever the vectors, parts, order of rows and ends.

Not a number outside of the matrices is read or written.
"""

import ctypes
import itertools
import platform
import re
from typing import Any

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np
import pytest

from handgrad.engines.compiled import gemm, machine_code, products
from handgrad.engines.compiled.gemm import product
from handgrad.engines.compiled.ir_helpers import has_fma
from handgrad.engines.compiled.machine_code import ctypes_function, optimised
from handgrad.engines.compiled.thread_pool import ThreadPool
from handgrad.engines.compiled.vectors import vector_bytes
from handgrad.engines.loops.target import block_depth, tile_for, workspace_size
from handgrad.textbook.layers import Array
from tests.engines.chains import product_by_the_rule
from tests.engines.guarded import at_the_end_of_memory
from tests.processors import PROCESSORS, compile_for

pytestmark = pytest.mark.skipif(not has_fma(), reason="this processor has no fma")
DTYPES = [np.float32, np.float64]
KINDS = list(itertools.product([False, True], repeat=2))  # a transposed, b transposed
INT, ADDRESS = ctypes.c_int64, ctypes.c_void_p
END = ctypes.CFUNCTYPE(None, ADDRESS, INT, INT, INT, INT, ADDRESS, INT)
NOBODY, ROOMS = ThreadPool(), dict[tuple[object, ...], Array]()  # as long as they are called with
HERE = binding.get_host_cpu_name()


@pytest.fixture(params=[HERE, "haswell"])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Products for this processor, and for one with narrower vectors."""
    for name in ("get_host_cpu_name", "get_host_cpu_features"):
        monkeypatch.setattr(binding, name, getattr(binding, name))  # put back afterwards
    monkeypatch.setattr(machine_code, "processor", machine_code.processor)
    if request.param != HERE:
        features = binding.get_host_cpu_features()
        if not all(features.get(feature) for feature in PROCESSORS[request.param]):
            pytest.skip("this processor cannot do what that one does")
        compile_for(request.param)
    return str(request.param)


def arguments(m: int, n: int, k: int, c: Array, a: Array, b: Array, **given: int | Array) -> Array:
    """The block of arguments: numbers and arrays by name."""
    packed = ROOMS.setdefault((m, n, k, c.dtype), np.full(workspace_size(m, n, k), np.nan, c.dtype))
    values: dict[str, int | Array] = {"m": m, "n": n, "k": k, "a": a, "b": b, "c": c}
    values |= {"a_width": a.shape[1], "b_width": b.shape[1], "c_width": c.strides[0] // c.itemsize}
    values |= {"room": packed, "parts": 1, "workers": NOBODY.memory, **given}
    found = [values.get(name, 0) for name in gemm.ARGUMENTS]
    return np.array([x.ctypes.data if isinstance(x, np.ndarray) else x for x in found], np.int64)


def multiply(m: int, n: int, k: int, c: Array, a: Array, b: Array, **given: int | Array) -> None:
    """Call this processor's product."""
    block = arguments(m, n, k, c, a, b, **given)
    code = products.product_of(products.product_symbol(c.dtype))
    ctypes.CFUNCTYPE(None, ADDRESS)(code.address)(block.ctypes.data)


def matrices(m: int, n: int, k: int, dtype: Any) -> tuple[Array, Array, Array]:
    """a, b and the start of each column."""
    rng = np.random.default_rng([m, n, k])
    a, b, start = (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n), n))
    return a, b, start


def framed(m: int, n: int, dtype: Any) -> tuple[Array, Array]:
    """Room for c, and around it numbers that nobody may write."""
    frame = np.full((m + 2, n + 3), 7, dtype)
    return frame, frame[1:-1, 1 : n + 1]


def scattered(matrix: Array) -> tuple[Array, Array]:
    """The rows somewhere among others, and their numbers there."""
    count = len(matrix)
    numbers = np.random.default_rng(count).permutation(2 * count)[:count].astype(np.int64)
    among = np.full((2 * count, matrix.shape[1]), np.nan, matrix.dtype)
    among[numbers] = matrix
    return among, numbers


SIZES = [
    *[(1, 1, 1), (3, 5, 7), (13, 31, 3), (14, 32, 256), (15, 33, 257), (29, 47, 300)],
    *[(64, 10, 784), (27, 100, 513), (5, 200, 1100), (100, 17, 64), (57, 65, 129)],
    *[(28, 16, 15), (57, 16, 1030), (12, 8, 512), (6, 16, 16), (300, 9, 40), (2, 3, 0)],
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k"), SIZES)
def test_products_have_the_bits_of_chains(
    m: int, n: int, k: int, dtype: Any, processor: str
) -> None:
    a, b, start = matrices(m, n, k, dtype)
    plain, started = product_by_the_rule(a, b), product_by_the_rule(a, b, start)
    for a_transposed, b_transposed in KINDS:
        kinds: dict[str, Any] = {"a_transposed": a_transposed, "b_transposed": b_transposed}
        left = np.ascontiguousarray(a.T if a_transposed else a)
        right = np.ascontiguousarray(b.T if b_transposed else b)
        ends_with_memory = {"a": at_the_end_of_memory(left), "b": at_the_end_of_memory(right)}
        (far_a, a_rows), (far_b, b_rows) = scattered(left), scattered(right)
        gathered = {"a": far_a, "a_rows": a_rows, "b": far_b, "b_rows": b_rows}
        for parts, of in itertools.product((1, 2, 3, 8), (ends_with_memory, gathered)):
            for expected, begins in ((plain, {}), (started, {"start": start})):
                frame, c = framed(m, n, dtype)
                multiply(m, n, k, c, parts=parts, **of, **kinds, **begins)
                assert c.tobytes() == expected.tobytes(), (kinds, parts, [*of], [*begins])
                c[:] = 7
                assert (frame == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k"), [(64, 70, 40), (31, 33, 1100), (40, 9, 600)])
def test_an_end_gets_each_tile_of_the_sums_once(
    m: int, n: int, k: int, dtype: Any, processor: str
) -> None:
    a, b, start = matrices(m, n, k, dtype)
    expected, given = product_by_the_rule(a, b, start), np.zeros(1)
    for parts in (1, 3):
        frame, c = framed(m, n, dtype)
        found, times = np.zeros((m, n), dtype), np.zeros((m, n), int)
        end = collecting(found, times, given.ctypes.data)
        address = ctypes.cast(end, ADDRESS).value
        assert address is not None
        multiply(*(m, n, k, c), a=a, b=b, start=start, end=address, given=given, parts=parts)
        assert found.tobytes() == expected.tobytes()
        assert (times == 1).all()
        if k <= 512:
            assert (c == 7).all()
        c[:] = 7
        assert (frame == 7).all()


def collecting(found: Array, times: Array, expected: int) -> Any:
    """An end that puts tiles where they belong, and counts."""

    def end(given: int, row: int, column: int, rows: int, columns: int, tile: int, w: int) -> None:
        assert given == expected
        kind = np.ctypeslib.as_ctypes_type(found.dtype)
        memory = ctypes.cast(tile, ctypes.POINTER(kind))
        numbers = np.ctypeslib.as_array(memory, (rows, w))[:, :columns]
        place = np.s_[row : row + rows, column : column + columns]
        found[place] = numbers
        times[place] += 1

    return END(end)


def test_two_threads_leave_the_bits_of_one(processor: str) -> None:
    m, n, k = 150, 300, 700
    a, b, _ = matrices(m, n, k, np.float32)
    expected, workers = product_by_the_rule(a, b), ThreadPool()
    with workers.running(2):
        for parts in [2, 3, 4, 8] * 20:
            c = np.empty((m, n), np.float32)
            multiply(m, n, k, c, a=a, b=b, workers=workers.memory, parts=parts)
            assert c.tobytes() == expected.tobytes(), parts


def test_a_tile_too_long_for_the_second_cache(processor: str) -> None:
    m, n, k = 100, 40, 512
    a, b, _ = matrices(m, n, k, np.float64)
    c = np.empty((m, n))
    multiply(m, n, k, c, a=a, b=b)
    assert c.tobytes() == product_by_the_rule(a, b).tobytes()


def test_blocks_of_k_are_equal_but_the_last_whole_lines_and_at_most_512() -> None:
    assert [block_depth(k) for k in (0, 1, 100, 512)] == [0, 1, 100, 512]
    assert [block_depth(k) for k in (513, 784, 1024, 60000)] == [272, 400, 512, 512]
    for k in range(513, 20000):
        depth = block_depth(k)
        assert depth <= 512
        assert depth % 16 == 0
        assert -(-k // depth) == -(-k // 512)


def test_the_workspace_is_enough_for_smaller_products() -> None:
    for m, n, k in SIZES:
        assert (
            workspace_size(m, n, k)
            <= workspace_size(m + 1, n, k)
            <= workspace_size(m + 1, n + 1, k + 1)
        )
    assert workspace_size(10, 10, 512) == workspace_size(10, 10, 513)


def test_products_of_another_processor_have_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    single, double = map(products.product_symbol, DTYPES)
    monkeypatch.setattr(machine_code, "processor", lambda: "another")
    assert len({single, double, products.product_symbol(np.float32)}) == 3


def test_a_program_finds_the_product_it_calls(processor: str) -> None:
    name, (a, b, start) = products.product_symbol(np.float64), matrices(9, 40, 20, np.float64)
    module = ir.Module("caller")
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64).as_pointer()])
    caller = ir.Function(module, kind, "caller")
    body = ir.IRBuilder(caller.append_basic_block())
    body.call(ir.Function(module, kind, name), caller.args)
    body.ret_void()
    c = np.empty((9, 40))
    block = arguments(9, 40, 20, c, a, b, start=start)
    ctypes_function("caller", lambda: str(module), None, ADDRESS)(block.ctypes.data)
    assert c.tobytes() == product_by_the_rule(a, b, start).tobytes()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other assembly")
@pytest.mark.parametrize("dtype", DTYPES)
def test_kernels_keep_all_sums_in_registers(dtype: Any, processor: str) -> None:
    module, machine = optimised(product.module_text(dtype), passes=False)
    bodies = re.findall(
        r'^"?kernel\.[\d.]+"?:$(.*?)\.cfi_endproc', machine.emit_assembly(module), re.M | re.S
    )
    tile = tile_for(vector_bytes(), np.dtype(dtype).itemsize)
    assert len(bodies) == tile.rows - tile.least_height + 2
    for body in bodies:
        assert "vfmadd" in body
        assert not re.search(r"\(%rsp\).*%[xyz]mm|%[xyz]mm.*\(%rsp\)", body), (
            "a sum is on the stack"
        )
