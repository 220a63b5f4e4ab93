"""Whether every engine gives a net's answers as the eager one does: forward, gradients, steps."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

import handgrad as hg
from handgrad.engines.compiled import plan
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import Epoch, EpochProgress
from handgrad.engines.fingerprint import TRACES
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.tracing import prediction_graph, training_step
from handgrad.engines.portable.engine import PortableEngine
from handgrad.engines.portable.scalarize import EVERYWHERE, scalarized
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import take
from tests.engines import own_arrays
from tests.engines.one_epoch import engine_of
from tests.engines.own_arrays import strays

Answers = dict[str, Array]
# Steps of so many rows, ascending: what an earlier one left behind must not be read as a later's.
SIZES = (1, 15, 16, 17, 33)
LAST_BATCHES = (1, 17)  # of which indices are followed too
# Of the largest number of an answer; and how many times as far as other last digits move it.
TOLERANCE, MOVES = 1e-9, 300


@dataclass
class Task:
    """A net that has not been trained, the rows of a step for each of the sizes, and how it is."""

    net: hg.Net
    x: Any
    y: Array
    loss: hg.Loss = field(default_factory=hg.MSELoss)
    optimizer: hg.optimizers.Optimizer = field(default_factory=lambda: hg.SGD(0.05, momentum=0.5))
    w: Array | None = None
    penalty: hg.penalties.Penalty | None = None
    batch_size: int = max(SIZES)
    sizes: Sequence[int] = SIZES


class WrittenOutRunner(PythonRunner):
    """Runs a program, written out, as plain Python with NumPy's functions."""

    target = staticmethod(lambda: EVERYWHERE)

    def __init__(self, program: Program) -> None:
        super().__init__(scalarized(program))


class PrintedEngine(CompiledEngine):
    """The compiled engine's programs as the Python that they print as."""

    runner = PythonRunner


class PrintedPortableEngine(PortableEngine):
    """The portable engine's programs as the Python that they print as."""

    runner = WrittenOutRunner


ENGINES: dict[str, Any] = {
    "compiled, printed": PrintedEngine,
    "portable, printed": PrintedPortableEngine,
    "compiled": CompiledEngine,
    "portable": PortableEngine,
}
PRINTED = ("compiled, printed", "portable, printed")


def differences(task: Task, engines: Sequence[str] = PRINTED) -> list[str]:
    """Where answers of these engines are not the eager one's, a line each; or what they raise.

    And the indices of the loop programs that leave the array that they are meant for.

    A net whose own answers move as far when only last digits of weights and rows change, has none.
    """
    start = _Start(task)
    expected, lines = start.answers(EagerEngine), list[str]()
    with recorded_once():
        for name in engines:
            try:
                found = start.answers(ENGINES[name])
            except Exception as error:
                lines.append(f"{name}: {type(error).__name__}: {error}")
                continue
            if _odd(found, expected):
                moves = start.moves(expected)
                lines += [f"{name}: {line}" for line in _odd(found, expected, moves)]
        return lines + strays(task.net, task.loss, task.x, task.y, task.optimizer, LAST_BATCHES)


