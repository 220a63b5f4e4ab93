"""From a net, its loss and its optimizer to their loop programs."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.engines.compiled.program import Program, prediction_program, training_program
from handgrad.graph import Graph, trace
from handgrad.graph.examples import example_targets, required_example
from handgrad.graph.passes import optimized
from handgrad.layers import Array, Layer
from handgrad.losses import Loss
from handgrad.optimizers import Optimizer


def program_of(
    net: Any, loss: Loss, optimizer: Optimizer, x: Array, y: Array, batch_size: int
) -> Program:
    """The loop program of an epoch."""
    step = trace(net, loss, x=x[:4], y=y[:4])
    unwanted = {f"d {path}" for path in frozen_parameters(net)}
    wanted = {
        name: i
        for name, i in step.outputs.items()
        if name not in unwanted and not name.startswith("dx")
    }
    return training_program(
        optimized(replace(step, outputs=wanted)),
        optimized(trace(optimizer)),
        list(net.named_parameters()),
        list(net.named_states()),
        net.trainable_slices(),
        batch_size,
        net.dtype,
    )


def compiled_source(
    net: Any,
    loss: Loss,
    optimizer: Optimizer,
    *,
    x: Any = None,
    y: Any = None,
    batch_size: int = 32,
) -> str:
    """The loop program of an epoch as Python, each nest below the line of the page it came from.

    It runs as it stands, over flat buffers; its translation is what the compiled engine runs.
    `x` and `y` are a few example rows, needed only where the net does not say what it takes.

    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 1), hg.Sigmoid())
    >>> print(hg.compiled_source(net, hg.BinaryCrossEntropyLoss(), hg.SGD(0.1)))
    ... # doctest: +ELLIPSIS
    def epoch(n_all, X, Y, O, P, G, S, learning_rate, step, Q, R, K, n_rules, C, A, I, B):
        total = 0.0
        for start in range(0, n_all, 32):
    ...
    """
    x = required_example(net, 4) if x is None else x
    y = example_targets(loss, copy.deepcopy(net).predict(x)) if y is None else np.asarray(y)
    return program_of(net, loss, optimizer, x, y, batch_size).source()


def frozen_parameters(net: Layer) -> list[str]:
    """The paths of the parameters that must stay as they are."""
    return [
        f"{path}.{name}" if path else name
        for path, layer in net.walk()
        if not layer.trainable
        for name in layer.param_names
    ]


def prediction_of(net: Any, x: Array, batch_size: int) -> Program:
    """The loop program of a prediction."""
    graph: Graph = trace(net, x=x[:4], training=False)
    return prediction_program(
        optimized(graph),
        list(net.named_parameters()),
        list(net.named_states()),
        batch_size,
        net.dtype,
    )
