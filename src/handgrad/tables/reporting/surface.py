"""Decision boundary or prediction surface of a model over two columns."""

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
# Maximum of values of a text column, the most frequent ones.
MOST_VALUES = 8
# Columns of numbers with fewer values count as discrete.
FEWEST_BETWEEN = 13


@dataclass(frozen=True)
class Axis:
    """A column along an axis: positions of the rows, (n,), and names of discrete values."""

    name: str
    at: Array
    values: tuple[str, ...] = ()
    dates: bool = False

    def start(self, low: float) -> float:
        """Start of an axis with room down to `low`: 0 if no number is below."""
        numbers = not self.values and not self.dates
        return max(low, 0.0) if numbers and self.at.min() >= 0 < self.at.max() else low

    def label(self, axis: axis.Axis) -> None:
        """Label a Matplotlib axis with the name, the values or the dates."""
        axis.set_label_text(shortened(self.name, 40), parse_math=False)
        if self.values:
            axis.set_ticks(np.arange(len(self.values)), [shortened(v, 14) for v in self.values])
            as_written(axis.get_ticklabels())
        elif self.dates:
            show_dates(axis)


class Surface:
    """Predictions over the plane of two columns, `names`, with a sample of the rows.

    The other columns have their median or most frequent value. Continuous columns take the value
    of a point, discrete ones the nearest value that occurs.
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
        """Plot the predictions as shading, and the rows with their true values."""
        across, up = (replace(axis, at=axis.at[self.rows]) for axis in self.axes)
        y = self.evidence.held.shown[self.rows]
        names, positive = self.evidence.classes, self.evidence.positive
        draw_surface(ax, across, up, self.predicted, y, names, 1 if positive is None else positive)

    def predicted(self, points: Array) -> Array:
        """Predictions at points, (n, 2): probabilities or numbers."""
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
    """Plot predictions at points (n, 2) as shading, and rows with true values `y`.

    Predictions are probabilities (n, n_classes), or without `class_names` numbers, with a colour
    bar. Rows with the same text are jittered.
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
    """Surface of the two most important columns; None if there is no such pair."""
    importance, held = evidence.importance, evidence.held
    if importance is None:
        return None
    strong = []
    for i in importance.order:
        column = held.columns[importance.columns[i]]
        if importance.mean[i] > 0 and len({*column.values[~column.missing].tolist()}) > 1:
            strong.append(importance.columns[i])
    no_probabilities = held.class_names and held.p is None
    if len(strong) < 2 or len(held.class_names) > MOST_COLOURS or no_probabilities:
        return None
    surface = Surface(evidence, strong[:2])
    return surface if len(surface.rows) >= 2 else None


def typical_row(column: Column) -> int:
    """Row with the median or most frequent value of a column; the first if all are missing."""
    there = np.flatnonzero(~column.missing)
    if not len(there):
        return 0
    if column.kind in ("text", "boolean"):
        return int(by_frequency(column)[2][0])
    return int(there[np.argsort(column.values[there], kind="stable")[(len(there) - 1) // 2]])


def _axis(name: str, column: Column) -> Axis:
    """Positions of the rows along a column; NaN for missing and rare values."""
    if column.kind in ("number", "date"):
        return Axis(name, column.values, dates=column.kind == "date")
    frequent = by_frequency(column)[0][:MOST_VALUES]
    words = column.values
    if column.kind == "boolean":  # NaN is neither
        words = np.select([words > 0, words == 0], ["true", "false"], "")
    place = {value: float(i) for i, value in enumerate(frequent)}
    at = np.array([place.get(word, np.nan) for word in words])
    return Axis(name, at, tuple(str(value) for value in frequent))
