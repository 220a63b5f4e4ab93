"""Where the answers are right and where they are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from handgrad.html.elements import Html, element, joined, paragraph, table
from handgrad.layers import Array
from handgrad.plots import (
    plot_calibration,
    plot_confusion_matrix,
    plot_precision_recall,
    plot_predictions,
    plot_residuals,
    plot_roc,
)
from handgrad.plots.style import shortened
from handgrad.reporting.evidence import Evidence
from handgrad.reporting.judged import Judged
from handgrad.reporting.pictures import Pictures
from handgrad.reporting.scores import number, percent
from handgrad.results import Predictions

MOST_CLASSES, MOST_CURVES, MOST_DOTS, MOST_MISTAKES = 20, 5, 800, 8


def answers(evidence: Evidence, pictures: Pictures) -> Html:
    """Pictures and tables of right and wrong answers on the rows held out."""
    if evidence.classes:
        return joined(_of_classes(evidence, pictures))
    return joined(_of_numbers(evidence, pictures))


def _of_classes(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    held, names = evidence.held, [shortened(name, 16) for name in evidence.classes]
    mistakes = _mistakes(evidence)
    grid = []
    if len(names) <= MOST_CLASSES:
        side = 3.9 if len(names) <= 6 else 4.9
        grid.append(
            pictures.drawn(
                lambda axes: plot_confusion_matrix(
                    Predictions(held.y, held.said, None, tuple(names)), colorbar=False, ax=axes
                ),
                _confusion_alt(evidence),
                "Confusion matrix",
                ": how many rows of each true class, down, were taken for which, across.",
                size=(side, side * 0.84),
            )
        )
    else:
        yield paragraph(
            f"A matrix of {len(names)} classes could not be read; the table has the mistakes that "
            "are made most."
        )
    drawn = _classes_with_curves(held, len(names))
    if held.p is not None and drawn:
        grid += _curves(held, names, drawn, pictures)
    if held.p is not None and drawn and len(names) == 2:
        yield paragraph(
            f"The curves take “{names[1]}” as the positive class, since it comes after "
            f"“{names[0]}” in order."
        )
    yield element("div", joined(grid), class_="pictures") if grid else ""
    yield from _what_was_left_out(held, names, drawn)
    if mistakes:
        yield paragraph("The most frequent mistakes:")
        yield table(
            "The most frequent mistakes",
            ("true", "predicted", "rows", "share of the true class"),
            mistakes,
            numbers=(2, 3),
        )
    else:
        yield paragraph("Not one row is wrong.")


def _curves(held: Judged, names: list[str], drawn: list[int], pictures: Pictures) -> list[Html]:
    found = Predictions(held.y, held.said, held.p, tuple(names))
    of = f"“{names[drawn[0]]}”" if len(drawn) == 1 else "each class against the rest"
    ways = (
        (
            plot_roc,
            "ROC curve",
            "the share of its rows that are found, against the share of all others that are "
            "falsely taken for it, for each threshold",
        ),
        (
            plot_precision_recall,
            "Precision and recall",
            "the share of rows taken for it that are right, against the share of its rows that are "
            "found, for each threshold",
        ),
        (
            plot_calibration,
            "Calibration",
            "how often it is true, against the predicted probability; on the dashed line both are "
            "the same",
        ),
    )
    return [
        pictures.drawn(
            partial(_drawn, draw, found, drawn),
            f"{name} of {of}; the figures are in the table of scores.",
            name,
            f", {of}: {what}.",
        )
        for draw, name, what in ways
    ]


def _drawn(draw: Any, found: Predictions, only: list[int], axes: Any) -> None:
    draw(found, only=only, ax=axes)


def _classes_with_curves(held: Judged, n_classes: int) -> list[int]:
    """The classes that a curve can be drawn of, the most frequent ones."""
    counts = np.bincount(held.y, minlength=n_classes)
    can = [k for k in range(n_classes) if 0 < counts[k] < len(held)]
    if n_classes == 2:
        return [1] if 1 in can else []
    return sorted(sorted(can, key=lambda k: -counts[k])[:MOST_CURVES])


def _what_was_left_out(held: Judged, names: list[str], drawn: list[int]) -> Iterator[Html]:
    if held.p is None:
        yield paragraph("The model gives no probabilities, so there are no curves to draw of them.")
    elif not drawn:
        yield paragraph(
            f"All rows held out are of one class, “{names[held.y[0]]}”: ROC, precision, recall and "
            "calibration cannot be told from them. Rows of each class are needed."
        )
    elif len(names) > 2 and len(drawn) < len(names):
        n = len(drawn)
        yield paragraph(
            f"Curves are shown of {n} of the {len(names)} classes, those with the most rows held "
            "out."
        )


def _mistakes(evidence: Evidence) -> list[tuple[str, str, str, str]]:
    held, k = evidence.held, len(evidence.classes)
    counts = np.zeros((k, k), int)
    np.add.at(counts, (held.y, held.said), 1)
    of_class = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    most = np.argsort(-counts, axis=None, kind="stable")[:MOST_MISTAKES]
    pairs = [divmod(int(place), k) for place in most if counts.flat[place]]
    return [
        (
            evidence.classes[i],
            evidence.classes[j],
            f"{counts[i, j]:,}",
            percent(counts[i, j] / of_class[i]),
        )
        for i, j in pairs
    ]


def _confusion_alt(evidence: Evidence) -> str:
    held = evidence.held
    found = []
    for k, name in enumerate(evidence.classes):
        of_class = held.y == k
        right = int((held.said[of_class] == k).sum())
        found.append(f"{right} of {int(of_class.sum())} rows of {name}")
    return f"Confusion matrix. Right are {', '.join(found)}."


def _of_numbers(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    held = evidence.held
    rows = np.arange(len(held))
    if len(held) > MOST_DOTS:
        rows = np.sort(np.random.default_rng(0).choice(len(held), MOST_DOTS, replace=False))
        yield paragraph(f"Of {len(held):,} rows, {MOST_DOTS} drawn by chance are shown as dots.")
    y, said = held.y[rows], held.said[rows]
    off = np.abs(held.y - held.said)
    half, most = np.quantile(off, 0.5), np.quantile(off, 0.9)
    yield element(
        "div",
        joined(
            [
                pictures.drawn(
                    lambda axes: _true_and_predicted(axes, y, said),
                    f"Predicted against true numbers. Half of the rows are off by {number(half)} "
                    f"or less, nine of ten by {number(most)} or less.",
                    "Predicted against true",
                    ": on the dashed line they are the same.",
                ),
                pictures.drawn(
                    lambda axes: plot_residuals(Predictions(y, said), ax=axes),
                    "True minus predicted numbers, against the predicted ones.",
                    "Residuals",
                    ": a cloud around zero without a shape is as it should be.",
                ),
            ]
        ),
        class_="pictures",
    )
    yield paragraph(
        f"Half of the rows are off by {number(half)} or less, nine of ten by {number(most)} or "
        f"less; the worst by {number(off.max())}."
    )
    if np.ptp(held.said) == 0:
        yield element(
            "p",
            f"It says {number(held.said[0])} for every row: it has learned nothing of the columns.",
            class_="warning",
        )


def _true_and_predicted(axes: Any, y: Array, said: Array) -> None:
    plot_predictions(Predictions(y, said), ax=axes)
    axes.get_legend().remove()
