"""Training and validation against capacity, or against the number of rows, over many seeds."""

from typing import TYPE_CHECKING

import numpy as np

from handgrad.layers import Array
from handgrad.metrics.choice import smaller_is_better
from handgrad.plots.inputs import refuse_other
from handgrad.plots.style import FIRST, GREY, SECOND, axes_for, name_measure, tidy
from handgrad.results import CapacityCurve, LearningCurve, RunsCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS = 12


def plot_capacity_curve(
    curve: CapacityCurve, what: str = "loss", ax: "Axes | None" = None
) -> "Axes":
    """Draw `what`, the loss or a metric, against capacity, on training and validation rows.

    The lines are medians over the seeds, the bands reach from the lower to the upper quartile.
    A dotted line marks the capacity with the lowest median validation loss. The axis is
    logarithmic where the capacities grow by factors rather than by steps. Runs without a finite
    loss are left out, and counted in the legend; the line has a gap where they are half or more.

    >>> import numpy as np
    >>> import handgrad as hg
    >>> curve = hg.CapacityCurve(capacities=np.array([1, 2, 4]),
    ...     train={"loss": np.array([[0.5], [0.3], [0.1]])},
    ...     validation={"loss": np.array([[0.6], [0.4], [0.7]])})
    >>> axes = plot_capacity_curve(curve)
    >>> axes.get_legend().get_texts()[-1].get_text(), axes.get_xscale()
    ('lowest validation loss, at 2', 'log')
    """
    refuse_other(curve, CapacityCurve, "capacity_curve", "hg.capacity_curve(make_net, …)")
    axes = _drawn(curve, curve.capacities, what, ax)
    if not np.isnan(curve.quartiles("validation")[1]).all():
        label = f"lowest validation loss, at {curve.best:g}"
        axes.axvline(curve.best, color=GREY, linestyle=":", linewidth=1.5, label=label)
    axes.set(xlabel="capacity", title="Under- and over-fitting")
    axes.legend(framealpha=0.85, edgecolor="none")
    return axes


def plot_learning_curve(
    curve: LearningCurve, what: str = "loss", ax: "Axes | None" = None
) -> "Axes":
    """Draw `what`, the loss or a metric, against the number of rows that were trained on.

    Lines, bands, the axis and missing runs are as in `plot_capacity_curve`.
    """
    refuse_other(curve, LearningCurve, "learning_curve", "hg.learning_curve(make_net, …)")
    axes = _drawn(curve, curve.rows, what, ax)
    axes.set(xlabel="training rows", title="What more rows bring")
    axes.legend(framealpha=0.85, edgecolor="none")
    return axes


def _drawn(curve: RunsCurve, across: Array, what: str, ax: "Axes | None") -> "Axes":
    """The two lines and their bands, and how many runs are missing."""
    quartiles = [curve.quartiles(side, what) for side in ("train", "validation")]
    runs = curve.train["loss"]
    axes = axes_for(ax, (6, 4))
    for (low, middle, high), name, colour, style in zip(
        quartiles, ("training", "validation"), (FIRST, SECOND), ("o-", "s--"), strict=True
    ):
        axes.fill_between(across, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(across, middle, style, color=colour, label=name, linewidth=1.8, markersize=4.5)
    band = f"quartiles of {runs.shape[1]} seeds"
    axes.fill_between([], [], [], color=GREY, alpha=0.3, linewidth=0, label=band)
    if missing := int(curve.missing.sum()):
        axes.plot([], [], " ", label=f"{missing} of {runs.size} runs missing: not finite")
    if _by_factors(across):
        axes.set_xscale("log")
    if len(across) <= MOST_TICKS:
        axes.set_xticks(across, [f"{value:g}" for value in across])
        axes.minorticks_off()
    name_measure(axes, what, what == "loss" or smaller_is_better(what))
    tidy(axes)
    return axes


def _by_factors(numbers: Array) -> bool:
    """Whether numbers above zero grow by factors that are more alike than their differences."""
    if len(numbers) < 3 or numbers[0] <= 0:
        return False
    steps, factors = np.diff(numbers), np.diff(np.log(numbers))
    return bool(factors.std() / factors.mean() < steps.std() / steps.mean())
