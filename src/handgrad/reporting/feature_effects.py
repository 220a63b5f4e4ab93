"""The section of feature effects: importances and dependences, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from handgrad.plots import plot_partial_dependence, plot_permutation_importance
from handgrad.reporting.scores import number
from handgrad.results import PartialDependence, PermutationImportance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 12


def importances(found: PermutationImportance) -> list[tuple[str, str, str]]:
    """Each column with its mean and its deviation, the strongest first."""
    return [(found.columns[i], number(found.mean[i]), number(found.std[i])) for i in found.order]


def importance_picture(found: PermutationImportance) -> Callable[[Axes], object]:
    """The function that draws the strongest columns."""
    return lambda axes: plot_permutation_importance(found, MOST_BARS, axes)


def dependence_pictures(
    found: Sequence[PartialDependence],
) -> Iterator[tuple[PartialDependence, Callable[[Axes], object]]]:
    """Each dependence and what draws it, all on one scale."""
    shown = np.concatenate([each.average[:, _shown(each)].ravel() for each in found])
    room = 0.05 * (shown.max() - shown.min() or 1)
    limits = float(shown.min() - room), float(shown.max() + room)
    for each in found:
        yield each, partial(_draw, each, limits)


def _draw(found: PartialDependence, limits: tuple[float, float], axes: Axes) -> None:
    plot_partial_dependence(found, axes)
    (axes.set_xlim if found.kind == "category" else axes.set_ylim)(limits)


def _shown(found: PartialDependence) -> slice:
    """Which outputs are drawn: of two classes the second."""
    return slice(-1, None) if len(found.outputs) <= 2 else slice(None)


def extremes(found: PartialDependence) -> tuple[str, str, str]:
    """The output that changes most, in words, and its least and its largest mean."""
    k = int(np.ptp(found.average, axis=0).argmax()) if len(found.outputs) > 2 else -1
    mean, output = found.average[:, k], found.outputs[k]
    ends = [
        f"{number(mean[i])}, at {_value(found, i)}"
        for i in (int(mean.argmin()), int(mean.argmax()))
    ]
    what = "prediction" if output == "prediction" else f"probability of {output}"
    return what, ends[0], ends[1]


def _value(found: PartialDependence, i: int) -> str:
    value = found.values[i]
    return number(float(value)) if found.kind == "number" else str(value).removesuffix("T00:00:00")
