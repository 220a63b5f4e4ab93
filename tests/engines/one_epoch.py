"""Passes over the rows, on any engine, at the optimizer's learning rate."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.engines.epoch import Epoch


def run_epochs(engine: Any, orders: Any) -> Iterator[Any]:
    """A pass for each of the orders, as the engine hands them out."""
    batches = -(-len(engine.y) // engine.batch_size)
    rates = np.full((len(orders), batches), engine.optimizer.learning_rate)
    found: Iterator[Any] = engine.run_epochs(orders, rates)
    return found


def run_epoch(engine: Any, order: Any) -> Epoch:
    """One pass in that order."""
    (epoch,) = run_epochs(engine, order[None])
    assert isinstance(epoch, Epoch)
    return epoch
