"""Fragments as JSON: all kinds, small, with formulas for what settings and sizes change."""

import gzip
import json
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import trace
from handgrad.learn.playground.constants import unified
from handgrad.learn.playground.fragments import fragment
from handgrad.learn.playground.own_nets import net_for_page
from handgrad.learn.playground.pages import traced_modules
from handgrad.textbook import layers, losses, optimizers
from handgrad.textbook.errors import HandgradError, RecordingError
from handgrad.textbook.layers import Array

# Layers that take other than one row of any width, and what is not a layer.
NOT_OF_ROWS = {
    *("Array", "Layer", "initializers", "Embedding", "TabularEmbedding"),
    *("EnsembleEmbedding", "EnsembleLinear", "EnsemblePeriodicEmbedding"),
    *("Reshape", "Flatten", "Transpose", "Conv1d", "Conv2d", "MaxPool2d", "AvgPool2d"),
    *("BatchNorm2d", "RandomShift", "RandomHorizontalFlip", "GaussianNoise"),
    *("RNN", "GRU", "LSTM", "MultiheadAttention", "PositionEmbedding", "SinusoidalEncoding"),
    *("MeanOverTime", "MaxOverTime", "RotaryEmbedding", "SwiGLU"),
    *("ConvTranspose1d", "ConvTranspose2d"),
}


NOT_OF_THE_PLAYGROUND = {
    *("Loss", "kinds", "GammaDevianceLoss", "TweedieDevianceLoss", "LogisticHazardLoss")
}
BY_THEMSELVES = {"Optimizer", "LBFGS", "Muon", "EMA", "SWA", "GradientAccumulation"}


def test_every_public_layer_of_rows_loss_and_rule_is_there() -> None:
    pages = traced_modules()
    assert {*pages["layers"]} == {*layers.__all__} - NOT_OF_ROWS
    assert {*pages["losses"]} == {*losses.__all__} - NOT_OF_THE_PLAYGROUND
    assert {*pages["optimizers"]} == {*optimizers.__all__} - BY_THEMSELVES


def test_pages_are_small() -> None:
    text = json.dumps(traced_modules(), separators=(",", ":")).encode()
    assert len(text) < 100_000
    assert len(gzip.compress(text)) < 11_000


COMPUTED: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
}


def evaluated(value: Any, scope: dict[str, float]) -> Any:
    """A fragment with its formulas evaluated, as the page does."""
    if isinstance(value, list):
        return [evaluated(part, scope) for part in value]
    if isinstance(value, dict):
        ((operation, parts),) = value.items()
        return COMPUTED[operation](*evaluated(parts, scope))
    return scope.get(value, value) if isinstance(value, str) else value


LAYERS: dict[str, tuple[Callable[[int], hg.Layer], dict[str, float]]] = {
    "Linear": (lambda k: hg.Linear(k, 2), {"n_out": 2}),
    "LeakyReLU": (lambda k: hg.layers.LeakyReLU(0.25), {"a": 0.25}),
    "BatchNorm": (lambda k: hg.BatchNorm(k, momentum=0.2), {"momentum": 0.2, "eps": 1e-5}),
    "LayerNorm": (hg.LayerNorm, {"eps": 1e-5}),
    "RMSNorm": (hg.layers.RMSNorm, {"eps": 1e-5}),
    "Dropout": (lambda k: hg.Dropout(0.2), {"p": 0.2}),
    "Softmax": (lambda k: hg.Softmax(), {}),
}
LOSSES: dict[str, dict[str, float]] = {
    "FocalLoss": {"gamma": 1.5, "alpha": 0.4},
    "HuberLoss": {"delta": 0.7},
    "LabelSmoothingCrossEntropyLoss": {"label_smoothing": 0.3},
    "MSELoss": {},
    "QuantileLoss": {"q": 0.3},
    "SoftTargetCrossEntropyLoss": {},
}
WIDTHS = [2, 17, 40]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", LAYERS)
def test_the_fragment_of_a_layer_holds_for_other_sizes_and_settings(name: str, width: int) -> None:
    make, settings = LAYERS[name]
    x = np.random.default_rng(0).uniform(0.1, 0.9, (4, width)).astype(np.float32)
    page = traced_modules()["layers"][name]["training"]
    same_as_traced(page, trace(make(width), x=x), settings | {"k": width})


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", LOSSES)
def test_the_fragment_of_a_loss_holds_for_other_sizes_and_settings(name: str, width: int) -> None:
    p = np.random.default_rng(0).uniform(0.1, 0.9, (4, width)).astype(np.float32)
    graph = trace(getattr(losses, name)(**LOSSES[name]), x=p)
    same_as_traced(traced_modules()["losses"][name]["training"], graph, LOSSES[name] | {"k": width})


def same_as_traced(page: dict[str, Any], graph: hg.Graph, scope: dict[str, float]) -> None:
    """Compare a fragment with that of a module of constant settings."""
    rows = scope | {"n": 6}
    expected = fragment([graph], [{}])
    for found, wanted in ((page, expected), (page["lines"], expected["lines"])):
        assert evaluated(found["nodes"], rows) == evaluated(wanted["nodes"], rows)
        assert found["outputs"] == wanted["outputs"]


def test_settings_and_widths_are_formulas() -> None:
    text = json.dumps(traced_modules()["layers"]["BatchNorm"])
    assert '{"subtract": [1, "momentum"]}' in text
    assert '"eps"' in text
    loss = json.dumps(traced_modules()["losses"]["LabelSmoothingCrossEntropyLoss"])
    assert '{"divide": ["label_smoothing", "k"]}' in loss


def test_a_constant_without_a_formula_is_refused() -> None:
    sizes = [{"k": 3}, {"k": 5}]
    assert unified([["x", 7], ["x", 11]], sizes) == ["x", {"add": [{"multiply": [2, "k"]}, 1]}]
    with pytest.raises(RecordingError, match=r"0\.7, 'a' with three settings"):
        unified([0.7, "a"], sizes)
    with pytest.raises(RecordingError, match="with three settings"):
        unified([[1, 2], [1, 2, 3]], sizes)


def test_prediction_is_there_only_where_it_is_not_the_way_forward() -> None:
    pages = traced_modules()["layers"]
    own = {name for name, page in pages.items() if "prediction" in page}
    assert own >= {"BatchNorm", "Dropout"}
    assert own <= {"BatchNorm", "Dropout", "Mish", "Softplus"}  # these compute p for the way back


class Noise(hg.Layer):
    def forward(self, x: Array) -> Array:
        return x + self.rng.uniform(0, 1, x.shape).astype(x.dtype) if self.training else x

    def backward(self, dy: Array) -> Array:
        return dy


class Shifted(hg.Layer):
    def forward(self, x: Array) -> Array:
        y = np.zeros_like(x)
        y[:, 1:] = x[:, :-1]
        return y

    def backward(self, dy: Array) -> Array:
        return dy


@pytest.mark.parametrize(
    ("layer", "came"),
    [(Noise(), r"a draw by rng\.uniform"), (Shifted(), "write with such arguments")],
)
def test_what_the_page_cannot_run_is_refused(layer: hg.Layer, came: str) -> None:
    net = hg.Net(hg.Linear(2, 3, rng=0), layer)
    with pytest.raises(HandgradError, match=came):
        net_for_page(net, hg.MSELoss(), hg.SGD(0.1), np.ones((4, 2), np.float32))
