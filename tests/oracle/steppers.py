"""The same optimizers and schedules in PyTorch."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler

from tests.oracle.optimizers import CASE, OPTIMIZERS, STEPS
from tests.oracle.reference import Reference, tensor


class Lion(torch.optim.Optimizer):  # type: ignore[misc]
    """Algorithm 2 of "Symbolic Discovery of Optimization Algorithms", which PyTorch has not."""

    def __init__(self, parameters: Any, lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    def step(self, closure: Any = None) -> Any:
        beta1, beta2 = 0.9, 0.99
        for group in self.param_groups:
            eta, decay = group["lr"], group["weight_decay"]
            for parameter in group["params"]:
                theta, g = parameter.data, parameter.grad
                m = self.state[parameter].get("m", torch.zeros_like(theta))
                c = beta1 * m + (1 - beta1) * g
                theta -= eta * (torch.sign(c) + decay * theta)
                self.state[parameter]["m"] = beta2 * m + (1 - beta2) * g


def grouped(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Biases without weight decay, the last layer at half the learning rate."""
    return [
        {
            "params": [parameter],
            "weight_decay": 0.0 if path.endswith(".b") else 0.1,
            "lr": 0.025 if path.startswith("2.") else 0.05,
        }
        for path, parameter in parameters.items()
    ]


Make = Callable[[dict[str, Any]], torch.optim.Optimizer]
STEPPERS: dict[str, Make] = {
    "SGD": lambda p: torch.optim.SGD(p.values(), lr=0.5, weight_decay=0.01),
    "SGD with momentum": lambda p: torch.optim.SGD(p.values(), lr=0.1, momentum=0.9),
    "SGD with Nesterov's momentum": lambda p: torch.optim.SGD(
        p.values(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01
    ),
    "Adagrad": lambda p: torch.optim.Adagrad(p.values(), lr=0.1, weight_decay=0.01),
    "RMSprop": lambda p: torch.optim.RMSprop(p.values(), lr=0.01, weight_decay=0.01),
    "Adam": lambda p: torch.optim.Adam(p.values(), lr=0.05),
    "Adam with weight decay": lambda p: torch.optim.Adam(p.values(), lr=0.05, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p.values(), lr=0.05, weight_decay=0.1),
    "NAdam": lambda p: torch.optim.NAdam(p.values(), lr=0.02, weight_decay=0.01),
    "Lion": lambda p: Lion(p.values(), lr=0.01, weight_decay=0.1),
    "clipped by norm": lambda p: torch.optim.SGD(p.values(), lr=0.5, momentum=0.9),
    "clipped by value": lambda p: torch.optim.Adam(p.values(), lr=0.05, weight_decay=0.1),
    "groups": lambda p: torch.optim.AdamW(grouped(p)),
}

WARM = 10  # steps


def _one_cycle(o: Any) -> Any:
    """PyTorch's top lies a step before the share that it is told, its bottom at the last step."""
    return lr_scheduler.OneCycleLR(
        o,
        max_lr=0.5,
        total_steps=STEPS + 1,
        pct_start=(0.3 * STEPS + 1) / (STEPS + 1),
        cycle_momentum=False,
    )


def _warm_cosine(o: Any) -> Any:
    parts = [
        lr_scheduler.LinearLR(o, total_iters=WARM),
        lr_scheduler.CosineAnnealingLR(o, STEPS - WARM),
    ]
    return lr_scheduler.SequentialLR(o, parts, [WARM])


SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 15, gamma=0.2),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.01 ** (1 / STEPS)),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.05),
    "OneCycleLR": _one_cycle,
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, total_iters=WARM),
    "LinearLR, then CosineAnnealingLR": _warm_cosine,
    # cycles of 20 and 30 steps: PyTorch's own factor must be whole, so that they are two of its
    "CosineAnnealingWarmRestarts": lambda o: _Restarts(o, [20, 30]),
}


class _Restarts:
    """One CosineAnnealingWarmRestarts after another, each with a length of its own."""

    def __init__(self, optimizer: Any, lengths: Iterable[int]) -> None:
        self.optimizer, self.left = optimizer, [*lengths]
        self.base = optimizer.param_groups[0]["lr"]
        self._begin()

    def _begin(self) -> None:
        self.optimizer.param_groups[0]["lr"] = self.base
        self.optimizer.param_groups[0].pop("initial_lr", None)
        self.now, self.until = None, 0
        if self.left:
            self.until = self.left.pop(0)
            self.now = lr_scheduler.CosineAnnealingWarmRestarts(
                self.optimizer, self.until, eta_min=0.05
            )

    def step(self) -> None:
        self.until -= 1
        if self.until == 0:
            self._begin()
        elif self.now:
            self.now.step()


def trajectory(name: str) -> Any:
    """The weights after every step of an optimizer."""
    own = OPTIMIZERS[name]()
    torch.set_default_dtype(torch.float64)  # in which NAdam keeps its product of momenta
    try:
        return _trajectory(STEPPERS[name], None, own.clip_norm, own.clip_value)[0]
    finally:
        torch.set_default_dtype(torch.float32)


def averages(weights: Any, start: int = 1, every: int = 1, decay: float | None = None) -> Any:
    """The averaged weights after each step, by PyTorch; with a decay the moving average."""
    model = torch.nn.ParameterList([torch.nn.Parameter(torch.from_numpy(weights[0].copy()))])
    moving = None if decay is None else _moving_average(decay)
    averaged, found = torch.optim.swa_utils.AveragedModel(model, avg_fn=moving), []
    for step, w in enumerate(weights, 1):
        model[0].data[...] = torch.from_numpy(w)
        if step >= start and (step - start) % every == 0:
            averaged.update_parameters(model)
        found.append((averaged.module if step >= start else model)[0].detach().numpy().copy())
    return np.array(found)


def _moving_average(decay: float) -> Any:
    """PyTorch's `get_ema_avg_fn`, with the correction of the first steps."""
    return lambda averaged, w, n: torch.lerp(
        averaged, w, (1 - decay) / (1 - decay ** (n.item() + 1))
    )


def scheduled(name: str) -> tuple[Any, Any]:
    """The weights after every step of SGD, and the learning rate of every step."""
    return _trajectory(lambda p: torch.optim.SGD(p.values(), lr=0.5), SCHEDULERS[name])


def minimum(alpha: float, iterations: int) -> float:
    """The loss, half the sum of squared weights in it, where L-BFGS ends."""
    reference, (x, y) = Reference(CASE.net()), map(tensor, CASE.data())
    parameters, name = reference.parameters.values(), type(CASE.loss()).__name__
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=iterations, history_size=100, line_search_fn="strong_wolfe"
    )

    def loss() -> Any:
        optimizer.zero_grad()
        squares = sum((p**2).sum() for p in parameters if p.ndim > 1)
        value = reference.loss(name, reference.forward(x), y) + alpha / 2 * squares
        value.backward()
        return value

    optimizer.step(loss)
    return float(loss().detach())


def _trajectory(
    make: Make, schedule: Any, clip_norm: Any = None, clip_value: Any = None
) -> tuple[Any, Any]:
    reference, (x, y) = Reference(CASE.net()), map(tensor, CASE.data())
    parameters, name = reference.parameters, type(CASE.loss()).__name__
    optimizer = make(parameters)
    scheduler = schedule(optimizer) if schedule else None
    weights, rates = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        reference.loss(name, reference.forward(x), y).backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters.values(), clip_norm)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_(parameters.values(), clip_value)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        weights.append(reference.weights())
        if scheduler:
            scheduler.step()
    assert math.isfinite(float(np.sum(weights)))
    return np.array(weights), np.array(rates)
