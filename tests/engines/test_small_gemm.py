"""Products tile by tile: the bits of chains, for all sizes, and not a number outside is touched."""

import ctypes
import itertools
from dataclasses import replace
from typing import Any

import llvmlite.ir as ir
import numpy as np
import pytest

from handgrad.engines.compiled import small_gemm, vectors
from handgrad.engines.compiled.ir_helpers import DOUBLE, SINGLE
from handgrad.engines.compiled.llvm import llvm_text
from handgrad.engines.compiled.machine_code import ctypes_function
from handgrad.engines.loops.ir import Matrix, Multiply, Statement, Type, Var, whole
from handgrad.engines.loops.program import Parameter, Program
from tests.engines.calling import machine_code
from tests.engines.chains import product_by_the_rule
from tests.engines.guarded import at_the_end_of_memory

DTYPES = [np.float32, np.float64]
KINDS = list(itertools.product([False, True], repeat=2))  # a transposed, b transposed
GUARD = 7


def products(n: int, k: int, sizes: tuple[int, int, int], dtype: Any) -> Program:
    """All four kinds of c = a b, each with operands and a result of its own; m comes later."""
    m = Var("m", "int")
    body: list[Statement] = []
    names = ["m"]
    for kind, (a, b) in enumerate(KINDS):
        left = Matrix(f"U{kind}", whole(0), m if a else whole(k), a)
        right = Matrix(f"V{kind}", whole(0), whole(k if b else n), b)
        result = Matrix(f"W{kind}", whole(GUARD), whole(n))
        body.append(Multiply(m, whole(n), whole(k), left, right, result, sizes))
        names += [left.buffer, right.buffer, result.buffer]
    types: list[Type] = ["int", *["float" for _ in names[1:]]]  # type: ignore[list-item]
    parameters = tuple(
        Parameter(name, type, buffer=type == "float")
        for name, type in zip(names, types, strict=True)
    )
    return Program("products", parameters, body, np.dtype(dtype))


def assert_products(n: int, k: int, full: int, rows: list[int], dtype: Any) -> None:
    """Compile for `full` rows, and multiply as many as `rows` says, one after another."""
    run = machine_code(products(n, k, (full, n, k), dtype))
    rng = np.random.default_rng(n + k)
    for m in rows:
        arguments: list[Any] = []
        expected = []
        for a, b in KINDS:
            left, right = rng.standard_normal((m, k)), rng.standard_normal((k, n))
            result = np.full(GUARD + m * n + GUARD, 5.0, dtype)
            operands = [left.T if a else left, right.T if b else right]
            expected.append(product_by_the_rule(left.astype(dtype), right.astype(dtype)))
            arguments += [at_the_end_of_memory(x.astype(dtype, order="C")) for x in operands]
            arguments.append(result)
        run(m, *arguments)
        for result, by_the_rule in zip(arguments[2::3], expected, strict=True):
            assert result[GUARD:-GUARD].tobytes() == by_the_rule.tobytes()
            assert (result[:GUARD] == 5).all()
            assert (result[-GUARD:] == 5).all()


