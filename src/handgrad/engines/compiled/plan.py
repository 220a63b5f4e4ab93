"""Traces and compiles a training: its epochs, its predictions, and the halves of a step."""

import copy
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from handgrad.engines.compiled.machine_code import this_processor
from handgrad.engines.compiled.program_cache import PREDICTED_AT_ONCE, CompiledPlan
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.config import TrainingConfig, check_kinds
from handgrad.engines.cost_model import work_of
from handgrad.engines.engine import EngineRows
from handgrad.engines.loops.build import prediction_program, training_program, update_program
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.target import TargetInfo
from handgrad.engines.loops.tracing import prediction_graph, training_step, updates_of
from handgrad.engines.loops.updates import Update
from handgrad.graph import Graph
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, example_input, example_targets
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty


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


class TracedTraining:
    """Loop programs of a training, traced on first use.

    Parameters
    ----------
    config : TrainingConfig
        Net, loss, optimizer and penalty.
    rows : EngineRows
        The first are examples for tracing.
    batch_size : int
        Rows of a mini-batch.
    runner : type of Runner
        Compiles the programs.
    """

    def __init__(
        self, config: TrainingConfig, rows: EngineRows, batch_size: int, runner: type[Runner]
    ) -> None:
        self.config, self.rows, self.batch_size, self.runner = config, rows, batch_size, runner

    @cached_property
    def step(self) -> Graph:
        """The optimized graph of a training step."""
        config, rows = self.config, self.rows
        return training_step(
            config.net,
            config.loss,
            rows.x,
            rows.y,
            rows.w,
            config.penalty,
            input_gradients=config.input_gradients,
        )

    @cached_property
    def updates(self) -> Sequence[Update]:
        """The optimizer's updates of the parameters; none if it takes no step per batch."""
        return updates_of(self.config.net, self.config.optimizer)

    def epochs(self) -> Runner:
        """Compile whole epochs."""
        return self._epochs_with(self.updates)

    def predictions(self) -> Runner:
        """Compile the predictions of held-out rows."""
        net, target = self.config.net, self.runner.target()
        program = prediction_of(net, self.rows.x, PREDICTED_AT_ONCE, target=target)
        return self.runner(program.bounded())

    def gradients(self) -> Runner:
        """Compile the first half of a step: loss and gradients."""
        return self._epochs_with([])

    def update(self) -> Runner:
        """Compile the second half of a step: the update."""
        dtype = self.config.net.dtype
        return self.runner(update_program(self.updates, dtype, self.runner.target()))

    def _epochs_with(self, updates: Sequence[Update]) -> Runner:
        program = training_program(
            self.step,
            updates,
            self.batch_size,
            self.config.net.dtype,
            self.config.loss.batches_weighted_by,
            self.runner.target(),
            members=self.rows.of_members,
        )
        return self.runner(program.bounded())


def plan_of(traced: TracedTraining, *, predicts: bool) -> CompiledPlan:
    """Trace and compile a training; if it `predicts`, also the predictions of held-out rows."""
    runners = {"epochs": traced.epochs()}
    if predicts:
        runners["predictions"] = traced.predictions()
    return CompiledPlan(runners, work_of(traced.config.net, traced.rows.x).multiplications)
