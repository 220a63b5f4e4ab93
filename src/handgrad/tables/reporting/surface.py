"""The surface of two columns: what a model predicts all over their plane, as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib import axis
from matplotlib.axes import Axes

from handgrad.files.features import Column
from handgrad.plots.planes import box_around, scatter_classes, shade_numbers, shade_regions
from handgrad.plots.style import as_written, shortened, show_dates
from handgrad.tables.inspection.tables import by_frequency, outputs_of
from handgrad.tables.reporting.evidence import Evidence
from handgrad.textbook.layers import Array

MOST_DOTS, MOST_COLOURS, POINTS, JITTER = 400, 10, 70, 0.28
# Text with more values than these shows the most frequent ones.
MOST_VALUES = 8
# A column of numbers with fewer values holds no others.
FEWEST_BETWEEN = 13


@dataclass(frozen=True)
class Axis:
    """A column along an axis: where each row lies, (n,); names of the values, if it has such."""

    name: str
    at: Array
    values: tuple[str, ...] = ()
    dates: bool = False

    def start(self, low: float) -> float:
        """Where the axis begins that has room down to `low`: at 0, if no number is below."""
        numbers = not self.values and not self.dates
        return max(low, 0.0) if numbers and self.at.min() >= 0 < self.at.max() else low

    def label(self, axis: axis.Axis) -> None:
        """Put its names, its values or its dates along an axis of Matplotlib."""
        axis.set_label_text(shortened(self.name, 40), parse_math=False)
        if self.values:
            axis.set_ticks(np.arange(len(self.values)), [shortened(v, 14) for v in self.values])
            as_written(axis.get_ticklabels())
        elif self.dates:
            show_dates(axis)


class Surface:
    """The plane of two columns of a table, `names`, with some of the rows, and predictions on it.

    The other columns have their medians, or their most frequent values. Along an axis of many
    numbers a point has its own; else the value that is nearest to it, so that only values that
    occur are asked for.
    """

    def __init__(self, evidence: Evidence, names: list[str]) -> None:
        self.evidence, self.names = evidence, names
        self.table, columns = evidence.held.table, evidence.held.columns
        self.places = [self.table.place(name) for name in names]
        self.typical = [typical_row(column) for column in columns.values()]
        self.axes = [_axis(name, columns[name]) for name in names]
        rows = np.flatnonzero(~np.isnan([axis.at for axis in self.axes]).any(axis=0))
        if len(rows) > MOST_DOTS:
            rows = np.sort(np.random.default_rng(0).choice(rows, MOST_DOTS, replace=False))
        self.rows = rows

    def draw(self, ax: Axes) -> None:
        """Shade the plane by the predictions, and draw the rows with their true values on it."""
        across, up = (replace(axis, at=axis.at[self.rows]) for axis in self.axes)
        y = self.evidence.held.y[self.rows]
        names, positive = self.evidence.classes, self.evidence.positive
        draw_surface(ax, across, up, self.predicted, y, names, 1 if positive is None else positive)

    def predicted(self, points: Array) -> Array:
        """Probabilities, or numbers, at each of the points, (n, 2)."""
        moved = {j: np.full(len(points), row) for j, row in enumerate(self.typical)}
        numbers = dict[int, Array]()
        for j, shown, at in zip(self.places, self.axes, points.T, strict=True):
            there = np.flatnonzero(~np.isnan(shown.at))
            values, first = np.unique(shown.at[there], return_index=True)
            if self.table.holds_numbers(j) and len(values) >= FEWEST_BETWEEN:
                numbers[j] = at
            else:
                moved[j] = there[first[np.searchsorted((values[1:] + values[:-1]) / 2, at)]]
        first_row = np.zeros(len(points), int)
        return outputs_of(self.evidence.model, self.table.take(first_row, moved, numbers))


def draw_surface(
    axes: Axes,
    across: Axis,
    up: Axis,
    predicted_at: Callable[[Array], Array],
    y: Array,
    class_names: Sequence[str],
    positive: int = 1,
) -> None:
    """Shade the plane by what is predicted at points (n, 2), and draw rows of true values `y`.

    That are probabilities (n, n_classes), or with no `class_names` numbers, which have a colour
    bar. Rows with the same text are spread a little.
    """
    rng = np.random.default_rng(0)
    spread = [rng.uniform(-JITTER, JITTER, len(a.at)) if a.values else 0 for a in (across, up)]
    points = np.stack([across.at + spread[0], up.at + spread[1]], axis=1)
    left, right, bottom, top = box_around(points)
    box = across.start(left), right, up.start(bottom), top
    if class_names:
        names = [shortened(name, 16) for name in class_names]
        shade_regions(axes, predicted_at, box, names, points=POINTS, positive=positive)
        scatter_classes(axes, points, y, names)
    else:
        shade_numbers(axes, predicted_at, box, points, y, points=POINTS)
    across.label(axes.xaxis)
    up.label(axes.yaxis)


def surface_of(evidence: Evidence) -> Surface | None:
    """The surface of the two strongest columns; None where there are no two, or no answers."""
    found, held = evidence.importance, evidence.held
    if found is None:
        return None
    strong = []
    for i in found.order:
        column = held.columns[found.columns[i]]
        if found.mean[i] > 0 and len({*column.values[~column.missing].tolist()}) > 1:
            strong.append(found.columns[i])
    no_answers = held.class_names and held.p is None
    if len(strong) < 2 or len(held.class_names) > MOST_COLOURS or no_answers:
        return None
    surface = Surface(evidence, strong[:2])
    return surface if len(surface.rows) >= 2 else None


def typical_row(column: Column) -> int:
    """A row that has a column's median, or its most frequent value; the first, if it has none."""
    there = np.flatnonzero(~column.missing)
    if not len(there):
        return 0
    if column.kind in ("text", "boolean"):
        return int(by_frequency(column)[2][0])
    return int(there[np.argsort(column.values[there], kind="stable")[(len(there) - 1) // 2]])


def _axis(name: str, column: Column) -> Axis:
    """Where each row lies along a column; NaN where it has no value, or one too rare."""
    if column.kind in ("number", "date"):
        return Axis(name, column.values, dates=column.kind == "date")
    kept = by_frequency(column)[0][:MOST_VALUES]
    words = column.values
    if column.kind == "boolean":  # NaN, where there is none, is neither
        words = np.select([words > 0, words == 0], ["true", "false"], "")
    place = {value: float(i) for i, value in enumerate(kept)}
    at = np.array([place.get(word, np.nan) for word in words])
    return Axis(name, at, tuple(str(value) for value in kept))
