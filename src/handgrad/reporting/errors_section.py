"""The section of errors: what is right and what is wrong on the rows held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from handgrad.plots import (
    plot_calibration,
    plot_confusion_matrix,
    plot_precision_recall,
    plot_predictions,
    plot_residuals,
    plot_roc,
)
from handgrad.plots.style import shortened
from handgrad.reporting.scored_rows import ScoredRows
from handgrad.reporting.scores import number, percent
from handgrad.results import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLASSES, MOST_CURVES, MOST_DOTS, MOST_MISTAKES = 20, 5, 800, 8
CURVES = (plot_roc, plot_precision_recall, plot_calibration)


def errors_of(held: ScoredRows) -> dict[str, object]:
    """The values that the template of the section is given."""
    return _of_classes(held) if held.class_names else _of_numbers(held)


def _of_classes(held: ScoredRows) -> dict[str, object]:
    shown = replace(held, class_names=tuple(shortened(name, 16) for name in held.class_names))
    drawn = _classes_with_curves(held)
    of_class = np.bincount(held.y, minlength=len(held.class_names))
    right = np.bincount(held.y[held.predicted == held.y], minlength=len(of_class))
    found = [
        f"{n} of {of} rows of {c}"
        for n, of, c in zip(right, of_class, held.class_names, strict=True)
    ]
    return {
        "predictions": shown,
        "readable": len(of_class) <= MOST_CLASSES,
        "draw_confusion": lambda axes: plot_confusion_matrix(shown, colorbar=False, ax=axes),
        "right": ", ".join(found),
        "drawn": drawn,
        "curves": [
            partial(_draw_curves, plot, shown, drawn)
            for plot in CURVES
            if held.p is not None and drawn
        ],
        "mistakes": _mistakes(held),
    }


def _draw_curves(plot: Callable[..., Axes], shown: ScoredRows, only: list[int], axes: Axes) -> None:
    plot(shown, only=only, ax=axes)


def _classes_with_curves(held: ScoredRows) -> list[int]:
    """The classes that a curve can be drawn of, the most frequent ones."""
    n_classes = len(held.class_names)
    counts = np.bincount(held.y, minlength=n_classes)
    can = [k for k in range(n_classes) if 0 < counts[k] < len(held)]
    if n_classes == 2:
        return [1] if 1 in can else []
    return sorted(sorted(can, key=lambda k: -counts[k])[:MOST_CURVES])


def _mistakes(held: ScoredRows) -> list[tuple[str, str, str, str]]:
    """The classes that are most often taken for others: true, predicted, rows, share."""
    names = held.class_names
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (held.y, held.predicted), 1)
    of_class = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    most = np.argsort(-counts, axis=None, kind="stable")[:MOST_MISTAKES]
    pairs = [divmod(int(place), len(names)) for place in most if counts.flat[place]]
    return [
        (names[i], names[j], f"{counts[i, j]:,}", percent(counts[i, j] / of_class[i]))
        for i, j in pairs
    ]


def _of_numbers(held: ScoredRows) -> dict[str, object]:
    rows = np.arange(len(held))
    if len(held) > MOST_DOTS:
        rows = np.sort(np.random.default_rng(0).choice(len(held), MOST_DOTS, replace=False))
    off = np.abs(held.y - held.predicted)
    shown = Predictions(held.y[rows], held.predicted[rows])
    return {
        "predictions": shown,
        "half": np.quantile(off, 0.5),
        "most": np.quantile(off, 0.9),
        "worst": off.max(),
        "only": "" if np.ptp(held.predicted) else number(held.predicted[0]),
        "draw_predictions": partial(_draw_predictions, shown),
        "draw_residuals": lambda axes: plot_residuals(shown, ax=axes),
    }


def _draw_predictions(shown: Predictions, axes: Axes) -> None:
    plot_predictions(shown, ax=axes)
    axes.legend().remove()  # the caption says it
