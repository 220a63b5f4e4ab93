"""The interface of engines, with the rows they train on and the results of an epoch."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.sharding import UNSHARDED
from handgrad.textbook.layers import Array
from handgrad.textbook.net.predictor import EngineName
from handgrad.textbook.net.shared_rows import SharedRows
from handgrad.textbook.optimizers.optimizer import exchange_weights


@dataclass(frozen=True)
class EngineRows:
    """Training rows.

    Parameters
    ----------
    x : array or tuple of arrays
        Inputs.
    y : array
        Targets.
    w : array, optional
        Sample weights, all above 0.
    """

    x: Any
    y: Array
    w: Array | None = None

    @property
    def of_members(self) -> bool:
        """True if inputs and targets are the shared rows of the same ensemble members."""
        x, y = self.x, self.y
        if not (isinstance(x, SharedRows) and isinstance(y, SharedRows)):
            return False
        return x.members is y.members or np.array_equal(x.members, y.members)

    def in_arrays(self) -> Self:
        """The same rows as plain arrays: rows that members share are copied for each."""
        x, y = (
            np.asarray(part) if isinstance(part, SharedRows) else part for part in (self.x, self.y)
        )
        return replace(self, x=x, y=y)


@dataclass
class EpochProgress:
    """Progress within an epoch, from which an engine can continue.

    Parameters
    ----------
    rows : int
        Rows visited.
    total : float
        Sum of their losses.
    predictions : list of arrays
        Their predictions, batch by batch.
    """

    rows: int = 0
    total: float = 0.0
    predictions: list[Array] = field(default_factory=list)


@dataclass(frozen=True)
class Epoch:
    """The results of one epoch.

    Parameters
    ----------
    loss : float
        Mean over the rows, weighted by their sample weights, if any.
    predictions : array
        Training-mode predictions, in the order in which the rows were visited.
    held_out : tuple of arrays
        Predictions for each held-out set, with the weights at the end of the epoch.
    diverged_at : int, optional
        The first batch (from 1) whose loss or step was not finite; the epoch ended there.
    """

    loss: float
    predictions: Array
    held_out: tuple[Array, ...] = ()
    diverged_at: int | None = None


class Engine(ABC):
    """Trains a net in place: by `gradients` and `apply`, or whole epochs at a time.

    `run_epochs` alternates the two in one call, with the same bits.

    Parameters
    ----------
    config : TrainingConfig
        Net, loss, optimizer and settings.
    rows : EngineRows
        Training rows.
    batch_size : int
        Rows per batch.

    Attributes
    ----------
    held_out : list of arrays
        Inputs of the held-out sets that are predicted after each epoch.
    optimizer_state : list of arrays
        One for each of the optimizer's `state_names`.
    step : array of one int
        Number of steps taken.
    before : tuple of arrays
        Parameters and running state before the last yielded epoch.
    dx : array or tuple of arrays, optional
        Gradients with respect to the inputs of the last batch, if the configuration asks for
        `input_gradients`; None for inputs that are indices.
    shard_streams : Sequence of Generator
        Random streams of the layers, one for each shard; empty without shards.
    """

    name: EngineName
    held_out: Any
    dx: Any = None
    sharding = UNSHARDED
    shard_streams: Sequence[np.random.Generator] = ()

    def __init__(self, config: TrainingConfig, rows: EngineRows, batch_size: int) -> None:
        net, optimizer = config.net, config.optimizer
        self.net, self.optimizer, self.batch_size = net, optimizer, batch_size
        self.x, self.y, self.w = rows.x, rows.y, rows.w
        self.by_weights = rows.w is not None and config.loss.batches_weighted_by == "weights"
        self.optimizer_state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.step = np.zeros(1, np.int64)
        self.before = (net.parameters.copy(), net.running_state.copy())

    @property
    def averages(self) -> Array | None:
        """The state of the optimizer with the weights that predict, if it averages them."""
        name = self.optimizer.predicts_with
        if name is None:
            return None
        return self.optimizer_state[self.optimizer.state_names.index(name)]

    def begin_epoch(self) -> None:
        """Remember the weights before an epoch; then the net gets those that are trained."""
        weights = self.net.parameters, self.net.running_state
        for before, now in zip(self.before, weights, strict=True):
            before[...] = now
        if self.step[0] > 0:
            self.exchange_averages()

    def exchange_averages(self) -> None:
        """Exchange the weights that are trained and those that predict, if they differ."""
        if (averages := self.averages) is not None:
            exchange_weights(self.net, averages)

    @abstractmethod
    def epochs_at_once(self, epochs: int) -> int:
        """The number of epochs to run in one call of `run_epochs`."""

    @abstractmethod
    def gradients(self, rows: Array) -> tuple[float, Array]:
        """Compute the gradients of a batch into `net.gradients`, unless its loss is not finite.

        Parameters
        ----------
        rows : array of int
            Indices of the rows.

        Returns
        -------
        loss : float
            The loss of the batch.
        predictions : array
            Their predictions.
        """

    def check_refilled_rows(self) -> None:  # noqa: B027 - layers check by themselves
        """Check the arrays `x` and `y`, whose content is new, as far as this engine needs it."""

    def row_gradients(self, rows: Array) -> Array:
        """The gradients of each row's loss, (rows, parameters); may overwrite `net.gradients`.

        They are NaN where the loss is not finite, and may be in the rows after it.
        """
        gradients = np.empty((len(rows), self.net.parameters.size), self.net.dtype)
        for i in range(len(rows)):
            loss, _ = self.gradients(rows[i : i + 1])
            gradients[i] = self.net.gradients if np.isfinite(loss) else np.nan
        return gradients

    @abstractmethod
    def apply(self, learning_rate: float) -> None:
        """Take the optimizer's step with the gradients in `net.gradients`."""

    @abstractmethod
    def predict_held_out(self) -> tuple[Array, ...]:
        """Predict each held-out set with the current weights."""

    @abstractmethod
    def run_epochs(
        self, orders: Array, learning_rates: Array, so_far: EpochProgress | None = None
    ) -> Iterator[Epoch | EpochProgress]:
        """Run an epoch for each order of the rows; yields each with the net as the epoch left it.

        Parameters
        ----------
        orders : array of int, shape (epochs, rows)
            The order of the rows in each epoch.
        learning_rates : array, shape (epochs, batches)
            The learning rate of each step; the same array always holds the same rates.
        so_far : EpochProgress, optional
            Continue the first epoch from here.

        Yields
        ------
        Epoch or EpochProgress
            The results of an epoch, or the progress between parts of a long one.
        """

    @abstractmethod
    def run_rows(
        self, order: Array, learning_rates: Array, so_far: EpochProgress
    ) -> Epoch | EpochProgress:
        """Run some batches of an epoch over more rows than the engine's arrays hold.

        Between the calls the arrays `x` and `y` are refilled. All batches are full except the
        last of the epoch.

        Parameters
        ----------
        order : array of int
            The rows of `x` and `y`, in order.
        learning_rates : array
            The learning rate of each step.
        so_far : EpochProgress
            The progress of the epoch.

        Returns
        -------
        Epoch or EpochProgress
            The epoch if it diverged, else its progress, with the predictions of these rows only.
        """

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The libraries that the last digits depend on, beside NumPy and the processor."""

    def put_back(self) -> None:
        """Restore the net's weights from before the last yielded epoch."""
        self.net.parameters[...], self.net.running_state[...] = self.before

    def weight_of(self, rows: Array) -> float:
        """The sum of the sample weights of rows; their number if there are no weights."""
        return len(rows) if self.w is None else float(self.w[rows].sum(dtype=float))

    def counted(self, rows: Array) -> float:
        """The weight of rows in the loss of an epoch."""
        return self.weight_of(rows) if self.by_weights else len(rows)
