"""Optimizers and schedules that are held to PyTorch's: 50 steps of a small net, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.schedules import Schedule
from tests.oracle.cases import Case

STEPS = 50
SEEN = slice(4, None, 5)  # the steps that are stored: the fifth, the tenth, … the last
# One batch an epoch, so that every report is a step.
CASE = Case((2, 3, 2), ("Tanh",), 0.01, "Softmax, CrossEntropyLoss", 12, 1, 12, 0.1, 1)

OPTIMIZERS: dict[str, Callable[[], hg.optimizers.Optimizer]] = {
    "SGD": lambda: hg.SGD(0.5, weight_decay=0.01),
    "SGD with momentum": lambda: hg.SGD(0.1, momentum=0.9),
    "SGD with Nesterov's momentum": lambda: hg.SGD(
        0.1, momentum=0.9, nesterov=True, weight_decay=0.01
    ),
    "Adagrad": lambda: hg.optimizers.Adagrad(0.1, weight_decay=0.01),
    "RMSprop": lambda: hg.optimizers.RMSprop(0.01, weight_decay=0.01),
    "Adam": lambda: hg.Adam(0.05),
    "Adam with weight decay": lambda: hg.Adam(0.05, weight_decay=0.1),
    "AdamW": lambda: hg.AdamW(0.05, weight_decay=0.1),
    "NAdam": lambda: hg.optimizers.NAdam(0.02, weight_decay=0.01),
    "Lion": lambda: hg.optimizers.Lion(0.01, weight_decay=0.1),
    "clipped by norm": lambda: hg.SGD(0.5, momentum=0.9, clip_norm=0.1),
    "clipped by value": lambda: hg.Adam(0.05, clip_value=0.02, weight_decay=0.1),
    "groups": lambda: hg.AdamW(
        0.05,
        weight_decay=0.1,
        groups={"*.b": {"weight_decay": 0.0}, "2.*": {"learning_rate_factor": 0.5}},
    ),
}

SCHEDULES: dict[str, Schedule] = {
    "StepLR": hg.schedules.step(every=0.3, gamma=0.2),
    "ExponentialLR": hg.schedules.exponential(end=0.01),
    "CosineAnnealingLR": hg.schedules.cosine(end=0.1),
    "CosineAnnealingWarmRestarts": hg.schedules.cyclic_cosine(cycles=2, growth=1.5, end=0.1),
    "OneCycleLR": hg.schedules.one_cycle(rise=0.3),
    "LinearLR": hg.schedules.warm_up(0.2),
    "LinearLR, then CosineAnnealingLR": hg.schedules.warm_up(0.2, then=hg.schedules.cosine()),
}


def trained(
    optimizer: hg.optimizers.Optimizer, schedule: Schedule | None = None, engine: Any = "eager"
) -> tuple[Any, Any]:
    """The weights after every step, and the learning rate of every step."""
    net = CASE.net()
    reports = hg.train(
        net,
        CASE.data(),
        loss=CASE.loss(),
        optimizer=optimizer,
        epochs=STEPS,
        batch_size=CASE.batch_size,
        schedule=schedule,
        shuffle=False,
        engine=engine,
    )
    seen = [(net.parameters.copy(), report.learning_rate) for report in reports]
    weights, rates = zip(*seen, strict=True)
    return np.array(weights), np.array(rates)
