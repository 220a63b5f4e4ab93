"""A single pass over the rows, on any engine."""

from typing import Any

from handgrad.engines.epoch import Epoch


def run_epoch(engine: Any, order: Any) -> Epoch:
    """One pass in that order."""
    (epoch,) = engine.run_epochs(order[None])
    assert isinstance(epoch, Epoch)
    return epoch
