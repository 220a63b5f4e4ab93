"""Recurrent nets against PyTorch over many steps: values, gradients, and 20 steps of SGD."""

from typing import Any

import numpy as np
import pytest
import torch

import handgrad as hg
from tests.oracle import reference
from tests.oracle.cases import RecordingSGD, step_by_hand
from tests.oracle.compare import assert_all_close, assert_close
from tests.oracle.reference import tensor

pytestmark = pytest.mark.oracle

STEPS, RATE = 20, 0.1
KINDS: dict[str, Any] = {"RNN": hg.layers.RNN, "GRU": hg.GRU, "LSTM": hg.LSTM}
each_length = pytest.mark.parametrize(
    ("kind", "t"), [("RNN", 28), ("GRU", 28), ("GRU", 56), ("GRU", 200), ("LSTM", 28)]
)


def prepared(kind: str, t: int, deep: bool = False) -> tuple[hg.Net, Any, Any]:
    """A net that reads sequences of t steps, and eight of them with their classes."""
    rng = np.random.default_rng(t)
    recurrent = KINDS[kind]
    before = [recurrent(3, 4, return_sequences=True, rng=rng)] if deep else []
    last = recurrent(4 if deep else 3, 5, rng=rng)
    net = hg.Net(*before, last, hg.Linear(5, 3, rng=rng), dtype=np.float64)
    net.parameters[...] += 0.1 * rng.standard_normal(net.parameters.size)
    return net, rng.standard_normal((8, t, 3)), rng.permutation([0, 1, 2, 0, 1, 2, 0, 1])


def trajectory(net: hg.Net, x: Any, y: Any) -> Any:
    """The weights after each of 20 steps of torch.optim.SGD."""
    twin = reference.Reference(net)
    optimizer = torch.optim.SGD(list(twin.parameters.values()), lr=RATE)
    weights = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        twin.loss("SoftmaxCrossEntropyLoss", twin.forward(tensor(x)), tensor(y)).backward()
        optimizer.step()
        weights.append(twin.weights())
    return np.array(weights)


@each_length
@pytest.mark.parametrize("deep", [False, True])
def test_a_step_equals_pytorchs(kind: str, t: int, deep: bool) -> None:
    net, x, y = prepared(kind, t, deep)
    loss = hg.SoftmaxCrossEntropyLoss()
    found = step_by_hand(net, loss, x, y)
    assert_all_close(found, reference.of_step(net, loss, x, y), f"{kind}, {t} steps")


@each_length
def test_twenty_steps_of_training_end_where_pytorchs_do(kind: str, t: int) -> None:
    net, x, y = prepared(kind, t)
    expected, optimizer = trajectory(net, x, y), RecordingSGD(RATE)
    settings: Any = {"loss": hg.SoftmaxCrossEntropyLoss(), "epochs": STEPS, "batch_size": len(x)}
    list(hg.train(net, (x, y), optimizer=optimizer, shuffle=False, engine="eager", **settings))
    assert_close(np.array(optimizer.trajectory), expected, f"{kind}, {t} steps")


@pytest.mark.parametrize(
    ("kind", "t", "engine"),
    [
        ("GRU", 28, "compiled"),
        ("GRU", 56, "compiled"),
        ("LSTM", 28, "compiled"),
        ("GRU", 28, "portable"),
    ],
)
def test_machine_code_ends_where_pytorch_does(kind: str, t: int, engine: Any) -> None:
    net, x, y = prepared(kind, t)
    expected = trajectory(net, x, y)
    settings: Any = {"loss": hg.SoftmaxCrossEntropyLoss(), "epochs": STEPS, "batch_size": len(x)}
    list(hg.train(net, (x, y), optimizer=hg.SGD(RATE), shuffle=False, engine=engine, **settings))
    assert_close(net.parameters, expected[-1], f"{kind}, {t} steps, {engine}")
