"""The mini-batch loop: for each batch its gradients, then the optimizer's step."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import islice
from math import isfinite

import numpy as np

from handgrad.engines.engine import Engine, Epoch, EpochProgress
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import batches

PART = 256  # batches, after which an epoch can be interrupted


class MinibatchEngine(Engine):
    """An engine that runs epochs batch by batch, in Python."""

    def epochs_at_once(self, epochs: int) -> int:
        return 1

    @abstractmethod
    def at_work(self) -> AbstractContextManager[None]:
        """The context in which batches run."""

    @abstractmethod
    def batch_gradients(self, rows: Array) -> tuple[float, Array]:
        """Compute the gradients of a batch within `at_work`; see `gradients`."""

    def batches_at_once(self) -> int:
        """The number of batches after which an epoch can be interrupted."""
        return PART

    def complete(self, predictions: list[Array]) -> None:
        """Combine the predictions of batches, if several workers have them."""

    def gradients(self, rows: Array) -> tuple[float, Array]:
        with self.at_work():
            return self.batch_gradients(rows)

    def run_epochs(
        self, orders: Array, learning_rates: Array, so_far: EpochProgress | None = None
    ) -> Iterator[Epoch | EpochProgress]:
        for order, rates in zip(orders, learning_rates.tolist(), strict=True):
            if so_far is None:
                self.begin_epoch()
            here, so_far, n = so_far or EpochProgress(), None, len(order)
            whole = len(here.predictions)
            while (diverged := self.run_part(order, rates, here)) is None:
                self.complete(added := here.predictions[whole:])
                here.predictions[whole:] = added
                whole = len(here.predictions)
                if here.rows == n:
                    break
                yield here
            if diverged is not None:
                yield diverged
                continue
            self.exchange_averages()
            loss = here.total / self.counted(order)
            yield Epoch(loss, np.concatenate(here.predictions), self.predict_held_out())

    def run_rows(
        self, order: Array, learning_rates: Array, so_far: EpochProgress
    ) -> Epoch | EpochProgress:
        rates, here = learning_rates.tolist(), EpochProgress(total=so_far.total)
        while here.rows < len(order):
            if (diverged := self.run_part(order, rates, here)) is not None:
                return diverged
        self.complete([])
        rows = so_far.rows + len(order)
        return EpochProgress(rows, here.total, [np.concatenate(here.predictions)])

    def run_part(
        self, order: Array, learning_rates: list[float], so_far: EpochProgress
    ) -> Epoch | None:
        """Run the next batches.

        Returns the final Epoch if loss or weights became non-finite, else None.
        """
        with self.at_work():
            if (diverged := self.run_batches(order, learning_rates, so_far)) is not None:
                return diverged
        if so_far.rows == len(order) and not np.isfinite(self.net.parameters).all():
            loss = so_far.total / self.counted(order)
            return Epoch(loss, np.concatenate(so_far.predictions), diverged_at=len(learning_rates))
        return None

    def run_batches(
        self, order: Array, learning_rates: list[float], so_far: EpochProgress
    ) -> Epoch | None:
        """Run the next batches within `at_work`; returns the Epoch if the loss is not finite."""
        coming = batches(len(order), self.batch_size, so_far.rows)
        for batch in islice(coming, self.batches_at_once()):
            rows = order[batch]
            loss, p = self.batch_gradients(rows)
            number = batch.start // self.batch_size
            if not isfinite(loss):
                return Epoch(loss, p, diverged_at=number + 1)
            self.apply(learning_rates[number])
            so_far.total += loss * self.counted(rows)
            so_far.predictions.append(p)
            so_far.rows = batch.stop
        return None
