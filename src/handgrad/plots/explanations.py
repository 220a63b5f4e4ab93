"""Plots of permutation importance, partial dependence and contributions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from handgrad.plots.inputs import refuse_other
from handgrad.plots.labels import label
from handgrad.plots.style import (
    BESIDE,
    FIRST,
    GREY,
    SECOND,
    axes_for,
    colour_of,
    marker_of,
    name_axes,
    name_places,
    shortened,
    show_dates,
)
from handgrad.textbook.layers import Array
from handgrad.training.results import Contributions, PartialDependence, PermutationImportance

MOST_CLASSES = 6


def plot_permutation_importance(
    importance: PermutationImportance, most: int = 12, ax: Axes | None = None
) -> Axes:
    """Plot permutation importances as bars, the largest on top.

    Bars are means over the repeats, whiskers are standard deviations.

    Parameters
    ----------
    importance : PermutationImportance
        From `permutation_importance`.
    most : int, default 12
        Number of columns shown.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes
    """
    refuse_other(importance, PermutationImportance, "hg.tables.permutation_importance(model, X, y)")
    order = importance.order[:most]
    axes = axes_for(ax, (6, 0.9 + 0.32 * len(order)))
    names = [importance.columns[i] for i in order]
    _draw_bars(axes, names, importance.mean[order], importance.std[order], FIRST)
    scoring = label(importance.scoring.replace("_", " "))
    axes.set_xlabel(label("decrease in {} when shuffled", scoring))
    return axes


def _draw_bars(
    axes: Axes,
    names: Sequence[str],
    values: Array,
    errors: Array | None,
    colours: str | Sequence[str],
) -> None:
    """Draw a bar for each value, the first on top, with whiskers of the errors."""
    whiskers = {"ecolor": GREY, "elinewidth": 1.4, "capsize": 2.5, "zorder": 3}
    places = np.arange(len(names))
    axes.barh(places, values, 0.62, xerr=errors, color=colours, zorder=2, error_kw=whiskers)
    name_places(axes, names)
    axes.set(ylim=(len(names) - 0.4, -0.6))
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    axes.grid(visible=False, axis="y")
    axes.tick_params("y", length=0)
    axes.spines["left"].set_visible(False)


def plot_contributions(
    contributions: Contributions, row: int = 0, most: int = 12, ax: Axes | None = None
) -> Axes:
    """Plot the contributions of the columns of a row as bars, the largest on top.

    For classes they are those to the probability of the predicted class. Whiskers are standard
    errors, where orders of the columns were sampled.

    Parameters
    ----------
    contributions : Contributions
        From `contributions`.
    row : int, default 0
        Index of the row.
    most : int, default 12
        Number of columns shown; the contributions of the others are added.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes
    """
    refuse_other(contributions, Contributions, "hg.tables.contributions(model, X)")
    bars = contributions.bars(row, most)
    axes = axes_for(ax, (6, 1.1 + 0.32 * len(bars)))
    values = np.array([bar.value for bar in bars])
    errors = np.array([bar.error for bar in bars])
    colours = [FIRST if value >= 0 else SECOND for value in values]
    names = [bar.name for bar in bars]
    _draw_bars(axes, names, values, errors if errors.any() else None, colours)
    k = contributions.explained(row)
    output, prediction = contributions.outputs[k], contributions.predictions[row, k]
    of = label("prediction")
    if output != "prediction":
        of = label("probability of {}", shortened(output, 16))
    axes.set_xlabel(
        label(
            "contribution to {}: {} = {} + sum",
            of,
            f"{prediction:.3g}",
            f"{contributions.base[k]:.3g}",
        ),
        parse_math=False,
    )
    return axes


def plot_partial_dependence(dependence: PartialDependence, ax: Axes | None = None) -> Axes:
    """Plot the mean prediction against the values of a column.

    Numbers and dates give a curve, texts give dots, the most frequent one on top. For two classes
    it is the probability of the second; for more, a curve for each of the six that change most.

    Parameters
    ----------
    dependence : PartialDependence
        From `partial_dependence`.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes
    """
    refuse_other(dependence, PartialDependence, "hg.tables.partial_dependence(model, X, column)")
    axes = axes_for(ax, (4.5, 3.4))
    n = len(dependence.outputs)
    changes = np.ptp(dependence.average, axis=0)
    chosen = [n - 1] if n <= 2 else sorted(np.argsort(-changes, kind="stable")[:MOST_CLASSES])
    of_text, places = dependence.kind == "category", np.arange(len(dependence.values))
    for k in chosen:
        shown, average = k if n > 2 else 0, dependence.average[:, k]
        how: Any = {"color": colour_of(shown), "label": dependence.outputs[k]}
        if of_text:
            axes.plot(average, places, marker_of(shown), markersize=6, **how)
        else:
            marker = marker_of(shown) if len(places) <= 12 else ""
            axes.plot(dependence.values, average, marker=marker, markersize=4, linewidth=2, **how)
    says = label("probability of {}", shortened(dependence.outputs[-1], 12))
    if n > 2 or dependence.outputs == ("prediction",):
        says = label("mean probability") if n > 2 else label("mean prediction")
    along = shortened(dependence.column, 30)
    if of_text:
        name_places(axes, [str(value) for value in dependence.values])
        axes.set_ylim(len(places) - 0.5, -0.5)
    elif dependence.kind == "date":
        show_dates(axes.xaxis)
    elif dependence.values.min() >= 0:
        axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
    name_axes(axes, *((says, along) if of_text else (along, says)))
    if n > 2:
        for text in axes.legend(frameon=False, handlelength=1.2, **BESIDE).get_texts():
            text.set(text=shortened(text.get_text(), 16), parse_math=False)
    return axes
