"""A net of one's own is said by a state where one can, and taken whole where none can."""

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.scripts import inlined
from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.document import PAGE
from handgrad.learn.playground.models import numbers_in
from handgrad.learn.playground.own_nets import (
    net_for_page,
    spec_of,
    state_of_net,
    training_settings,
)
from handgrad.learn.playground.state import state_of
from handgrad.learn.playground.toy_data import inputs_of, rows_of, split_of
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import weighted_mean
from tests.learn.playground.trainings import in_training

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")


class Doubled(hg.Layer):
    """y = 2 x      dx = 2 dy"""

    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, dy: Any) -> Any:
        return 2 * dy


def test_a_chain_of_known_layers_is_a_state_with_its_weights() -> None:
    net = hg.Net(
        hg.Linear(2, 5, rng=0),
        hg.BatchNorm(5),
        hg.GELU(),
        hg.Dropout(0.25),
        hg.Linear(5, 3, rng=1),
        hg.Linear(3, 4, rng=2),
        hg.Softmax(),
    )
    net.layers[4].trainable = False
    adam = hg.Adam(0.01, betas=(0.8, 0.9), weight_decay=0.1, clip_norm=2.0)
    found = state_of_net(net, hg.CrossEntropyLoss(), adam)
    assert found is not None
    assert found["layers"] == [
        {
            "units": 5,
            "activation": "GELU",
            "normalization": "BatchNorm",
            "dropout": 0.25,
            "frozen": False,
        },
        {"units": 3, "activation": None, "normalization": None, "dropout": 0, "frozen": True},
    ]
    assert found["optimizer"] == {
        "name": "Adam",
        "learning_rate": 0.01,
        "betas": [0.8, 0.9],
        "weight_decay": 0.1,
    }
    assert found["clip"] == 2.0
    weights = numbers_in(found["events"][0]["weights"], "weights")
    np.testing.assert_array_equal(weights, net.parameters)
    assert state_of(found)["layers"] == found["layers"]


def test_a_regression_and_logits_end_with_a_linear_layer() -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    found = state_of_net(net, hg.MSELoss(), hg.SGD(0.1, momentum=0.9))
    assert found is not None
    assert (found["layers"], found["loss"]) == ([], "MSELoss")
    assert found["optimizer"] == {"name": "SGD", "learning_rate": 0.1, "momentum": 0.9}
    logits = hg.Net(hg.Linear(2, 3, rng=0))
    found = state_of_net(logits, hg.SoftmaxCrossEntropyLoss(), hg.SGD(0.1))
    assert found is not None
    assert found["loss"] == "SoftmaxCrossEntropyLoss"


def trained_norm() -> hg.Net:
    net = hg.Net(hg.Linear(2, 3, rng=0), hg.BatchNorm(3), hg.Linear(3, 1, rng=1))
    net.forward(np.random.default_rng(0).normal(size=(10, 2)))
    return net


def frozen_end() -> hg.Net:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    net.layers[-1].trainable = False
    return net


