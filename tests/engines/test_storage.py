"""Which nodes get memory, where it lies, and that nothing living is ever written over."""

import copy
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.eager import EagerEngine
from handgrad.engines.fingerprint import TraceCache
from handgrad.engines.loops.ir import Num, Type, whole
from handgrad.engines.loops.memory_planning import (
    ALIGNMENT,
    BUFFERS,
    Arena,
    Storage,
    plan_memory,
    stored_nodes,
)
from handgrad.engines.loops.tracing import training_step
from handgrad.engines.loops.value_ranges import Bound, index_bounds
from handgrad.graph import Graph, Leaves, Outputs, trace
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes import optimized
from handgrad.graph.symbolic import N, Ref, at
from tests.contracts.table import LOSSES
from tests.engines.one_epoch import engine_of, run_epoch
from tests.graph import pages
from tests.graph.one_liners import ONE_LINERS, Page

TYPES: dict[Type, Any] = {"float": np.float64, "int": np.int64, "bool": np.bool_}


def written(d: Any, values: Any, *more: Any) -> Any:
    """`d` with values added to its last columns, plus more."""
    d = d.copy()
    d[:, 2:] += values
    return sum(more, d)


def stored(forward: Callable[[Any], Any]) -> list[str]:
    """The operations of a page's prediction that get memory of their own."""
    graph = optimized(hg.trace(Page(forward), x=np.ones((4, 4), np.float32), training=False))
    return [graph.nodes[i].operation for i in stored_nodes(graph, graph.outputs.all())]


def test_a_chain_of_elementwise_operations_is_one_loop() -> None:
    assert stored(lambda x: np.tanh(np.exp(x + 1) * 2)) == ["tanh"]


def test_elementwise_operations_are_fused_into_the_reduction_that_uses_them() -> None:
    assert stored(lambda x: np.exp(x * 3).sum(axis=1)) == ["sum"]


def test_what_is_used_twice_is_computed_once() -> None:
    assert stored(lambda x: np.exp(x) + np.sqrt(np.exp(x))) == ["exp", "add"]
    assert stored(lambda x: np.exp(x) * np.exp(x)) == ["exp", "multiply"]


def test_what_is_broadcast_is_not_computed_again_for_each_element() -> None:
    assert stored(lambda x: x * np.exp(x.sum(axis=0))) == ["sum", "exp", "multiply"]
    assert stored(lambda x: x - np.tanh(x[:, :1])) == ["tanh", "subtract"]


def test_operands_of_products_and_of_views_are_stored() -> None:
    assert stored(lambda x: np.exp(x) @ (x.T @ x)) == ["exp", "einsum", "einsum"]
    assert stored(lambda x: np.exp(x)[:, ::-1] + x) == ["exp", "add"]


def test_what_is_written_into_a_part_is_computed_there() -> None:
    assert stored(lambda x: written(np.exp(x), np.tanh(x[:, :2]))) == ["exp", "write"]
    assert stored(lambda x: written(np.exp(x), np.tanh(x[:, :1]))) == ["exp", "tanh", "write"]


def test_a_reduction_is_stored_even_where_it_is_used_once() -> None:
    assert stored(lambda x: -x.max(axis=1)) == ["max", "negative"]


def test_views_and_leaves_need_no_memory() -> None:
    assert stored(lambda x: x.T[1:].T) == []


def test_an_array_of_one_number_is_written_into_its_users() -> None:
    assert stored(lambda x: np.where(x > 0, np.zeros_like(x), x)) == ["where"]


def test_results_are_stored_even_where_something_else_uses_them() -> None:
    nodes = (
        Node(Op.LEAF, (), {}, (N, 4), np.dtype(float), None),
        Node(Op.EXP, (Ref(0),), {}, (N, 4), np.dtype(float), None),
        Node(Op.NEGATIVE, (Ref(1),), {}, (N, 4), np.dtype(float), None),
    )
    graph = Graph("", nodes, Leaves({"x": 0}), Outputs(1, 2), {})
    assert stored_nodes(graph, [2]) == [2]
    assert stored_nodes(graph, [1, 2]) == [1, 2]


