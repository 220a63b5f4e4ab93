"""A plane shaded by the probabilities of classes, and the lines where the likeliest changes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from handgrad.layers import Array
from handgrad.plots.style import FIRST, SECOND, colour_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 160
LEVELS = np.linspace(0, 1, 21)
PALE = 0.55


def box_around(points: Array) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of a frame with room around the `points`, (n, 2)."""
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    room = np.where(high > low, 0.12 * (high - low), 1.0)
    (left, bottom), (right, top) = low - room, high + room
    return left, right, bottom, top


def shade_regions(
    axes: "Axes",
    probabilities_at: Callable[[Array], Array],
    box: tuple[float, float, float, float],
    class_names: Sequence[str],
    points: int = POINTS,
) -> None:
    """Shade the `box` by `probabilities_at` its points: (n, 2) in, (n, n_classes) out,
    for so many `points` across and up.

    Two classes: from the colour of one through white to that of the other, by the probability
    of class 1, with a colour bar and the line at one half. More: each point in the mean of the
    classes' colours, weighed by their probabilities, with lines where the likeliest changes.
    """
    left, right, bottom, top = box
    across, up = np.linspace(left, right, points), np.linspace(bottom, top, points)
    plane = np.stack(np.meshgrid(across, up), axis=-1)
    p = probabilities_at(plane.reshape(-1, 2)).reshape(points, points, -1).astype(np.float64)
    if p.shape[-1] == 2:
        _shade_two(axes, across, up, np.clip(p[..., 1], 0, 1), class_names[1])
    else:
        _blend(axes, box, p)
        for k in range(p.shape[-1]):
            lead = p[..., k] - np.delete(p, k, axis=-1).max(axis=-1)
            _line(axes, across, up, lead, 0.0, linewidths=0.8)
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _shade_two(axes: "Axes", across: Array, up: Array, p: Array, name: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    ends = [tuple(pale(np.array(to_rgb(colour)))) for colour in (FIRST, SECOND)]
    colours = LinearSegmentedColormap.from_list("two classes", [ends[0], (1, 1, 1), ends[1]])
    shading = axes.contourf(across, up, p, levels=LEVELS, cmap=colours, vmin=0, vmax=1)
    bar = axes.figure.colorbar(shading, ax=axes, ticks=[0, 0.5, 1], shrink=0.9)
    bar.set_label(f"probability of {name}", parse_math=False)
    _line(axes, across, up, p, 0.5, linewidths=1.4)


def _blend(axes: "Axes", box: tuple[float, float, float, float], p: Array) -> None:
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(colour_of(k)) for k in range(p.shape[-1])])
    image = pale(np.clip(p @ colours, 0, 1))
    axes.imshow(
        image, extent=box, origin="lower", aspect="auto", interpolation="bilinear", zorder=0
    )


def pale(colours: Array) -> Array:
    """The colours mixed with white, so that rows can be seen on them."""
    return 1 - PALE * (1 - colours)


def _line(
    axes: "Axes", across: Array, up: Array, height: Array, level: float, linewidths: float
) -> None:
    """A contour line, where the surface crosses that level at all."""
    if height.min() < level < height.max():
        axes.contour(across, up, height, levels=[level], colors="#222222", linewidths=linewidths)
