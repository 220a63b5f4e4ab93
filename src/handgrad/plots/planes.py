"""A plane shaded by the probabilities of classes, with rows on it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb, to_rgba_array
from matplotlib.lines import Line2D

from handgrad.plots.labels import label
from handgrad.plots.style import BESIDE, GREY, as_written, colour_of, marker_of
from handgrad.textbook.layers import Array

Box = tuple[float, float, float, float]  # left, right, bottom, top
POINTS = 160
# An image that lies under the rows.
SMOOTH: Any = {"origin": "lower", "aspect": "auto", "interpolation": "bilinear", "zorder": 0}
LEVELS = np.linspace(0, 1, 21)
PALE = 0.55
FEW_ROWS, FEW_CLASSES = 2000, 4
# Of the legend's box, beyond its frame, in sizes of its letters: as much as a marker reaches.
ROOM = 0.4


def box_around(points: Array) -> Box:
    """Left, right, bottom, top of a frame with room around the `points`, (n, 2)."""
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    room = np.where(high > low, 0.12 * (high - low), 1.0)
    (left, bottom), (right, top) = low - room, high + room
    return left, right, bottom, top


def shade_regions(
    axes: Axes,
    probabilities_at: Callable[[Array], Array],
    box: Box,
    class_names: Sequence[str],
    points: int = POINTS,
    *,
    bar: bool = True,
    positive: int = 1,
) -> None:
    """Shade the `box` by `probabilities_at` its points: (n, 2) in, (n, n_classes) out,
    for so many `points` across and up.

    Two classes: from the colour of one through white to that of the other, by the probability
    of the `positive` one, with a colour `bar` and the line at one half. More: each point in the
    mean of the classes' colours, weighed by their probabilities, with lines where the likeliest
    changes.
    """
    across, up, p = over_plane(probabilities_at, box, points)
    colours = np.array([to_rgb(colour_of(k)) for k in range(p.shape[-1])])
    if len(colours) == 2:
        one, other = _pale(colours[[1 - positive, positive]])
        through_white = LinearSegmentedColormap.from_list("two classes", [one, (1, 1, 1), other])
        likely = np.clip(p[..., positive], 0, 1)
        shading = axes.contourf(across, up, likely, LEVELS, cmap=through_white, vmin=0, vmax=1)
        if bar:
            scale = axes.figure.colorbar(shading, ax=axes, ticks=[0, 0.5, 1], shrink=0.9)
            scale.set_label(label("probability of {}", class_names[positive]), parse_math=False)
        heights, level, linewidth = [likely], 0.5, 1.4
    else:
        axes.imshow(_pale(np.clip(p @ colours, 0, 1)), extent=box, **SMOOTH)
        leads = (p[..., k] - np.delete(p, k, axis=-1).max(axis=-1) for k in range(len(colours)))
        heights, level, linewidth = [*leads], 0.0, 0.8
    for height in heights:
        if height.min() < level < height.max():
            axes.contour(across, up, height, [level], colors="#222222", linewidths=linewidth)
    axes.set(xlim=box[:2], ylim=box[2:])


def shade_numbers(
    axes: Axes,
    numbers_at: Callable[[Array], Array],
    box: Box,
    places: Array,
    y: Array,
    *,
    strength: Array | None = None,
    points: int = POINTS,
    bar: bool = True,
) -> None:
    """Shade the `box` by the numbers at its points, (n, 2) in, (n,) or (n, 1) out.

    On it are rows at `places` (n, 2), in the colours of their true numbers `y`: where a row is like
    the plane around it, the prediction is right. A colour bar has the scale.
    """
    found = over_plane(numbers_at, box, points)[2][..., 0]
    scale = Normalize(min(y.min(), found.min()), max(y.max(), found.max()))
    colours: dict[str, Any] = {"cmap": "cividis", "norm": scale}
    image = axes.imshow(found, extent=box, **SMOOTH, **colours)
    dots: dict[str, Any] = {"c": y, "s": 26, "alpha": strength, "linewidths": 0.7}
    axes.scatter(places[:, 0], places[:, 1], edgecolors="white", **dots, **colours)
    if bar:
        axes.figure.colorbar(image, ax=axes, shrink=0.9)
    axes.set(xlim=box[:2], ylim=box[2:])


def over_plane(
    answers_at: Callable[[Array], Array], box: Box, points: int
) -> tuple[Array, Array, Array]:
    """So many places across and up, and the answers there, (points, points, n_outputs)."""
    across, up = np.linspace(*box[:2], points), np.linspace(*box[2:], points)
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    return across, up, answers_at(plane).reshape(points, points, -1).astype(np.float64)


def _pale(colours: Array) -> Array:
    """The colours mixed with white, so that rows can be seen on them."""
    return 1 - PALE * (1 - colours)


def scatter_classes(
    axes: Axes,
    points: Array,
    y: Array,
    class_names: Sequence[str],
    *,
    strength: Array | None = None,
    hollow: bool = False,
    with_legend: bool = True,
) -> None:
    """Draw `points` (n, 2), each class with a colour and a marker of its own, and a legend.

    `strength` (n,), from 0 to 1, is how much of each is seen; `hollow` leaves only outlines,
    which are those of validation rows.
    """
    strength = np.ones(len(y)) if strength is None else strength
    handles = []
    for k, name in enumerate(class_names):
        of_class = y == k
        colour, marker = colour_of(k), marker_of(k)
        handles.append(Line2D([], [], linestyle="", color=colour, marker=marker, label=name))
        if not of_class.any():
            continue
        inside = to_rgba_array(colour, strength[of_class])
        edge = inside if hollow else to_rgba_array("white", strength[of_class])
        axes.scatter(
            points[of_class, 0],
            points[of_class, 1],
            s=34,
            marker=marker,
            facecolors="none" if hollow else inside,
            edgecolors=[*map(tuple, edge)],
            linewidths=1.2 if hollow else 0.6,
            zorder=3,
            label=name,
        )
    if hollow:
        outline = Line2D([], [], linestyle="", label=label("validation"), color=GREY, marker="o")
        outline.set_markerfacecolor("none")
        handles.append(outline)
    if not with_legend:
        return
    legend = axes.legend(handles=handles, framealpha=0.85, **_place(len(y), len(handles)))
    frame: Any = legend.get_frame()  # which is a FancyBboxPatch
    frame.set_boxstyle("round", pad=-ROOM, rounding_size=0.2)
    as_written(legend.get_texts())


def _place(n_rows: int, n_classes: int) -> dict[str, Any]:
    """Where the legend covers least; to look for that among very many rows would take long.

    Only the rows' centres are looked at, so the box that keeps clear of them is larger than the
    frame that is seen.
    """
    if n_classes > FEW_CLASSES:
        return {**BESIDE, "frameon": False}
    return {
        "loc": "best" if n_rows <= FEW_ROWS else "upper right",
        "borderpad": 0.4 + ROOM,
        "borderaxespad": 0.5 - ROOM,
    }
