"""A net as a picture shows it: columns of units, the weights between them, and their numbers."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from handgrad.plots.labels import label
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net


@dataclass(frozen=True, eq=False)
class Stage:
    """A column of units: what a layer with weights makes, and the layers after it make of that.

    `name` says which layers those are. `weights` (n_units, n_before) lead to them from the column
    before; none do where a layer has no matrix. `places` are the first and the last of these
    layers, by their numbers in the net, −1 for the inputs; `path` is that of the weights.
    """

    name: str
    places: tuple[int, int]
    n_units: int
    weights: Array | None = None
    path: str = ""


def stages_of(net: Net, x: Array) -> list[Stage]:
    """The columns of a net for rows `x`: its inputs, and one for each layer that has a matrix.

    A layer that keeps the number of units belongs to the column before it. Of layers of several
    members side by side the first member is shown.
    """
    outputs = net.outputs(x)
    stages = [Stage(label("inputs"), (-1, -1), units(x).shape[1])]
    for i, layer in enumerate(net.layers):
        n_units, matrix = units(outputs[str(i)]).shape[1], getattr(layer, "W", None)
        name = type(layer).__name__
        if matrix is not None and matrix.ndim in (2, 3):
            W = matrix if matrix.ndim == 2 else matrix[0]
            weights = W if W.shape == (n_units, stages[-1].n_units) else None
            stages.append(Stage(name, (i, i), n_units, weights, f"{i}.W"))
        elif n_units == stages[-1].n_units and len(stages) > 1:
            last = stages[-1]
            joined = f"{last.name}, {name}"
            stages[-1] = Stage(joined, (last.places[0], i), n_units, last.weights, last.path)
        else:
            stages.append(Stage(name, (i, i), n_units))
    return stages


def units(values: Array) -> Array:
    """What units say of rows, (n, n_units); of several members, the first."""
    values = np.asarray(values, float)
    if values.ndim == 3:
        values = values[:, 0]
    return values.reshape(len(values), -1)


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of a net for some rows, by column: the mean over the rows of what units say.

    `gradients` are those of the loss, summed over the rows: of what units say, (n_units,), and by
    path of the weights. Without a loss there are none.
    """

    activations: list[Array]
    gradients: list[Array | None]
    weight_gradients: Mapping[str, Array]


def numbers_of_net(
    net: Net, stages: list[Stage], x: Array, y: Array | None, loss: Loss | None
) -> Numbers:
    """What the units of `stages` say of the rows `x`, and with a `loss` its gradients."""
    outputs = {"-1": x, **net.outputs(x)}
    activations = [units(outputs[str(stage.places[1])]).mean(axis=0) for stage in stages]
    if loss is None or y is None:
        return Numbers(activations, [None] * len(stages), {})
    twin = copy.deepcopy(net)
    with twin.watch() as calls:
        prediction = twin.forward(x)
        dx = twin.backward(loss.backward(loss.forward(prediction, y)))
    came = {call.path: call.came for call in calls if call.method == "backward"}
    gradients = [
        units(dx if stage.places[1] < 0 else came[str(stage.places[1])]).sum(axis=0)
        for stage in stages
    ]
    paths = [stage.path for stage in stages if stage.weights is not None]
    of_weights = {}
    for path in paths:
        dW = np.asarray(twin.layers[int(path.partition(".")[0])].dW)
        of_weights[path] = dW if dW.ndim == 2 else dW[0]
    return Numbers(activations, [*gradients], of_weights)
