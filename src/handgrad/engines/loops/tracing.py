"""Traces a net, a loss and an optimizer to optimized graphs, from which loops are built."""

from dataclasses import replace

from handgrad.engines.loops.random_streams import streams_of
from handgrad.engines.loops.updates import Update
from handgrad.graph import Graph, trace
from handgrad.graph.gc_pause import gc_paused
from handgrad.graph.passes import optimized
from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, take
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.optimizers.optimizer import parameter_groups
from handgrad.textbook.penalties import Penalty


@gc_paused()
def training_step(
    net: Net,
    loss: Loss,
    x: Inputs,
    y: Array,
    w: Array | None = None,
    penalty: Penalty | None = None,
    *,
    input_gradients: bool = False,
) -> Graph:
    """The optimized graph of a training step, without the gradients of frozen layers.

    Parameters
    ----------
    net : Net
        Traced, not changed.
    loss : Loss
        Its loss.
    x : array or tuple of arrays
        Inputs; the first rows are examples for tracing.
    y : array
        Targets.
    w : array, optional
        Sample weights.
    penalty : Penalty, optional
        Added to the loss.
    input_gradients : bool, default False
        With the gradients of the inputs.
    """
    weights, some = None if w is None else w[:4], take(x, slice(0, 4))
    step = trace(net, loss, penalty, x=some, y=y[:4], sample_weight=weights)
    frozen = {
        f"{path}.{name}" if path else name
        for path, layer in net.walk()
        if not layer.trainable
        for name in layer.param_names
    }
    wanted = {name: i for name, i in step.outputs.gradients.items() if name not in frozen}
    dx = step.outputs.input_gradients if input_gradients else {}
    outputs = replace(step.outputs, input_gradients=dx, gradients=wanted)
    return optimized(replace(step, outputs=outputs))


def updates_of(net: Net, optimizer: Optimizer) -> list[Update]:
    """The optimized graph of the optimizer's step, for each group of parameters, or each parameter.

    An optimizer that takes no step per batch has none.
    """
    if optimizer.minimizer is not None:
        return []
    groups, rules = parameter_groups(net, optimizer), dict[tuple[Optimizer, object], Graph]()
    for group in groups:  # a rule for a shape is traced once
        key = group.optimizer, group.shape
        if key not in rules:
            rules[key] = optimized(trace(group.optimizer, x=group.example))
    return [
        Update(
            rules[group.optimizer, group.shape], group.factor, group.slices, optimizer.elementwise
        )
        for group in groups
    ]


@gc_paused()
def prediction_graph(net: Net, x: Inputs) -> Graph:
    """The optimized graph of predictions for rows like these."""
    graph = optimized(trace(net, x=take(x, slice(0, 4)), training=False))
    if streams_of(graph, net.dtype):
        raise CannotLowerError("random draws in prediction")
    return graph
