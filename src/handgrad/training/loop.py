"""The loops of a training, epochs and iterations of L-BFGS, and the learning rate of every step."""

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from handgrad.engines.engine import Engine, Epoch, EpochProgress
from handgrad.engines.sharding import CURRENT
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.optimizers.minimizer import Iterate, Minimizer
from handgrad.textbook.schedules import Schedule
from handgrad.training.loaders import TrainingRows

ARRAYS = ("weights", "gradient", "steps", "changes")
NUMBERS = ("loss", "loss_before", "iterations", "evaluations")


class EpochLoop:
    """What each epoch gave; the net has the weights of its end then, whatever has run already.

    `learning_rates` gives those of an epoch, counted from 0, and of the ones after it, (epochs,
    batches). `at_once` says of so many epochs that are left how many may be one call of the
    engine. `epoch` counts those handed out, `rates` and `seconds` are of the last of them, and
    `between_calls` says whether nothing further has run. `so_far` is how far an epoch has come
    that can be gone on with; each of `within_epoch` is called then, with the share of its rows.
    `ended` says why there are no more, where all were not run.
    """

    ended = ""

    def __init__(
        self,
        rows: TrainingRows,
        engine: Engine,
        learning_rates: Callable[[int, int], Array],
        epochs: int,
        at_once: Callable[[int], int],
    ) -> None:
        self.rows, self.engine, self.learning_rates = rows, engine, learning_rates
        self.epochs, self.at_once = epochs, at_once
        self.epoch, self.seconds, self.between_calls = 0, 0.0, True
        self.so_far: EpochProgress | None = None
        self.within_epoch: list[Callable[[float], object]] = []

    def __iter__(self) -> Iterator[Epoch]:
        while (left := self.epochs - self.epoch) > 0:
            n = 1 if self.so_far else self.at_once(left)
            rates = self.learning_rates(self.epoch, n)
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


class Minimization(Iterator[Epoch]):
    """At most `epochs` iterations of L-BFGS over all rows, each handed out as an epoch.

    The net is where each has come to. Where the loss is not finite, the iteration is handed out
    as diverged; or, if not `finite_only`, a place nearer by is looked for. The rest is as in an
    `EpochLoop`, for which nothing happens within an epoch.
    """

    so_far: EpochProgress | None = None
    between_calls = True
    rates = np.ones(1)

    def __init__(
        self,
        engine: Engine,
        net: Net,
        minimizer: Minimizer,
        epochs: int,
        *,
        finite_only: bool = True,
    ) -> None:
        if (k := engine.sharding.sync_every) > 1:
            raise SettingError(
                f"sync_every={k} beside L-BFGS, which takes its steps by all rows at once",
                "gradients that are summed at every step",
                "sync_every=1; or optimizer=hg.Adam(0.001)",
            )
        self.engine, self.net, self.minimizer, self.epochs = engine, net, minimizer, epochs
        self.epoch, self.seconds = 0, 0.0
        self.within_epoch: list[Callable[[float], object]] = []
        self.rows = np.arange(len(engine.y))
        self.trainable = np.r_[(np.arange(0), *net.trainable_slices())]
        self.found = 0.0, np.empty(0)
        self.finite_only, self.ended = finite_only, ""
        self.converged = self.exhausted = False
        self.go_on_from(None)

    def __next__(self) -> Epoch:
        """The next iteration: the loss and the predictions where it ended."""
        started = time.perf_counter()
        try:
            following = self._following()
        except _NotFiniteError:
            self.epoch += 1
            return Epoch(*self.found, diverged_at=1)
        except BaseException:
            self.engine.put_back()
            raise
        if following is None:
            self.engine.put_back()
            raise StopIteration
        self.go_on_from(following)
        self.epoch, self.seconds = self.epoch + 1, time.perf_counter() - started
        return Epoch(*self.found, self.engine.predict_held_out())

    def go_on_from(self, iterate: Iterate | None) -> None:
        """Go on from an iterate, whose weights the net has."""
        self.iterate = iterate
        self.engine.before = self.net.parameters.copy(), self.net.running_state.copy()

    def _following(self) -> Iterate | None:
        now = self.iterate or self._begin()
        if now.iterations >= self.epochs:
            return None
        following = None
        if self.minimizer.exhausted(now):
            self.exhausted = True
            self.ended = f"L-BFGS had evaluated the loss {now.evaluations} times"
        elif self.minimizer.converged(now):
            self.converged = True
            self.ended = f"L-BFGS converged after {now.iterations} iterations"
        elif not (following := self.minimizer.next(self._loss_and_gradient, now)):
            self.ended = f"L-BFGS found no lower loss after {now.iterations} iterations"
        return following

    def _begin(self) -> Iterate:
        begun = self.minimizer.begin(
            self._loss_and_gradient, self.net.parameters[self.trainable].astype(np.float64)
        )
        if self._loss_and_gradient(begun.weights)[0] != begun.loss:
            raise SettingError(
                "a loss that is another one when the net is run again, with LBFGS",
                "a net without random layers",
                "optimizer=hg.Adam(0.001), beside Dropout",
            )
        return begun

    def _loss_and_gradient(self, weights: Array) -> tuple[float, Array]:
        self.net.parameters[self.trainable] = weights
        self.found = self.engine.gradients(self.rows)
        if self.finite_only and not np.isfinite(self.found[0]):
            raise _NotFiniteError
        return self.found[0], self.net.gradients[self.trainable].astype(np.float64)

    def arrays(self) -> dict[str, Array]:
        """What the iterations that are left depend on, as arrays."""
        if self.iterate is None:
            return {}
        numbers = [float(getattr(self.iterate, name)) for name in NUMBERS]
        kept: Mapping[str, Array] = {name: getattr(self.iterate, name) for name in ARRAYS}
        return {**kept, "numbers": np.array(numbers)}

    def iterate_of(self, arrays: Mapping[str, Array]) -> Iterate | None:
        """What `arrays` gave them for; a ValueError says that they are damaged."""
        if not arrays:
            return None
        loss, before, iterations, evaluations = map(float, arrays["numbers"])
        n, pairs = self.trainable.size, len(arrays["steps"])
        for name, shape in zip(ARRAYS, ((n,), (n,), (pairs, n), (pairs, n)), strict=True):
            if arrays[name].shape != shape or arrays[name].dtype != np.float64:
                raise ValueError(f"without {name} of shape {shape}")
        weights, gradient, steps, changes = (arrays[name] for name in ARRAYS)
        counts = int(iterations), int(evaluations)
        return Iterate(weights, loss, gradient, before, steps, changes, *counts)


