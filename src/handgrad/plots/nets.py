"""Plots of a net: its units and weights, and each unit's output over a plane."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from handgrad.plots.inputs import names_of, net_and_rows, table_of
from handgrad.plots.labels import label
from handgrad.plots.planes import SMOOTH, box_around, over_plane
from handgrad.plots.slices import Slice, filler_of, two_of
from handgrad.plots.style import FIRST, GREY, SECOND, SIGNED, axes_for, panels_for, shortened
from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.training.evaluate import evaluate
from handgrad.training.results import Predictor

# Units drawn in a column, and units up to which their numbers are shown.
MOST_UNITS, MOST_NUMBERED = 16, 8
THICKEST, THINNEST = 4.0, 0.3
MOST_MAPS, POINTS = 64, 60
# Background of numbers, also readable in a report with a dark theme.
BEHIND = {"facecolor": "#fbfaf7", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
BESIDE_A_UNIT: dict[str, Any] = {"fontsize": 8, "va": "top", "zorder": 3, "bbox": BEHIND}
Lines = Literal["weights", "gradients"]


@dataclass(frozen=True, eq=False)
class Stage:
    """Column of units: a layer with weights and the layers without weights after it.

    `name` lists these layers. `weights` (n_units, n_before) come from the previous column, or are
    None. `places` are the indices of the first and the last of these layers, −1 for the inputs;
    `path` is that of the weights.
    """

    name: str
    places: tuple[int, int]
    n_units: int
    weights: Array | None = None
    path: str = ""


def stages_of(net: Net, x: Array) -> list[Stage]:
    """Columns of a net for rows `x`: its inputs, and one for each layer with a weight matrix.

    A layer that keeps the number of units belongs to the column before it. Of an ensemble the first
    member is shown.
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
    """Activations as (n, n_units); of an ensemble, those of the first member."""
    values = np.asarray(values, float)
    if values.ndim == 3:
        values = values[:, 0]
    return values.reshape(len(values), -1)


@dataclass(frozen=True, eq=False)
class MeanActivations:
    """Mean activations of a net over some rows, by column, with gradients of the loss.

    Gradients are summed over the rows: with respect to activations, (n_units,), and to weights, by
    path. Without a loss there are none.
    """

    activations: list[Array]
    gradients: list[Array | None]
    weight_gradients: Mapping[str, Array]


def numbers_of_net(
    net: Net, stages: list[Stage], x: Array, y: Array | None, loss: Loss | None
) -> MeanActivations:
    """Activations of the units of `stages` for rows `x`, with the gradients of a `loss`."""
    outputs = {"-1": x, **net.outputs(x)}
    activations = [units(outputs[str(stage.places[1])]).mean(axis=0) for stage in stages]
    if loss is None or y is None:
        return MeanActivations(activations, [None] * len(stages), {})
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
    return MeanActivations(activations, [*gradients], of_weights)


