"""From a net, its loss and its optimizer to their loop programs."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from handgrad.base.errors import CannotLowerError, HandgradError
from handgrad.engines.compiled.epochs import prediction_program, training_program
from handgrad.engines.compiled.program import Program
from handgrad.engines.compiled.streams import streams_of
from handgrad.engines.compiled.update import Update
from handgrad.graph import Graph, trace
from handgrad.graph.passes import optimized
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.net import Net
from handgrad.net.examples import example_input, example_targets
from handgrad.optimizers import Optimizer
from handgrad.optimizers.optimizer import parameter_groups
from handgrad.penalties import Penalty


@contextmanager
def refused_as_cannot_lower() -> Iterator[None]:
    """Whatever fails while a program is made is a page that has no loops yet."""
    try:
        yield
    except (CannotLowerError, HandgradError):
        raise
    except Exception as error:
        raise CannotLowerError(f"{type(error).__name__}: {error}") from error


def training_step(
    net: Net,
    loss: Loss,
    x: Array,
    y: Array,
    w: Array | None = None,
    penalty: Penalty | None = None,
) -> Graph:
    """The graph of a step, in few operations, without the gradients that nobody needs."""
    weights = None if w is None else w[:4]
    step = trace(net, loss, penalty, x=x[:4], y=y[:4], sample_weight=weights)
    frozen = {
        f"{path}.{name}" if path else name
        for path, layer in net.walk()
        if not layer.trainable
        for name in layer.param_names
    }
    wanted = {name: i for name, i in step.outputs.gradients.items() if name not in frozen}
    outputs = replace(step.outputs, input_gradients={}, gradients=wanted)
    return optimized(replace(step, outputs=outputs))


def updates_of(net: Net, optimizer: Optimizer) -> list[Update]:
    """The graph of an update, in few operations, for each group of the parameters.

    An optimizer that takes no step for a batch has none.
    """
    if optimizer.minimizer is not None:
        return []
    return [
        Update(optimized(trace(group.optimizer)), group.factor, group.slices)
        for group in parameter_groups(net, optimizer)
    ]


def compiled_source(
    net: Net,
    loss: Loss,
    optimizer: Optimizer,
    *,
    penalty: Penalty | None = None,
    x: Array | None = None,
    y: npt.ArrayLike | None = None,
    batch_size: int = 32,
) -> str:
    """The loop program of an epoch as Python, each nest below the line of the page it came from.

    It runs as it stands, over flat buffers; its translation is what the compiled engine runs.
    `x` and `y` are a few example rows, needed only where the net does not say what it takes.

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
    x = example_input(net, 4) if x is None else x
    y = example_targets(loss, copy.deepcopy(net).predict(x)) if y is None else np.asarray(y)
    step = training_step(net, loss, x, y, penalty=penalty)
    program = training_program(
        step,
        updates_of(net, optimizer),
        batch_size,
        net.dtype,
        loss.batches_weighted_by,
    )
    return program.source()


def prediction_of(net: Net, x: Array, batch_size: int, *, only_finite: bool = False) -> Program:
    """The loop program of predictions; if `only_finite`, it ends where one is not."""
    graph = optimized(trace(net, x=x[:4], training=False))
    if streams_of(graph, net.dtype):
        raise CannotLowerError("random draws in prediction")
    return prediction_program(graph, batch_size, net.dtype, only_finite)
