"""What a loop reads in each round though it stays the same is read once, where that is safe."""

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.loops.hoisting import hoist_loads
from handgrad.engines.loops.ir import (
    Body,
    Call,
    Expression,
    For,
    Let,
    Load,
    ParallelFor,
    Store,
    Var,
    whole,
)

ROW, COLUMN, PART, N = (Var(name, "int") for name in ("i", "j", "p", "n"))
PLACE = ROW * whole(8) + COLUMN
EIGHT = whole(8)
NUMBER, MEAN = Load("a", PLACE, "float"), Load("a", ROW + whole(80), "float")


def rows(value: Expression, stop: Expression = EIGHT, place: Expression = PLACE) -> For:
    """Ten rows of eight numbers, each of which becomes a value."""
    return For("i", whole(10), [For("j", stop, [Store("a", place, value)])])


def named(prefix: str) -> Var:
    return Var(prefix, "int")


def test_a_number_of_the_row_is_a_variable_of_its_type() -> None:
    found = hoist_loads([rows(NUMBER - MEAN)], named)
    inner = For("j", whole(8), [Store("a", PLACE, NUMBER - Var("r", "float"))])
    assert found == [For("i", whole(10), [Let("r", MEAN), inner])]


def test_rows_cut_in_parts_are_rows() -> None:
    of_a_part = Call("minimum", (PART * whole(5) + whole(5), N), "int")
    nest = For("i", of_a_part, rows(NUMBER - MEAN).body, begin=PART * whole(5))
    body: Body = [Let("n", Call("minimum", (whole(10), Var("left", "int")), "int"))]
    _, parts = hoist_loads([*body, ParallelFor("p", 2, [nest])], named)
    assert isinstance(parts, ParallelFor)
    assert isinstance(parts.body[0], For)
    assert parts.body[0].body[0] == Let("r", MEAN)


@pytest.mark.parametrize(
    "nest",
    [
        rows(NUMBER - Load("a", ROW + whole(79), "float")),  # which the last row writes to
        rows(NUMBER - Load("a", COLUMN + whole(80), "float")),
        rows(NUMBER - Load("a", Load("k", COLUMN, "int") + whole(80), "float")),
        rows(NUMBER - Load("b", ROW, "float")),  # what is in no buffer that is written to
        rows(NUMBER - MEAN, stop=N),  # which may have no round
        rows(NUMBER - MEAN, place=N),  # anywhere
        rows(Call("where", (Call("less", (ROW, whole(3)), "bool"), MEAN, NUMBER), "float")),
    ],
)
def test_what_is_not_sure_stays(nest: For) -> None:
    assert hoist_loads([nest], named) == [nest]


def test_a_condition_is_read_once_and_what_it_chooses_from_is_not() -> None:
    flag = Load("a", ROW + whole(80), "bool")
    found = hoist_loads([rows(Call("where", (flag, MEAN, NUMBER), "float"))], named)
    chosen = Call("where", (Var("r", "bool"), MEAN, NUMBER), "float")
    inner = For("j", whole(8), [Store("a", PLACE, chosen)])
    assert found == [For("i", whole(10), [Let("r", flag), inner])]


def test_blocks_of_attention_stay_one_function_and_their_softmax_reads_its_rows_once() -> None:
    blocks = [hg.MultiheadAttention(32, 2, causal=True, rng=seed) for seed in range(2)]
    net = hg.Net(hg.layers.PositionEmbedding(20, 32, rng=0), *blocks)
    source = hg.compiled_source(
        net, hg.MSELoss(), hg.SGD(0.1), x=np.zeros((16, 20, 32), np.float32), batch_size=16
    )
    lines = [line.strip() for line in source.splitlines()]
    assert sum("= exp(" in line and " - r" in line for line in lines) == 2