def plot_net(
    net: Net | Predictor,
    x: object,
    y: object = None,
    *,
    loss: Loss | None = None,
    lines: Lines = "weights",
    feature_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot a net as units and weights, with the activations for a row.

    A line is a weight: thicker is larger, orange positive, blue and dashed negative. A unit has the
    colour of its activation, blue negative, white 0, orange positive, and its number beside it.
    With a loss, a second number after a d is the gradient of the loss with respect to the
    activation. For several rows activations are averaged and gradients summed. Of more than 16
    units of a column the first 15 and the last are drawn; of an ensemble the first member.

    Parameters
    ----------
    net : Net or fitted estimator
        The net to draw; an estimator has its own loss.
    x : array (1, n_features)
        Row, in the form the model takes.
    y : array (1,), optional
        Target of the row.
    loss : Loss, optional
        Loss for the gradients.
    lines : {"weights", "gradients"}, default "weights"
        Draw the weights, or the gradients of the loss with respect to them.
    feature_names : sequence of str, optional
        Names of the inputs.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh(), hg.Linear(3, 2, rng=1), hg.Softmax())
    >>> axes = plot_net(net, [[0.5, -1.2]], [1], loss=hg.CrossEntropyLoss())
    >>> [text.get_text() for text in axes.texts][:3]
    ['inputs', 'feature 1', '0.5\\nd 0.044']
    """
    inner, x, y, own = net_and_rows(net, x, y)
    loss = own if y is not None and loss is None else loss
    if loss is not None:
        _check_target(inner, x, y, loss)
    stages = stages_of(inner, x)
    numbers = numbers_of_net(inner, stages, x, y, loss)
    if lines not in get_args(Lines) or (lines == "gradients" and loss is None):
        raise SettingError(
            f"lines = {lines!r}" + ("" if loss is not None else " without a loss"),
            "'weights', or 'gradients' with y and a loss",
            "plot_net(net, x, y, loss=hg.CrossEntropyLoss(), lines='gradients')",
        )
    axes = axes_for(ax, (2.2 * len(stages) + 1.4, 4.8), grid=False)
    axes.set_axis_off()
    for i, stage in enumerate(stages):
        if stage.weights is not None:
            drawn = stage.weights if lines == "weights" else numbers.weight_gradients[stage.path]
            _draw_lines(axes, i, np.asarray(drawn, float))
    names = names_of(feature_names, stages[0].n_units, "feature")
    for i, stage in enumerate(stages):
        _draw_units(axes, i, stage, numbers, names if i == 0 else ())
    axes.set(xlim=(-0.8, len(stages) - 0.35), ylim=(-0.64, 0.68))
    return axes


def _check_target(net: Net, x: Array, y: Array | None, loss: Loss) -> None:
    if y is None:
        raise SettingError("a loss without y", "the target of the row", "y=[1]")
    evaluate(net, (x, y), loss=loss, metrics=[])


def _shown(n_units: int) -> Array:
    """Indices of the units that are drawn."""
    if n_units <= MOST_UNITS:
        return np.arange(n_units)
    return np.array([*range(MOST_UNITS - 1), n_units - 1])


def _heights(n_units: int) -> Array:
    """Heights of these units, from the top down, with a gap for omitted ones."""
    n = len(_shown(n_units))
    places = np.arange(n) + (np.arange(n) == n - 1) * (n_units > MOST_UNITS)
    return np.linspace(0.5, -0.5, places[-1] + 1)[places] if n > 1 else np.zeros(1)


def _draw_lines(axes: Axes, i: int, numbers: Array) -> None:
    """Draw the `numbers` (n_units, n_before) of a column as lines from the one before it."""
    after, before = numbers.shape
    flat = numbers[_shown(after)][:, _shown(before)].ravel()
    lines = LineCollection(
        [[(i - 1, down), (i, up)] for up in _heights(after) for down in _heights(before)],
        linewidths=THINNEST + (THICKEST - THINNEST) * np.abs(flat) / (np.abs(numbers).max() or 1.0),
        colors=[SECOND if number > 0 else FIRST for number in flat],
        linestyles=["-" if number > 0 else (0, (3, 2)) for number in flat],
        alpha=0.7,
        zorder=1,
    )
    axes.add_collection(lines, autolim=False)


def _draw_units(
    axes: Axes, i: int, stage: Stage, numbers: MeanActivations, names: Sequence[str]
) -> None:
    says, gradients = numbers.activations[i], numbers.gradients[i]
    shown, heights = _shown(stage.n_units), _heights(stage.n_units)
    largest = np.abs(says).max() or 1.0
    size = 420 if len(shown) <= MOST_NUMBERED else 150
    axes.scatter(
        np.full(len(shown), float(i)),
        heights,
        size,
        says[shown],
        cmap=SIGNED,
        vmin=-largest,
        vmax=largest,
        edgecolors=GREY,
        linewidths=1.0,
        zorder=2,
    )
    # with many columns every second name is higher
    height = 0.6 + 0.05 * (i % 2 if len(numbers.activations) > 4 else 0)
    axes.text(i, height, shortened(stage.name, 22), ha="center", va="center", fontsize="small")
    for unit, height in zip(shown, heights, strict=True):
        if names:
            name: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": "small"}
            axes.text(i - 0.16, height, shortened(names[unit], 14), parse_math=False, **name)
        if len(shown) <= MOST_NUMBERED:
            words = f"{says[unit]:.3g}"
            if gradients is not None:
                words += f"\nd {gradients[unit]:.2g}"
            axes.text(i + 0.1, height - 0.035, words, **BESIDE_A_UNIT)
    if stage.n_units > len(shown):
        axes.text(i, (heights[-1] + heights[-2]) / 2, "⋮", ha="center", va="center")
        words = label("{} units", stage.n_units)
        axes.text(i, -0.6, words, ha="center", va="center", fontsize="small", color=GREY)


def plot_neurons(
    net: Net | Predictor,
    x: object,
    *,
    features: tuple[int, int] = (0, 1),
    filler: npt.ArrayLike | None = None,
    axes: Sequence[Axes] | Array | None = None,
) -> Array:
    """Plot the output of each unit over the plane of two features; returns the axes.

    Each unit of each layer with weights has a map, after the activation that follows. Blue is
    negative, white 0, orange positive, each layer on its own scale. At most 64 units are drawn.

    Parameters
    ----------
    net : Net or fitted estimator
        With a table of features as input.
    x : array (n, n_features)
        Rows that set the range of the plane.
    features : pair of int, default (0, 1)
        Features shown, by number.
    filler : array (n_features,), optional
        Values of the other features; by default their means.
    axes : sequence of Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    array of Axes
        One per unit.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_circles(rng=0)
    >>> net = hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh(), hg.Linear(3, 2, rng=1), hg.Softmax())
    >>> [panel.get_title() for panel in plot_neurons(net, x)]
    ['layer 2, unit 1', 'layer 2, unit 2', 'layer 2, unit 3', 'layer 4, unit 1', 'layer 4, unit 2']
    """
    inner, rows, _, _ = net_and_rows(net, x)
    if rows.ndim != 2:
        raise ShapeError(
            f"rows of shape {rows.shape[1:]} for the net",
            "a vector of features per row",
            "hg.Net(…), or MLPClassifier",
        )
    rows = table_of(rows)
    shown = two_of(features, rows.shape[1])
    plane = Slice.of_features(shown, filler_of(filler, rows))
    stages = stages_of(inner, rows[:1])[1:]
    maps = [(stage, unit) for stage in stages for unit in range(stage.n_units)][:MOST_MAPS]
    panels = panels_for(axes, len(maps), (8, 2 * -(-len(maps) // 4)), grid=False)
    box = box_around(rows[:, shown])

    def says(points: Array) -> Array:
        outputs = inner.outputs(plane.rows(points))
        return np.hstack([units(outputs[str(stage.places[1])]) for stage in stages])

    _, _, values = over_plane(says, box, POINTS)
    largest = {
        stage.places: np.abs(part).max() or 1.0
        for stage, part in zip(stages, _split(values, stages), strict=True)
    }
    for k, (panel, (stage, unit)) in enumerate(zip(panels, maps, strict=True)):
        most = largest[stage.places]
        panel.imshow(values[..., k], extent=box, cmap=SIGNED, vmin=-most, vmax=most, **SMOOTH)
        title = label("layer {}, unit {}", stage.places[1] + 1, unit + 1)
        panel.set_title(title, fontsize="small")
        panel.set_xticks([])
        panel.set_yticks([])
    return np.array(panels)


def _split(values: Array, stages: Sequence[Stage]) -> list[Array]:
    return np.split(values, np.cumsum([stage.n_units for stage in stages])[:-1], axis=-1)
