"""Portable programs of a subject, shared by exporters, and a reference epoch of training."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.exchange.exporting.proof import Check, compared
from handgrad.exchange.exporting.subject import Subject
from handgrad.exchange.exporting.train_spec import Learning
from handgrad.textbook.layers import Array
from handgrad.training import train

PORTABLE: Literal["portable"] = "portable"
AGAINST = f"the engine {PORTABLE}"
# Training rows of the reference epoch.
ROWS = 64


def portable_of(
    subject: Subject,
    learning: Learning | None,
    *,
    predicted_at_once: int = 32,
    copies: bool = True,
) -> PortableModel:
    """Programs of prediction and training."""
    if learning is None:
        x = subject.example
        return portable_model(subject.net, x=x, predicted_at_once=predicted_at_once, copies=copies)
    return portable_model(
        subject.net,
        loss=learning.loss,
        optimizer=learning.optimizer,
        x=learning.x,
        y=learning.y,
        batch_size=learning.batch_size,
        predicted_at_once=predicted_at_once,
        copies=copies,
    )


@dataclass(frozen=True, eq=False)
class ProvedEpoch:
    """Reference epoch: its rows, and the final parameters (1, n) of the portable engine."""

    x: Array
    y: Array
    parameters: Array

    def check(self, ran: str, parameters: Array) -> Check:
        """Check of the final parameters (1, n) of a file."""
        against = f"the weights of {AGAINST}"
        comparison = compared(f"{ran}, an epoch", parameters, self.parameters, against)
        return replace(comparison, rows=len(self.x))


def proved_epoch(subject: Subject, learning: Learning) -> ProvedEpoch:
    """Train the reference epoch with the portable engine, on rows from all of the data."""
    net, loss, optimizer = copy.deepcopy((subject.net, learning.loss, learning.optimizer))
    x, y = learning.x, learning.y
    some = np.unique(np.linspace(0, len(x) - 1, ROWS).astype(int))
    if loss.target_kind.indices and len(np.unique(y[some])) < len(np.unique(y)):
        some = np.arange(len(x))  # a training needs all classes
    x, y = x[some], y[some]
    size = min(learning.batch_size, len(x))
    settings = {"loss": loss, "optimizer": optimizer, "epochs": 1, "batch_size": size, "rng": 0}
    next(train(net, (x, y), **settings, engine=PORTABLE))  # type: ignore[arg-type]
    return ProvedEpoch(x, y, net.parameters[None].copy())
