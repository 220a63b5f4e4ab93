"""A graph is data: compared, pickled, written as JSON and read back, and it runs the same."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.machine_code import this_processor
from handgrad.engines.loops.build import training_program
from handgrad.engines.loops.updates import Update
from handgrad.graph import Graph, interpret
from handgrad.graph.nodes import decode, encode, key
from handgrad.graph.passes import optimized
from handgrad.graph.symbolic import Ref
from handgrad.textbook.net.minibatches import example_input
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS
from tests.graph.test_recording import PAGES


def of_a_page(name: str) -> Graph:
    make, inputs = PAGES[name]
    return hg.trace(make(), x=inputs(4))


RULES = {name: make for name, make in OPTIMIZERS.items() if name != "LBFGS"}  # no rule of a step
GRAPHS: dict[str, Callable[[], Graph]] = {
    **{name: lambda make=make: hg.trace(make()) for name, make in LAYERS.items()},  # type: ignore[misc]
    **{name: lambda make=make: hg.trace(make()) for name, make in LOSSES.items()},  # type: ignore[misc]
    **{name: lambda make=make: hg.trace(make()) for name, make in RULES.items()},  # type: ignore[misc]
    **{name: lambda name=name: of_a_page(name) for name in PAGES},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_comes_back_equal(name: str) -> None:
    graph = GRAPHS[name]()
    for there in (graph, optimized(graph)):
        back = Graph.from_json(there.to_json())
        assert back == there
        assert str(back) == str(there)
        assert pickle.loads(pickle.dumps(there)) == there == copy.deepcopy(there)


def test_graphs_that_differ_are_not_equal() -> None:
    graphs = [graph() for graph in GRAPHS.values()]
    for i, graph in enumerate(graphs):
        assert [other == graph for other in graphs].index(True) == i


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_read_back_runs_to_the_same_bits(name: str) -> None:
    net = hg.Net(LAYERS[name]())
    graph = hg.trace(net)
    back = Graph.from_json(graph.to_json())
    streams(net)
    rng = np.random.default_rng(0)
    x = example_input(net, 5)
    with np.errstate(all="ignore"):
        dy = rng.standard_normal(copy.deepcopy(net).forward(x).shape).astype(np.float32)
        runs = [
            interpret(each, {"x": x, "dy": dy}, 5, net.state(), streams(net)).named()
            for each in (graph, back)
        ]
    assert runs[0].keys() == runs[1].keys()
    for output, value in runs[0].items():
        np.testing.assert_array_equal(runs[1][output], value)


def streams(net: hg.Net) -> dict[str, np.random.Generator]:
    net.seed(0)
    return {path: layer.rng for path, layer in net.walk()}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", RULES)
def test_a_step_and_a_rule_read_back_compile_to_the_same_program(loss: str, optimizer: str) -> None:
    net = hg.Net(hg.Linear(4, 5, rng=0), hg.BatchNorm(5), hg.Dropout(0.5), hg.Linear(5, 3, rng=1))
    of_steps = OPTIMIZERS[optimizer]()
    step, rule = hg.trace(net, LOSSES[loss]()), hg.trace(of_steps)
    texts = [
        training_program(
            optimized(read(step)),
            [Update(optimized(read(rule)), 1.0, [slice(0, 12)], of_steps.elementwise)],
            batch_size=8,
            dtype=net.dtype,
            batches_weighted_by="rows",
            target=this_processor(),
        ).source()
        for read in (lambda graph: graph, lambda graph: Graph.from_json(graph.to_json()))
    ]
    assert texts[0] == texts[1]


VALUES = [
    *(None, True, 1, 1.0, -0.0, 0.0, float("nan"), float("inf"), "text", ...),
    *(np.float32(1), np.float64(1), np.int64(1), np.bool_(True), np.float32("nan")),
    *((1, 2), [1, 2], ("1.0",), (), slice(None), slice(1, None, -2), (slice(0, Ref(1)), None, ...)),
    *(np.dtype("float32"), np.array([1.5, np.nan]), np.zeros((0, 2), bool), np.array([[1], [2]])),
    *(np.array([1.5, 2.5]), np.array([1.5, 2.5], np.float32)),
]


def test_every_kind_of_argument_comes_back_as_it_was() -> None:
    for value in VALUES:
        back = decode(encode(value))
        assert (type(back), repr(back), key(back)) == (type(value), repr(value), key(value))
    assert len({key(value) for value in VALUES}) == len(VALUES)


@pytest.mark.parametrize("value", [1j, object(), np.array(["a"]), len, np.array(None)])
def test_what_is_no_data_has_no_place_in_a_graph(value: Any) -> None:
    with pytest.raises(TypeError, match="no value of a graph"):
        encode(value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"title": 1}', '{"nodes": [{}]}'])
def test_a_text_that_is_no_graph_is_refused(text: str) -> None:
    with pytest.raises(hg.errors.DataError, match=r"graph\.to_json"):
        Graph.from_json(text)


def test_an_argument_that_is_no_data_is_refused_with_its_line() -> None:
    class Page(hg.Layer):
        def forward(self, x: Any) -> Any:
            return x.sum(axis=1, dtype=complex)

    with pytest.raises(
        hg.errors.RecordingError, match=r"test_json\.py:\d+, `return x\.sum.*complex"
    ):
        hg.trace(Page(), training=False)
