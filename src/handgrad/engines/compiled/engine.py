"""The compiled engine: whole epochs in one call of machine code."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from handgrad.base.errors import ShapeError
from handgrad.config import TrainingConfig
from handgrad.engines.compiled.bounds import Bounds, check_indices
from handgrad.engines.compiled.build import refused_as_cannot_lower
from handgrad.engines.compiled.calls import Calls, NativeCall, PerRound
from handgrad.engines.compiled.half_steps import HalfSteps
from handgrad.engines.compiled.parallel_loops import MOST_PARTS
from handgrad.engines.compiled.plan import plan_of
from handgrad.engines.compiled.program import FINISHED, Program
from handgrad.engines.compiled.streams import Streams
from handgrad.engines.compiled.workers import Workers
from handgrad.engines.engine import Engine, EngineRows, Epoch, EpochProgress
from handgrad.engines.environment import blas_of
from handgrad.engines.threads import available_cores
from handgrad.engines.trace_cache import TRACES
from handgrad.layers import Array

# What one call should take at least, in seconds, and may keep of its epochs, in bytes.
CALL, MOST_KEPT = 0.06, 2**26
# No step is faster than this, in seconds, nor its multiplications, a second.
FASTEST_STEP, FASTEST_RATE = 3e-7, 1.5e11
# After this time at least, in seconds, an epoch may be interrupted.
PART = 1.0


@dataclass
class EpochOutputs:
    """What each of the epochs of a call leaves, a part an epoch."""

    predictions: Array
    totals: Array
    parameters: Array
    running_state: Array
    streams: Array
    held_out: list[Array]


class CompiledEngine(Engine):
    """Trains the net of `config` in place on `rows`; keeps the optimizer's state."""

    name = "compiled"

    def __init__(
        self, config: TrainingConfig, rows: EngineRows, held_out: Sequence[Array] = ()
    ) -> None:
        x, y, w = rows.x, rows.y, rows.w
        net, loss, optimizer = config.net, config.loss, config.optimizer
        super().__init__(config, rows, min(config.batch_size, len(y)))
        with refused_as_cannot_lower():
            plan = self.plan = TRACES.once(
                lambda: plan_of(config, rows, self.batch_size, predicts=bool(held_out)),
                (net, loss, optimizer, config.penalty),
                *(None if part is None else (part.shape[1:], part.dtype) for part in (x, y, w)),
                self.batch_size,
                bool(held_out),
            )
            self.workers, self.bounds = Workers(), plan.bounds
            self.streams = Streams(net, plan.streams)
            self.run = plan.epochs.with_scratch_of_its_own(self.workers)
            program, bounds = self.run.program, plan.bounds
            self.x, self.y = _readable(program, x, "x", bounds), _readable(program, y, "y", bounds)
            self.weights = () if w is None else (_readable(program, w, "sample_weight", bounds),)
            self.all_counted = self.counted(np.arange(len(y)))
            self.held_out = [_readable(program, held, "x", bounds) for held in held_out]
            self.large = self.run.large
            if plan.predict is not None:
                self.predict = plan.predict.with_scratch_of_its_own(self.workers)
                self.large |= self.predict.large
        self.total_before, self.start = np.zeros(1), self.before
        self.orders: Array | None = None
        self.given_rates: Array | None = None

    @cached_property
    def half_steps(self) -> HalfSteps:
        """The halves of a step, compiled where they are asked for."""
        return HalfSteps(
            self.plan,
            self.net,
            (self.x, self.y, *self.weights),
            self.optimizer_state,
            self.step,
            self.workers,
            self.streams,
            self.by_weights,
        )

    def gradients(self, rows: Array) -> tuple[float, Array]:
        return self.half_steps.gradients(rows)

    def apply(self, learning_rate: float) -> None:
        self.half_steps.apply(learning_rate)

    def predict_held_out(self) -> tuple[Array, ...]:
        if self.orders is None:
            self._make_room(np.empty((1, len(self.y)), np.int64))
        if self.held_out:
            self._run(self.run.in_turn(self._planned_predictions()))
        return tuple(p[0] for p in self.kept.held_out)

    def epochs_at_once(self, epochs: int) -> int:
        """So many that a call takes its time: beside a busy thread of Python each waits a turn.

        It follows from the sizes alone.
        """
        seconds = -(-len(self.y) // self.batch_size) * self._least_time_of_a_step()
        rows = len(self.y) + sum(map(len, self.held_out))
        row = 8 + 8 * int(np.prod(self.run.output_shape))
        kept = rows * row + self.net.parameters.nbytes + self.net.running_state.nbytes
        return max(1, min(epochs, int(CALL / seconds) + 1, MOST_KEPT // kept))

    def _least_time_of_a_step(self) -> float:
        multiplications = 3 * self.batch_size * self.net.parameters.size
        return FASTEST_STEP + multiplications / FASTEST_RATE

    def run_epochs(
        self, orders: Array, learning_rates: Array, so_far: EpochProgress | None = None
    ) -> Iterator[Epoch | EpochProgress]:
        """All of them have run before the first is handed out."""
        net, n, rounds = self.net, len(self.y), len(orders)
        if orders is not self.orders:
            self._make_room(orders)
        kept = self.kept
        if learning_rates is not self.given_rates:
            self.learning_rates[...] = learning_rates
            self.given_rates = learning_rates
        weights = (net.parameters, net.running_state)
        if so_far is None:
            self.before = self.start
            _copy(weights, self.before)
        self.streams.read()
        part = self.batch_size * max(1, int(PART / self._least_time_of_a_step()))
        if rounds == 1 and (so_far or part < n):
            yield from self._in_parts(orders[0], part, so_far or EpochProgress())
            return
        done, returned = self._run(self.calls, rounds)
        for i in range(done):
            if rounds > 1:
                self.before = self._after(i - 1) if i else self.start
                _copy(self._after(i), weights)
            self.streams.hand_back(kept.streams[i])
            held_out = tuple(p[i] for p in kept.held_out)
            yield Epoch(kept.totals[i, 0].item() / self.all_counted, kept.predictions[i], held_out)
        if returned != FINISHED:
            self.before = self._after(done - 1) if done else self.start
            self.streams.hand_back(self.streams.words)
            yield self._diverged(done, returned, n)

    def _run(self, calls: Calls, rounds: int = 1) -> tuple[int, int]:
        with self.workers.at_work() if self.large else nullcontext():
            done, returned = calls.run(rounds)
        return done, returned

    def _in_parts(
        self, order: Array, part: int, so_far: EpochProgress
    ) -> Iterator[Epoch | EpochProgress]:
        """An epoch that can be interrupted between its parts; it comes to the same bits."""
        n, kept = len(order), self.kept
        if so_far.predictions:
            np.concatenate(so_far.predictions, out=kept.predictions[0, : so_far.rows])
        while so_far.rows < n:
            rows = slice(so_far.rows, min(so_far.rows + part, n))
            returned = self._run_rows(order, rows, so_far.total)
            if returned != FINISHED:
                yield self._diverged(0, rows.start + returned, rows.stop)
                return
            so_far = EpochProgress(
                rows.stop, kept.totals[0, 0].item(), [kept.predictions[0, : rows.stop]]
            )
            if rows.stop < n:
                yield so_far
        held_out = self.predict_held_out()
        yield Epoch(so_far.total / self.all_counted, kept.predictions[0], held_out)

    def _run_rows(self, order: Array, rows: slice, total: float) -> int:
        """Run the batches of those places of an order; before them the losses came to `total`."""
        self.total_before[0] = total
        _, returned = self._run(self.run.in_turn([self._planned(order[None], rows)]))
        self.total_before[0] = 0
        self.streams.hand_back(self.streams.words)
        return returned

    def run_rows(
        self, order: Array, learning_rates: Array, so_far: EpochProgress
    ) -> Epoch | EpochProgress:
        if self.orders is None:
            self._make_room(np.empty((1, len(self.y)), np.int64))
        for part, name in ((self.x, "x"), (self.y, "y")):  # they were filled anew
            check_indices(part, name, self.bounds)
        n, kept = len(order), self.kept
        self.learning_rates[0, : len(learning_rates)] = learning_rates
        self.streams.read()
        returned = self._run_rows(order, slice(0, n), so_far.total)
        if returned != FINISHED:
            return self._diverged(0, returned, n)
        return EpochProgress(so_far.rows + n, kept.totals[0, 0].item(), [kept.predictions[0, :n]])

    def _after(self, i: int) -> tuple[Array, Array]:
        """The weights after an epoch of the last call."""
        return self.kept.parameters[i], self.kept.running_state[i]

    def _diverged(self, i: int, row: int, end: int) -> Epoch:
        """The epoch that came to a number that is not finite: in the batch from `row` on.

        At the `end` of what was run the parameters are not.
        """
        total = self.kept.totals[i, 0].item()
        batch = (row if row < end else end - 1) // self.batch_size + 1
        loss = total / self.all_counted if row == end else total
        return Epoch(loss, self.kept.predictions[i, :row], diverged_at=batch)

    def environment(self) -> dict[str, str]:
        import llvmlite

        found = {"llvmlite": llvmlite.__version__, "cores": "any"}
        runners = [self.run, *([self.predict] if self.held_out else [])]
        if any(runner.in_parts for runner in runners):
            cores = available_cores()
            found["cores"] = str(cores) if cores < MOST_PARTS else f"{MOST_PARTS} or more"
        if any(runner.by_blas for runner in runners):
            found["BLAS of SciPy"] = blas_of("scipy")
        return found

    def _make_room(self, orders: Array) -> None:
        """Memory for the epochs that follow these orders, and the calls that run them there.

        Where the same array comes again, with other orders in it, all of that is kept.
        """
        net, n, dtype, rounds = self.net, len(self.y), self.net.dtype, len(orders)
        self.kept = EpochOutputs(
            np.empty((rounds, n, *self.run.output_shape), dtype),
            np.empty((rounds, 1)),
            np.empty((rounds, net.parameters.size), dtype),
            np.empty((rounds, net.running_state.size), dtype),
            np.empty((rounds, self.streams.words.size), np.uint64),
            [np.empty((rounds, len(x), *self.run.output_shape), dtype) for x in self.held_out],
        )
        self.learning_rates = np.empty((rounds, -(-n // self.batch_size)))
        self.given_rates = None
        calls = [self._planned(orders, slice(0, n)), *self._planned_predictions()]
        self.calls, self.orders = self.run.in_turn(calls, rounds), orders

    def _planned(self, orders: Array, rows: slice) -> NativeCall:
        """The call that visits those rows of each order."""
        net, kept = self.net, self.kept
        steps = slice(rows.start // self.batch_size, -(-rows.stop // self.batch_size))
        return self.run.planned(
            rows.stop - rows.start,
            self.x,
            self.y,
            *self.weights,
            PerRound(orders[:, rows]),
            net.parameters,
            net.gradients,
            net.running_state,
            *self.optimizer_state,
            PerRound(self.learning_rates[:, steps]),
            self.total_before,
            self.step,
            PerRound(kept.predictions[:, rows]),
            PerRound(kept.totals),
            PerRound(kept.parameters),
            PerRound(kept.running_state),
            *((self.streams.words, PerRound(kept.streams)) if self.streams.layers else ()),
        )

    def _planned_predictions(self) -> list[NativeCall]:
        weights = self.net.parameters, self.net.running_state
        return [
            self.predict.planned(len(x), x, *weights, PerRound(p))
            for x, p in zip(self.held_out, self.kept.held_out, strict=True)
        ]


def _copy(weights: tuple[Array, Array], to: tuple[Array, Array]) -> None:
    to[0][...], to[1][...] = weights


def _readable(program: Program, part: Array, name: str, bounds: Bounds) -> Array:
    """The rows as the program reads them: of the type it knows, in order, no index out of range."""
    (given,) = (p for p in program.parameters if p.name == name)
    dtype = program.dtype if given.type == "float" else np.dtype(np.int64)
    if part.dtype != dtype:
        raise ShapeError(f"{name} of type {part.dtype}", str(dtype), f"{name}.astype('{dtype}')")
    check_indices(part, name, bounds)
    return np.ascontiguousarray(part)
