"""What a page says of its net is that net, and nothing else is believed."""

import base64
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.models import model_of
from handgrad.textbook.errors import HandgradError

LAYERS = [
    {"layer": "Linear", "settings": {"n_in": 2, "n_out": 3}},
    {"layer": "BatchNorm", "settings": {"n_features": 3}},
    {"layer": "Linear", "settings": {"n_in": 3, "n_out": 2}},
    {"layer": "Softmax", "settings": {}},
]


def test_a_net_comes_over_with_its_numbers() -> None:
    net = hg.Net(hg.Linear(2, 3, rng=0), hg.BatchNorm(3), hg.Linear(3, 2, rng=1), hg.Softmax())
    net.forward(np.random.default_rng(0).normal(size=(20, 2)))
    said = {"layers": LAYERS, "weights": packed(net.parameters), "state": packed(net.running_state)}
    found = model_of(said).net
    assert repr(found) == repr(net)
    assert np.array_equal(found.parameters, net.parameters)
    assert np.array_equal(found.running_state, net.running_state)
    assert np.any(found.running_state)


def test_rules_are_made_by_name_and_settings() -> None:
    found = model_of(
        {
            "layers": LAYERS,
            "loss": {"name": "HuberLoss", "delta": 2.0},
            "optimizer": {"name": "Adam", "learning_rate": 0.01, "betas": [0.8, 0.9]},
            "penalty": {"name": "L2Penalty", "alpha": 0.1},
            "clip": 1.0,
            "batch_size": 7,
        }
    )
    assert repr(found.loss) == "HuberLoss(delta=2.0)"
    assert repr(found.penalty) == "L2Penalty(alpha=0.1)"
    assert isinstance(found.optimizer, hg.Adam)
    assert (found.optimizer.clip_norm, found.batch_size) == (1.0, 7)
    assert isinstance(model_of({"layers": LAYERS, "loss": "MSELoss"}).loss, hg.MSELoss)


def test_the_own_net_is_copied() -> None:
    class Doubled(hg.Layer):
        def forward(self, x: Any) -> Any:
            return 2 * x

        def backward(self, dy: Any) -> Any:
            return 2 * dy

    net = hg.Net(hg.Linear(1, 1, rng=0), Doubled())
    weights = np.array([3.0, 4.0], np.float32)
    found = model_of({"own": True, "weights": base64.b64encode(weights.tobytes()).decode()}, net)
    assert found.net.predict([[1.0]]).tolist() == [[14.0]]
    assert net.predict([[1.0]]).tolist() != [[14.0]]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"layers": []},
        {"layers": "Linear"},
        {"layers": [{"layer": "Linear", "settings": {}}]},
        {"layers": [{"layer": "Linear", "settings": {"n_in": 2, "n_out": 3, "rng": 1}}]},
        {"layers": [{"layer": "Linear", "settings": {"n_in": 2, "n_out": -1}}]},
        {"layers": [{"layer": "Linear", "settings": {"n_in": 2, "n_out": 2**24}}]},
        {"layers": [{"layer": "Linear", "settings": {"n_in": 4096, "n_out": 4097}}]},
        {"layers": [{"layer": "Linear", "settings": {"n_in": "x", "n_out": 2}}]},
        {"layers": [{"layer": "Layer", "settings": {}}]},
        {"layers": [{"layer": "eval", "settings": {}}]},
        {"layers": [{"own_layer": "Linear", "settings": {"n_in": 2, "n_out": 2}}]},
        {"layers": LAYERS * 30},
        {"layers": LAYERS, "weights": packed(np.zeros(3))},
        {"layers": LAYERS, "weights": "?"},
        {"layers": LAYERS, "weights": "AAA"},
        {"layers": LAYERS, "loss": "Loss"},
        {"layers": LAYERS, "loss": 3},
        {"layers": LAYERS, "loss": {"name": "MSELoss", "delta": 1}},
        {"layers": LAYERS, "optimizer": {"name": "SGD", "learning_rate": -1}},
        {"layers": LAYERS, "optimizer": {"name": "SGD"}},
        {"layers": LAYERS, "optimizer": {"name": "SGD", "learning_rate": {"a": []}}},
        {"layers": LAYERS, "batch_size": 0},
        {"layers": LAYERS, "batch_size": True},
        {"own": True},
        {"layers": [{"layer": "SinusoidalEncoding", "settings": {"length": 2**24, "size": 2**24}}]},
        {"layers": [{"layer": "PositionEmbedding", "settings": {"length": 2**24, "size": 2**24}}]},
    ],
)
def test_what_is_no_such_model_is_refused_in_three_parts(said: dict[str, Any]) -> None:
    with pytest.raises(HandgradError) as refused:
        model_of(said)
    assert all((refused.value.came, refused.value.expected, refused.value.hint))