@pytest.fixture(params=[64, 32, 16])
def always_tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles even for the largest products, with the vectors of each kind of processor."""
    if request.param > vectors.vector_bytes():
        pytest.skip("this processor has no such vectors")
    monkeypatch.setattr(small_gemm, "vector_bytes", lambda: request.param)
    monkeypatch.setenv("HANDGRAD_CACHE", "off")  # it does not know of that
    monkeypatch.setattr("handgrad.engines.compiled.machine_code.in_memory", {})
    monkeypatch.setattr(small_gemm, "is_worth_packing", lambda m, n, k: False)


SIZES = [(1, 1), (1, 40), (3, 4), (4, 5), (7, 1), (8, 9), (10, 33), (15, 7), (16, 16), (17, 3)]
SIZES += [(20, 11), (31, 6), (32, 13), (33, 40), (40, 17), (100, 64), (113, 30)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "k"), SIZES)
def test_tiles_have_the_bits_of_chains_and_stay_inside(
    n: int, k: int, dtype: Any, always_tiles: None
) -> None:
    assert_products(n, k, 32, [32, 1, 2, 9, 15, 16, 17, 31], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "k"), [(1, 513), (10, 1024), (35, 600), (70, 1537)])
def test_tiles_add_blocks_of_long_sums(n: int, k: int, dtype: Any, always_tiles: None) -> None:
    assert_products(n, k, 45, [45, 1, 5, 23, 44], dtype)


THIN = [(1, 1), (1, 3), (1, 16), (1, 100), (1, 256), (1, 1100), (1, 1536)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "k"), THIN)
def test_one_column_has_the_bits_of_chains(n: int, k: int, dtype: Any, always_tiles: None) -> None:
    assert_products(n, k, 300, [300, 1, 3, 16, 63, 129, 256], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 7, 16, 63, 129, 300])
@pytest.mark.parametrize("k", [1, 3, 16, 100, 256, 1100, 1536])
def test_one_row_has_the_bits_of_chains(n: int, k: int, dtype: Any, always_tiles: None) -> None:
    assert_products(n, k, 1, [1], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [9, 700, 1024])
@pytest.mark.parametrize(("m", "n"), [(13, 37), (1, 300), (1, 5), (300, 1), (5, 1)])
def test_the_sums_begin_at_the_start(
    m: int, n: int, k: int, dtype: Any, always_tiles: None
) -> None:
    rng = np.random.default_rng(k)
    a, b, start = (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n), n))
    c, start = np.empty((m, n), dtype), at_the_end_of_memory(start)
    arrays = [x for array in (a, b, c) for x in (array.ctypes.data, array.shape[1])]
    block = np.array([m, n, k, *arrays, start.ctypes.data], np.int64)
    text = text_of_a_call(n, k, (m, n, k), dtype)
    ctypes_function("started", lambda: text, None, ctypes.c_void_p)(block.ctypes.data)
    assert c.tobytes() == product_by_the_rule(a, b, start).tobytes()


def text_of_a_call(n: int, k: int, sizes: tuple[int, int, int], dtype: Any) -> str:
    """A module whose one function calls that of a product, with the arguments from a block."""
    (product,) = one_product(n, k, sizes, (False, False)).body
    assert isinstance(product, Multiply)
    module, number = ir.Module("started"), SINGLE if dtype == np.float32 else DOUBLE
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64).as_pointer()])
    caller = ir.Function(module, kind, "started")
    b = ir.IRBuilder(caller.append_basic_block())
    function = small_gemm.SmallGemm(module, number).function(product)
    given = [b.load(b.gep(caller.args[0], [ir.IntType(64)(i)])) for i in range(len(function.args))]
    for i, argument in enumerate(function.args):
        if isinstance(argument.type, ir.PointerType):
            given[i] = b.inttoptr(given[i], argument.type)
    b.call(function, given)
    b.ret_void()
    return str(module)


@pytest.mark.parametrize("full", [1, 2, 5, 11, 12, 13, 19, 20, 21, 40, 100])
def test_tiles_of_any_height(full: int, always_tiles: None) -> None:
    assert_products(18, 9, full, sorted({1, max(full - 1, 1), full}), np.float32)


@pytest.mark.parametrize("most", [12, 20])
def test_tiles_overlap_little(most: int) -> None:
    for m in range(1, 300):
        rows = small_gemm.tile_rows(m, most)
        assert rows <= min(m, most)
        assert -(-m // rows) * rows < 1.15 * m + 1


def test_tiles_of_one_module_are_written_once(always_tiles: None) -> None:
    program = products(40, 8, (32, 40, 8), np.float32)
    program.body[:] = program.body * 3
    text = llvm_text(program)
    # the program, products, tiles, transposition
    assert text.count("define internal") == 1 + len({*KINDS}) + 4 + 1


def test_products_of_other_widths_have_functions_of_their_own(always_tiles: None) -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((32, 9)), rng.standard_normal((9, 21)), np.zeros((2, 32, 21))
    left, right = Matrix("U", whole(0), whole(9)), Matrix("V", whole(0), whole(21))
    body: list[Statement] = [
        Multiply(whole(32), whole(n), whole(9), left, right, result, (32, n, 9))
        for n, result in (
            (21, Matrix("W", whole(0), whole(21))),
            (5, Matrix("W", whole(32 * 21), whole(21))),
        )
    ]
    parameters = tuple(Parameter(name, "float") for name in "UVW")
    program = Program("p", parameters, body, np.dtype(float))
    machine_code(program)(a, b, c)
    np.testing.assert_allclose(c[0], a @ b, 1e-13, 1e-13)
    np.testing.assert_allclose(c[1, :, :5], a @ b[:, :5], 1e-13, 1e-13)
    assert (c[1, :, 5:] == 0).all()


@pytest.mark.parametrize(
    "sizes", [(32, 100, 64), (32, 1, 64), (1, 64, 64), (8, 200, 3), (512, 10, 1024)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_small_and_narrow_products_are_tiles(sizes: Any, kind: Any) -> None:
    if not vectors.vector_bytes():
        pytest.skip("this processor has no fma")
    _, n, k = sizes
    text = llvm_text(one_product(n, k, sizes, kind))
    assert "sgemm" not in text
    assert "tile." in text


def one_product(n: int, k: int, sizes: Any, kind: Any) -> Program:
    program = products(n, k, sizes, np.float32)
    program.body[:] = [program.body[KINDS.index(kind)]]
    return program


def test_programs_with_tiles_use_the_widest_vectors() -> None:
    text = llvm_text(one_product(100, 64, (32, 100, 64), (False, False)))
    if vectors.vector_bytes():
        assert text.count('"prefer-vector-width"="512"') == text.count("define ")


def test_without_vectors_everything_goes_to_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_gemm, "vector_bytes", lambda: 0)
    assert "tile." not in llvm_text(products(100, 64, (32, 100, 64), np.float32))


def test_a_product_whose_columns_are_counted_late() -> None:
    n, k = 100, 64
    program = one_product(n, k, (32, n, k), (False, False))
    (product,) = program.body
    assert isinstance(product, Multiply)
    program.body[:] = [replace(product, m=whole(n), n=Var("m", "int"), sizes=(n, 32, k))]
    rng = np.random.default_rng(0)
    for late in (1, 17, 32):
        a, b = rng.standard_normal((n, k)), rng.standard_normal((k, n))
        c = np.zeros(GUARD + n * n)
        program = replace(program, dtype=np.dtype(float))
        machine_code(program)(late, *[a, b, c] * len(KINDS))
        found = c[GUARD:].reshape(n, n)[:, :late]
        np.testing.assert_allclose(found, a @ b[:, :late], 1e-12, 1e-12)
