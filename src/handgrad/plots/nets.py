"""Pictures of a net itself: its units and weights, and what each unit says over a plane."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from handgrad.plots.inputs import names_of, net_and_rows, table_of
from handgrad.plots.labels import label
from handgrad.plots.planes import SMOOTH, box_around, over_plane
from handgrad.plots.rows import filler_of, two_of
from handgrad.plots.stages import Numbers, Stage, numbers_of_net, stages_of, units
from handgrad.plots.style import FIRST, GREY, SECOND, SIGNED, axes_for, panels_for, shortened
from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.training.evaluate import evaluate
from handgrad.training.results import Predictor

# So many units of a column are drawn, so many have their numbers beside them.
MOST_UNITS, MOST_NUMBERED = 16, 8
THICKEST, THINNEST = 4.0, 0.3
MOST_MAPS, POINTS = 64, 60
# Of a page, which is dark at night: behind numbers, in a report.
BEHIND = {"facecolor": "#fbfaf7", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
BESIDE_A_UNIT: dict[str, Any] = {"fontsize": "x-small", "va": "top", "zorder": 3, "bbox": BEHIND}
Lines = Literal["weights", "gradients"]


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
    """Draw a net with its weights, and in each unit what it says of a row `x`, (1, n_features).

    A line is a weight: the thicker, the larger; orange above zero, blue and dashed below. A unit
    has the colour of its activation, from blue below zero through white to orange, and the number
    beside it. With the target `y` and a `loss` a second number, after a d, is the gradient of the
    loss with respect to that activation; then lines="gradients" draws those of the weights. Of
    several rows these are the mean of the activations and the sum of the gradients.

    In place of a net it takes a fitted estimator, with rows as it takes them; that knows its loss.
    Of more than 16 units of a column the first 15 and the last are drawn, of nets side by side the
    first. Without `ax` a new figure is made, `axes.figure`.

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
    """The numbers of the units that are drawn."""
    if n_units <= MOST_UNITS:
        return np.arange(n_units)
    return np.array([*range(MOST_UNITS - 1), n_units - 1])


def _heights(n_units: int) -> Array:
    """Where those units stand, from the top down, with a gap where some are left out."""
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


def _draw_units(axes: Axes, i: int, stage: Stage, numbers: Numbers, names: Sequence[str]) -> None:
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
    # of many columns every other name stands higher
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
    """Draw a map of each unit: what it says all over the plane of two `features` of `x`.

    Every unit of every layer with weights has one, after the layers without that follow; from blue
    below zero through white to orange, each column of units on a scale of its own. `x` is
    (n, n_features): its rows say how far the plane reaches, and others of its features are held at
    `filler`, by default their means. Returns the axes, one a unit. Of more than 64 units, those of
    the first layers.

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
            "a plain row of features",
            "a net of your own, hg.Net(…), or MLPClassifier",
        )
    rows = table_of(rows)
    shown, at = two_of(features, rows.shape[1]), filler_of(filler, rows)
    stages = stages_of(inner, rows[:1])[1:]
    maps = [(stage, unit) for stage in stages for unit in range(stage.n_units)][:MOST_MAPS]
    panels = panels_for(axes, len(maps), (8, 2 * -(-len(maps) // 4)), grid=False)
    box = box_around(rows[:, shown])

    def says(points: Array) -> Array:
        plane = np.tile(at, (len(points), 1))
        plane[:, shown] = points
        outputs = inner.outputs(plane)
        return np.hstack([units(outputs[str(stage.places[1])]) for stage in stages])

    _, _, found = over_plane(says, box, POINTS)
    largest = {
        stage.places: np.abs(part).max() or 1.0
        for stage, part in zip(stages, _split(found, stages), strict=True)
    }
    for k, (panel, (stage, unit)) in enumerate(zip(panels, maps, strict=True)):
        most = largest[stage.places]
        panel.imshow(found[..., k], extent=box, cmap=SIGNED, vmin=-most, vmax=most, **SMOOTH)
        title = label("layer {}, unit {}", stage.places[1] + 1, unit + 1)
        panel.set_title(title, fontsize="small")
        panel.set_xticks([])
        panel.set_yticks([])
    return np.array(panels)


def _split(found: Array, stages: Sequence[Stage]) -> list[Array]:
    return np.split(found, np.cumsum([stage.n_units for stage in stages])[:-1], axis=-1)
