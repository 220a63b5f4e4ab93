"""Where an identity, a shared result or a folded constant holds, and where it does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import Graph, Leaves, Outputs, interpret
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes import optimized
from handgrad.graph.passes.lower import lower
from handgrad.graph.passes.simplify import (
    fold_constants,
    remove_dead_code,
    share_common_subexpressions,
)
from handgrad.graph.passes.stabilize import stabilize
from handgrad.graph.symbolic import Arange, N, Ref
from tests.graph.one_liners import TABLE, Page

FLOAT = np.dtype(float)
ROWS = Arange(N, "int64")
X = np.random.default_rng(0).uniform(0.5, 2, (4, 3))
Y, Z = np.array([0, 2, 1, 2]), np.array([3, 0, 2, 1])


class Building:
    """A graph built by hand; x and v are arrays (n, 3) and (n,), y and z whole numbers (n,)."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.leaves: dict[str, int] = {}
        for name, shape, kind in (("x", (N, 3), "f8"), ("v", (N,), "f8"), ("u", (3,), "f8")):
            self.leaves[name] = self.add("leaf", (), shape, kind).node
        for name in ("y", "z"):
            self.leaves[name] = self.add("leaf", (), (N,), "i8").node
        self.x, self.v, self.u, self.y, self.z = map(Ref, self.leaves.values())

    def add(
        self, operation: str, arguments: Any, shape: Any, kind: str = "f8", **options: Any
    ) -> Ref:
        node = Node(Op(operation), arguments, options, shape, np.dtype(kind), None)
        self.nodes.append(node)
        return Ref(len(self.nodes) - 1)

    def fill(self, value: float) -> Ref:
        return self.add("fill", ((N, 3), value, FLOAT), (N, 3))

    def scatter(self, into: float, rows: Any, columns: Any, values: Ref) -> Ref:
        return self.add("setitem", (self.fill(into), (rows, columns), values), (N, 3))

    def graph(self, result: Ref) -> Graph:
        return Graph("", tuple(self.nodes), Leaves(self.leaves), Outputs(result.node), {})


def operation_of_the_prediction(graph: Graph) -> str:
    assert graph.outputs.prediction is not None
    return graph.nodes[graph.outputs.prediction].operation


def values_of(graph: Graph) -> Any:
    given = {"x": X, "v": X[:, 0] + 1, "u": X[0], "y": Y, "z": Z % 3}
    return interpret(graph, given, 4).named()["prediction"]


def log_of_a_quotient(b: Building) -> Ref:
    e = b.add("sqrt", (b.x,), (N, 3))
    s = b.add("sum", (e, (1,)), (N, 1), keepdims=True)
    p = b.add("divide", (e, s), (N, 3))
    picked = b.add("getitem", (p, (ROWS, b.y)), (N,))
    return b.add("log", (picked,), (N,))


def log_of_a_quotient_by_columns(b: Building) -> Ref:
    e = b.add("exp", (b.x,), (N, 3))
    s = b.add("sum", (e, (0,)), (1, 3), keepdims=True)
    p = b.add("divide", (e, s), (N, 3))
    picked = b.add("getitem", (p, (ROWS, b.y)), (N,))
    return b.add("log", (picked,), (N,))


def times_a_scatter_into_ones(b: Building) -> Ref:
    return b.add("multiply", (b.x, b.scatter(1.0, ROWS, b.y, b.v)), (N, 3))


def times_a_quotient_of_another(b: Building) -> Ref:
    divisor = b.add("multiply", (2.0, b.v), (N,))
    quotient = b.add("divide", (3.0, divisor), (N,))
    other = b.add("getitem", (b.x, (ROWS, b.y)), (N,))
    return b.add("multiply", (other, quotient), (N,))


def times_a_quotient_of_a_row(b: Building) -> Ref:
    quotient = b.add("divide", (b.u, b.x), (N, 3))
    return b.add("multiply", (b.x, quotient), (N, 3))


