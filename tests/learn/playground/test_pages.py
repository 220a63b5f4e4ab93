"""Recorded pages as JSON: all that belong there, small, with formulas for what settings change."""

import gzip
import json

import numpy as np
import pytest

import handgrad as hg
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.learn.playground.pages import FORMULAS, Formula, traced_layer, traced_modules, unified
from handgrad.textbook import layers, losses, optimizers
from handgrad.textbook.errors import RecordingError
from handgrad.textbook.layers import Array
from tests.learn.playground.in_node import HAS_NODE, module

# Layers that take other than one row of numbers, and what is not a layer.
NOT_OF_ROWS = {
    *("Array", "Layer", "initializers", "Embedding", "TabularEmbedding"),
    *("EnsembleEmbedding", "EnsembleLinear", "EnsemblePeriodicEmbedding"),
    *("Reshape", "Flatten", "Transpose", "Conv1d", "Conv2d", "MaxPool2d", "AvgPool2d"),
    *("BatchNorm2d", "RandomShift", "RandomHorizontalFlip", "GaussianNoise"),
    *("RNN", "GRU", "LSTM", "MultiheadAttention", "PositionEmbedding", "SinusoidalEncoding"),
    *("MeanOverTime", "MaxOverTime"),
}


def test_every_public_layer_of_rows_loss_and_rule_is_there() -> None:
    pages = traced_modules()
    assert {*pages["layers"]} == {*layers.__all__} - NOT_OF_ROWS
    assert {*pages["losses"]} == {*losses.__all__} - {"Loss", "kinds"}
    assert {*pages["optimizers"]} == {*optimizers.__all__} - {"Optimizer", "LBFGS"}


def test_pages_are_small() -> None:
    text = json.dumps(traced_modules(), separators=(",", ":")).encode()
    assert len(text) < 40_000
    assert len(gzip.compress(text)) < 8_000


def test_settings_and_widths_are_formulas() -> None:
    text = json.dumps(traced_modules()["layers"]["BatchNorm"])
    assert '{"is": ["1-s", "momentum"]}' in text
    assert '{"is": ["s", "eps"]}' in text
    loss = json.dumps(traced_modules()["losses"]["LabelSmoothingCrossEntropyLoss"])
    assert '{"is": ["s/k", "label_smoothing"]}' in loss


def test_a_constant_without_a_formula_is_refused() -> None:
    runs = [{"p": 0.3, "k": 3}, {"p": 0.2, "k": 5}]
    assert unified([0.7, 0.8], runs) == Formula("1-s", "p")
    with pytest.raises(RecordingError, match=r"constants 0\.1, 0\.5 with three settings"):
        unified([0.1, 0.5], runs)
    with pytest.raises(RecordingError, match="with three settings"):
        unified([(1, 2), (1, 2, 3)], runs)


def test_prediction_is_there_only_where_it_is_not_the_way_forward() -> None:
    pages = traced_modules()["layers"]
    own = {name for name, page in pages.items() if "prediction" in page}
    assert own == {"BatchNorm", "Dropout"}


def test_random_numbers_that_are_no_uniform_float32_are_refused() -> None:
    class Noise(hg.Layer):
        def forward(self, x: Array) -> Array:
            return x + self.rng.normal(0, 1, x.shape).astype(x.dtype)

        def backward(self, dy: Array) -> Array:
            return dy

    with pytest.raises(RecordingError, match=r"draws by rng\.normal in float64"):
        traced_layer(Noise(), np.ones((4, 2), np.float32))


@HAS_NODE
def test_the_page_has_the_formulas_of_python() -> None:
    main = (
        module("formulaOf", "engine/constants.js")
        + "const main = ({ texts }) => texts.map((text) => formulaOf([text, 'p'], { p: 0.3 }, 7));"
    )
    found = run_in_node(main, {"texts": [*FORMULAS]})
    assert found == [compute(0.3, 7) for compute in FORMULAS.values()]