def test_memory_given_back_is_used_again() -> None:
    arena = Arena()
    first = arena.allocate("float", 100)
    arena.allocate("float", 10)
    arena.release("float", first, 100)
    size = arena.sizes["float"]
    assert arena.allocate("float", 60) == first
    assert first < arena.allocate("float", 30) < first + 100
    assert arena.sizes["float"] == size


def test_the_smallest_gap_that_fits_is_taken() -> None:
    arena = Arena()
    large, _, small, _ = (arena.allocate("float", size) for size in (160, 1, 32, 1))
    arena.release("float", large, 160)
    arena.release("float", small, 32)
    assert arena.allocate("float", 20) == small


def test_types_have_buffers_of_their_own() -> None:
    arena = Arena()
    arena.release("float", arena.allocate("float", 16), 16)
    assert arena.allocate("int", 16) == 0
    assert arena.sizes == {"float": 16, "int": 16, "bool": 0}


@given(st.lists(st.integers(1, 300), min_size=1, max_size=10))
def test_every_array_begins_where_vectors_do(sizes: list[int]) -> None:
    arena = Arena()
    assert all(arena.allocate("float", size) % ALIGNMENT == 0 for size in sizes)


REQUESTS = st.lists(
    st.tuples(st.sampled_from(list(TYPES)), st.integers(1, 100), st.integers(0, 12)), max_size=60
)


