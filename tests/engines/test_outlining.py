"""Nests that occur several times are one function: of equal layers."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.llvm import repeated_nests
from handgrad.engines.loops.ir import (
    Epilogue,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Num,
    ParallelFor,
    ReturnIf,
    Statement,
    Store,
    Var,
    whole,
)
from handgrad.engines.loops.printing import text_of

N = Var("n", "int")
ENGINES: list[Any] = ["eager", "compiled"]


def sum_of(target: int, source: int, width: int = 10, counter: str = "i") -> For:
    """scratch[target …] += scratch[source …], for the rows of a batch."""
    row, column = Var(counter, "int"), Var(f"{counter}{counter}", "int")
    to = whole(target) + column
    added = Load("scratch", whole(source) + row * whole(width) + column, "float")
    store = Store("scratch", to, Load("scratch", to, "float") + added)
    return For(counter, N, [For(column.name, whole(10), [store])])


def found(*nests: Statement) -> list[Any]:
    batches = For("start", Var("n_rows", "int"), nests, 4)
    repeated = repeated_nests([batches])
    return [repeated.get(id(nest)) for nest in nests]


def test_nests_that_differ_in_where_they_lie_are_one() -> None:
    one, other, third = found(sum_of(100, 20), sum_of(200, 40, counter="j"), sum_of(300, 80))
    assert one.nest is other.nest is third.nest
    assert [[offset for _, offset in nest.offsets] for nest in (one, other, third)] == [
        [100, 20],
        [200, 40],
        [300, 80],
    ]


def test_what_is_read_where_it_is_written_has_one_offset() -> None:
    nest = found(sum_of(100, 20), sum_of(200, 40))[0].nest
    (store,) = nest.body[0].body
    assert text_of(store.index) == "offset0 + ii"
    assert text_of(store.value) == "scratch[offset0 + ii] + scratch[offset1 + i * 10 + ii]"


def of_rows(begin: int, name: str) -> For:
    """scratch[begin …], each row less a number of its own."""
    row, column = Var("i", "int"), Var("j", "int")
    place = whole(begin) + row * whole(10) + column
    less = Store("scratch", place, Load("scratch", place, "float") - Var(name, "float"))
    read = Let(name, Load("scratch", whole(begin + 1000) + row, "float"))
    return For("i", N, [read, For("j", whole(10), [less])])


def test_a_local_variable_may_have_a_name_of_its_own_in_each() -> None:
    one, other = found(of_rows(100, "r1"), of_rows(200, "r2"))
    assert one.nest is other.nest
    assert [[offset for _, offset in nest.offsets] for nest in (one, other)] == [
        [1100, 100],
        [1200, 200],
    ]


def test_others_stay_where_they_are() -> None:
    row, first = Var("i", "int"), sum_of(100, 20)
    fewer = For("i", whole(4), first.body)
    elsewhere = For("i", N, [Store("gradients", row, Load("x", row, "float"))])
    type_of_another = For("i", N, [Store("gradients", row, Load("x", row, "double"))])
    assert found(first, fewer, elsewhere, type_of_another) == [None] * 4
    unknown = For("i", N, [ReturnIf(Load("flags", row, "bool"), row)])
    assert found(unknown, unknown) == [None] * 2


def in_parts(target: int, source: int) -> ParallelFor:
    return ParallelFor("part", 2, [sum_of(target, source)])


def test_parallel_loops_are_one_too() -> None:
    one, other, fewer = found(
        in_parts(100, 20), in_parts(200, 40), ParallelFor("part", 3, [sum_of(300, 80)])
    )
    assert one.nest is other.nest
    assert fewer is None


def product(begin: int, width: int = 8, more: float = 1.0) -> Multiply:
    """A large product, of whose numbers each is added to the parameters."""
    a, b, c = (Matrix("scratch", whole(begin + 100 * i), whole(width)) for i in range(3))
    row, column, total = Var("row", "int"), Var("column", "int"), Var("total", "float")
    place = whole(begin) + row * whole(width) + column
    added = Load("parameters", place, "float") + total * Num(more, "float")
    end = Epilogue(row.name, column.name, total.name, [Store("parameters", place, added)])
    room = Load("scratch", whole(begin + 1000), "float")
    sizes = (width, width, width)
    m, n, k = map(whole, sizes)
    return Multiply(m, n, k, a, b, c, sizes, epilogue=end, workspace=room)


def test_large_products_are_one_with_their_epilogues() -> None:
    one, other, wider, doubled = found(
        product(100), product(5000), product(9000, width=16), product(20000, more=2.0)
    )
    assert one.nest is other.nest
    assert [[offset for _, offset in nest.offsets] for nest in (one, other)] == [
        [100, 200, 300, 1100],
        [5000, 5100, 5200, 6000],
    ]
    (store,) = one.nest.epilogue.body
    assert text_of(store.index) == "offset0 + row * 8 + column"
    assert wider is None
    assert doubled is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_net_of_equal_layers_trains_as_eagerly(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((70, 8)).astype(dtype), rng.integers(0, 3, 70)
    trained = {}
    for engine in ENGINES:
        net = hg.Net(hg.Linear(8, 24, rng=0, dtype=dtype))
        for seed in range(5):
            net.add(hg.Tanh() if seed % 2 else hg.ReLU())
            net.add(hg.Linear(24, 24, rng=seed, dtype=dtype))
        net.add(hg.Linear(24, 3, rng=9, dtype=dtype)).add(hg.Softmax())
        for _ in hg.train(
            net,
            (x, y),
            loss=hg.CrossEntropyLoss(),
            optimizer=hg.SGD(0.1),
            epochs=3,
            batch_size=16,
            rng=0,
            engine=engine,
        ):
            pass
        trained[engine] = net.parameters
    tolerance = 1e-10 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(trained["compiled"], trained["eager"], rtol=0, atol=tolerance)
