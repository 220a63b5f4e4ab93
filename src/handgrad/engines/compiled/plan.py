"""Compiled plans: the machine code of a training, shared by trainings of the same form."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from handgrad.engines.compiled.machine_code import this_processor
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.config import TrainingConfig, check_kinds
from handgrad.engines.cost_model import work_of
from handgrad.engines.engine import EngineRows
from handgrad.engines.loops.build import prediction_program, training_program, update_program
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.target import TargetInfo
from handgrad.engines.loops.tracing import prediction_graph, training_step, updates_of
from handgrad.engines.loops.updates import Update
from handgrad.textbook.errors import CannotLowerError, HandgradError
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, example_input, example_targets
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty

PREDICTED_AT_ONCE = 128  # rows: few, so that their products stay small and need no BLAS


@contextmanager
def refused_as_cannot_lower() -> Iterator[None]:
    """Turn any error while a program is built into CannotLowerError: the layer has no loops yet."""
    try:
        yield
    except (CannotLowerError, HandgradError):
        raise
    except Exception as error:
        raise CannotLowerError(f"{type(error).__name__}: {error}") from error


def compiled_source(
    net: Net,
    loss: Loss,
    optimizer: Optimizer,
    *,
    penalty: Penalty | None = None,
    x: Inputs | None = None,
    y: npt.ArrayLike | None = None,
    batch_size: int = 32,
) -> str:
    """Return the loop program of an epoch as Python code; comments cite the traced lines.

    The code is runnable, over flat buffers; the compiled engine runs its translation.

    Parameters
    ----------
    net : Net
        Trained by the program.
    loss : Loss
        Minimized by the program.
    optimizer : Optimizer
        Updates the parameters once a mini-batch.
    penalty : Penalty, optional
        Added to the loss.
    x : array or tuple of arrays, optional
        A few example rows; needed if the net does not determine its input shape.
    y : array, optional
        Their targets; needed if the loss does not determine the shape of targets.
    batch_size : int, default 32
        Rows of a mini-batch.

    Returns
    -------
    str
        Plain Python.

    Raises
    ------
    CannotLowerError
        If a layer, the loss or the optimizer uses an operation without loops.

    Examples
    --------
    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 1), hg.Sigmoid())
    >>> print(hg.compiled_source(net, hg.BinaryCrossEntropyLoss(), hg.SGD(0.1)))
    ... # doctest: +ELLIPSIS
    def epoch(
        n_rows,           # how many rows there are
        x,                # the inputs, row after row
    ...
        for start in range(0, n_rows, 32):
    ...
    """
    check_kinds(net=(net, Net), loss=(loss, Loss), optimizer=(optimizer, Optimizer))
    x = example_input(net, 4) if x is None else x
    y = example_targets(loss, copy.deepcopy(net).predict(x)) if y is None else np.asarray(y)
    step = training_step(net, loss, x, y, penalty=penalty)
    program = training_program(
        step,
        updates_of(net, optimizer),
        batch_size,
        net.dtype,
        loss.batches_weighted_by,
        this_processor(),
    )
    return program.source()


def prediction_of(
    net: Net,
    x: Inputs,
    batch_size: int,
    *,
    target: TargetInfo | None = None,
    only_finite: bool = False,
) -> Program:
    """The loop program of predictions; with `only_finite` it stops at the first that is not."""
    graph, target = prediction_graph(net, x), target or this_processor()
    return prediction_program(graph, batch_size, net.dtype, target, only_finite)


@dataclass
class CompiledPlan:
    """The machine code of a training: of whole epochs, and of the two halves of a step.

    `program` makes the loop program of an epoch with these updates of the parameters.
    """

    program: Callable[[Sequence[Update]], Program]
    updates: Sequence[Update]
    predict: Runner | None
    runner: type[Runner]
    multiplications: int  # of a row's forward pass

    def __post_init__(self) -> None:
        program = self.program(self.updates)
        self.bounds = program.bounds  # fails before anything is compiled
        self.epochs = self.runner(program)

    @cached_property
    def gradients(self) -> Runner:
        """The first half of a step: loss and gradients."""
        return self.runner(self.program([])) if self.updates else self.epochs

    @cached_property
    def update(self) -> Runner:
        """The second half of a step: the update."""
        dtype = self.epochs.program.dtype
        return self.runner(update_program(self.updates, dtype, self.runner.target()))


def plan_of(
    config: TrainingConfig,
    rows: EngineRows,
    batch_size: int,
    runner: type[Runner],
    *,
    predicts: bool,
) -> CompiledPlan:
    """Trace and compile a training; if it `predicts`, also the predictions of held-out rows."""
    net, loss, target = config.net, config.loss, runner.target()
    step = training_step(
        net,
        loss,
        rows.x,
        rows.y,
        rows.w,
        config.penalty,
        input_gradients=config.input_gradients,
    )
    predict = None
    if predicts:
        predict = runner(prediction_of(net, rows.x, PREDICTED_AT_ONCE, target=target))
    program = partial(
        training_program,
        step,
        batch_size=batch_size,
        dtype=net.dtype,
        batches_weighted_by=loss.batches_weighted_by,
        target=target,
        members=rows.of_members,
    )
    work = work_of(net, rows.x).multiplications
    return CompiledPlan(program, updates_of(net, config.optimizer), predict, runner, work)