@settings(derandomize=True)
@given(REQUESTS)
def test_what_lives_at_the_same_time_never_overlaps(requests: list[tuple[Type, int, int]]) -> None:
    arena = Arena()
    living: list[tuple[int, Type, int, int]] = []
    most = dict.fromkeys(TYPES, 0)
    for now, (type, size, life) in enumerate(requests):
        for part in [part for part in living if part[0] < now]:
            arena.release(*part[1:])
            living.remove(part)
        offset = arena.allocate(type, size)
        most[type] += size + ALIGNMENT
        assert 0 <= offset <= arena.sizes[type] - size
        assert arena.sizes[type] <= most[type]
        for _, other, start, length in living:
            assert other != type or start + length <= offset or offset + size <= start
        living.append((now + life, type, offset, size))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A random graph: arrays, numbers and views, each made from up to three earlier nodes."""
    nodes = [Node(Op.LEAF, (), {}, (N, 4), np.dtype(float), None)]
    for i in range(draw(st.integers(1, 25))):
        used = draw(st.lists(st.integers(max(0, i - 6), i), min_size=1, max_size=3))
        view = draw(st.integers(0, 4)) == 0
        operation = Op.VIEW if view else draw(st.sampled_from([Op.EINSUM, Op.GETITEM, Op.ADD]))
        shape: tuple[Any, ...] = draw(st.sampled_from([(N, 4), (N,), (40,), (3, N), ()]))
        dtype = np.dtype(draw(st.sampled_from(list(TYPES.values()))))
        refs = tuple(Ref(k) for k in (used[:1] if view else used))
        nodes.append(Node(operation, refs, {}, shape, dtype, None))
    outputs = draw(st.lists(st.integers(1, len(nodes) - 1), min_size=1, max_size=3))
    return Graph(
        "", tuple(nodes), Leaves({"x": 0}), Outputs(gradients={str(i): i for i in outputs}), {}
    )


def lives(graph: Graph, order: list[int]) -> dict[int, int]:
    """For each stored node the last position in `order` at which its numbers are read."""
    last = {i: k for k, i in enumerate(order)}

    def read(i: int, position: int) -> None:
        if i in last:
            last[i] = max(last[i], position)
        else:
            for used in graph.nodes[i].used():
                read(used, position)

    for position, i in enumerate(order):
        for used in graph.nodes[i].used():
            read(used, position)
    for i in graph.outputs.all():
        read(i, len(order))
    return last


@settings(max_examples=200, derandomize=True)
@given(graphs(), st.sampled_from([1, 7, 32]))
def test_no_node_lies_where_another_that_is_still_read_does(graph: Graph, batch_size: int) -> None:
    order = stored_nodes(graph, graph.outputs.all())
    arena = Arena()
    places = plan_memory(
        graph, {0: Storage("X", whole(0), "float")}, [[i] for i in order], batch_size, arena
    )
    assert set(places) == {0, *order}
    last = lives(graph, order)
    for (k, i), (m, j) in itertools.combinations(enumerate(order), 2):
        together = k <= m <= last[i] and not (m == last[i] and overwrites(graph, j, i, order))
        if not together or places[i].buffer != places[j].buffer:
            continue
        (start, stop), (other, end) = (span(graph, places, node, batch_size) for node in (i, j))
        assert stop <= other or end <= start
    assert_inside(graph, places, order, batch_size, arena)


def overwrites(graph: Graph, j: int, i: int, order: list[int]) -> bool:
    """Whether `j` may be written where `i` lies: it is done with each number when it writes it."""

    def paths(user: int, way: tuple[int, ...]) -> list[tuple[int, ...]]:
        used = graph.nodes[user].used()
        here = [way] if i in used else []
        unstored = [k for k in used if k != i and k not in order]
        return here + [path for k in unstored for path in paths(k, (*way, k))]

    nodes = graph.nodes
    return (nodes[i].shape, nodes[i].dtype) == (nodes[j].shape, nodes[j].dtype) and all(
        nodes[k].operation == "add" for path in paths(j, (j,)) for k in path
    )


def test_an_elementwise_operation_takes_the_place_of_what_it_reads_last() -> None:
    def node(operation: str, *used: int, shape: Any = (N, 4)) -> Node:
        return Node(Op(operation), tuple(map(Ref, used)), {}, shape, np.dtype(float), None)

    def places_of(*nodes: Node) -> list[int]:
        graph = Graph("", (node("leaf"), *nodes), Leaves({"x": 0}), Outputs(len(nodes)), {})
        order = [i for i, node in enumerate(graph.nodes) if node.operation not in ("leaf", "view")]
        places = plan_memory(graph, {}, [[i] for i in order], 4, Arena())
        return [span(graph, places, i, 4)[0] for i in order]

    first = node("einsum", 0)
    assert places_of(first, node("exp", 1)) == [0, 0]
    assert places_of(first, node("exp", 1), node("add", 1, 2)) == [0, 16, 0]
    assert places_of(first, node("einsum", 1)) == [0, 16]
    assert places_of(first, node("view", 1), node("add", 1, 2)) == [0, 16]
    row = node("sum", 0, shape=(4,))
    assert places_of(row, node("add", 1, shape=(N, 4))) == [0, 16]


def test_a_write_takes_the_place_of_what_it_changes_where_nothing_else_is_read_of_that() -> None:
    def node(operation: str, *arguments: Any, shape: Any = (N, 4)) -> Node:
        return Node(Op(operation), arguments, {}, shape, np.dtype(float), None)

    def places_of(*nodes: Node) -> list[int]:
        leaf = node("leaf")
        graph = Graph("", (leaf, *nodes), Leaves({"x": 0}), Outputs(len(nodes)), {})
        order = stored_nodes(graph, graph.outputs.all())
        places = plan_memory(graph, {}, [[i] for i in order], 4, Arena())
        return [span(graph, places, i, 4)[0] for i in order]

    right, left = ((begin, (4, 1), (N, 2)) for begin in (2, 0))
    array = node("einsum", Ref(0))
    part, beside = (node("view", Ref(1), *where, shape=(N, 2)) for where in (right, left))
    more = node("exp", Ref(2), shape=(N, 2))
    assert places_of(array, part, more, node("write", Ref(1), *right, Ref(3))) == [0, 0]
    assert places_of(array, beside, more, node("write", Ref(1), *right, Ref(3))) == [0, 16]
    still_read = node("add", Ref(4), Ref(1))
    assert places_of(array, part, more, node("write", Ref(1), *right, Ref(3)), still_read)[1] == 16
    assert places_of(array, beside, node("write", Ref(1), *right, Ref(2))) == [0, 16]


WRITES: dict[str, Callable[[Any], Any]] = {
    "other numbers": lambda x: written(np.exp(x), x[:, :2]),
    "its own numbers there": lambda x: written(e := np.exp(x), np.tanh(e[:, 2:])),
    "its own from beside": lambda x: written(e := np.exp(x), np.tanh(e[:, 1:3])),
    "its own, turned": lambda x: written(e := np.exp(x), e[:, :1:-1] * 2),
    "into what is needed on": lambda x: written(e := np.exp(x), np.tanh(e[:, 2:]), e),
    "into what came in": lambda x: written(x, np.tanh(x[:, 2:])),
    "twice": lambda x: written(written(np.exp(x), x[:, 1:3]), x[:, :2]),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_in_place_is_what_the_page_writes(name: str, interpreted: None) -> None:
    x = np.random.default_rng(0).standard_normal((9, 4))
    net = hg.Net(hg.Linear(4, 4, rng=0), Page(WRITES[name]), dtype=np.float64)
    engine = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, x, 9)
    expected = net.forward(x)
    np.testing.assert_allclose(run_epoch(engine, np.arange(9)).predictions, expected, 1e-12)


def span(graph: Graph, places: dict[int, Storage], i: int, batch_size: int) -> tuple[int, int]:
    """Where a stored array begins and ends."""
    offset = places[i].offset
    assert isinstance(offset, Num)
    size = int(np.prod([at(length, batch_size) for length in graph.nodes[i].shape], dtype=int))
    return int(offset.value), int(offset.value) + size


def assert_inside(
    graph: Graph, places: dict[int, Storage], order: list[int], batch_size: int, arena: Arena
) -> None:
    types = {buffer: type for type, buffer in BUFFERS.items()}
    for i in order:
        if places[i].variable:
            assert graph.nodes[i].shape == ()
            continue
        type = types[places[i].buffer]
        assert TYPES[type] == graph.nodes[i].dtype
        start, stop = span(graph, places, i, batch_size)
        assert 0 <= start <= stop <= arena.sizes[type]


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run programs as Python, so that none is compiled."""

    monkeypatch.setattr(CompiledEngine, "runner", PythonRunner)
    monkeypatch.setattr("handgrad.engines.compiled.engine.TRACES", TraceCache())


