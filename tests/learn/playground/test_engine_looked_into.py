"""What the playground's engine shows beside its parameters: activations, gradients, lines."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.graph import values_of
from handgrad.graph.graph import Graph
from handgrad.graph.operations import Op
from handgrad.learn.playground.own_nets import net_for_page
from handgrad.learn.playground.pages import traced_modules
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import mean_weights, weighted_mean
from tests.learn.playground.engine_cases import Case, engine_script, found_in_node
from tests.learn.playground.in_node import HAS_NODE

pytestmark = HAS_NODE

MAIN = """
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;
const main = ({ pages, architecture, parameters, x, y, n, width }) => {
  const model = new Model(pages, architecture);
  model.parameters.set(new Float32Array(bytes(parameters)));
  const [rows, targets] = [new Float32Array(bytes(x)), Float32Array.from(y)];
  const loss = model.gradientsOf(rows, targets, n);
  const list = (arrays) => arrays.map((array) => array && [...array]);
  const { lines, outputs } = model.steps(rows, targets, n);
  const { loss: evaluated, predictions } = model.evaluate(rows, targets, n);
  return {
    loss, evaluated, outputs,
    predictions: [...predictions],
    gradients: [...model.gradients],
    parameters: [...model.parameters],
    activations: list(model.activations(rows, n)),
    activation_gradients: list(model.activationGradients),
    lines: lines.map((line) => ({ ...line, values: [...line.values] })),
  };
};
"""


def subject(norm: Callable[[int], hg.Layer] = hg.BatchNorm) -> Case:
    net = hg.Net(
        hg.Linear(2, 5, rng=1),
        norm(5),
        hg.Tanh(),
        hg.Linear(5, 3, rng=2),
        hg.Softmax(),
        dtype=np.float32,
    )
    penalty = ("L2Penalty", {"alpha": 0.1})
    return Case(net, "CrossEntropyLoss", "Adam", {"clip_norm": 0.1}, penalty=penalty)


@cache
def found() -> dict[str, Any]:
    return shown(subject())


def shown(case: Case) -> dict[str, Any]:
    told = case.told() | {"y": case.y.tolist(), "n": case.rows, "pages": traced_modules()}
    answer: dict[str, Any] = run_in_node(engine_script() + MAIN, told)
    return answer


def stepped(case: Case) -> tuple[float, list[Array], list[Array]]:
    """The loss, and what goes into each layer forward and backward, by the pages as they are."""
    net = case.net
    net.training = True
    passed, back = [x := case.x], list[Array]()
    for layer in net.layers:
        passed.append(x := layer.forward(x))
    loss = case.made_loss.forward(x, case.y)
    dy = case.made_loss.backward()
    for layer in reversed(net.layers):
        back.insert(0, dy)
        dy = layer.backward(dy)
    return float(loss), passed[1:], back


def test_gradients_of_activations_are_those_that_go_backward() -> None:
    _, _, back = stepped(subject())
    *known, last = found()["activation_gradients"]
    assert last is None  # softmax and cross-entropy are one
    for gradient, expected in zip(known, back, strict=False):
        np.testing.assert_allclose(gradient, expected.ravel(), rtol=2e-4, atol=1e-7)


def test_activations_are_those_of_a_prediction() -> None:
    case = subject()
    x = case.x
    with case.net.mode(training=False):
        for layer, activations in zip(case.net.layers, found()["activations"], strict=True):
            x = layer.forward(x)
            np.testing.assert_allclose(activations, x.ravel(), rtol=1e-5, atol=1e-7)


def test_an_evaluation_gives_loss_and_predictions() -> None:
    case, answer = subject(), found()
    p = case.net.predict(case.x, engine="portable")
    np.testing.assert_array_equal(answer["predictions"], p.ravel())
    assert answer["evaluated"] == pytest.approx(float(case.made_loss.forward(p, case.y)), rel=1e-6)


def test_looking_changes_no_parameter() -> None:
    np.testing.assert_array_equal(found()["parameters"], subject().net.parameters)


def traced() -> tuple[Case, Graph]:
    case = subject()
    return case, hg.trace(case.net, case.made_loss, case.made_penalty, x=case.x, y=case.y)


def test_recorded_lines_are_those_of_a_whole_trace_with_their_numbers() -> None:
    case, graph = traced()
    values = values_of(graph, {"x": case.x, "y": case.y}, case.rows, case.net.state(), {})
    expected = [
        i
        for i, node in enumerate(graph.nodes)
        if node.operation is not Op.LEAF and node.arguments[0] != 0  # the sum of penalties begins
    ]
    lines = found()["lines"]
    step = [line for line in lines if line["method"] not in ("update", "leaf")]
    assert len(step) == len(expected)
    for i, line in zip(expected, step, strict=True):
        np.testing.assert_allclose(line["values"], np.ravel(values[i]), rtol=2e-4, atol=1e-6)


def test_the_lines_of_an_update_end_with_the_parameters_after_a_step() -> None:
    case = subject(hg.LayerNorm)  # behind BatchNorm a bias has no gradient, but for rounding
    answer = shown(case)
    case.batch_size, case.epochs = case.rows, 1
    after = case.expected()["parameters"]
    begin = 0
    for name, array in case.net.named_parameters().items():
        value = answer["lines"][answer["outputs"][f"new {name}"]]["values"]
        np.testing.assert_allclose(value, after[begin : begin + array.size], rtol=1e-3, atol=1e-4)
        begin += array.size


class Bent(hg.Layer):
    """y = x |x|      dx = 2 |x| dy"""

    def forward(self, x: Array) -> Array:
        self.x = x
        return x * np.abs(x)

    def backward(self, dy: Array) -> Array:
        return 2 * np.abs(self.x) * dy


class CubicLoss(hg.Loss):
    """l = mean |e|³ / 3      dp = e |e| s"""

    def forward(self, p: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.e, self.w = p - y.reshape(p.shape).astype(p.dtype), sample_weight
        return weighted_mean(np.abs(self.e) ** 3 / 3, self.w)

    def backward(self, loss: object = None) -> Array:
        return self.e * np.abs(self.e) * mean_weights(self.w, self.e)


def same_as_portable(case: Case) -> None:
    """Compare a net that is linked whole."""
    whole = net_for_page(case.net, case.made_loss, case.made, case.x)
    given = case.told()
    given["architecture"] |= {name: whole[name] for name in ("layers", "graphs", "width")}
    answer = found_in_node([case], [given])[0]
    for key, numbers in case.expected().items():
        np.testing.assert_array_equal(answer[key], numbers, key)


def test_an_own_layer_trains_with_the_same_bits() -> None:
    net = hg.Net(hg.Linear(2, 4, rng=1), Bent(), hg.Linear(4, 2, rng=2), hg.Softmax())
    same_as_portable(Case(net, "CrossEntropyLoss"))


def test_an_own_loss_trains_with_the_same_bits() -> None:
    net = hg.Net(hg.Linear(2, 4, rng=1), hg.Tanh(), hg.Linear(4, 3, rng=2))
    case = Case(net, "MSELoss")
    case.made_loss = CubicLoss()
    same_as_portable(case)


@pytest.mark.parametrize("outputs", [1, 2])
def test_layers_within_one_another_train_with_the_same_bits(outputs: int) -> None:
    inner = hg.Linear(4, 4, rng=3)
    inner.trainable = False
    residual = hg.Residual(hg.Linear(4, 4, rng=2), hg.BatchNorm(4), hg.Dropout(0.2), inner)
    branches = hg.Parallel(hg.Tanh(), hg.ReLU(), join="concatenate")
    net = hg.Net(hg.Linear(2, 4, rng=1), residual, branches, hg.Linear(8, outputs, rng=4))
    penalty = ("L2Penalty", {"alpha": 0.1})
    same_as_portable(Case(net, "MSELoss", "Adam", penalty=penalty, rate=0.01))
