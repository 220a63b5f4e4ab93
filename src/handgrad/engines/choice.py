"""Which engine trains: chosen from shapes, rows and epochs alone, never from a clock."""

import os
import warnings
from typing import Any, Literal, Protocol

from handgrad.engines.eager import EagerEngine
from handgrad.engines.epoch import Epoch
from handgrad.engines.minibatches import number_of_rows
from handgrad.errors import CannotLowerError, RecordingError, SettingError
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.optimizers import Optimizer

EngineName = Literal["auto", "eager", "compiled"]
NAMES: tuple[EngineName, ...] = ("auto", "eager", "compiled")

# Seconds, measured on a laptop-like machine; only their proportions matter.
COMPILING, COMPILING_A_LAYER = 0.15, 0.03
GAIN_A_LAYER, GAIN_A_MULTIPLICATION = 8e-6, 1.6e-12


class Engine(Protocol):
    """What trains a net in place, an epoch a call."""

    def run_epoch(self, x: Any, y: Array, order: Array, batch_size: int) -> Epoch:
        """One pass over the rows of `x` and `y` in the given `order`."""

    def predict(self, x: Any) -> Array:
        """The predictions for all rows of `x`, in prediction mode, with the weights as they are."""


def engine_for(
    choice: EngineName,
    net: Any,
    loss: Loss,
    optimizer: Optimizer,
    x: Any,
    y: Array,
    batch_size: int,
    epochs: int,
) -> Engine:
    """The engine asked for; for `auto`, compiled code where it will have paid for its making.

    The environment variable HANDGRAD_ENGINE replaces `auto`. What cannot be compiled trains
    eagerly under `auto`, with one warning, and is refused under `compiled`.
    """
    if choice not in NAMES:
        raise SettingError(f"engine={choice!r}", f"one of {', '.join(NAMES)}", "engine='auto'")
    if choice == "auto":
        choice = _from_environment()
    if choice == "eager" or (choice == "auto" and not pays(net, x, batch_size, epochs)):
        return EagerEngine(net, loss, optimizer)
    try:
        from handgrad.engines.compiled.engine import CompiledEngine

        return CompiledEngine(net, loss, optimizer, x, y, batch_size)
    except (RecordingError, CannotLowerError, ImportError) as error:
        if choice == "compiled":
            raise SettingError(
                f"engine='compiled', but this training cannot be compiled: {error}",
                "pages that record, in operations that have a loop",
                "engine='auto', which trains eagerly then",
            ) from error
        reason = str(error).replace("\n", " ")
        warnings.warn(f"training eagerly, not compiled: {reason}", stacklevel=3)
        return EagerEngine(net, loss, optimizer)


def pays(net: Any, x: Any, batch_size: int, epochs: int) -> bool:
    """Whether the steps of a training gain more from compiled code than its making costs."""
    rows = number_of_rows(x)
    steps = epochs * -(-rows // batch_size)
    layers = sum(1 for _ in net.walk())
    multiplications = 6 * min(batch_size, rows) * net.parameters.size
    gain = GAIN_A_LAYER * layers + GAIN_A_MULTIPLICATION * multiplications
    return steps * gain > COMPILING + COMPILING_A_LAYER * layers


def _from_environment() -> EngineName:
    chosen = os.environ.get("HANDGRAD_ENGINE", "auto")
    for name in NAMES:
        if chosen == name:
            return name
    raise SettingError(
        f"HANDGRAD_ENGINE={chosen!r} in the environment",
        f"one of {', '.join(NAMES)}",
        "unset it, or HANDGRAD_ENGINE=auto",
    )
