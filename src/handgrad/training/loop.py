"""Training loops, over epochs or over L-BFGS iterations, and the learning rate of every step."""

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from handgrad.engines.engine import Engine, Epoch, EpochProgress
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.optimizers.minimizer import Iterate, Minimizer
from handgrad.textbook.schedules import Schedule
from handgrad.training.loaders import Loader

ARRAYS = ("weights", "gradient", "steps", "changes")
NUMBERS = ("loss", "loss_before", "iterations", "evaluations")


class EpochLoop:
    """Iterator over the epochs of a training; the net has the weights of each epoch's end.

    `learning_rates(epoch, n)` returns those of n epochs from `epoch` on, (n, batches), and
    `at_once(left)` how many of the remaining epochs one engine call may run. `epoch` counts the
    epochs yielded, `rates` and `seconds` belong to the last one, and `between_calls` is true if
    the engine has run no further. `so_far` is the state of an unfinished epoch; each function of
    `within_epoch` is then called with the fraction of its rows. `ended` is the reason for an early
    end.
    """

    ended = ""

    def __init__(
        self,
        rows: Loader,
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
            except GeneratorExit:  # stopping is no error: the net keeps the weights of the report
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
    """Iterator over at most `epochs` L-BFGS iterations on all rows, each yielded as an epoch.

    The net has the weights of each iteration. If the loss is not finite, the iteration is yielded
    as diverged; without `finite_only`, a shorter step is tried. The attributes are those of
    `EpochLoop`; nothing is reported within an epoch.
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
                f"sync_every={k} with L-BFGS, whose steps use all rows at once",
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
        """Run the next iteration; returns its loss and predictions."""
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
        """Continue from an iterate whose weights the net has."""
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
                "a loss that differs when the net is run again, with LBFGS",
                "a net without random layers",
                "optimizer=hg.Adam(0.001), with Dropout",
            )
        return begun

    def _loss_and_gradient(self, weights: Array) -> tuple[float, Array]:
        self.net.parameters[self.trainable] = weights
        self.found = self.engine.gradients(self.rows)
        if self.finite_only and not np.isfinite(self.found[0]):
            raise _NotFiniteError
        return self.found[0], self.net.gradients[self.trainable].astype(np.float64)

    def arrays(self) -> dict[str, Array]:
        """State of the minimizer as arrays, for a checkpoint."""
        if self.iterate is None:
            return {}
        numbers = [float(getattr(self.iterate, name)) for name in NUMBERS]
        kept: Mapping[str, Array] = {name: getattr(self.iterate, name) for name in ARRAYS}
        return {**kept, "numbers": np.array(numbers)}

    def iterate_of(self, arrays: Mapping[str, Array]) -> Iterate | None:
        """Restore an iterate from `arrays`; ValueError if they are damaged."""
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
    """Learning rate of each step of a training, by optimizer and schedule."""

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
                "a function of the fraction of the training done, 0 … 1",
                "hg.schedules.cosine(), or lambda progress: 1 - progress",
            )
        refuse_full_batch(optimizer, "a schedule")
        self._factors(np.arange(min(epochs * batches, 4)))

    def __str__(self) -> str:
        """Description that differs between schedules: number of epochs and some factors."""
        if self.schedule is None:
            return "none"
        factors = factors_of(self.schedule, np.arange(8) / 8)
        return f"for {self.epochs} epochs, factors {', '.join(f'{f:.4g}' for f in factors)}"

    def of(self, epoch: int, rounds: int) -> Array:
        """Learning rates of `rounds` epochs from `epoch` on, counted from 0, (rounds, batches).

        The optimizer's current learning rate is used. While it stays the same, so does the array:
        an epoch of a small net takes little longer than creating one.
        """
        rate = self.optimizer.learning_rate
        if self.schedule is None:
            if len(self.constant) != rounds or self.constant[0, 0] != rate:
                self.constant = np.full((rounds, self.batches), rate)
            return self.constant
        steps = np.arange(epoch * self.batches, (epoch + rounds) * self.batches)
        return (rate * self._factors(steps)).reshape(rounds, self.batches)

    def _factors(self, steps: Array) -> Array:
        """Schedule's factors at the fraction of the training done before each step."""
        progress = steps / (self.epochs * self.batches)
        factors = factors_of(self.schedule, progress)
        if not (factors >= 0).all() or not np.isfinite(factors).all():
            bad = np.argmin(np.isfinite(factors) & (factors >= 0))
            raise SettingError(
                f"schedule gave {factors[bad]:g} at progress {progress[bad]:g}",
                "a factor of the learning rate: a finite number, not below 0",
                "[schedule(p) for p in (0, 0.25, 0.5, 0.75)], to see its factors",
            )
        return factors


def factors_of(schedule: Schedule | None, progress: Array) -> Array:
    """Factors of a schedule at each fraction in `progress`; ones without a schedule."""
    if schedule is None:
        return np.ones(progress.shape)
    try:
        return np.broadcast_to(np.asarray(schedule(progress), np.float64), progress.shape)
    except (TypeError, ValueError):  # it takes single numbers only: a branch, or math.cos
        factors = [schedule(share) for share in progress.tolist()]
    try:
        return np.array(factors, np.float64).reshape(progress.shape)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"schedule gave {described(factors[0])} at progress {progress[0]:g}",
            "a factor of the learning rate: one number",
            "schedule=lambda progress: 1 - progress, for example",
        ) from error


def refuse_full_batch(optimizer: Optimizer, what: str) -> None:
    """Refuse an optimizer such as L-BFGS, which uses all rows at once and searches for its steps.

    Parameters
    ----------
    optimizer : Optimizer
        The one to check.
    what : str
        Name of the setting that needs steps per batch, for the error.
    """
    if optimizer.minimizer is not None:
        raise SettingError(
            f"{what} with {optimizer!r}, which searches for its steps",
            "an optimizer that takes one step per batch",
            f"optimizer=hg.Adam(0.001); or {optimizer!r} without it",
        )


def check_batches(net: Net, rows: int, batch_size: int, shards: int = 1) -> None:
    """Refuse batches, or slices of shards, with fewer rows than a layer of the net needs.

    Parameters
    ----------
    net : Net
        Its `min_batch_size` counts.
    rows : int
        Number of training rows.
    batch_size : int
        Rows of each full batch.
    shards : int, default 1
        Slices of each batch.
    """
    least = net.min_batch_size

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
