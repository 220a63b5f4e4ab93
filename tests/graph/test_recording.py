"""What must record, does: the interpreter gives the page's own numbers, for any batch size."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import interpret
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import N
from tests.graph import pages

rng = np.random.default_rng(0)


def rows(*shape: int, seed: int = 0) -> Callable[[int], Any]:
    return lambda n: np.random.default_rng([seed, n]).standard_normal((n, *shape))


PAGES: dict[str, tuple[Callable[[], hg.Layer], Callable[[int], Any]]] = {
    "dropout": (lambda: pages.Dropout(), rows(4)),
    "running statistics": (lambda: pages.BatchNorm(4), rows(4)),
    "embedding": (
        lambda: hg.Embedding(6, 3),
        lambda n: np.random.default_rng(n).integers(0, 6, (n, 2)),
    ),
    "convolution by windows": (lambda: pages.Conv1d(), rows(7)),
    "batched attention": (lambda: pages.Attention(), rows(6)),
    "a table by distance": (lambda: pages.Distances(), rows(6)),
    "a table by distance for each head": (lambda: pages.DistancesOfHeads(), rows(6)),
    "a tuple of inputs": (
        lambda: pages.TwoInputs(3),
        lambda n: (rows(3)(n), rows(3, seed=1)(n)),
    ),
    "residual": (lambda: pages.Residual(hg.Linear(4, 4, rng=0, dtype=np.float64)), rows(4)),
    "deep net": (
        lambda: hg.Net(
            hg.Linear(4, 5, rng=0, dtype=np.float64),
            pages.BatchNorm(5),
            hg.Tanh(),
            pages.Dropout(),
            hg.Net(hg.Linear(5, 4, rng=1, dtype=np.float64), hg.Sigmoid()),
        ),
        rows(4),
    ),
}

each_page = pytest.mark.parametrize("name", PAGES)


@each_page
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_interpreter_equals_the_page(name: str, training: bool, dtype: Any) -> None:
    make, inputs = PAGES[name]
    net = hg.Net(make(), dtype=dtype)
    graph = hg.trace(net, x=inputs(4), training=training)
    for n in (2, 5, 8, 17):
        x = cast(inputs(n), dtype)
        twin = copy.deepcopy(net)
        net.seed(3)
        with net.mode(training=training):
            y = net.forward(x)
            dy = np.random.default_rng(n).standard_normal(y.shape).astype(dtype)
            dx = net.backward(dy) if training else None
        given = named("x", x) | {"dy": dy}
        found = interpret(graph, given, n, twin.state(), streams(twin, seed=3)).named()
        expected = {"prediction": y, **named("dx", dx), **changes(net, training)}
        assert set(found) == set(expected)
        for key, value in expected.items():
            assert found[key].dtype == value.dtype, key
            np.testing.assert_allclose(found[key], value, rtol=4 * np.finfo(dtype).eps, err_msg=key)


def cast(x: Any, dtype: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(part.astype(dtype) for part in x)
    return x if x.dtype.kind == "i" else x.astype(dtype)


def named(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, tuple):
        return {f"{name}[{i}]": part for i, part in enumerate(value)}
    return {name: value}


def streams(net: hg.Net, seed: int) -> dict[str, Any]:
    net.seed(seed)
    return {path: layer.rng for path, layer in net.walk()}


def changes(net: hg.Net, training: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, layer in net.walk():
        if training:
            found |= {f"d {path}.{name}": layer.gradient(name) for name in layer.param_names}
            found |= {f"new {path}.{name}": getattr(layer, name) for name in layer.state_names}
    return found


@each_page
def test_the_pages_derivatives_are_right(name: str) -> None:
    make, inputs = PAGES[name]
    report = hg.check_gradients(make(), x=inputs(5))
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (hg.CrossEntropyLoss(), hg.Softmax()),
        (hg.SoftmaxCrossEntropyLoss(), hg.Tanh()),
        (hg.BinaryCrossEntropyLoss(), hg.Sigmoid()),
        (hg.MSELoss(), hg.Tanh()),
        (hg.losses.MAELoss(), hg.Tanh()),
    ],
    ids=repr,
)
def test_a_whole_training_step_is_one_graph(loss: hg.Loss, last: hg.Layer) -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.ReLU(), hg.Linear(4, 3, rng=1), copy.deepcopy(last))
    graph = hg.trace(net, loss)
    for n in (1, 7, 32):
        x = rng.standard_normal((n, 3)).astype(np.float32)
        y = rng.integers(0, 3, n) if loss.target_kind.indices else rng.integers(0, 2, (n, 3))
        y = y if loss.target_kind.indices else y.astype(np.float32)
        found = interpret(graph, {"x": x, "y": y}, n, net.state())
        p = net.forward(x)
        assert found.loss == pytest.approx(float(loss.forward(p, y)), rel=1e-6)
        dx = net.backward(loss.backward())
        np.testing.assert_allclose(found.input_gradients["x"], dx, rtol=1e-5, atol=1e-7)
        assert list(found.gradients) == list(net.named_parameters())
        gathered = np.concatenate([gradient.ravel() for gradient in found.gradients.values()])
        np.testing.assert_allclose(gathered, net.gradients, rtol=1e-5, atol=1e-7)


def test_each_mode_is_recorded_apart() -> None:
    net = hg.Net(pages.Dropout(), pages.BatchNorm(4))
    training = hg.trace(net, x=rows(4)(5))
    prediction = hg.trace(net, x=rows(4)(5), training=False)
    assert [node.operation for node in training.nodes].count(Op.RANDOM) == 1
    assert list(training.outputs.new_state) == ["1.mean", "1.var"]
    assert [node.operation for node in prediction.nodes].count(Op.RANDOM) == 0
    assert list(prediction.outputs.named()) == ["prediction"]


def test_an_optimizer_with_state_records_with_its_step_and_rate_as_leaves() -> None:
    class Adam(hg.optimizers.Optimizer):
        state_names = ("m", "v")

        def rule(self, w: Any, dw: Any, m: Any, v: Any, *, learning_rate: Any, step: Any) -> Any:
            m = 0.9 * m + 0.1 * dw
            v = 0.999 * v + 0.001 * dw**2
            rate = learning_rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
            return w - rate * m / (np.sqrt(v) + 1e-8), m, v

    adam = Adam(0.01)
    graph = hg.trace(adam)
    assert list(graph.outputs.named()) == ["new w", "new m", "new v"]
    given = {name: rng.uniform(0.5, 1, 5).astype(np.float32) for name in ("w", "dw", "m", "v")}
    for step in (1, 10):
        numbers = {"learning_rate": 0.02, "step": step}
        found = interpret(graph, {"dw": given["dw"], **numbers}, 5, given).named()
        expected = adam.rule(*given.values(), learning_rate=0.02, step=step)
        for key, value in zip(found, expected, strict=True):
            assert value.dtype == np.float32
            np.testing.assert_array_equal(found[key], value)


def test_recording_leaves_the_net_as_it_was() -> None:
    net = hg.Net(pages.BatchNorm(4), hg.Linear(4, 2, rng=0))
    before = net.state()
    hg.trace(net, hg.SoftmaxCrossEntropyLoss(), x=rows(4)(5))
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, before[path])
    assert type(net.layers[1].W) is np.ndarray


def test_every_shape_is_known_up_to_the_batch_size() -> None:
    graph = hg.trace(hg.Net(hg.Linear(6, 9, rng=0), hg.Softmax()), hg.CrossEntropyLoss())
    numbers = dict(graph.leaves.named()) | graph.outputs.named()
    shapes = {name: graph.nodes[i].shape for name, i in numbers.items()}
    assert shapes["x"] == (N, 6)
    assert shapes["prediction"] == (N, 9)
    assert shapes["d 0.W"] == (9, 6)
    assert shapes["loss"] == ()


def test_a_missing_leaf_is_named() -> None:
    graph = hg.trace(hg.Linear(2, 2))
    with pytest.raises(hg.errors.SettingError, match=r"no value for dy, W, b"):
        interpret(graph, {"x": np.zeros((3, 2))}, 3)
