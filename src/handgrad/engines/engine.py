"""An engine: what it does, the rows it is given, and what it gives back for a pass over them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.sharding import Sharding
from handgrad.textbook.layers import Array
from handgrad.textbook.net.predictor import EngineName
from handgrad.textbook.net.shared_rows import SideBySide


@dataclass(frozen=True)
class EngineRows:
    """Inputs, an array or a tuple of them, targets, and weights, all above 0, if there are any."""

    x: Any
    y: Array
    w: Array | None = None

    @property
    def of_members(self) -> bool:
        """Whether inputs and targets are the same members' rows, of rows that these share."""
        x, y = self.x, self.y
        if not (isinstance(x, SideBySide) and isinstance(y, SideBySide)):
            return False
        return x.members is y.members or np.array_equal(x.members, y.members)

    def in_arrays(self) -> Self:
        """The same rows, where they are members' with a copy of its own for each."""
        x, y = (
            np.asarray(part) if isinstance(part, SideBySide) else part for part in (self.x, self.y)
        )
        return replace(self, x=x, y=y)


@dataclass
class EpochProgress:
    """How far a pass over the rows has come: the rows, the sum of their losses, predictions.

    An engine hands it out between two batches of a long pass, and can go on from it.
    """

    rows: int = 0
    total: float = 0.0
    predictions: list[Array] = field(default_factory=list)


@dataclass(frozen=True)
class Epoch:
    """What one pass over the rows gave.

    `loss` is the running mean over the batches, each row counting once, or as much as its weight
    where rows have weights; `predictions` are in the order of the rows that were visited,
    `held_out` those for each set of rows that is looked at, with the weights of the pass's end;
    `diverged_at` is the first batch (from 1) whose loss or step was not finite, after which the
    pass ended.
    """

    loss: float
    predictions: Array
    held_out: tuple[Array, ...] = ()
    diverged_at: int | None = None


class Engine(ABC):
    """Trains the net of `config` in place on `rows`: by `gradients` and `apply`, or whole epochs.

    `run_epochs` is both in turns, in one call, and comes to the same bits. `held_out` are inputs
    of sets of rows to predict after each epoch. `optimizer_state` has an array for each of the
    optimizer's `state_names`, `step` one number: how many steps there were; `before` the weights
    before the epoch that was handed out last; `shard_streams` what random layers draw from,
    where a training has shards.
    """

    name: EngineName
    held_out: Any
    sharding = Sharding(shards=1)
    shard_streams: Sequence[np.random.Generator] = ()

    def __init__(self, config: TrainingConfig, rows: EngineRows, batch_size: int) -> None:
        net, optimizer = config.net, config.optimizer
        self.net, self.optimizer, self.batch_size = net, optimizer, batch_size
        self.x, self.y, self.w = rows.x, rows.y, rows.w
        self.by_weights = rows.w is not None and config.loss.batches_weighted_by == "weights"
        self.optimizer_state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.step = np.zeros(1, np.int64)
        self.before = (net.parameters.copy(), net.running_state.copy())

    @abstractmethod
    def epochs_at_once(self, epochs: int) -> int:
        """How many epochs are worth running before the first is looked at."""

    @abstractmethod
    def gradients(self, rows: Array) -> tuple[float, Array]:
        """The loss of a batch, its rows at these places, and their predictions.

        The gradients are in `net.gradients` then. A loss that is not finite has none.
        """

    @abstractmethod
    def apply(self, learning_rate: float) -> None:
        """The optimizer's step by the gradients in `net.gradients`, whoever put them there."""

    @abstractmethod
    def predict_held_out(self) -> tuple[Array, ...]:
        """The predictions for each set of rows held out, by the weights as they are."""

    @abstractmethod
    def run_epochs(
        self, orders: Array, learning_rates: Array, so_far: EpochProgress | None = None
    ) -> Iterator[Epoch | EpochProgress]:
        """A pass over the rows in training mode for each of the orders; the net is as each left it.

        `learning_rates` (epochs, batches) has one for each step; the same array holds the same
        ones whenever it comes. Between parts of a long pass it says how far it has come, and can
        go on from there.
        """

    @abstractmethod
    def run_rows(
        self, order: Array, learning_rates: Array, so_far: EpochProgress
    ) -> Epoch | EpochProgress:
        """More batches of a pass over more rows than the engine's arrays hold at a time.

        The rows at the places `order` of the arrays `x` and `y`, which are filled anew between
        the calls; `learning_rates` has one for each step. All batches are full but the last of
        the pass. It says how far the pass has come, with the predictions of these rows alone.
        """

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What its last digits depend on, beside NumPy and the processor."""

    def put_back(self) -> None:
        """Give the net the weights it had before the epoch that was handed out last."""
        self.net.parameters[...], self.net.running_state[...] = self.before

    def weight_of(self, rows: Array) -> float:
        """The sum of the weights of rows; their number, where they have none."""
        return len(rows) if self.w is None else float(self.w[rows].sum(dtype=float))

    def counted(self, rows: Array) -> float:
        """As much as rows count for in the loss of an epoch."""
        return self.weight_of(rows) if self.by_weights else len(rows)
