"""PyTorch, eager."""

import os
from typing import Any

import torch
from torch import nn

from benchmarks.cases import Case
from benchmarks.deep_cases import DeepCase
from benchmarks.matrices import Product
from benchmarks.peers import Run
from benchmarks.peers.pytorch_deep import deep_net

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def net_of(case: Case | DeepCase) -> Any:
    """The net with the case's first weights; the loss takes logits, as PyTorch's does."""
    if isinstance(case, DeepCase):
        return deep_net(case)
    layers: list[Any] = []
    for W, b in case.weights():
        if layers:
            layers.append({"tanh": nn.Tanh, "relu": nn.ReLU}[case.activation]())
        linear = nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.copy_(torch.from_numpy(b))
        layers.append(linear)
    return nn.Sequential(*layers)


def loss_of(case: Case | DeepCase) -> Any:
    """The mean loss, of all places where each has a class."""
    if isinstance(case, DeepCase):
        return _of_places if case.of_letters else nn.functional.cross_entropy
    return nn.functional.cross_entropy if case.targets == "classes" else nn.functional.mse_loss


def _of_places(z: Any, y: Any) -> Any:
    return nn.functional.cross_entropy(z.flatten(0, 1), y.flatten())


def training(case: Case | DeepCase, optimizer: str) -> Run:
    """The usual loop, over rows that lie in the epoch's order: faster than a DataLoader."""
    net, loss = net_of(case), loss_of(case)
    x, y = map(torch.from_numpy, case.data())
    stepper = getattr(torch.optim, optimizer)(net.parameters(), lr=case.rate(optimizer))
    orders, n, size = case.orders(), case.rows, case.batch_size

    def run(epochs: int) -> float:
        for _ in range(epochs):
            x_epoch, y_epoch = x, y
            if case.shuffled:
                order = torch.from_numpy(next(orders))
                x_epoch, y_epoch = x[order], y[order]
            total = torch.zeros(())
            for i in range(0, n, size):
                xb, yb = x_epoch[i : i + size], y_epoch[i : i + size]
                stepper.zero_grad()
                value = loss(net(xb), yb)
                value.backward()
                stepper.step()
                total += value.detach() * len(xb)
            last = total.item() / n
        return float(last)

    return run


def prediction(case: Case, rows: int) -> Run:
    """From a NumPy array to a NumPy array, in inference mode."""
    net, x = nn.Sequential(net_of(case), nn.Softmax(dim=1)).eval(), case.data()[0][:rows]

    def run(times: int) -> Any:
        with torch.inference_mode():
            for _ in range(times):
                p = net(torch.from_numpy(x)).numpy()
        return p

    return run


def product(given: Product) -> Run:
    """Multiplies the same matrices that many times, and returns their product."""
    a, b = map(torch.from_numpy, given.operands())
    a, b = (a.T if given.a_transposed else a), (b.T if given.b_transposed else b)
    c = torch.empty((given.m, given.n), dtype=a.dtype)

    def run(times: int) -> Any:
        for _ in range(times):
            torch.mm(a, b, out=c)
        return c.numpy()

    return run