OTHERS = {
    "own layer": hg.Net(hg.Linear(2, 3, rng=0), Doubled(), hg.Linear(3, 1, rng=1)),
    "branch": hg.Net(hg.Residual(hg.Linear(2, 2, rng=0)), hg.Linear(2, 1, rng=1)),
    "activation first": hg.Net(hg.Tanh(), hg.Linear(2, 1, rng=0)),
    "two activations": hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh(), hg.ReLU(), hg.Linear(3, 1, rng=1)),
    "norm after": hg.Net(
        hg.Linear(2, 3, rng=0), hg.Tanh(), hg.LayerNorm(3), hg.Linear(3, 1, rng=1)
    ),
    "a setting": hg.Net(hg.Linear(2, 3, rng=0), hg.layers.LeakyReLU(0.3), hg.Linear(3, 1, rng=1)),
    "an activation last": hg.Net(hg.Linear(2, 1, rng=0), hg.layers.Softplus()),
    "running state": trained_norm(),
    "a frozen end": frozen_end(),
    "float64": hg.Net(hg.Linear(2, 1, rng=0, dtype=np.float64)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_no_state_says_is_none(name: str) -> None:
    assert state_of_net(OTHERS[name], hg.MSELoss(), hg.SGD(0.1)) is None


def test_rules_that_no_state_says_are_none() -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    for optimizer in (
        hg.SGD(0.1, clip_value=1.0),
        hg.SGD(0.1, groups={"*.b": {"weight_decay": 0.0}}),
        hg.optimizers.LBFGS(),
    ):
        assert state_of_net(net, hg.MSELoss(), optimizer) is None
    assert state_of_net(net, hg.losses.HuberLoss(delta=2.0), hg.SGD(0.1)) is None


def test_a_net_with_an_own_layer_takes_its_graphs_along() -> None:
    net = OTHERS["own layer"]
    x = np.ones((4, 2), np.float32)
    found = net_for_page(net, hg.losses.HuberLoss(delta=2.0), hg.SGD(0.1), x)
    first, own, _ = found["layers"]
    assert first["layer"] == "Linear"
    assert [part["name"] for part in first["parameters"]] == ["0.W", "0.b"]
    assert own["own_layer"] == "Doubled"
    assert "multiply" in [node[0] for node in found["graphs"]["step"]["nodes"][0]]
    assert found["loss"] == {"name": "HuberLoss", "delta": 2.0}
    assert found["optimizer"] == {"name": "SGD", "learning_rate": 0.1}
    np.testing.assert_array_equal(numbers_in(found["weights"], "weights"), net.parameters)


class Cubed(hg.Loss):
    """l = mean |e|³ / 3      dp = e |e| / size"""

    def forward(self, p: Array, y: Array) -> float:
        self.e = p - y.reshape(p.shape).astype(p.dtype)
        return weighted_mean(np.abs(self.e) ** 3 / 3)

    def backward(self, loss: object = None) -> Array:
        return self.e * np.abs(self.e) / self.e.size


def test_a_net_with_an_own_loss_takes_its_graphs_along() -> None:
    net, x = hg.Net(hg.Linear(2, 3, rng=0)), np.ones((4, 2), np.float32)
    found = net_for_page(net, Cubed(), hg.SGD(0.1), x)
    assert found["loss"]["name"] == "Cubed"
    assert found["graphs"]["evaluation"]["outputs"].keys() == {"prediction", "loss"}


def test_rules_that_a_page_does_not_have_are_refused() -> None:
    net, x = hg.Net(hg.Linear(2, 1, rng=0)), np.ones((4, 2), np.float32)
    groups = hg.Adam(0.1, groups={"*.b": {"weight_decay": 0.0}})
    for optimizer in (groups, hg.optimizers.LBFGS()):
        with pytest.raises(hg.HandgradError, match="one rule for all parameters"):
            net_for_page(net, hg.MSELoss(), optimizer, x)


@needs_node
def test_a_net_is_said_as_the_page_says_it() -> None:
    layer = {"units": 3, "activation": "ReLU", "normalization": "BatchNorm", "dropout": 0.5}
    states: list[dict[str, Any]] = [
        {},
        {"layers": [], "loss": "BinaryCrossEntropyLoss", "clip": 2.0},
        {"layers": [{**layer, "frozen": True}], "penalty": {"name": "L2Penalty", "alpha": 0.1}},
        {"data": {"kind": "plane"}, "layers": [{**layer, "normalization": "LayerNorm"}]},
        {"data": {"kind": "gauss", "classes": 4}, "penalty": {"name": "L1Penalty", "alpha": 0}},
    ]
    states[3]["layers"][0]["frozen"] = False
    path = f"{PAGE}/tried.js"
    imports = (
        'import { modelOf } from "./training/net.js";\n'
        'import { stateOf } from "./training/state.js";\n'
    )
    main = "export const main = (given) => given.map((one) => modelOf(stateOf(one).state));\n"
    said = run_in_node(inlined(path, {path: imports + main}), states)
    for given, model in zip(states, said, strict=True):
        assert spec_of(state_of(given)) == model | {"batch_size": 10}


def test_a_net_is_left_as_it_is() -> None:
    net = hg.Net(hg.Linear(2, 3, rng=0), hg.BatchNorm(3), Doubled(), hg.Linear(3, 1, rng=1))
    before = net.running_state.copy()
    found = net_for_page(net, hg.MSELoss(), hg.SGD(0.1), np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(net.running_state, before)
    np.testing.assert_array_equal(numbers_in(found["state"], "state"), before)


def drawing() -> hg.Net:
    """A net with layers that draw, some of them within others."""
    return hg.Net(
        hg.Linear(2, 6, rng=0),
        hg.Dropout(0.1),
        hg.Residual(hg.Linear(6, 6, rng=1), hg.Dropout(0.3), hg.Residual(hg.Dropout(0.4))),
        hg.Dropout(0.2),
        hg.Linear(6, 2, rng=2),
        hg.Softmax(),
    )


def trained_in_both(net: hg.Net) -> tuple[str, float, float]:
    """The parameters and the loss of the page after three epochs; the loss of Python, by `net`."""
    loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.1)
    given = {"data": {"kind": "moons", "n": 60, "noise": 10}, "seed": 5}
    given |= training_settings(loss, optimizer)
    state = state_of(given)
    rows = rows_of(state["data"])
    x, y = inputs_of(rows, state["inputs"]), rows.y.astype(int)
    kept, _ = split_of(len(y), state["share"], state["seed"])
    own = net_for_page(net, loss, optimizer, x[:8])
    main = """({ pages, own, given }) => {
      const { state } = stateOf(given);
      const made = (spec) => new Model(pages, spec);
      const training = new Training(state, new Task(state), made, own);
      training.run(3 * training.perEpoch, () => false);
      return [packed(training.model.parameters), training.epochLoss];
    }"""
    parameters, found = in_training(main, own=own, given=given)
    *_, report = hg.train(
        net,
        (x[kept], y[kept]),
        loss=loss,
        optimizer=optimizer,
        epochs=3,
        batch_size=state["batch_size"],
        rng=state["seed"],
        engine="portable",
    )
    return parameters, found, report.train_loss


@needs_node
def test_layers_within_others_draw_in_the_page_what_they_draw_in_python() -> None:
    net = drawing()
    parameters, loss, expected = trained_in_both(net)
    assert loss == expected
    assert parameters == packed(net.parameters)


class Maxout(hg.Layer):
    """y = maxₖ (x Wₖᵀ + bₖ)"""

    param_names = ("W", "b")

    def __init__(self, n_in: int, n_out: int, pieces: int, rng: int) -> None:
        self.W = np.random.default_rng(rng).normal(size=(pieces, n_out, n_in)).astype(np.float32)
        self.b = np.zeros((pieces, n_out), np.float32)
        self.n_in, self.pieces = n_in, pieces

    def forward(self, x: Any) -> Any:
        self.x = x
        z = np.einsum("ni,koi->nko", x, self.W) + self.b
        y = z.max(axis=1)
        self.largest = z == y[:, None, :]
        return y

    def backward(self, dy: Any) -> Any:
        dz = np.where(self.largest, dy[:, None, :], 0)
        self.dW = np.einsum("nko,ni->koi", dz, self.x)
        self.db = dz.sum(axis=0)
        return np.einsum("nko,koi->ni", dz, self.W)


class SoftMixture(hg.Layer):
    """y = Σₖ gₖ (x Wₖᵀ + bₖ)      g = softmax(x Vᵀ)"""

    param_names = ("W", "V", "b")

    def __init__(self, n_in: int, n_out: int, experts: int, rng: int) -> None:
        draw = np.random.default_rng(rng).normal
        self.W = draw(size=(experts, n_out, n_in)).astype(np.float32)
        self.V = draw(size=(experts, n_in)).astype(np.float32)
        self.b = draw(size=(experts, n_out)).astype(np.float32)
        self.n_in = n_in

    def forward(self, x: Any) -> Any:
        self.x = x
        s = x @ self.V.T
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.g = e / e.sum(axis=1, keepdims=True)
        self.z = np.einsum("ni,koi->nok", x, self.W).transpose(0, 2, 1) + self.b
        return (self.g[:, :, None] * self.z).sum(axis=1)

    def backward(self, dy: Any) -> Any:
        dg = (dy[:, None, :] * self.z).sum(axis=2)
        dz = self.g[:, :, None] * dy[:, None, :]
        self.dW = np.einsum("nko,ni->koi", dz, self.x)
        self.db = dz.sum(axis=0)
        ds = self.g * (dg - (self.g * dg).sum(axis=1, keepdims=True))
        self.dV = np.einsum("nk,ni->ki", ds, self.x)
        return np.einsum("nko,koi->ni", dz, self.W) + np.einsum("nk,ki->ni", ds, self.V)


PRODUCTS: dict[str, Callable[[], Maxout | SoftMixture]] = {
    "maxout": lambda: Maxout(6, 5, 3, rng=1),
    "a mixture": lambda: SoftMixture(6, 5, 4, rng=1),
    "many pieces": lambda: Maxout(6, 20, 18, rng=1),
    "a wide mixture": lambda: SoftMixture(6, 20, 3, rng=1),
}


@needs_node
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_by_letters_have_the_bits_of_the_portable_engine(name: str) -> None:
    layer = PRODUCTS[name]()
    assert hg.check_gradients(layer)
    width = layer.W.shape[1]
    net = hg.Net(hg.Linear(2, 6, rng=0), layer, hg.Linear(width, 2, rng=2), hg.Softmax())
    parameters, loss, expected = trained_in_both(net)
    assert loss == expected
    assert parameters == packed(net.parameters)
