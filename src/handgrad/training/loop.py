"""The loop over epochs: rows go through an engine, several epochs in a call where that may be."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from handgrad.engines.engine import Engine, Epoch, EpochProgress
from handgrad.layers import Array
from handgrad.training.training_rows import TrainingRows


class RatesOfSteps(Protocol):
    """The learning rate of every step."""

    def of(self, epoch: int, rounds: int) -> Array:
        """(rounds, batches): those of an epoch, counted from 0, and of the ones after it."""


class EpochLoop:
    """What each epoch gave; the net has the weights of its end then, whatever has run already.

    `at_once` says of so many epochs that are left how many may be one call of the engine. `epoch`
    counts those handed out, `rates` and `seconds` are of the last of them, and `between_calls`
    says whether nothing further has run. `so_far` is how far an epoch has come that can be gone
    on with; each of `within_epoch` is called then, with the share of its rows.
    """

    def __init__(
        self,
        rows: TrainingRows,
        engine: Engine,
        rates: RatesOfSteps,
        epochs: int,
        at_once: Callable[[int], int],
    ) -> None:
        self.rows, self.engine, self.learning_rates = rows, engine, rates
        self.epochs, self.at_once = epochs, at_once
        self.epoch, self.seconds, self.between_calls = 0, 0.0, True
        self.so_far: EpochProgress | None = None
        self.within_epoch: list[Callable[[float], object]] = []

    def __iter__(self) -> Iterator[Epoch]:
        while (left := self.epochs - self.epoch) > 0:
            n = 1 if self.so_far else self.at_once(left)
            rates = self.learning_rates.of(self.epoch, n)
            self.rows.begin(self.engine, n, anew=self.so_far is None)
            try:
                yield from self._call(rates)
            except GeneratorExit:  # to stop is no error: the net keeps what was handed out
                raise
            except BaseException:
                self.engine.put_back()
                raise

    def _call(self, rates: Array) -> Iterator[Epoch]:
        started, done = time.perf_counter(), 0
        for result in self.rows.run(self.engine, rates, self.so_far):
            if isinstance(result, EpochProgress):
                self.so_far, self.between_calls = result, True
                for tell in self.within_epoch:
                    tell(result.rows / self.rows.n_rows)
                continue
            if done == 0:
                self.seconds = (time.perf_counter() - started) / len(rates)
            self.rates, self.so_far, done = rates[done], None, done + 1
            self.epoch, self.between_calls = self.epoch + 1, done == len(rates)
            yield result
