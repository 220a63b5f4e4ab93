"""Loss functions: how a number follows from how wrong a prediction is."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from handgrad.base.errors import SettingError, ShapeError, did_you_mean
from handgrad.layers import Array
from handgrad.losses import BinaryCrossEntropyLoss, Loss, MAELoss, MSELoss
from handgrad.metrics import zero_one_loss
from handgrad.plots.style import FIRST, SECOND, axes_for, panels_for, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A function of x (n,), or its values there.
Function = Callable[[Array], npt.ArrayLike] | npt.ArrayLike
SMALLEST = 0.01
TASKS = ("regression", "classification")


def plot_loss_functions(
    suptitle: Literal["regression", "classification"] | str,
    functions: Sequence[Function] | None = None,
    ylabels: Sequence[str] = (),
    xlabel: str = "",
    *,
    x: npt.ArrayLike | None = None,
    axes: "Sequence[Axes] | Array | None" = None,
) -> Array:
    """Draw losses side by side, each on axes of its own; returns the axes.

    `"regression"`: the absolute and the squared loss over y − f(x), by which a prediction f(x)
    is wrong. `"classification"`: the 0-1 loss and the logistic loss over the probability p that
    is given to the true class: the first counts mistakes, the second also says how far.

    Or any `functions` under a title: of `x` (n,), from −2 to 2 if it is not given, or their
    values (n,) at that `x`. `ylabels` has a label for each, the first ones at least.

    >>> left, right = plot_loss_functions("regression")
    >>> left.get_title(), right.get_title(), left.get_xlabel()
    ('absolute loss', 'squared loss', 'y − f(x)')
    >>> both = plot_loss_functions("Losses of an error", [np.abs, np.square], ["|e|", "e²"], "e")
    >>> [axes.get_ylabel() for axes in both]
    ['|e|', 'e²']
    """
    if functions is not None:
        return _plot_any(suptitle, functions, ylabels, xlabel, x, axes)
    task = suptitle
    if task not in TASKS:
        raise SettingError(
            f"{task!r} without functions",
            f"one of {', '.join(TASKS)}; or a title and functions",
            did_you_mean(task, TASKS, "'classification'"),
        )
    pair = panels_for(axes, 2, (9, 3.4))
    if task == "regression":
        e = np.linspace(-2, 2, 201)
        _draw(pair[0], e, _each(MAELoss(), -e, 0), "absolute loss", "y − f(x)", "|y − f(x)|")
        _draw(pair[1], e, _each(MSELoss(), -e, 0), "squared loss", "y − f(x)", "(y − f(x))²")
    else:
        p = np.linspace(SMALLEST, 1, 100)
        wrong = np.array([zero_one_loss(np.array([q]), np.array([1])) for q in p])
        where = "p, probability of the true class"
        _draw(pair[0], p, wrong, "0-1 loss", where, "1 if p < ½, else 0", steps=True)
        _draw(pair[1], p, _each(BinaryCrossEntropyLoss(), p, 1), "logistic loss", where, "−log p")
    return np.array(pair)


def _plot_any(
    suptitle: str,
    functions: Sequence[Function],
    ylabels: Sequence[str],
    xlabel: str,
    x: npt.ArrayLike | None,
    axes: "Sequence[Axes] | Array | None",
) -> Array:
    """Draw functions, or what they come to at `x`."""
    if not isinstance(functions, list | tuple):
        raise SettingError(
            f"functions = {functions!r}", "a list of them", "functions=[np.abs, np.square]"
        )
    values = [function for function in functions if not callable(function)]
    if x is None and values:
        raise SettingError(
            "values of a function without the x that they belong to",
            "the same x that they were computed from, or functions",
            "plot_loss_functions(…, x=x), or functions=[np.abs, np.square]",
        )
    across = np.linspace(-2, 2, 201) if x is None else np.ravel(np.asarray(x, float))
    drawn = [np.asarray(f(across) if callable(f) else f, float) for f in functions]
    for y in drawn:
        if y.shape != across.shape:
            raise ShapeError(
                f"values of shape {y.shape}, at {len(across)} places of x",
                f"a number at each place, shape {across.shape}",
                "np.vectorize(function), of a function of one number",
            )
    if not drawn:
        raise SettingError("no functions", "one at least", "functions=[np.abs, np.square]")
    found = panels_for(axes, len(drawn), (4.5 * len(drawn), 3.4))
    labels = [*ylabels, *[""] * len(drawn)]
    for ax, y, label in zip(found, drawn, labels, strict=False):
        _draw(ax, across, y, "", xlabel, label)
    found[0].figure.suptitle(suptitle)
    return np.array(found)


def plot_cross_entropy(ax: "Axes | None" = None) -> "Axes":
    """Draw the cross-entropy over the predicted probability p of class 1.

    Where the true class is y = 1 it is −log p, where it is y = 0 it is −log(1 − p): nothing for
    a prediction that is sure and right, and without end for one that is sure and wrong.

    >>> [line.get_label() for line in plot_cross_entropy().lines]
    ['y = 1:  −log p', 'y = 0:  −log(1 − p)']
    """
    axes = axes_for(ax, (6.5, 3.6))
    p, loss = np.linspace(SMALLEST, 1 - SMALLEST, 99), BinaryCrossEntropyLoss()
    for y, label, style, colour in (
        (1, "y = 1:  −log p", "--", FIRST),
        (0, "y = 0:  −log(1 − p)", "-", SECOND),
    ):
        axes.plot(p, _each(loss, p, y), style, color=colour, linewidth=2, label=label)
    axes.set(xlabel="p, predicted probability of class 1", ylabel="loss", title="Cross-entropy")
    axes.set(xlim=(0, 1), ylim=(0, None))
    axes.legend(loc="upper center", frameon=False)
    tidy(axes)
    return axes


def _each(loss: Loss, p: Array, y: int) -> Array:
    """The loss of each prediction in `p` alone, the target being `y`."""
    return np.array([float(loss.forward(np.array([[q]]), np.array([y]))) for q in p])


def _draw(
    axes: "Axes", x: Array, y: Array, title: str, xlabel: str, ylabel: str, steps: bool = False
) -> None:
    axes.plot(x, y, color=FIRST, linewidth=2, drawstyle="steps-post" if steps else "default")
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    tidy(axes)
