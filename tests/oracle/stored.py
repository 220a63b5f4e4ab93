"""The stored results of PyTorch, and the nets they are of."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.cases import Case

PATH = Path(__file__).with_name("stored.json")

NETS = {
    "tanh, softmax, cross-entropy": Case(
        (2, 3, 2), ("Tanh",), 0.01, "Softmax, CrossEntropyLoss", 4, 4, 3, 0.1, 1
    ),
    "relu, cross-entropy of logits": Case(
        (3, 4, 3), ("ReLU",), 0.01, "SoftmaxCrossEntropyLoss", 5, 2, 2, 0.1, 2
    ),
    "leaky relu, sigmoid, binary cross-entropy": Case(
        (2, 3, 1), ("LeakyReLU",), 0.1, "Sigmoid, BinaryCrossEntropyLoss", 3, 5, 1, 0.1, 3
    ),
    "sigmoid, squared error": Case((2, 3, 2), ("Sigmoid",), 0.01, "MSELoss", 6, 1, 6, 0.1, 4),
    "leaky relu, absolute error": Case((2, 3, 2), ("LeakyReLU",), 0.5, "MAELoss", 2, 4, 1, 0.1, 5),
    "four layers deep": Case(
        (2, 3, 2, 3, 2),
        ("Tanh", "ReLU", "Sigmoid"),
        0.01,
        "Softmax, CrossEntropyLoss",
        *(1, 20, 1, 0.05, 6),
    ),
}


@cache
def stored() -> dict[str, Any]:
    """All that is stored, by name, arrays as arrays."""
    found = json.loads(PATH.read_text(encoding="utf-8"))
    return {k: v if isinstance(v, str) else np.asarray(v) for k, v in found.items()}


def within(prefix: str) -> dict[str, Any]:
    """What is stored under a prefix, by the rest of the name."""
    start = f"{prefix}/"
    return {k.removeprefix(start): v for k, v in stored().items() if k.startswith(start)}


def state_in(prefix: str) -> dict[str, Any]:
    """The parameters and the running state to begin with."""
    start = "given "
    return {k.removeprefix(start): v for k, v in within(prefix).items() if k.startswith(start)}
