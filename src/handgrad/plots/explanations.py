"""Permutation importance and partial dependence as pictures."""

from typing import TYPE_CHECKING

import numpy as np

from handgrad.layers import Array
from handgrad.plots.inputs import refuse_other
from handgrad.plots.style import (
    BESIDE,
    FIRST,
    GREY,
    Line,
    as_written,
    axes_for,
    colour_of,
    marker_of,
    shortened,
    show_dates,
    tidy,
)
from handgrad.results import PartialDependence, PermutationImportance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLASSES = 6


def plot_permutation_importance(
    importance: PermutationImportance, most: int = 12, ax: "Axes | None" = None
) -> "Axes":
    """Draw how much worse the score is without a column, for the `most` that matter most.

    The bars are means over the repeats, the strongest on top, the whiskers their standard
    deviations. `importance` is what `permutation_importance` gave.
    """
    hint = "hg.permutation_importance(model, X, y)"
    refuse_other(importance, PermutationImportance, "permutation_importance", hint)
    order = importance.order[:most]
    axes = axes_for(ax, (6, 0.9 + 0.32 * len(order)))
    places = np.arange(len(order))
    axes.barh(places, importance.mean[order], height=0.62, color=FIRST, zorder=2)
    axes.errorbar(
        importance.mean[order],
        places,
        xerr=importance.std[order],
        fmt="none",
        ecolor=GREY,
        elinewidth=1.4,
        capsize=2.5,
        zorder=3,
    )
    names = [shortened(importance.columns[i]) for i in order]
    axes.set_yticks(places, names)
    as_written(axes.get_yticklabels())
    axes.set(ylim=(len(order) - 0.4, -0.6))
    axes.set_xlabel(f"{importance.scoring.replace('_', ' ')}, worse by, when shuffled")
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    tidy(axes)
    axes.grid(visible=False, axis="y")
    axes.tick_params("y", length=0)
    axes.spines["left"].set_visible(False)
    return axes


def plot_partial_dependence(dependence: PartialDependence, ax: "Axes | None" = None) -> "Axes":
    """Draw what the model says on average against the values of a column.

    A curve for numbers and dates, dots for text, the most frequent value on top. Of two classes
    it is the probability of the second; of more there is a curve for each of the six that change
    most. `dependence` is what `partial_dependence` gave.
    """
    hint = "hg.partial_dependence(model, X, column)"
    refuse_other(dependence, PartialDependence, "partial_dependence", hint)
    axes = axes_for(ax, (4.5, 3.4))
    n = len(dependence.outputs)
    changes = np.ptp(dependence.average, axis=0)
    chosen = [n - 1] if n <= 2 else sorted(np.argsort(-changes, kind="stable")[:MOST_CLASSES])
    for k in chosen:
        of_class: Line = {"color": colour_of(k) if n > 2 else FIRST, "label": dependence.outputs[k]}
        _draw(axes, dependence, dependence.average[:, k], of_class, marker_of(k) if n > 2 else "o")
    if dependence.kind == "category":
        names = [shortened(str(value)) for value in dependence.values]
        axes.set_yticks(np.arange(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        as_written(axes.get_yticklabels())
    elif dependence.kind == "number" and dependence.values.min() >= 0:
        axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
    says, along = _what(dependence), shortened(dependence.column, 30)
    across, up = (says, along) if dependence.kind == "category" else (along, says)
    axes.set_xlabel(across, parse_math=False)
    axes.set_ylabel(up, parse_math=False)
    tidy(axes)
    if n > 2:
        for text in axes.legend(frameon=False, handlelength=1.2, **BESIDE).get_texts():
            text.set(text=shortened(text.get_text(), 16), parse_math=False)
    return axes


def _draw(axes: "Axes", found: PartialDependence, average: Array, style: Line, marker: str) -> None:
    if found.kind == "category":
        axes.plot(average, np.arange(len(average)), marker, markersize=6, **style)
        return
    few = len(average) <= 12
    axes.plot(
        found.values, average, linewidth=2, marker=marker if few else None, markersize=4, **style
    )
    if found.kind == "date":
        show_dates(axes.xaxis)


def _what(found: PartialDependence) -> str:
    if found.outputs == ("prediction",):
        return "mean prediction"
    if len(found.outputs) > 2:
        return "mean probability"
    return f"probability of {shortened(found.outputs[-1], 12)}"
