"""What a model answers all over the plane of two columns of a table, of any kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.layers import Array
from handgrad.plots.regions import box_around, shade_regions
from handgrad.plots.style import as_written, scatter_classes, shortened, show_dates

POINTS = 70
JITTER = 0.28


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

    def label(self, axis: Any) -> None:
        """Put its names, its values or its dates along an axis of Matplotlib."""
        axis.set_label_text(shortened(self.name, 40), parse_math=False)
        if self.values:
            axis.set_ticks(np.arange(len(self.values)), [shortened(v, 14) for v in self.values])
            as_written(axis.get_ticklabels())
        elif self.dates:
            show_dates(axis)


def draw_two_columns(
    axes: Any,
    across: Axis,
    up: Axis,
    answers_at: Callable[[Array], Array],
    y: Array,
    class_names: Sequence[str],
) -> None:
    """Shade the plane by `answers_at` (n, 2) points, and draw the rows of true values `y` on it.

    The answers are probabilities (n, n_classes), or with no `class_names` numbers (n,), which have
    a colour bar. Rows with the same text are spread a little.
    """
    rng = np.random.default_rng(0)
    points = np.stack([_spread(axis, rng) for axis in (across, up)], axis=1)
    left, right, bottom, top = box_around(points)
    box = across.start(left), right, up.start(bottom), top
    if class_names:
        names = [shortened(name, 16) for name in class_names]
        shade_regions(axes, answers_at, box, names, points=POINTS)
        scatter_classes(axes, points, y, names)
    else:
        _shade_numbers(axes, answers_at, box, points, y)
    across.label(axes.xaxis)
    up.label(axes.yaxis)


def _spread(axis: Axis, rng: np.random.Generator) -> Array:
    return axis.at + (rng.uniform(-JITTER, JITTER, len(axis.at)) if axis.values else 0)


def _shade_numbers(
    axes: Any,
    answers_at: Callable[[Array], Array],
    box: tuple[float, float, float, float],
    points: Array,
    y: Array,
) -> None:
    left, right, bottom, top = box
    plane = np.stack(
        np.meshgrid(np.linspace(left, right, POINTS), np.linspace(bottom, top, POINTS)), axis=-1
    )
    said = answers_at(plane.reshape(-1, 2)).reshape(POINTS, POINTS)
    ends = {"vmin": min(y.min(), said.min()), "vmax": max(y.max(), said.max()), "cmap": "cividis"}
    image = axes.imshow(
        said, extent=box, origin="lower", aspect="auto", interpolation="bilinear", **ends
    )
    axes.scatter(*points.T, c=y, s=26, edgecolors="white", linewidths=0.7, **ends)
    axes.figure.colorbar(image, ax=axes, shrink=0.9)
    axes.set(xlim=(left, right), ylim=(bottom, top))
