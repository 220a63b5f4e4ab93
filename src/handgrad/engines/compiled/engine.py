"""The compiled engine: whole epochs in one call of machine code."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from handgrad.engines.compiled.program_cache import (
    CompiledPlan,
    load_or_make,
    refused_as_cannot_lower,
)
from handgrad.engines.compiled.runner import CallSequence, NativeCall, PerEpoch, Runner
from handgrad.engines.compiled.thread_pool import ThreadPool
from handgrad.engines.config import TrainingConfig
from handgrad.engines.engine import Engine, EngineRows, Epoch, EpochProgress
from handgrad.engines.environment import blas_of
from handgrad.engines.fingerprint import TRACES
from handgrad.engines.loops.program import FINISHED, Program, buffer_of, gradient_buffer
from handgrad.engines.loops.random_streams import Streams
from handgrad.engines.loops.target import MAX_PARTS
from handgrad.engines.loops.value_ranges import check_indices
from handgrad.graph.threads import available_cores, worker_threads
from handgrad.textbook.errors import ShapeError
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import Inputs, form_of, named_parts, number_of_rows
from handgrad.textbook.net.predictor import EngineName
from handgrad.textbook.net.shared_rows import SharedRows

if TYPE_CHECKING:
    from handgrad.engines.compiled.plan import TracedTraining

TYPES = {"int": np.int64, "bool": np.bool_}
# Least duration of a native call, in seconds; most that it stores of its epochs, in bytes.
CALL, MOST_STORED = 0.06, 2**26
# Lower bound of a step's seconds, upper bound of its multiplications per second.
FASTEST_STEP, FASTEST_RATE = 3e-7, 1.5e11
# Seconds between the points at which a long epoch can be interrupted.
PART = 1.0


class CompiledEngine(Engine):
    """Trains a net in place, by machine code.

    Parameters
    ----------
    config : TrainingConfig
        Net, loss, optimizer, penalty and batch size; the engine keeps the optimizer's state.
    rows : EngineRows
        The training samples.
    held_out : sequence of arrays or tuples of arrays
        Inputs to predict after each epoch.
    """

    name: EngineName = "compiled"
    runner: ClassVar[type[Runner]] = Runner

    def __init__(
        self, config: TrainingConfig, rows: EngineRows, held_out: Sequence[Inputs] = ()
    ) -> None:
        rows = rows if rows.of_members else rows.in_arrays()
        self.input_gradients = config.input_gradients
        x, y, w = rows.x, rows.y, rows.w
        net, loss, optimizer = config.net, config.loss, config.optimizer
        super().__init__(config, rows, min(config.batch_size, len(y)))
        with refused_as_cannot_lower():
            self.traced_from = config, rows
            plan = self.plan = TRACES.get_or_make(
                lambda key: load_or_make(
                    self.runner, key, lambda: self._new_plan(predicts=bool(held_out))
                ),
                (net, loss, optimizer, config.penalty),
                *(None if part is None else form_of(part) for part in (x, y, w)),
                self.batch_size,
                str(net.trainable_slices()),
                bool(held_out),
                rows.of_members,
                config.input_gradients,
                self.name,
            )
            self.workers = ThreadPool()
            self.run = plan.runners["epochs"].with_own_scratch(self.workers)
            program = self.run.program
            self.large, self.by_blas = self.run.large, self.run.by_blas
            self.streams = Streams(net, program.streams)
            self.x, self.y = _readable_inputs(program, x), _readable(program, y, "y")
            self.w = None if w is None else _readable(program, w, "sample_weight")
            self.held_out = [_readable_inputs(program, held) for held in held_out]
            if held_out:
                self.predict = plan.runners["predictions"].with_own_scratch(self.workers)
                self.large |= self.predict.large
                self.by_blas |= self.predict.by_blas
        self.all_counted = self.counted(np.arange(len(y)))
        self.total_before, self.start = np.zeros(1), self.before
        self.orders: Array | None = None
        self.passed_rates: Array | None = None
        self.halves: dict[tuple[str, int], CallSequence] = {}

    @cached_property
    def traced(self) -> "TracedTraining":
        """The programs of this training, to be compiled: with a plan nobody needs them."""
        from handgrad.engines.compiled.plan import TracedTraining

        return TracedTraining(*self.traced_from, self.batch_size, self.runner)

    def _new_plan(self, *, predicts: bool) -> CompiledPlan:
        from handgrad.engines.compiled import plan

        return plan.plan_of(self.traced, predicts=predicts)

    def gradients(self, rows: Array) -> tuple[float, Array]:
        n, batch = len(rows), self._half_step
        batch["order"][:n] = rows
        self.streams.read()
        self._run_half("gradients", n)
        self.streams.hand_back(self.streams.words)
        total = batch["loss_total"].item()
        loss = total / self.counted(rows) if np.isfinite(total) else total
        if self.input_gradients:
            self.dx = self._input_gradients(batch, n)
        return loss, batch["predictions"][0, :n].copy()

    def check_refilled_rows(self) -> None:
        for name, part in {**named_parts("x", self.x), "y": self.y}.items():
            check_indices(part, name, self.run.program.bounds)

    def _input_gradients(self, batch: Mapping[str, Array], n: int) -> Any:
        """The gradients of the inputs of `n` rows; None for an input that has none."""
        buffers = [batch.get(gradient_buffer(name)) for name in named_parts("x", self.x)]
        parts = [None if dx is None else dx[0, :n].copy() for dx in buffers]
        return (*parts,) if isinstance(self.x, tuple) else parts[0]

    def row_gradients(self, rows: Array) -> Array:
        n, batch = len(rows), self._half_step
        gradients = np.zeros((n, self.net.parameters.size), self.net.dtype)
        order = np.ascontiguousarray(rows, np.int64)[:, None]
        parts = {"gradients": PerEpoch(gradients), "order": PerEpoch(order)}
        run = self._half("gradients")
        call = run.bind(n_rows=1, **self._buffers | batch | parts)
        self.streams.read()
        done, _ = self._run(run.sequence([call], n), n)
        self.streams.hand_back(self.streams.words)
        gradients[done:] = np.nan
        return gradients

    @property
    def _inputs_by_gradient(self) -> dict[str, Array]:
        """The inputs by the names of the programs' parameters for their gradients."""
        names = {p.name for p in self.run.program.parameters}
        parts = {gradient_buffer(name): x for name, x in named_parts("x", self.x).items()}
        return {name: x for name, x in parts.items() if name in names}

    def apply(self, learning_rate: float) -> None:
        self._half_step["learning_rates"][0] = learning_rate
        self._run_half("update", 1)

    @cached_property
    def _half_step(self) -> dict[str, Array]:
        """The inputs of half a step, beside the rows, and the memory for its results."""
        inputs = {"order": np.zeros(self.batch_size, np.int64), "learning_rates": np.zeros(1)}
        return inputs | self._results(1, self.batch_size)

    def _run_half(self, half: str, rows: int) -> None:
        if (half, rows) not in self.halves:
            run = self._half(half)
            call = run.bind(n_rows=rows, **self._buffers, **self._half_step)
            self.halves[half, rows] = run.sequence([call])
        self._run(self.halves[half, rows])

    def _half(self, half: str) -> Runner:
        """The program of half a step; without a step per batch, whole epochs are gradients."""
        program = half if self.optimizer.minimizer is None else "epochs"
        shared = self.plan.runner(program, lambda: getattr(self.traced, program)(), self.runner)
        return shared.with_own_scratch(self.workers)

    @property
    def _buffers(self) -> dict[str, Array]:
        """The arrays of a training by the names of the programs' parameters."""
        names = (f"memory_{name}" for name in self.optimizer.state_names)
        return {
            **_buffers_of(self.x),
            "y": _shared(self.y),
            **({"members": self.x.members} if isinstance(self.x, SharedRows) else {}),
            **({} if self.w is None else {"sample_weight": self.w}),
            "parameters": self.net.parameters,
            "gradients": self.net.gradients,
            "state": self.net.running_state,
            **dict(zip(names, self.optimizer_state, strict=True)),
            "loss_before": self.total_before,
            "steps": self.step,
            "streams": self.streams.words,
        }

    def predict_held_out(self) -> tuple[Array, ...]:
        if self.orders is None:
            self._allocate(np.empty((1, len(self.y)), np.int64))
        if self.held_out:
            self._run(self.run.sequence(self._bind_predictions()))
        return tuple(p[0] for p in self.held_out_predictions)

    def epochs_at_once(self, epochs: int) -> int:
        """The number of epochs of a native call, so that it takes `CALL` seconds or more.

        Each call waits for the GIL while another Python thread is busy. The number depends on the
        sizes alone. Between two epochs the net gets averaged weights, if there are any.
        """
        if self.averages is not None:
            return 1
        seconds = -(-len(self.y) // self.batch_size) * self._least_time_of_a_step()
        rows = len(self.y) + sum(map(number_of_rows, self.held_out))
        row = 8 + 8 * int(np.prod(self.run.output_shape))
        stored = rows * row + self.net.parameters.nbytes + self.net.running_state.nbytes
        return max(1, min(epochs, int(CALL / seconds) + 1, MOST_STORED // stored))

    def _least_time_of_a_step(self) -> float:
        multiplications = 3 * self.batch_size * self.plan.multiplications
        return FASTEST_STEP + multiplications / FASTEST_RATE

    def run_epochs(
        self, orders: Array, learning_rates: Array, so_far: EpochProgress | None = None
    ) -> Iterator[Epoch | EpochProgress]:
        """Run all epochs, then yield them."""
        net, n, rounds = self.net, len(self.y), len(orders)
        if orders is not self.orders:
            self._allocate(orders)
        results = self.results
        if learning_rates is not self.passed_rates:
            self.learning_rates[...] = learning_rates
            self.passed_rates = learning_rates
        weights = (net.parameters, net.running_state)
        if so_far is None:
            self.before = self.start
            self.begin_epoch()
        self.streams.read()
        part = self.batch_size * max(1, int(PART / self._least_time_of_a_step()))
        if rounds == 1 and (so_far or part < n or self.averages is not None):
            yield from self._in_parts(orders[0], part, so_far or EpochProgress())
            return
        done, returned = self._run(self.calls, rounds)
        # an epoch of a small net takes no longer than a few lines of Python: keep this loop short
        losses = (results["loss_total"][:done, 0] / self.all_counted).tolist()
        ends: list[tuple[Array, Array]] = []
        if rounds > 1:
            ends += zip(
                results["parameters_after"][:done], results["state_after"][:done], strict=True
            )
        begins = [self.start, *ends]
        for i, (loss, p) in enumerate(zip(losses, results["predictions"], strict=False)):
            if rounds > 1:
                self.before = begins[i]
                _copy(ends[i], weights)
            self.streams.hand_back(results["streams_after"][i])
            yield Epoch(loss, p, tuple(held_out[i] for held_out in self.held_out_predictions))
        if returned != FINISHED:
            self.before = begins[done]
            self.streams.hand_back(self.streams.words)
            yield self._diverged(done, returned, n)

    def _run(self, calls: CallSequence, rounds: int = 1) -> tuple[int, int]:
        if not self.large:
            return calls.run(rounds)
        with worker_threads(by_blas=self.by_blas) as threads, self.workers.running(threads):
            return calls.run(rounds)

    def _in_parts(
        self, order: Array, part: int, so_far: EpochProgress
    ) -> Iterator[Epoch | EpochProgress]:
        """Run an epoch in parts, between which it can be interrupted; the bits are the same."""
        n, results = len(order), self.results
        if so_far.predictions:
            np.concatenate(so_far.predictions, out=results["predictions"][0, : so_far.rows])
        while so_far.rows < n:
            end = min(so_far.rows + part, n)
            progress = self._run_rows(order, slice(so_far.rows, end), so_far)
            if isinstance(progress, Epoch):
                yield progress
                return
            so_far = progress
            if so_far.rows < n:
                yield so_far
        self.exchange_averages()
        held_out = self.predict_held_out()
        yield Epoch(so_far.total / self.all_counted, results["predictions"][0], held_out)

    def _run_rows(self, order: Array, rows: slice, so_far: EpochProgress) -> Epoch | EpochProgress:
        """Run the batches of a slice of an order."""
        self.total_before[0] = so_far.total
        _, returned = self._run(self.run.sequence([self._bind(order[None], rows)]))
        self.total_before[0] = 0
        self.streams.hand_back(self.streams.words)
        if returned != FINISHED:
            return self._diverged(0, rows.start + returned, rows.stop)
        n, total = rows.stop - rows.start, self.results["loss_total"][0, 0].item()
        return EpochProgress(so_far.rows + n, total, [self.results["predictions"][0, : rows.stop]])

    def run_rows(
        self, order: Array, learning_rates: Array, so_far: EpochProgress
    ) -> Epoch | EpochProgress:
        if self.orders is None:
            self._allocate(np.empty((1, len(self.y)), np.int64))
        self.check_refilled_rows()
        self.learning_rates[0, : len(learning_rates)] = learning_rates
        self.streams.read()
        return self._run_rows(order, slice(0, len(order)), so_far)

    def _diverged(self, i: int, row: int, end: int) -> Epoch:
        """The epoch that diverged in the batch from `row` on.

        If `row` is the `end` of the rows, the parameters are not finite after the last batch.
        """
        total = self.results["loss_total"][i, 0].item()
        batch = (row if row < end else end - 1) // self.batch_size + 1
        loss = total / self.all_counted if row == end else total
        return Epoch(loss, self.results["predictions"][i, :row], diverged_at=batch)

    def environment(self) -> dict[str, str]:
        import llvmlite

        settings = {"llvmlite": llvmlite.__version__}
        if self.by_blas:  # the order of its sums depends on its version and on the parts
            cores = available_cores()
            settings["cores"] = str(cores) if cores < MAX_PARTS else f"{MAX_PARTS} or more"
            settings["BLAS of SciPy"] = blas_of("scipy")
        return settings

    def _allocate(self, orders: Array) -> None:
        """Allocate memory for the epochs of these orders, and bind the calls that run them.

        Both are reused if the same array comes again with other orders.
        """
        n, rounds = len(self.y), len(orders)
        self.results = self._results(rounds, n)
        row, dtype = self.run.output_shape, self.net.dtype
        self.held_out_predictions = [
            np.empty((rounds, number_of_rows(x), *row), dtype) for x in self.held_out
        ]
        self.learning_rates = np.empty((rounds, -(-n // self.batch_size)))
        self.passed_rates = None
        calls = [self._bind(orders, slice(0, n)), *self._bind_predictions()]
        self.calls, self.orders = self.run.sequence(calls, rounds), orders

    def _results(self, rounds: int, n: int) -> dict[str, Array]:
        """Memory for the results of epochs of `n` rows; the first axis counts the epochs."""
        net = self.net
        return {
            "predictions": np.empty((rounds, n, *self.run.output_shape), net.dtype),
            "loss_total": np.empty((rounds, 1)),
            "parameters_after": np.empty((rounds, net.parameters.size), net.dtype),
            "state_after": np.empty((rounds, net.running_state.size), net.dtype),
            "streams_after": np.empty((rounds, self.streams.words.size), np.uint64),
            **{
                name: np.empty((rounds, n, *x.shape[1:]), net.dtype)
                for name, x in self._inputs_by_gradient.items()
            },
        }

    def _bind(self, orders: Array, rows: slice) -> NativeCall:
        """The call for a slice of each order."""
        steps = slice(rows.start // self.batch_size, -(-rows.stop // self.batch_size))
        per_epoch = {
            **self.results,
            "order": orders[:, rows],
            "learning_rates": self.learning_rates[:, steps],
            "predictions": self.results["predictions"][:, rows],
        }
        parts = {name: PerEpoch(array) for name, array in per_epoch.items()}
        return self.run.bind(n_rows=rows.stop - rows.start, **self._buffers, **parts)

    def _bind_predictions(self) -> list[NativeCall]:
        return [
            self.predict.bind(
                n_rows=number_of_rows(x),
                **self._buffers | _buffers_of(x),
                predictions=PerEpoch(p),
            )
            for x, p in zip(self.held_out, self.held_out_predictions, strict=True)
        ]


def _copy(weights: tuple[Array, Array], to: tuple[Array, Array]) -> None:
    to[0][...], to[1][...] = weights


def _readable_inputs(program: Program, x: Inputs) -> Any:
    """The inputs as the program reads them."""
    parts = {name: _readable(program, part, name) for name, part in named_parts("x", x).items()}
    return (*parts.values(),) if isinstance(x, tuple) else parts["x"]


def _buffers_of(x: Inputs) -> dict[str, Array]:
    """The inputs by the names of programs' parameters."""
    return {buffer_of(name): _shared(part) for name, part in named_parts("x", x).items()}


def _readable(program: Program, part: Array, name: str) -> Array:
    """Check type and indices of rows; returns them as a contiguous array."""
    (parameter,) = (p for p in program.parameters if p.name == buffer_of(name))
    dtype = program.dtype if parameter.type == "float" else np.dtype(TYPES[parameter.type])
    if part.dtype != dtype:
        raise ShapeError(f"{name} of type {part.dtype}", str(dtype), f"{name}.astype('{dtype}')")
    if isinstance(part, SharedRows):
        width = part.values[0].size
        bounds = [bound.of_member(width) for bound in program.bounds.get(name, ())]
        check_indices(part.values, name, {name: bounds})
        return part.of(np.ascontiguousarray(part.values))
    check_indices(part, name, program.bounds)
    return np.ascontiguousarray(part)


def _shared(part: Array) -> Array:
    """The array of the rows; the shared one for rows of ensemble members."""
    return part.values if isinstance(part, SharedRows) else part
