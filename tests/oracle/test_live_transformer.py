"""A transformer of two blocks against PyTorch's modules: gradients, and 20 steps of training."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import handgrad as hg
from tests.oracle.cases import RecordingSGD, gradients_of
from tests.oracle.compare import assert_all_close, assert_close

pytestmark = pytest.mark.oracle

WORDS, T, D, HEADS, ROWS, BATCH, EPOCHS = 7, 6, 8, 2, 25, 5, 4
RATE = 0.05


class Block(nn.Module):  # type: ignore[misc]
    """Attention and two linear layers, each behind a LayerNorm and beside what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(D), nn.LayerNorm(D)])
        self.attention = nn.MultiheadAttention(D, HEADS, batch_first=True)
        self.wide, self.narrow = nn.Linear(D, 2 * D), nn.Linear(2 * D, D)

    def forward(self, x: Any, barred: Any, padding: Any) -> Any:
        z = self.norms[0](x)
        x = x + self.attention(z, z, z, padding, need_weights=False, attn_mask=barred)[0]
        return x + self.narrow(functional.gelu(self.wide(self.norms[1](x))))


class Transformer(nn.Module):  # type: ignore[misc]
    """Words and places, two blocks, an answer for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, D, padding_idx=0)
        self.places = nn.Parameter(torch.empty(T, D))
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm, self.last = nn.LayerNorm(D), nn.Linear(D, WORDS)

    def forward(self, c: Any, causal: bool) -> Any:
        t = c.shape[1]
        barred = torch.ones(t, t, dtype=torch.bool).triu(1) if causal else None
        x = self.words(c) + self.places[:t]
        for block in self.blocks:
            x = block(x, barred, c == 0)
        return self.last(self.norm(x))

    def in_order(self) -> list[Any]:
        """All parameters, in the order of handgrad's."""
        found = [self.words.weight, self.places]
        for block in self.blocks:
            attention = block.attention
            found += [*block.norms[0].parameters(), attention.in_proj_weight]
            found += [attention.in_proj_bias, *attention.out_proj.parameters()]
            for module in (block.norms[1], block.wide, block.narrow):
                found += module.parameters()
        return [*found, *self.norm.parameters(), *self.last.parameters()]


def transformer(causal: bool) -> hg.Net:
    rng = np.random.default_rng(0)
    blocks: list[hg.Layer] = []
    for _ in range(2):
        attention = hg.MultiheadAttention(D, HEADS, causal=causal, rng=rng)
        blocks.append(hg.Residual(hg.LayerNorm(D), attention))
        wide, narrow = hg.Linear(D, 2 * D, rng=rng), hg.Linear(2 * D, D, rng=rng)
        blocks.append(hg.Residual(hg.LayerNorm(D), wide, hg.GELU(), narrow))
    return hg.Net(
        hg.Embedding(WORDS, D, padding=0, rng=rng),
        hg.layers.PositionEmbedding(T, D, rng=rng),
        *blocks,
        hg.LayerNorm(D),
        hg.Linear(D, WORDS, rng=rng),
        dtype=np.float64,
    )


def rows(padded: bool) -> tuple[Any, Any]:
    """Sequences of words, of different lengths where they are padded; and the words wanted."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(1, WORDS, (ROWS, T)), rng.integers(0, WORDS, (ROWS, T))
    lengths = rng.integers(1, T + 1, ROWS) if padded else np.full(ROWS, T)
    return np.where(np.arange(T) < lengths[:, None], x, 0), y


def theirs(net: hg.Net) -> Transformer:
    """PyTorch's, with the same weights."""
    module = Transformer().double()
    with torch.no_grad():
        for parameter, own in zip(module.in_order(), net.named_parameters().values(), strict=True):
            parameter.copy_(torch.tensor(own))
    return module


def judged(module: Transformer, x: Any, y: Any, causal: bool) -> tuple[Any, Any]:
    """What PyTorch predicts, and the mean loss over the places that are there."""
    x, y = torch.tensor(x), torch.tensor(y)
    z = module(x, causal)
    return z, functional.cross_entropy(z[x != 0], y[x != 0])


each_kind = pytest.mark.parametrize("causal", [False, True])
with_padding = pytest.mark.parametrize("padded", [False, True])


@each_kind
@with_padding
def test_predictions_and_gradients_are_pytorchs(causal: bool, padded: bool) -> None:
    net, (x, y) = transformer(causal), rows(padded)
    module, loss = theirs(net), hg.SoftmaxCrossEntropyLoss()
    z, value = judged(module, x, y, causal)
    value.backward()
    p = net.forward(x)
    found = loss.forward(p, y, (x != 0).astype(float))
    net.backward(loss.backward())
    assert_close(p[x != 0], z.detach().numpy()[x != 0], "p")
    assert_close(np.array(found), value.detach().numpy(), "loss")
    gradients = [parameter.grad.numpy() for parameter in module.in_order()]
    own = gradients_of(net)
    assert_all_close(own, dict(zip(own, gradients, strict=True)), "gradients")


@each_kind
@with_padding
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_twenty_steps_are_pytorchs(causal: bool, padded: bool, engine: Any) -> None:
    net, (x, y) = transformer(causal), rows(padded)
    module, optimizer = theirs(net), hg.SGD(RATE, momentum=0.9)
    eager = engine == "eager"
    recording = RecordingSGD(RATE)
    reports = hg.train(
        net,
        (x, y),
        loss=hg.SoftmaxCrossEntropyLoss(),
        optimizer=recording if eager else optimizer,
        epochs=EPOCHS,
        batch_size=BATCH,
        shuffle=False,
        engine=engine,
    )
    losses = [report.train_loss for report in reports]
    sgd = torch.optim.SGD(module.in_order(), lr=RATE, momentum=0.0 if eager else 0.9)
    expected, trajectory = [], []
    for _ in range(EPOCHS):
        total = 0.0
        for start in range(0, ROWS, BATCH):
            batch = slice(start, start + BATCH)
            sgd.zero_grad()
            _, value = judged(module, x[batch], y[batch], causal)
            value.backward()
            sgd.step()
            total += value.item() * (x[batch] != 0).sum()
            flat = [parameter.detach().numpy().ravel() for parameter in module.in_order()]
            trajectory.append(np.concatenate(flat))
        expected.append(total / (x != 0).sum())
    assert len(trajectory) == 20
    if eager:
        assert_close(np.array(recording.trajectory), np.array(trajectory), "weights of each step")
    assert_close(net.parameters, trajectory[-1], "weights")
    assert_close(np.array(losses), np.array(expected), "losses")
