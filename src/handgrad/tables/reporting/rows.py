"""Single rows of a report: those with the largest losses, and the error over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator
from matplotlib.ticker import Locator, MaxNLocator

from handgrad.files.cells import DAY
from handgrad.plots.style import FIRST, SECOND, shortened, tidy
from handgrad.tables.data.dependent_rows import RowRoles
from handgrad.tables.inspection import contributions
from handgrad.tables.language import REPORT
from handgrad.tables.reporting.intervals import half_width, losses_of
from handgrad.tables.reporting.scores import ScoredRows, number, percent
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    from handgrad.tables.reporting.evidence import Evidence

MOST_WORST, MOST_REASONS = 5, 3
# Columns of a table whose worst rows are explained, and how: by all sets of at most so many
# columns, or by so many orders for each of so many rows out of so many.
MOST_EXPLAINED, MOST_EXACT, ORDERS, MOST_SAMPLES, MOST_COMPARED = 64, 6, 2, 8, 500
# Blocks of time, and rows of each.
FEWEST_TIMES, MOST_TIMES, FEWEST_AT_A_TIME = 4, 24, 20


@dataclass(frozen=True)
class WorstRow:
    """A held-out row with one of the largest losses.

    `place` is its row in the file, or in the table; `reasons` are the columns that move the
    prediction most, with their values.
    """

    place: str
    true: str
    predicted: str
    reasons: list[str]


def worst_rows(evidence: Evidence) -> list[WorstRow]:
    """The rows with the largest losses, from the largest on, each explained by its columns."""
    held = evidence.held
    losses = losses_of(held.y, held.predicted, held.p, True) if held.class_names else held.losses
    order = np.argsort(-losses, kind="stable")[:MOST_WORST]
    wrong = held.predicted != held.y if held.class_names else losses > 0
    order = order[wrong[order]]
    reasons = _reasons(evidence, order)
    answered = answered_rows(evidence, order)
    return [WorstRow(*row, why) for row, why in zip(answered, reasons, strict=True)]


def answered_rows(evidence: Evidence, rows: Array) -> list[tuple[str, str, str]]:
    """Place, true value and prediction of held-out rows, in words."""
    return [(_place(evidence, row), *_answers(evidence.held, row)) for row in rows.tolist()]


def _place(evidence: Evidence, row: int) -> str:
    """Place of a held-out row in its file, or in the table."""
    held, places = evidence.held, evidence.places
    row = row if held.rows is None else int(held.rows[row])
    return places[row] if len(places) == held.of else f"row {row}, counted from 0"


def _answers(held: ScoredRows, row: int) -> tuple[str, str]:
    """The true value of a row and its prediction, in words."""
    y, predicted = held.y[row], held.predicted[row]
    if not held.class_names:
        true = f"more than {number(float(-y))}" if held.censored and y < 0 else number(float(y))
        return true, number(float(predicted))
    names = [held.class_names[k] for k in (y, predicted)]
    if held.p is None:
        return names[0], names[1]
    p = [percent(float(held.p[row, k])) for k in (y, predicted)]
    return f"{names[0]} (probability {p[0]})", f"{names[1]} ({p[1]})"


def _reasons(evidence: Evidence, rows: Array) -> list[list[str]]:
    """For each row, the columns with the largest contributions to its prediction, in words."""
    held, model = evidence.held, evidence.model
    if not len(rows) or len(held.columns) > MOST_EXPLAINED or len(evidence.learned) < 2:
        return [[] for _ in rows]
    others = np.linspace(0, len(evidence.learned) - 1, MOST_COMPARED).round().astype(int)
    result = contributions(
        model,
        held.table.take(rows),
        evidence.learned.table.take(np.unique(others)),
        max_samples=MOST_SAMPLES,
        max_exact=MOST_EXACT,
        n_repeats=ORDERS,
    )
    lines = (result.lines(i, MOST_REASONS) for i in range(len(rows)))
    return [[" ".join(line.split()) for line in each[1 : MOST_REASONS + 1]] for each in lines]


@dataclass(frozen=True)
class Timeline:
    """Mean error, with its confidence interval, and mean targets in blocks of time.

    `middles` are those of the blocks, as dates or as numbers of the column.
    """

    column: str
    middles: Array
    n: Array
    error: Array
    half: Array
    true: Array
    predicted: Array

    @property
    def worst(self) -> int:
        """The block with the largest error."""
        return int(self.error.argmax())

    def at(self, i: int) -> str:
        """Time of a block, in words."""
        middle = self.middles[i]
        return str(middle)[:10] if self.middles.dtype.kind == "M" else number(float(middle))


def timeline_of(evidence: Evidence) -> Timeline | None:
    """The error over time, by the column of the split or the most important date; None without."""
    held, name = evidence.held, _time_column(evidence)
    if name is None or held.censored:  # the means of censored times say nothing
        return None
    column = held.columns[name]
    rows = np.flatnonzero(~column.missing)
    n_times = min(MOST_TIMES, len(rows) // FEWEST_AT_A_TIME)
    times = column.values[rows]
    if n_times < FEWEST_TIMES or len(np.unique(times)) < FEWEST_TIMES:
        return None
    ends = np.unique(np.quantile(times, np.linspace(0, 1, n_times + 1)[1:-1]))
    block = np.searchsorted(ends, times, side="left")
    parts = [np.flatnonzero(block == k) for k in np.unique(block)]
    e = held.roles.exposure
    weights = np.ones(len(rows)) if e is None else e[rows]
    for part in parts:
        weights[part] /= weights[part].mean()
    wrong, *means = (weights * a[rows] for a in (held.unweighted_losses, held.y, held.predicted))
    middles = np.array([np.median(times[part]) for part in parts])
    if column.kind == "date":
        middles = (middles * DAY).round().astype("datetime64[s]")
    return Timeline(
        name,
        middles,
        np.array([len(part) for part in parts]),
        np.array([wrong[part].mean() for part in parts]),
        np.array([_half_width(wrong[part], held.roles.take(rows[part])) for part in parts]),
        *(np.array([mean[part].mean() for part in parts]) for mean in means),
    )


def _half_width(wrong: Array, roles: RowRoles) -> float:
    """Half the width of the confidence interval of a mean error; NaN if the rows are one unit."""
    if roles.units is None:
        return half_width(wrong, None)
    return half_width(wrong, roles.units.codes) if len(roles.units) > 1 else np.nan


def _time_column(evidence: Evidence) -> str | None:
    columns, roles = evidence.held.columns, evidence.held.roles
    if roles.units is not None and roles.units.ordered and roles.column in columns:
        return roles.column
    dates = [name for name, column in columns.items() if column.kind == "date"]
    return next(
        (name for name in evidence.strong_columns if name in dates), next(iter(dates), None)
    )


def draw_error(timeline: Timeline, measure: str, ax: Axes) -> None:
    """Plot the mean error over time, with its confidence intervals as a band."""
    low, high = timeline.error - timeline.half, timeline.error + timeline.half
    ax.fill_between(timeline.middles, np.maximum(low, 0), high, color=FIRST, alpha=0.2, linewidth=0)
    ax.plot(timeline.middles, timeline.error, color=FIRST, marker="o", markersize=3)
    _finish(timeline, REPORT.translated(measure), ax)
    ax.set_ylim(bottom=0)


def draw_means(timeline: Timeline, target: str, ax: Axes) -> None:
    """Plot the mean true and predicted numbers over time."""
    ax.plot(timeline.middles, timeline.true, color=SECOND, marker="o", markersize=3)
    ax.plot(timeline.middles, timeline.predicted, color=FIRST, marker="o", markersize=3)
    _finish(timeline, target, ax)


def _finish(timeline: Timeline, what: str, ax: Axes) -> None:
    ax.set_xlabel(shortened(timeline.column, 40), parse_math=False)
    ax.set_ylabel(shortened(what, 40), parse_math=False)
    dates = timeline.middles.dtype.kind == "M"
    locator: Locator = AutoDateLocator(minticks=3, maxticks=6) if dates else MaxNLocator(5)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    tidy(ax)
