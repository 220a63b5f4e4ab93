"""Plots of functions: losses, activations with their derivatives, learning rate schedules."""

import copy
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from handgrad.plots.labels import label
from handgrad.plots.style import FIRST, SECOND, axes_for, line_of, panels_for
from handgrad.textbook.errors import SettingError, ShapeError, described, did_you_mean
from handgrad.textbook.layers import Array, Layer, activations
from handgrad.textbook.losses import BinaryCrossEntropyLoss, Loss, MAELoss, MSELoss
from handgrad.textbook.metrics import zero_one_loss
from handgrad.textbook.schedules import Schedule
from handgrad.training import factors_of

# A function of x (n,), or its values at x.
Function = Callable[[Array], npt.ArrayLike] | npt.ArrayLike
SMALLEST, WIDTH = 0.01, 4.0
# The activations of the textbook, in its order.
TEXTBOOK: list[type[Layer]] = [
    kind
    for kind in vars(activations).values()
    if isinstance(kind, type) and kind.__module__ == activations.__name__
]


def plot_loss_functions(
    suptitle: Literal["regression", "classification"] | str,
    functions: Sequence[Function] | None = None,
    ylabels: Sequence[str] = (),
    xlabel: str = "",
    *,
    x: npt.ArrayLike | None = None,
    axes: Sequence[Axes] | Array | None = None,
) -> Array:
    """Plot loss functions side by side; returns the axes.

    "regression" shows the absolute and the squared loss over the error y − f(x), "classification"
    the 0-1 loss and the logistic loss over the predicted probability of the true class.

    Parameters
    ----------
    suptitle : {"regression", "classification"} or str
        Built-in pair of losses; or the title above `functions`.
    functions : list of functions or arrays, optional
        Functions of `x`, or their values at `x`.
    ylabels : sequence of str
        Labels of the functions.
    xlabel : str
        Label of x.
    x : array (n,), optional
        By default 201 numbers from −2 to 2.
    axes : sequence of Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    array of Axes

    Examples
    --------
    >>> left, right = plot_loss_functions("regression")
    >>> left.get_title(), right.get_title(), left.get_xlabel()
    ('absolute loss', 'squared loss', 'y − f(x)')
    >>> both = plot_loss_functions("Losses of an error", [np.abs, np.square], ["|e|", "e²"], "e")
    >>> [axes.get_ylabel() for axes in both]
    ['|e|', 'e²']
    """
    titles: Sequence[str] = ()
    if functions is None:
        if suptitle not in TASKS:
            raise SettingError(
                f"{suptitle!r} without functions",
                f"one of {', '.join(TASKS)}; or a title and functions",
                did_you_mean(suptitle, TASKS, "'classification'"),
            )
        x, xlabel, titles, ylabels, functions = TASKS[suptitle]
        xlabel, titles, ylabels = label(xlabel), [*map(label, titles)], [*map(label, ylabels)]
        suptitle = ""
    if not isinstance(functions, list | tuple) or not functions:
        expected = "a list of functions, at least one"
        raise SettingError(f"functions = {functions!r}", expected, "functions=[np.abs, np.square]")
    if x is None and not all(map(callable, functions)):
        raise SettingError(
            "values of a function without their x",
            "the x at which they were computed, or functions",
            "plot_loss_functions(…, x=x), or functions=[np.abs, np.square]",
        )
    across = np.linspace(-2, 2, 201) if x is None else np.ravel(np.asarray(x, float))
    drawn = [np.asarray(f(across) if callable(f) else f, float) for f in functions]
    for y in drawn:
        if y.shape != across.shape:
            raise ShapeError(
                f"values of shape {y.shape} for {len(across)} numbers x",
                f"a value for each x, shape {across.shape}",
                "np.vectorize(function), for a function of one number",
            )
    panels = panels_for(axes, len(drawn), (4.5 * len(drawn), 3.4))
    for panel, y, ylabel, title in zip_longest(panels, drawn, ylabels[: len(drawn)], titles):
        style = "steps-post" if title == label("0-1 loss") else "default"
        panel.plot(across, y, color=FIRST, linewidth=2, drawstyle=style)
        panel.set(title=title or "", xlabel=xlabel, ylabel=ylabel or "")
    if suptitle:
        panels[0].figure.suptitle(suptitle)
    return np.array(panels)


def plot_cross_entropy(ax: Axes | None = None) -> Axes:
    """Plot the cross-entropy over the predicted probability p of class 1.

    It is −log p for the true class y = 1 and −log(1 − p) for y = 0: 0 for a certain and right
    prediction, infinite for a certain and wrong one.

    Parameters
    ----------
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> [line.get_label() for line in plot_cross_entropy().lines]
    ['y = 1:  −log p', 'y = 0:  −log(1 − p)']
    """
    axes = axes_for(ax, (6.5, 3.6))
    p, loss = np.linspace(SMALLEST, 1 - SMALLEST, 99), BinaryCrossEntropyLoss()
    for y, name, style, colour in (
        (1, "y = 1:  −log p", "--", FIRST),
        (0, "y = 0:  −log(1 − p)", "-", SECOND),
    ):
        axes.plot(p, _each(loss, p, y), style, color=colour, linewidth=2, label=name)
    axes.set(xlabel=label("p, predicted probability of class 1"), ylabel=label("loss"))
    axes.set_title(label("Cross-entropy"))
    axes.set(xlim=(0, 1), ylim=(0, None))
    axes.legend(loc="upper center", frameon=False)
    return axes


