"""Products tile by tile: what NumPy gives, for all sizes, and not a number outside is touched."""

import itertools
from typing import Any

import numpy as np
import pytest

from handgrad.engines.compiled import tiles
from handgrad.engines.compiled.llvm import llvm_text
from handgrad.engines.compiled.loops import Matrix, Multiply, Num, Statement, Type, Var, whole
from handgrad.engines.compiled.program import Parameter, Program
from tests.engines.calling import machine_code
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
            expected.append(left.astype(dtype).astype(float) @ right.astype(dtype).astype(float))
            arguments += [at_the_end_of_memory(x.astype(dtype, order="C")) for x in operands]
            arguments.append(result)
        run(m, *arguments)
        for result, exact in zip(arguments[2::3], expected, strict=True):
            found = result[GUARD:-GUARD].reshape(m, n)
            np.testing.assert_allclose(found, exact, 0, 4 * k * np.finfo(dtype).eps)
            assert (result[:GUARD] == 5).all()
            assert (result[-GUARD:] == 5).all()


@pytest.fixture(params=[64, 32])
def always_tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles even for the smallest products, with the vectors of either kind of processor."""
    if request.param > tiles.vector_bytes():
        pytest.skip("this processor has no such vectors")
    monkeypatch.setattr(tiles, "vector_bytes", lambda: request.param)
    monkeypatch.setattr(tiles, "FEW_ROWS", 0)
    monkeypatch.setattr(tiles, "FEW_BYTES", 0)


SIZES = [(1, 1), (1, 40), (3, 4), (4, 5), (7, 1), (8, 9), (10, 33), (15, 7), (16, 16), (17, 3)]
SIZES += [(20, 11), (31, 6), (32, 13), (33, 40), (40, 17), (100, 64), (113, 30)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "k"), SIZES)
def test_tiles_give_what_numpy_gives_and_stay_inside(
    n: int, k: int, dtype: Any, always_tiles: None
) -> None:
    assert_products(n, k, 32, [32, 1, 2, 9, 15, 16, 17, 31], dtype)


@pytest.mark.parametrize("full", [1, 2, 5, 11, 12, 13, 19, 20, 21, 40, 100])
def test_tiles_of_any_height(full: int, always_tiles: None) -> None:
    assert_products(18, 9, full, sorted({1, max(full - 1, 1), full}), np.float32)


@pytest.mark.parametrize("most", [12, 20])
def test_tiles_overlap_little(most: int) -> None:
    for m in range(1, 300):
        rows = tiles.rows_of_a_tile(m, most)
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
    ("sizes", "kind", "suits"),
    [
        ((32, 100, 64), (False, True), True),
        ((32, 100, 64), (False, False), True),
        ((200, 300, 400), (False, False), False),  # BLAS is faster
        ((32, 4, 64), (False, False), False),  # most of a vector would be empty
        ((2, 64, 64), (False, False), False),  # most of a tile would be empty
        ((32, 64, 1), (False, True), False),  # too short to transpose
        ((8, 200, 200), (False, True), False),  # too much for the stack
        ((8, 200, 200), (False, False), True),
    ],
)
def test_what_suits_tiles(sizes: Any, kind: Any, suits: bool) -> None:
    if not tiles.vector_bytes():
        pytest.skip("this processor has no such vectors")
    _, n, k = sizes
    text = llvm_text(one_product(n, k, sizes, kind))
    assert ("@sgemm" in text.replace('"', "")) is not suits
    assert ("tile." in text) is suits


def one_product(n: int, k: int, sizes: Any, kind: Any) -> Program:
    program = products(n, k, sizes, np.float32)
    program.body[:] = [program.body[KINDS.index(kind)]]
    return program


def test_only_programs_with_tiles_use_the_widest_vectors() -> None:
    wide = llvm_text(one_product(100, 64, (32, 100, 64), (False, False)))
    narrow = llvm_text(one_product(100, 64, (2, 100, 64), (False, False)))
    assert '"prefer-vector-width"' not in narrow
    if tiles.vector_bytes():
        assert wide.count('"prefer-vector-width"="512"') == wide.count("define ")


def test_without_vectors_everything_goes_to_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "vector_bytes", lambda: 0)
    assert "tile." not in llvm_text(products(100, 64, (32, 100, 64), np.float32))
    assert_products(10, 20, 32, [32, 1, 7], np.float64)


def test_a_product_whose_columns_are_counted_late_goes_to_blas() -> None:
    program = one_product(100, 64, (32, 100, 64), (False, False))
    (product,) = program.body
    assert isinstance(product, Multiply)
    assert isinstance(product.n, Num)
    late = Multiply(
        product.m, Var("m", "int"), *[getattr(product, x) for x in ("k", "a", "b", "c", "sizes")]
    )
    program.body[:] = [late]
    assert "tile." not in llvm_text(program)
