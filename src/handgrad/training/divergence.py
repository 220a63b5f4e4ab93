"""Divergence: numbers of a training that are no longer finite, and advice."""

from collections.abc import Mapping
from math import isfinite, isnan

from handgrad.base.errors import DivergenceError
from handgrad.engines.engine import Epoch
from handgrad.layers import Standardize
from handgrad.losses import Loss
from handgrad.net import Net
from handgrad.optimizers import Optimizer
from handgrad.training.evaluate import Evaluation


def divergence(epoch: int, result: Epoch, found: Mapping[str, Evaluation], loss: Loss) -> str:
    """What stopped being a finite number in this epoch, if anything did."""
    if result.diverged_at is not None:
        went = "a step overflowed" if isfinite(result.loss) else f"loss {result.loss}"
        return f"{went} in epoch {epoch}, batch {result.diverged_at}"
    for name, held in found.items():
        # a probability of 0 for what is true makes an honest infinity
        honest = loss.input_kind.infinite_loss and not isnan(held.loss)
        if not isfinite(held.loss) and not honest:
            return f"{name} loss {held.loss} after the last batch of epoch {epoch}"
    return ""


def diverged(net: Net, loss: Loss, optimizer: Optimizer, rate: float, what: str) -> DivergenceError:
    """The error to be raised, with what may help this net, loss and optimizer."""
    by_steps = optimizer.minimizer is None
    hints = [f"a smaller learning rate, {rate / 10:g}" if by_steps else "optimizer=hg.Adam(0.001)"]
    if not any(isinstance(layer, Standardize) for _, layer in net.walk()):
        hints.append("inputs on one scale, hg.Standardize.of(x) as the first layer")
    if loss.input_kind.stable:
        hints.append(loss.input_kind.stable)
    return DivergenceError(
        f"{what}, at learning rate {rate:g}" if by_steps else what,
        "finite numbers; the net keeps the weights it had before this epoch",
        "; ".join(hints),
    )