class _NotFiniteError(Exception):
    """The loss of these weights is not a finite number."""


class LearningRates:
    """What each step of a training of so many epochs and batches takes as learning rate."""

    def __init__(
        self, optimizer: Optimizer, schedule: Schedule | None, epochs: int, batches: int
    ) -> None:
        self.optimizer, self.schedule = optimizer, schedule
        self.epochs, self.batches = epochs, batches
        self.constant = np.empty((0, batches))
        if schedule is None:
            return
        if not callable(schedule) or isinstance(schedule, type):
            raise SettingError(
                f"schedule = {described(schedule)}",
                "a function of the share of the training done, 0 … 1",
                "hg.schedules.cosine(), or lambda progress: 1 - progress",
            )
        refuse_full_batch(optimizer, "a schedule")
        self._factors(np.arange(min(epochs * batches, 4)))

    def __str__(self) -> str:
        """What tells one schedule from another: for how many epochs it is, and some factors."""
        if self.schedule is None:
            return "none"
        factors = factors_of(self.schedule, np.arange(8) / 8)
        return f"for {self.epochs} epochs, factors {', '.join(f'{f:.4g}' for f in factors)}"

    def of(self, epoch: int, rounds: int) -> Array:
        """(rounds, batches): those of an epoch, counted from 0, and of the ones after it.

        The optimizer's learning rate is read as it is now. While all stays as it is, the same
        array comes again: an epoch of a small net takes little longer than to make one.
        """
        rate = self.optimizer.learning_rate
        if self.schedule is None:
            if len(self.constant) != rounds or self.constant[0, 0] != rate:
                self.constant = np.full((rounds, self.batches), rate)
            return self.constant
        steps = np.arange(epoch * self.batches, (epoch + rounds) * self.batches)
        return (rate * self._factors(steps)).reshape(rounds, self.batches)

    def _factors(self, steps: Array) -> Array:
        """The schedule at the share of the training that is done before each of the steps."""
        progress = steps / (self.epochs * self.batches)
        factors = factors_of(self.schedule, progress)
        if not (factors >= 0).all() or not np.isfinite(factors).all():
            bad = np.argmin(np.isfinite(factors) & (factors >= 0))
            raise SettingError(
                f"schedule gave {factors[bad]:g} at progress {progress[bad]:g}",
                "a factor of the learning rate: a finite number, not below 0",
                "[schedule(p) for p in (0, 0.25, 0.5, 0.75)], to look at its factors",
            )
        return factors


def factors_of(schedule: Schedule | None, progress: Array) -> Array:
    """The schedule at each of these shares, 1 without one; all at once, where it takes arrays."""
    if schedule is None:
        return np.ones(progress.shape)
    try:
        return np.broadcast_to(np.asarray(schedule(progress), np.float64), progress.shape)
    except (TypeError, ValueError):  # written for single numbers: a branch, or math.cos
        given = [schedule(share) for share in progress.tolist()]
    try:
        return np.array(given, np.float64).reshape(progress.shape)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"schedule gave {described(given[0])} at progress {progress[0]:g}",
            "a factor of the learning rate: one number",
            "schedule=lambda progress: 1 - progress, for example",
        ) from error


def refuse_full_batch(optimizer: Optimizer, what: str) -> None:
    """Refuse an optimizer that takes all rows at once, and finds its steps by itself."""
    if optimizer.minimizer is not None:
        raise SettingError(
            f"{what} beside {optimizer!r}, which searches for its steps",
            "an optimizer that takes a step for each batch",
            f"optimizer=hg.Adam(0.001); or {optimizer!r} without it",
        )


def check_batches(net: Net, rows: int, batch_size: int) -> None:
    """Refuse a batch, full or last, with fewer rows than a layer of the net can learn from.

    Or a shard's slice of it, where a training is cut into shards.
    """
    least, sharding = net.min_batch_size, CURRENT.get()
    shards = 1 if sharding is None else sharding.shards

    def smallest(size: int) -> int:
        return max(1, min(size, rows % size or size) // shards)

    size = min(rows, batch_size)
    if smallest(size) < least:
        of_shards = "" if shards == 1 else f", each in {shards} slices"
        what = f"{rows} rows in batches of {size}, the last of {rows % size or size}{of_shards}"
        fitting = (b for b in range(batch_size, rows + 1) if smallest(b) >= least)
        hint = f"batch_size={b}" if (b := next(fitting, None)) else "more rows"
        with net.mode(training=True):
            net.check_rows(smallest(size), what, hint)
