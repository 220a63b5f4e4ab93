"""Two towers, each with an input of its own, that meet in one net: twenty steps of PyTorch's."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import handgrad as hg
from tests.graph.spellings.several import TwoTowers
from tests.oracle.compare import assert_close

pytestmark = pytest.mark.oracle

ROWS, BATCH, RATE = 20, 5, 0.1


@pytest.mark.parametrize("engine", ["eager", "compiled", "portable"])
def test_twenty_steps_are_pytorchs(engine: Any) -> None:
    rng = np.random.default_rng(0)
    a, b, y = (rng.standard_normal((ROWS, k)) for k in (6, 2, 2))
    net = hg.Net(TwoTowers(), hg.Linear(3, 2, rng=2), dtype=np.float64)
    f, g, last = nn.Linear(6, 3), nn.Linear(2, 3), nn.Linear(3, 2)
    parameters = [p for module in (f, g, last) for p in module.double().parameters()]
    with torch.no_grad():
        for theirs, own in zip(parameters, net.named_parameters().values(), strict=True):
            theirs.copy_(torch.tensor(own))
    losses = [
        report.train_loss
        for report in hg.train(
            net,
            ((a, b), y),
            loss=hg.MSELoss(),
            optimizer=hg.Adam(RATE),
            epochs=5,
            batch_size=BATCH,
            shuffle=False,
            engine=engine,
        )
    ]
    adam, expected = torch.optim.Adam(parameters, RATE), []
    for _ in range(5):
        total = 0.0
        for rows in range(0, ROWS, BATCH):
            those = slice(rows, rows + BATCH)
            left, right = (torch.tensor(part[those]) for part in (a, b))
            p = last(torch.tanh(f(left)) * torch.sigmoid(g(right)))
            value = ((p - torch.tensor(y[those])) ** 2).mean()
            adam.zero_grad()
            value.backward()
            adam.step()
            total += value.item() * BATCH / ROWS
        expected.append(total)
    assert_close(np.array(losses), np.array(expected), "losses")
    flat = np.concatenate([p.detach().numpy().ravel() for p in parameters])
    assert_close(net.parameters, flat, "weights")
