"""Each pass leaves what a graph says, and does what it is for."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import Outputs, interpret
from handgrad.graph.operations import ELEMENTWISE, REDUCTIONS, Op
from handgrad.graph.passes import optimized
from handgrad.graph.passes.lower import lower
from handgrad.graph.passes.simplify import (
    fold_constants,
    remove_dead_code,
    share_common_subexpressions,
)
from handgrad.graph.passes.stabilize import stabilize
from handgrad.graph.symbolic import Ref, at
from tests.contracts.table import LAYERS, LOSSES, rows_for
from tests.graph.test_recording import PAGES, named, streams

CORE = {
    *ELEMENTWISE,
    *REDUCTIONS,
    *(Op.LEAF, Op.FILL, Op.ARGMAX, Op.EINSUM, Op.VIEW, Op.GETITEM, Op.SETITEM),
    *(Op.ADD_AT, Op.WRITE, Op.RANDOM, Op.CONCATENATE),
}


def traced(name: str, training: bool = True) -> tuple[hg.Net, hg.Graph, Any]:
    """A layer of the contract table or a page of later needs, in float64, and its inputs."""
    inputs: Any
    if name in LAYERS:
        net = hg.Net(LAYERS[name](), dtype=np.float64)
        layer = LAYERS[name]()
        inputs = lambda n: rows_for(layer, n, n)  # noqa: E731
    else:
        make, inputs = PAGES[name]
        net = hg.Net(make(), dtype=np.float64)
    return net, hg.trace(net, x=inputs(4), training=training), inputs


def values(net: hg.Net, graph: hg.Graph, inputs: Any, n: int) -> dict[str, Any]:
    with np.errstate(all="ignore"):
        y = streamed(net).forward(inputs(n))
    dy = np.random.default_rng(n).standard_normal(y.shape)
    given = named("x", inputs(n)) | {"dy": dy}
    return interpret(graph, given, n, net.state(), streams(net, seed=3)).named()


def streamed(net: hg.Net) -> hg.Net:
    """A copy with its random streams."""
    net = copy.deepcopy(net)
    net.seed(0)
    return net


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-13, err_msg=name)


LOWERED = [*LAYERS, *(name for name in PAGES if name not in ("dropout", "deep net"))]


@pytest.mark.parametrize("name", LOWERED)
@pytest.mark.parametrize("training", [True, False])
def test_the_few_operations_say_what_the_page_says(name: str, training: bool) -> None:
    net, graph, inputs = traced(name, training)
    for change in (lower, optimized):
        changed = change(graph)
        assert {node.operation for node in changed.nodes} <= CORE
        for n in (1, 2, 5, 16):
            fewest = 2 if name == "running statistics" else net.min_batch_size
            if n < fewest:
                continue
            assert_same(values(net, changed, inputs, n), values(net, graph, inputs, n))


@pytest.mark.parametrize("page", LOWERED)
def test_shapes_and_types_are_those_computed(page: str) -> None:
    net, graph, inputs = traced(page)
    graph = optimized(graph)
    every = Outputs(gradients={str(i): i for i in range(len(graph.nodes))})
    whole = replace(graph, outputs=every)
    for n in (2, 7):
        for name, value in values(net, whole, inputs, n).items():
            node = graph.nodes[int(name.removeprefix("d "))]
            assert np.shape(value) == tuple(at(size, n) for size in node.shape), node
            assert np.asarray(value).dtype == node.dtype, node


@pytest.mark.parametrize("loss", LOSSES)
def test_a_training_step_stays_itself_through_all_passes(loss: str) -> None:
    last = {"CrossEntropyLoss": hg.Softmax(), "BinaryCrossEntropyLoss": hg.Sigmoid()}
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.ReLU(), hg.Linear(4, 3, rng=1), dtype=np.float64)
    net.add(last.get(loss, hg.Tanh()))
    criterion = LOSSES[loss]()
    graph = hg.trace(net, criterion)
    rng = np.random.default_rng(0)
    for n in (1, 5, 32):
        x = rng.standard_normal((n, 3))
        y: Any = rng.integers(0, 3, n)
        if not isinstance(criterion.target_kind, hg.losses.kinds.ClassLabels):
            y = rng.integers(0, 2, (n, 3)).astype(float)
        if isinstance(criterion.target_kind, hg.losses.kinds.PositiveAmounts):
            y = 1 + y
        found, expected = (
            interpret(each, {"x": x, "y": y}, n, net.state()).named()
            for each in (optimized(graph), graph)
        )
        assert_same(found, expected)


def operations(graph: hg.Graph) -> list[str]:
    return [node.operation for node in graph.nodes]


class Page(hg.Layer):
    """A layer whose forward is given; only prediction is traced."""

    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.page = forward

    def forward(self, x: Any) -> Any:
        return self.page(x)


def prediction(forward: Any) -> hg.Graph:
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    return lower(hg.trace(Page(forward), x=x, training=False))


def test_dead_code_goes() -> None:
    def forward(x: Any) -> Any:
        np.exp(x)
        return x + 1

    assert operations(remove_dead_code(prediction(forward))) == ["leaf", "add"]


def test_what_is_computed_twice_is_computed_once() -> None:
    graph = prediction(lambda x: np.exp(x + 1) * np.exp(x + 1) + np.exp(x + 2))
    assert operations(share_common_subexpressions(graph)).count("exp") == 2


def test_sums_over_different_axes_are_kept_apart() -> None:
    graph = prediction(lambda x: x.sum(axis=0).sum() + x.sum(axis=1).sum())
    assert operations(share_common_subexpressions(graph)).count("sum") == 4


def test_one_and_true_are_not_the_same_constant() -> None:
    graph = prediction(lambda x: np.where(x > 1, x + 1.0, x + 1))
    assert operations(share_common_subexpressions(graph)).count("add") == 2


def test_constants_are_folded_and_neutral_elements_dropped() -> None:
    graph = prediction(lambda x: (x * 1 + 0) / 1 + np.exp(np.zeros_like(x)))
    folded = remove_dead_code(fold_constants(graph))
    assert operations(folded) == ["leaf", "fill", "add"]
    assert folded.nodes[1].arguments[1] == 1.0


def test_a_view_of_a_view_is_a_view_of_the_array() -> None:
    graph = remove_dead_code(prediction(lambda x: x.T[1:3].T.reshape(-1, 2)[:, ::-1] if 0 else
                                        x[:, 1:3][:, ::-1].T))  # fmt: skip
    assert operations(graph) == ["leaf", "view"]


def test_a_view_that_numpy_would_copy_is_one_of_a_copy() -> None:
    graph = remove_dead_code(prediction(lambda x: x.T.reshape(-1)))
    assert operations(graph) == ["leaf", "view", "concatenate", "view"]


def test_softmax_with_cross_entropy_is_stable_when_it_saturates() -> None:
    net = hg.Net(hg.Softmax(), dtype=np.float64)
    graph = hg.trace(net, hg.CrossEntropyLoss(), x=np.zeros((5, 3)), y=np.zeros(5, int))
    z, y = np.array([[1000.0, 0, -1000], [0, 1, 2]]), np.array([1, 2])
    given = {"x": z, "y": y}
    with np.errstate(all="ignore"):
        assert not np.isfinite(interpret(graph, given, 2).named()["loss"])
    found = interpret(optimized(graph), given, 2)
    reference = hg.SoftmaxCrossEntropyLoss()
    assert found.loss == pytest.approx(reference.forward(z, y), rel=1e-14)
    np.testing.assert_allclose(
        found.input_gradients["x"], reference.backward(), rtol=1e-14, atol=1e-300
    )


def test_weighted_rows_are_as_stable_when_it_saturates() -> None:
    net = hg.Net(hg.Softmax(), dtype=np.float64)
    graph = hg.trace(
        net, hg.CrossEntropyLoss(), x=np.zeros((5, 3)), y=np.zeros(5, int), sample_weight=np.ones(5)
    )
    z, y, w = np.array([[1000.0, 0, -1000], [0, 1, 2]]), np.array([1, 2]), np.array([0.3, 2.0])
    found = interpret(optimized(graph), {"x": z, "y": y, "sample_weight": w}, 2)
    reference: Any = hg.SoftmaxCrossEntropyLoss()
    assert found.loss == pytest.approx(reference.forward(z, y, w), rel=1e-14)
    np.testing.assert_allclose(
        found.input_gradients["x"], reference.backward(), rtol=1e-14, atol=1e-300
    )


@pytest.mark.parametrize("w", [None, np.ones(4)])
def test_no_division_by_probabilities_is_left(w: Any) -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.Softmax())
    graph = optimized(hg.trace(net, hg.CrossEntropyLoss(), sample_weight=w))
    assert operations(graph).count("log") == 1
    quotients = [node for node in graph.nodes if node.operation == "divide"]
    assert [node.arguments[0] for node in quotients if len(node.shape) == 2] == [
        Ref(i) for i, node in enumerate(graph.nodes) if node.operation == "exp"
    ]
    shares = [node for node in quotients if len(node.shape) == 1]
    assert len(shares) == (0 if w is None else 1)
    w_of_rows = graph.leaves.inputs.get("sample_weight")
    assert all(node.arguments[0].node == w_of_rows for node in shares)


def test_a_quotient_that_is_no_softmax_is_left_alone() -> None:
    class Quotient(hg.Layer):
        def forward(self, x: Any) -> Any:
            self.x = x
            return np.abs(x) / np.abs(x).sum(axis=1, keepdims=True)

        def backward(self, dy: Any) -> Any:
            return dy

    graph = lower(
        hg.trace(Quotient(), hg.CrossEntropyLoss(), x=np.ones((5, 3)), y=np.zeros(5, int))
    )
    assert operations(stabilize(graph)).count("log") == operations(graph).count("log") == 1
    given = {"x": np.random.default_rng(0).uniform(1, 2, (4, 3)).astype(np.float32)}
    given |= {"y": np.array([0, 1, 2, 1])}
    found, expected = (interpret(g, given, 4).loss for g in (stabilize(graph), graph))
    assert found == expected


def test_lowered_logaddexp_takes_infinite_logarithms_and_sinh_keeps_small_digits() -> None:
    class Combined(hg.Layer):
        def forward(self, x: Any) -> Any:
            self.x = x
            return np.stack([np.logaddexp(x[:, 0], x[:, 1]), np.sinh(x[:, 0])], axis=1)

        def backward(self, dy: Any) -> Any:
            return dy

    x = np.array([[-np.inf, -np.inf], [-np.inf, 2.0], [800.0, 800.0], [1e-9, 3.0], [-1e-9, -4.0]])
    graph = lower(hg.trace(Combined(), x=np.ones((5, 2)), training=False))
    with np.errstate(all="ignore"):
        expected, found = Combined().forward(x), interpret(graph, {"x": x}, 5)
    np.testing.assert_allclose(np.asarray(found.prediction), expected, rtol=1e-14)
