"""What the model goes by: which columns it needs, and what it makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from handgrad.html.elements import Html, details, element, joined, paragraph, table
from handgrad.layers import Array
from handgrad.plots import plot_partial_dependence, plot_permutation_importance
from handgrad.plots.style import shortened
from handgrad.plots.two_columns import draw_two_columns
from handgrad.reporting.evidence import Evidence
from handgrad.reporting.pictures import Pictures
from handgrad.reporting.plane import Plane
from handgrad.reporting.scores import number, rows_of
from handgrad.results import PartialDependence
from handgrad.tabular.tables import Column

MOST_BARS, MOST_DOTS, MOST_COLOURS = 12, 400, 10


def uses(evidence: Evidence, pictures: Pictures) -> Html:
    """Importance, partial dependence, and the plane of the two strongest columns."""
    return joined(
        [
            *_importance(evidence, pictures),
            *_dependences(evidence, pictures),
            *_plane(evidence, pictures),
        ]
    )


def _importance(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    found = evidence.importance
    scoring = found.scoring.replace("_", " ")
    yield paragraph(
        f"Permutation importance: how much worse the {scoring} becomes when the values of a "
        f"column are shuffled among the rows. The bars are means of {found.decreases.shape[1]} "
        f"shuffles of {rows_of(found.n_rows)} held out, the whiskers one standard deviation. Of "
        "two columns that say the same, each alone may seem to matter little."
    )
    rows = [(found.columns[i], number(found.mean[i]), number(found.std[i])) for i in found.order]
    told = "; ".join(f"{name} {mean} ± {deviation}" for name, mean, deviation in rows[:5])
    n, n_columns = min(MOST_BARS, len(rows)), len(evidence.columns)
    if len(rows) < n_columns:
        yield paragraph(
            f"Of the {n_columns:,} columns, {len(rows)} were shuffled: those that change the "
            "answers most in a few rows."
        )
    yield pictures.drawn(
        lambda axes: plot_permutation_importance(found, MOST_BARS, axes),
        f"Importance by {scoring}: {told}.",
        "Permutation importance",
        f" of the {n} strongest of {n_columns} columns" if n < n_columns else "",
        size=(4.7, 0.8 + 0.27 * n),
    )
    if n < len(rows):
        head = ("column", f"{scoring}, worse by", "±")
        yield details("All that were shuffled", table("Permutation importance", head, rows, (1, 2)))


def _dependences(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    found = evidence.dependences
    if not found:
        yield paragraph("There is no column whose values clearly change what it says.")
        return
    yield element("h3", "The effect of each")
    yield paragraph(
        f"Partial dependence: the mean prediction for {rows_of(found[0].n_rows)}, if a column had "
        "the same value in all of them and the others stayed as they are. All pictures have the "
        "same scale."
    )
    outputs = slice(-1, None) if _of_two(found[0]) else slice(None)
    shown = np.concatenate([each.average[:, outputs].ravel() for each in found])
    room = 0.05 * (shown.max() - shown.min() or 1)
    limits = float(shown.min() - room), float(shown.max() + room)
    yield element(
        "div",
        joined(
            pictures.drawn(
                partial(_draw_dependence, each, limits),
                _told(each),
                shortened(each.column, 60),
                size=(3.5, 2.7),
            )
            for each in found
        ),
        class_="pictures",
    )


def _varies(column: Column) -> bool:
    """Whether there are two values in it."""
    return len({*column.values[~column.missing].tolist()}) > 1


def _of_two(found: PartialDependence) -> bool:
    return len(found.outputs) <= 2


def _draw_dependence(found: PartialDependence, limits: tuple[float, float], axes: Any) -> None:
    plot_partial_dependence(found, axes)
    if found.kind == "category":
        axes.set_xlim(limits)
    else:
        axes.set_ylim(limits)


def _told(found: PartialDependence) -> str:
    """The ends of the curve, in words."""
    k = int(np.ptp(found.average, axis=0).argmax()) if not _of_two(found) else -1
    said = found.average[:, k]
    what = (
        "prediction" if found.outputs == ("prediction",) else f"probability of {found.outputs[k]}"
    )
    least, most = int(said.argmin()), int(said.argmax())
    return (
        f"Partial dependence on {found.column}: the mean {what} is least, "
        f"{number(float(said[least]))}, at {_value(found, least)}, and most, "
        f"{number(float(said[most]))}, at {_value(found, most)}."
    )


def _value(found: PartialDependence, i: int) -> str:
    value = found.values[i]
    return number(float(value)) if found.kind == "number" else str(value).removesuffix("T00:00:00")


def _plane(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    """What it answers all over the plane of the two strongest columns."""
    found, held, classes = evidence.importance, evidence.held, evidence.classes
    strong = [
        name
        for i, name in zip(found.order, found.strongest, strict=True)
        if found.mean[i] > 0 and _varies(evidence.columns[name])
    ]
    if len(strong) < 2 or len(classes) > MOST_COLOURS or (classes and held.p is None):
        return
    plane = Plane(held.table, evidence.columns, strong[:2])
    rows = plane.rows
    if len(rows) < 2:
        return
    if len(rows) > MOST_DOTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_DOTS, replace=False))
    across, up = plane.on(rows)
    model = evidence.model

    def answers_at(points: Array) -> Array:
        table = plane.at(points)
        return np.asarray(model.predict_proba(table) if classes else model.predict(table))

    others = len(evidence.columns) - 2
    aside = f" The other {others} columns are at their medians or most frequent values."
    some = f" {len(rows)} of {len(held):,} rows are shown."
    yield element("h3", "The two strongest columns together")
    yield pictures.drawn(
        lambda axes: draw_two_columns(axes, across, up, answers_at, held.y[rows], classes),
        f"What the model answers for values of {across.name} and {up.name}, and the rows held out.",
        "Decision boundary" if classes else "Predictions",
        ": the shading is the prediction, the marks are the true values of rows held out."
        f"{aside if others else ''}{some if len(rows) < len(held) else ''}",
        size=(4.7, 3.7),
    )
