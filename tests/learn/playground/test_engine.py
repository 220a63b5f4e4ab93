"""The playground's engine, run in node: the bits of `engine="portable"`, for every page."""

from functools import cache
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground.printed_engine import printed_engine
from handgrad.textbook.layers import Array, Layer
from tests.learn.playground.engine_cases import Case, found_in_node
from tests.learn.playground.in_node import HAS_NODE, PAGE
from tests.learn.playground.test_draws import without_layout

pytestmark = HAS_NODE

ACTIVATIONS = (
    *("Tanh", "ReLU", "LeakyReLU", "Sigmoid", "SiLU", "GELU", "GELUTanh"),
    *("ELU", "SELU", "Softplus", "Mish"),
)
# by their name, in the tests: the loss, its settings, and whether it has one column too
LOSSES: dict[str, tuple[dict[str, float], bool]] = {
    "SoftmaxCrossEntropyLoss": ({}, False),
    "LabelSmoothingCrossEntropyLoss": ({"label_smoothing": 0.2}, False),
    "SoftTargetCrossEntropyLoss": ({}, False),
    "MultiMarginLoss": ({}, False),
    "SigmoidBinaryCrossEntropyLoss": ({}, True),
    "FocalLoss": ({"gamma": 1.5, "alpha": 0.4}, True),
    "HingeLoss": ({}, True),
    "MSELoss": ({}, True),
    "MAELoss": ({}, True),
    "HuberLoss": ({"delta": 0.7}, True),
    "QuantileLoss": ({"q": 0.3}, True),
    "PoissonNLLLoss": ({}, True),
}
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "momentum": ("SGD", {"momentum": 0.9}),
    "nesterov, decay": ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    "Adam": ("Adam", {}),
    "Adam, all settings": (
        "Adam",
        {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1, "clip_norm": 0.3},
    ),
    "AdamW": ("AdamW", {}),
    "values cut": ("AdamW", {"clip_value": 0.01, "clip_norm": 0.2, "eps": 1e-4}),
    "values cut, decay": ("SGD", {"clip_value": 0.02, "weight_decay": 0.1}),
    "NAdam": ("NAdam", {}),
    "RMSprop": ("RMSprop", {}),
    "Adagrad, clipped": ("Adagrad", {"clip_norm": 0.1}),
    "Lion, clipped": ("Lion", {"weight_decay": 0.2, "clip_norm": 0.01}),
}
PENALTIES = {
    "L1Penalty": {"alpha": 0.01},
    "L2Penalty": {"alpha": 0.02},
    "ElasticNetPenalty": {"alpha": 0.03, "l1_ratio": 0.2},
}


def net(*inner: Layer, width: int = 8, outputs: int = 3, last: tuple[Layer, ...] = ()) -> hg.Net:
    """A net with some layers between its first and its last linear one."""
    first, end = hg.Linear(2, width, rng=1), hg.Linear(width, outputs, rng=3)
    return hg.Net(first, *inner, end, *last)


def classifier(*inner: Layer, width: int = 8) -> hg.Net:
    return net(*(inner or (hg.Tanh(),)), width=width, last=(hg.Softmax(),))


def frozen(which: int) -> hg.Net:
    made = classifier(hg.Tanh(), hg.Linear(8, 8, rng=2), hg.Tanh())
    made.layers[which].trainable = False
    return made


def cases() -> dict[str, Case]:
    """All trainings, by what is tried in them."""
    entropy = "CrossEntropyLoss"
    found = {
        name: Case(classifier(*(getattr(hg.layers, name)(),)), entropy) for name in ACTIVATIONS
    }
    between = {
        "BatchNorm": hg.BatchNorm(8, momentum=0.2),
        "LayerNorm": hg.LayerNorm(8),
        "FeatureScale": hg.layers.FeatureScale(8),
        "Dropout": hg.Dropout(0.3),
    }
    found |= {
        name: Case(
            classifier(layer, hg.layers.LeakyReLU(0.3), hg.Linear(8, 8, rng=4), hg.layers.ELU(0.5)),
            entropy,
        )
        for name, layer in between.items()
    }
    scale = hg.Standardize(np.array([0.5, 0.2]), np.array([2.0, 0.3]))
    found["Standardize"] = Case(
        hg.Net(scale, hg.Linear(2, 20, rng=1), hg.Tanh(), hg.Linear(20, 3, rng=3), hg.Softmax()),
        entropy,
    )
    for name, (settings, single) in LOSSES.items():
        for outputs in (*([1] if single else []), 3, 20):
            case = Case(net(hg.Tanh(), outputs=outputs), name, loss_settings=settings)
            found[f"{name}, {outputs} outputs"] = case
    for outputs in (1, 20):
        made = net(hg.Tanh(), outputs=outputs, last=(hg.Sigmoid(),))
        found[f"BinaryCrossEntropyLoss, {outputs} outputs"] = Case(made, "BinaryCrossEntropyLoss")
    for title, (name, own) in OPTIMIZERS.items():
        found[title] = Case(classifier(), entropy, name, own, rate=0.01)
    for name, pull in PENALTIES.items():
        large = hg.Net(
            hg.Linear(2, 40, rng=1), hg.Tanh(), hg.Linear(40, 30, rng=2), hg.Linear(30, 1, rng=3)
        )
        found[name] = Case(classifier(), entropy, penalty=(name, pull))
        found[f"{name}, regression"] = Case(large, "MSELoss", penalty=(name, pull), rate=0.01)
    clipped = {"clip_norm": 0.5}
    for which in (0, 2):
        penalty = ("L2Penalty", {"alpha": 0.02})
        found[f"layer {which} frozen"] = Case(
            frozen(which), entropy, "Adam", clipped, penalty=penalty
        )
    return found | {
        "one linear layer": Case(hg.Net(hg.Linear(2, 1, rng=1)), "MSELoss"),
        "gamma 4": Case(net(hg.Tanh(), outputs=1), "FocalLoss", loss_settings={"gamma": 4.0}),
        "sums in chunks": Case(
            hg.Net(hg.Linear(2, 1, rng=1)), "MSELoss", rows=1300, batch_size=1300
        ),
        "wide": Case(
            classifier(hg.Tanh(), hg.Linear(64, 64, rng=2), hg.ReLU(), width=64),
            entropy,
            rows=120,
            batch_size=50,
        ),
        "row by row": Case(classifier(), entropy, batch_size=1),
    }


CASES = cases()


@cache
def found() -> dict[str, dict[str, Array]]:
    """What the engine makes of all cases, in one run of node."""
    return dict(zip(CASES, found_in_node([*CASES.values()]), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_engine_trains_and_predicts_with_the_same_bits(name: str) -> None:
    expected = CASES[name].expected()
    assert np.isfinite(expected["losses"]).all()
    for key, numbers in expected.items():
        np.testing.assert_array_equal(found()[name][key], numbers, key)


def test_the_module_of_functions_is_what_is_printed() -> None:
    written = (PAGE / "engine/functions.js").read_text("utf-8")
    assert without_layout(written) == without_layout(printed_engine())