class _Start:
    """A task, and the weights and state that each engine begins with."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.weights = task.net.parameters.copy(), task.net.running_state.copy()

    def answers(self, kind: Any, last_digits: np.random.Generator | None = None) -> Answers:
        """What an engine of that kind comes to; with other `last_digits` of weights and rows."""
        task, net = self.task, self.task.net
        net.parameters[...], net.running_state[...] = self.weights
        net.seed(0)
        x = task.x
        if last_digits is not None:
            _moved(net.parameters, last_digits)
            x = tuple(map(np.copy, x)) if isinstance(x, tuple) else x.copy()
            for part in x if isinstance(x, tuple) else (x,):
                if not net.integer_input:
                    _moved(part, last_digits)
        TRACES.entries.clear()
        held_out = [take(x, slice(0, n)) for n in (task.sizes[0], task.sizes[-1])]
        given = (net, task.loss, task.optimizer, x, task.y, task.batch_size, held_out)
        engine = engine_of(kind, *given, w=task.w, penalty=task.penalty)
        if last_digits is not None:
            engine.apply = partial(_apply_moved, engine.apply, net, last_digits)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return dict(_steps(engine, task.sizes))

    def moves(self, expected: Answers) -> dict[str, float]:
        """How far each answer moves at most when last digits of weights and rows are others."""
        found = dict.fromkeys(expected, 0.0)
        for seed in range(16):
            for name, answer in self.answers(EagerEngine, np.random.default_rng(seed)).items():
                if name in expected and answer.shape == expected[name].shape:
                    found[name] = max(found[name], _distance(answer, expected[name]))
        return found


def _moved(numbers: Array, rng: np.random.Generator) -> None:
    """Change floats by an ulp or two."""
    if numbers.dtype.kind == "f":
        numbers *= 1 + np.finfo(numbers.dtype).eps * rng.integers(-1, 2, numbers.shape)


def _apply_moved(
    apply: Callable[[float], None], net: hg.Net, rng: np.random.Generator, rate: float
) -> None:
    """A step by gradients with other last digits: of one that is 0 Adam may make a whole step."""
    gradients = net.gradients
    if np.isfinite(gradients).any():
        scale = np.finfo(gradients.dtype).eps * np.nanmax(np.abs(gradients))
        gradients += scale * rng.standard_normal(gradients.shape)
    apply(rate)


def _steps(engine: Any, sizes: Sequence[int]) -> Iterator[tuple[str, Array]]:
    """A pass over the first rows for each of the sizes, one after another, then predictions."""
    net = engine.net
    for n in sizes:
        _spoil_scratch(engine, "run")
        net.gradients[...] = np.nan  # those of frozen layers stay, and those that a step uses up
        rates = np.full(-(-n // engine.batch_size), engine.optimizer.learning_rate)
        found = engine.run_rows(np.arange(n), rates, EpochProgress())
        if isinstance(found, Epoch):
            yield f"divergence with {n} rows", np.array(found.diverged_at)
            return
        yield f"loss of {n} rows", np.array(found.total / n)
        yield f"predictions of {n} rows", found.predictions[0].copy()
        yield f"gradients of {n} rows", net.gradients.copy()
        yield f"weights after {n} rows", net.parameters.copy()
        yield f"running state after {n} rows", net.running_state.copy()
        drawn = [layer.rng.random() for _, layer in net.walk()]
        yield f"the next draws after {n} rows", np.array(drawn)
    _spoil_scratch(engine, "predict")
    for p in engine.predict_held_out():
        yield f"predictions of {len(p)} rows held out", p.copy()


def _spoil_scratch(engine: Any, name: str) -> None:
    """Let numbers that a program reads before it has written them be NaN."""
    if (run := getattr(engine, name, None)) is not None:
        run.scratch["scratch"][...] = np.nan


def _odd(found: Answers, expected: Answers, moves: dict[str, float] | None = None) -> list[str]:
    if found.keys() != expected.keys():
        own, others = ([*keys][-1] for keys in (found, expected))
        return [f"ended with {own!r}, the eager engine with {others!r}"]
    lines = []
    for name, answer in expected.items():
        other = found[name]
        if other.shape != answer.shape:
            lines.append(f"{name}: shape {other.shape}, not {answer.shape}")
            continue
        if name.startswith("gradients"):
            there = np.isfinite(answer) & ~np.isnan(other)
            answer, other = answer[there], other[there]
        if not answer.size or not np.isfinite(answer).all():
            continue
        allowed = TOLERANCE * max(1e-3, float(np.abs(answer).max()))
        allowed += MOVES * (moves or {}).get(name, 0.0)
        distance = _distance(other, answer)
        if not distance <= allowed:
            lines.append(f"{name}: {distance:.2g} apart, {allowed:.2g} allowed")
    return lines


def _distance(a: Array, b: Array) -> float:
    return float(np.nanmax(np.abs(a - b), initial=0.0)) if np.isnan(b).any() else _largest(a - b)


def _largest(numbers: Array) -> float:
    return float(np.abs(numbers).max()) if numbers.size else 0.0


@contextmanager
def recorded_once() -> Iterator[None]:
    """Within it a net is recorded for the first engine only: the others get the same graphs."""
    kept: dict[Callable[..., Any], Any] = {}

    def once(record: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *a, **k: kept.get(record) or kept.setdefault(record, record(*a, **k))

    with (
        patch.object(plan, "training_step", once(training_step)),
        patch.object(plan, "prediction_graph", once(prediction_graph)),
        patch.object(own_arrays, "training_step", once(training_step)),
        patch.object(own_arrays, "prediction_graph", once(prediction_graph)),
    ):
        yield