def _each(loss: Loss, p: Array, y: int) -> Array:
    """Loss of each prediction in `p` for the target `y`."""
    return np.array([float(loss.forward(np.array([[q]]), np.array([y]))) for q in p])


# Of each task: x and its name, the titles, the names of the losses' values, the losses.
TASKS: dict[str, tuple[Array, str, list[str], list[str], list[Function]]] = {
    "regression": (
        np.linspace(-2, 2, 201),
        "y − f(x)",
        ["absolute loss", "squared loss"],
        ["|y − f(x)|", "(y − f(x))²"],
        [lambda e: _each(MAELoss(), -e, 0), lambda e: _each(MSELoss(), -e, 0)],
    ),
    "classification": (
        np.linspace(SMALLEST, 1, 100),
        "p, probability of the true class",
        ["0-1 loss", "logistic loss"],
        ["1 if p < ½, else 0", "−log p"],
        [
            lambda p: [zero_one_loss(q, np.array([1])) for q in p[:, None]],
            lambda p: _each(BinaryCrossEntropyLoss(), p, 1),
        ],
    ),
}


def plot_activations(
    layers: Sequence[Layer] | None = None, axes: Sequence[Axes] | Array | None = None
) -> Array:
    """Plot activations with their derivatives; returns the axes, one per layer.

    The values come from `forward`, the derivatives from `backward` of ones, on float64 copies.

    Parameters
    ----------
    layers : sequence of Layer, optional
        Elementwise layers; by default all activations of the textbook.
    axes : sequence of Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    array of Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> (axes,) = plot_activations([hg.Tanh()])
    >>> value, slope, *_ = axes.lines
    >>> value.get_label(), slope.get_label(), float(slope.get_ydata().max())
    ('Tanh()', 'its slope', 1.0)
    """
    layers = [kind() for kind in TEXTBOOK] if layers is None else [*layers]
    if not layers:
        raise SettingError("no layers", "one or more", "plot_activations(), for the textbook's")
    curves = [_curves(layer) for layer in layers]
    columns = min(len(layers), 4)
    size = (2.9 * columns, 2.7 * -(-len(layers) // 4))
    flat = None if axes is None else [*np.ravel(np.array(axes))][: len(layers)]
    panels = panels_for(flat, len(layers), size)
    for panel, layer, (x, y, slope) in zip(panels, layers, curves, strict=True):
        panel.plot(x, y, color=FIRST, linewidth=2, label=repr(layer))
        panel.plot(x, slope, "--", color=SECOND, linewidth=1.8, label=label("its slope"))
        panel.axhline(0, color="#BBBBBB", linewidth=0.8, zorder=1)
        panel.axvline(0, color="#BBBBBB", linewidth=0.8, zorder=1)
        panel.set(title=repr(layer), xlabel="x")
    panels[0].legend(
        handles=panels[0].lines[:2], labels=[label("value"), label("slope")], frameon=False
    )
    return np.array(panels)


def _curves(layer: Layer) -> tuple[Array, Array, Array]:
    """x, the layer's values at x, and its derivatives."""
    if not isinstance(layer, Layer):
        raise SettingError(described(layer), "layers", "[hg.Tanh(), hg.ReLU()]")
    twin = copy.deepcopy(layer)
    x = np.linspace(-WIDTH, WIDTH, 401)
    try:
        with twin.mode(training=False):
            row = twin.forward(x[None, :])[0]
            y = twin.forward(x[:, None])
            slope = twin.backward(np.ones_like(y))[:, 0]
        elementwise = y.shape == (len(x), 1) and np.allclose(row, y[:, 0])
    except (ValueError, IndexError, TypeError):
        elementwise = False
    if not elementwise:
        raise SettingError(
            f"{layer!r}, which is not elementwise",
            "activations, such as Tanh() and ReLU()",
            "plot_decision_boundary(net, x, y), for a whole net",
        )
    return x, y[:, 0], slope


def plot_schedule(
    schedule: Schedule | Mapping[str, Schedule],
    learning_rate: float = 1.0,
    ax: Axes | None = None,
) -> Axes:
    """Plot the learning rate over the fraction of the training done.

    Parameters
    ----------
    schedule : function, or dict of str to function
        One schedule, or several by name.
    learning_rate : float, default 1.0
        Multiplies the factors of the schedule.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> schedules = {"step": hg.schedules.step(0.25), "cosine": hg.schedules.cosine()}
    >>> axes = plot_schedule(schedules, learning_rate=0.1)
    >>> [line.get_label() for line in axes.lines]
    ['step', 'cosine']
    """
    named = schedule if isinstance(schedule, Mapping) else {"": schedule}
    if not named or not all(callable(one) for one in named.values()):
        raise SettingError(
            f"schedule = {described(schedule)}",
            "a function of the fraction of the training done, or a dictionary of such functions",
            "hg.plots.plot_schedule(hg.schedules.cosine())",
        )
    axes = axes_for(ax, (6, 3.6))
    progress = np.linspace(0, 1, 1000, endpoint=False)
    for i, (name, one) in enumerate(named.items()):
        rates = learning_rate * factors_of(one, progress)
        axes.plot(progress, rates, linewidth=2, label=name, **line_of(i))
    what = label("learning rate") if learning_rate != 1 else label("factor of the learning rate")
    axes.set(
        xlabel=label("fraction of the training done"), ylabel=what, title=label("Learning rate")
    )
    axes.set(xlim=(0, 1), ylim=(0, None))
    if isinstance(schedule, Mapping):
        axes.legend(frameon=False)
    return axes