NETS: dict[str, Callable[[], hg.Net]] = {
    "classifier": lambda: hg.Net(
        hg.Linear(4, 9, rng=0), hg.Tanh(), hg.Linear(9, 3, rng=1), hg.Softmax()
    ),
    "running statistics": lambda: hg.Net(hg.Linear(4, 3, rng=0), pages.BatchNorm(3), hg.ReLU()),
    "convolution": lambda: hg.Net(pages.Conv1d(), hg.Sigmoid(), hg.Linear(2, 3, rng=0)),
    "attention": lambda: hg.Net(pages.Attention(), hg.Linear(4, 3, rng=0)),
    "residual": lambda: hg.Net(
        pages.Residual(hg.Net(hg.Linear(4, 4, rng=0), hg.Tanh())), hg.Linear(4, 3, rng=1)
    ),
}


def with_data(name: str, n: int) -> tuple[hg.Net, hg.Loss, Any, Any]:
    """A net in float64, its loss, and n rows."""
    net = hg.Net(NETS[name](), dtype=np.float64)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 4))
    if name == "classifier":
        return net, LOSSES["CrossEntropyLoss"](), x, rng.integers(0, 3, n)
    return net, LOSSES["MSELoss"](), x, rng.standard_normal((n, 3))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_every_place_of_a_training_step_lies_inside_the_arena(name: str, batch_size: int) -> None:
    net, loss, x, y = with_data(name, 40)
    graph = training_step(net, loss, x, y)
    arena = Arena()
    given = {i: Storage(leaf, whole(0), "float") for leaf, i in graph.leaves.named()}
    order = stored_nodes(graph, graph.outputs.all())
    places = plan_memory(graph, given, [[i] for i in order], batch_size, arena)
    floats = [i for i in order if graph.nodes[i].dtype.kind == "f"]
    assert_inside(graph, places, floats, batch_size, arena)