def times_a_quotient_of_a_sum(b: Building) -> Ref:
    divisor = b.add("add", (2.0, b.v), (N,))
    quotient = b.add("divide", (3.0, divisor), (N,))
    return b.add("multiply", (b.v, quotient), (N,))


def sum_of_a_scatter_over_the_rows(b: Building) -> Ref:
    scattered = b.scatter(0.0, ROWS, b.y, b.v)
    return b.add("sum", (scattered, (0,)), (3,), keepdims=False)


def sum_of_a_scatter_into_ones(b: Building) -> Ref:
    scattered = b.scatter(1.0, ROWS, b.y, b.v)
    return b.add("sum", (scattered, (1,)), (N,), keepdims=False)


def sum_of_a_scatter_into_other_rows(b: Building) -> Ref:
    scattered = b.add("setitem", (b.fill(0.0), (b.y, b.z), b.v), (N, 3))
    return b.add("sum", (scattered, (1,)), (N,), keepdims=False)


@pytest.mark.parametrize(
    "build",
    [
        log_of_a_quotient,
        log_of_a_quotient_by_columns,
        times_a_scatter_into_ones,
        times_a_quotient_of_another,
        times_a_quotient_of_a_row,
        times_a_quotient_of_a_sum,
        sum_of_a_scatter_over_the_rows,
        sum_of_a_scatter_into_ones,
        sum_of_a_scatter_into_other_rows,
    ],
    ids=lambda build: build.__name__.replace("_", " "),
)
def test_what_only_looks_like_an_identity_is_left_alone(build: Callable[[Building], Ref]) -> None:
    building = Building()
    graph = building.graph(build(building))
    changed = stabilize(graph)
    assert [node.operation for node in changed.nodes] == [node.operation for node in graph.nodes]
    np.testing.assert_array_equal(values_of(changed), values_of(graph))


def the_log_of_a_softmax(b: Building) -> Ref:
    e = b.add("exp", (b.x,), (N, 3))
    s = b.add("sum", (e, (1,)), (N, 1), keepdims=True)
    p = b.add("divide", (e, s), (N, 3))
    picked = b.add("getitem", (p, (ROWS, b.y)), (N,))
    return b.add("log", (picked,), (N,))


def times_a_scatter(b: Building) -> Ref:
    return b.add("multiply", (b.x, b.scatter(0.0, ROWS, b.y, b.v)), (N, 3))


def a_scatter_times(b: Building) -> Ref:
    return b.add("multiply", (b.scatter(0.0, ROWS, b.y, b.v), b.x), (N, 3))


def times_its_own_quotient(b: Building) -> Ref:
    divisor = b.add("multiply", (2.0, b.v), (N,))
    quotient = b.add("divide", (3.0, divisor), (N,))
    return b.add("multiply", (b.v, quotient), (N,))


def times_its_own_quotient_of_a_number(b: Building) -> Ref:
    return b.add("multiply", (b.v, b.add("divide", (3.0, b.v), (N,))), (N,))


def times_its_own_quotient_of_an_array(b: Building) -> Ref:
    c = b.add("sqrt", (b.v,), (N,))
    return b.add("multiply", (b.add("divide", (c, b.v), (N,)), b.v), (N,))


def sum_of_a_scatter(b: Building) -> Ref:
    scattered = b.scatter(0.0, ROWS, b.y, b.v)
    return b.add("sum", (scattered, (1,)), (N,), keepdims=False)


def sum_of_a_scatter_kept(b: Building) -> Ref:
    scattered = b.scatter(0.0, ROWS, b.y, b.v)
    return b.add("sum", (scattered, (1,)), (N, 1), keepdims=True)


@pytest.mark.parametrize(
    ("build", "left"),
    [
        (the_log_of_a_softmax, "subtract"),
        (times_a_scatter, "setitem"),
        (a_scatter_times, "setitem"),
        (times_its_own_quotient, "fill"),
        (times_its_own_quotient_of_a_number, "fill"),
        (times_its_own_quotient_of_an_array, "sqrt"),
        (sum_of_a_scatter, "leaf"),
        (sum_of_a_scatter_kept, "view"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__.replace("_", " "),
)
def test_each_identity_gives_the_same_numbers(build: Callable[[Building], Ref], left: str) -> None:
    building = Building()
    graph = building.graph(build(building))
    changed = stabilize(graph)
    assert operation_of_the_prediction(changed) == left
    np.testing.assert_allclose(values_of(changed), values_of(graph), rtol=1e-14)


def prediction(forward: Callable[[Any], Any]) -> Graph:
    x = np.random.default_rng(0).standard_normal((5, 4))
    return lower(hg.trace(hg.Net(Page(forward), dtype=np.float64), x=x, training=False))


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: x * TABLE + x * TABLE[::-1].copy(),
        lambda x: x * x.sum(axis=1, keepdims=True) + x.sum(axis=1) @ x,
        lambda x: x[:, :2] + x[:, 2:],
        lambda x: np.maximum(x, 0.5) + np.maximum(x, -0.5),
        lambda x: x / len(x) + x * len(x),
    ],
    ids=["tables", "kept axes", "slices", "numbers", "rules of the batch size"],
)
def test_what_differs_in_a_constant_is_not_shared(forward: Any) -> None:
    graph = prediction(forward)
    for n in (4, 7):
        x = np.random.default_rng(n).standard_normal((n, 4))
        found = interpret(share_common_subexpressions(graph), {"x": x}, n).named()["prediction"]
        np.testing.assert_array_equal(found, interpret(graph, {"x": x}, n).named()["prediction"])


def test_two_random_draws_stay_two() -> None:
    class Noise(hg.Layer):
        def forward(self, x: Any) -> Any:
            first, second = (self.rng.random(x.shape, dtype=x.dtype) for _ in range(2))
            return x + first - second

    graph = hg.trace(Noise(), x=np.ones((4, 3), np.float32), training=False)
    for changed in (graph, share_common_subexpressions(graph)):
        assert [node.operation for node in changed.nodes].count(Op.RANDOM) == 2


@pytest.mark.parametrize(
    ("forward", "operation"),
    [
        (lambda x: 0.0 - x, "subtract"),
        (lambda x: 1.0 / x, "divide"),
        (lambda x: x.sum(axis=0) + np.zeros_like(x), "add"),
        (lambda x: x.sum(axis=0) * np.ones_like(x), "multiply"),
        (lambda x: x.argmax(axis=1) * 1.0, "multiply"),
        (lambda x: x * 0, "multiply"),
        (lambda x: x + 1, "add"),
    ],
    ids=["zero minus", "one over", "larger zeros", "larger ones", "of another type", "0", "1"],
)
def test_what_is_no_neutral_element_stays(forward: Any, operation: str) -> None:
    graph = prediction(forward)
    folded = remove_dead_code(fold_constants(graph))
    assert operation_of_the_prediction(folded) == operation
    x = np.random.default_rng(0).standard_normal((3, 4))
    found, expected = (interpret(g, {"x": x}, 3).named()["prediction"] for g in (folded, graph))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


def test_every_result_outlives_dead_code() -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1))
    graph = hg.trace(net, hg.MSELoss())
    for changed in (remove_dead_code(graph), optimized(graph)):
        assert list(changed.outputs.named()) == list(graph.outputs.named())
        assert [name for name, _ in changed.leaves.named()] == ["x", "y", *net.state()]


def test_in_place_keeps_the_arrays_own_type() -> None:
    def forward(x: Any) -> Any:
        d = x.astype(np.float32)
        d *= x
        return d

    graph = hg.trace(hg.Net(Page(forward), dtype=np.float64), x=np.ones((4, 4)), training=False)
    x = np.random.default_rng(0).standard_normal((5, 4))
    found = interpret(graph, {"x": x}, 5).named()["prediction"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, forward(x))