class Guarded(np.ndarray[Any, np.dtype[Any]]):
    """A flat array in which counting from the end is an error, as it is in machine code."""

    def __getitem__(self, index: Any) -> Any:
        assert isinstance(index, slice) or index >= 0
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        assert isinstance(index, slice) or index >= 0
        super().__setitem__(index, value)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_a_program_stays_inside_its_memory_and_reads_nothing_left_over(
    name: str, batch_size: int, interpreted: None
) -> None:
    net, loss, x, y = with_data(name, 9)
    twin = copy.deepcopy(net)
    engine = engine_of(CompiledEngine, net, loss, hg.SGD(0.1), x, y, batch_size)
    sizes = engine.run.program.arena.sizes
    engine.run.scratch = {
        **engine.run.scratch,
        "scratch": np.full(sizes["float"], np.nan).view(Guarded),
        "scratch_int": np.full(sizes["int"], -(10**9)).view(Guarded),
        "scratch_bool": np.ones(sizes["bool"], np.bool_).view(Guarded),
    }
    net.gradients[...] = np.nan
    with np.errstate(all="ignore"):  # in batches of one row the variance is 0/0
        found = run_epoch(engine, np.arange(9))
    expected = run_epoch(
        engine_of(EagerEngine, twin, loss, hg.SGD(0.1), x, y, batch_size), np.arange(9)
    )
    assert found.loss == pytest.approx(expected.loss, rel=1e-11)
    np.testing.assert_allclose(found.predictions, expected.predictions, 1e-10, 1e-12)
    np.testing.assert_allclose(net.parameters, twin.parameters, 1e-10, 1e-12)


@pytest.mark.parametrize("name", ["sum over rows", "windows", "batched product", "argmax"])
def test_memory_does_not_grow_with_the_rows_but_with_the_batch(
    name: str, interpreted: None
) -> None:
    net = hg.Net(Page(ONE_LINERS[name]), dtype=np.float64)
    sizes = []
    for rows, batch_size in ((20, 8), (2000, 8), (2000, 80)):
        x = np.ones((rows, 4))
        y = copy.deepcopy(net).forward(x)
        program = engine_of(
            CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, y, batch_size
        ).run.program
        sizes.append(program.arena.sizes["float"])
    assert sizes[0] == sizes[1] < sizes[2]


class TwoTables(hg.Layer):
    """y[i, j] = E[x[i, j]] F[x[i, j]], of which F is the smaller."""

    param_names = ("E", "F")
    integer_input = True

    def __init__(self, sizes: tuple[int, int]) -> None:
        super().__init__()
        self.E, self.F = np.ones(sizes[0]), np.ones(sizes[1])

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.E[x] * self.F[x]

    def backward(self, dy: Any) -> Any:
        self.dE, self.dF = np.zeros_like(self.E), np.zeros_like(self.F)


@pytest.mark.parametrize("sizes", [(9, 5), (5, 9)])
def test_an_index_into_two_tables_is_bounded_by_both(sizes: tuple[int, int]) -> None:
    x = np.zeros((6, 2), int)
    graph = training_step(hg.Net(TwoTables(sizes)), hg.MSELoss(), x, np.zeros((6, 2), np.float32))
    assert {bound.size for bound in index_bounds(graph)["x"]} == {5, 9}


class Doubled(hg.Layer):
    """y[i, m] = E[m, x[i]]: each row of codes is laid out twice before it is looked up."""

    param_names = ("E",)
    integer_input = True

    def __init__(self, n_values: int) -> None:
        super().__init__()
        self.E = np.arange(2.0 * n_values).reshape(2, n_values)

    def forward(self, x: Any) -> Any:
        self.x = np.repeat(x[:, None], 2, axis=1)
        return self.E[np.arange(2)[:, None], self.x]

    def backward(self, dy: Any) -> Any:
        self.dE = np.zeros_like(self.E)


def test_an_index_that_is_laid_out_anew_is_bounded_where_it_comes_from() -> None:
    net, x = hg.Net(Doubled(4), dtype=np.float64), np.array([[0, 3], [1, 2], [3, 0]])
    for rows in (x, x - 1):  # codes below 0 count from the end, in NumPy and so everywhere
        compiled, eager = (net.predict(rows, engine=name) for name in ("compiled", "eager"))
        assert np.array_equal(compiled, eager)
    (bound,) = index_bounds(optimized(trace(net, x=x, training=False)))["x"]
    assert bound == Bound(slice(None), 4)
