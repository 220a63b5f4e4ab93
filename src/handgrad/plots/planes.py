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
# An image below the rows.
SMOOTH: Any = {"origin": "lower", "aspect": "auto", "interpolation": "bilinear", "zorder": 0}
LEVELS = np.linspace(0, 1, 21)
PALE = 0.55
FEW_ROWS, FEW_CLASSES = 2000, 4
# Margin of the legend's box beyond its frame, in font sizes: the radius of a marker.
ROOM = 0.4


def box_around(points: Array) -> Box:
    """Left, right, bottom and top of a box with a margin around the `points`, (n, 2)."""
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
    """Shade a box by the class probabilities at its points, with the decision boundary.

    Two classes are shaded by the probability of the `positive` one, with the line at one half. More
    classes give each point the mean of their colours, weighted by probability, with lines where the
    most probable class changes.

    Parameters
    ----------
    axes : Axes
        Drawn on.
    probabilities_at : function
        Maps points (n, 2) to probabilities (n, n_classes).
    box : tuple of four floats
        Left, right, bottom, top.
    class_names : sequence of str
        Names of the classes.
    points : int
        Points across and up.
    bar : bool
        Show a colour bar, for two classes.
    positive : int
        Class whose probability is shown, of two.
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
    """Shade a box by the predicted numbers at its points, with rows in the colours of theirs.

    Parameters
    ----------
    axes : Axes
        Drawn on.
    numbers_at : function
        Maps points (n, 2) to numbers (n,) or (n, 1).
    box : tuple of four floats
        Left, right, bottom, top.
    places : array (n, 2)
        Coordinates of the rows.
    y : array (n,)
        True numbers of the rows.
    strength : array (n,), optional
        Opacity of the rows.
    points : int
        Points across and up.
    bar : bool
        Show a colour bar.
    """
    numbers = over_plane(numbers_at, box, points)[2][..., 0]
    scale = Normalize(min(y.min(), numbers.min()), max(y.max(), numbers.max()))
    colours: dict[str, Any] = {"cmap": "cividis", "norm": scale}
    image = axes.imshow(numbers, extent=box, **SMOOTH, **colours)
    dots: dict[str, Any] = {"c": y, "s": 26, "alpha": strength, "linewidths": 0.7}
    axes.scatter(places[:, 0], places[:, 1], edgecolors="white", **dots, **colours)
    if bar:
        axes.figure.colorbar(image, ax=axes, shrink=0.9)
    axes.set(xlim=box[:2], ylim=box[2:])


def over_plane(
    answers_at: Callable[[Array], Array], box: Box, points: int
) -> tuple[Array, Array, Array]:
    """Coordinates across and up, and the outputs at their grid, (points, points, n_outputs)."""
    across, up = np.linspace(*box[:2], points), np.linspace(*box[2:], points)
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    return across, up, answers_at(plane).reshape(points, points, -1).astype(np.float64)


def _pale(colours: Array) -> Array:
    """Mix colours with white, so that rows stand out."""
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
    """Draw rows, each class with its own colour and marker, and a legend.

    Parameters
    ----------
    axes : Axes
        Drawn on.
    points : array (n, 2)
        Coordinates of the rows.
    y : array (n,)
        Class numbers.
    class_names : sequence of str
        Names of the classes.
    strength : array (n,), optional
        Opacity of the rows, 0 … 1.
    hollow : bool
        Draw only outlines, for validation rows.
    with_legend : bool
        Draw the legend.
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
    """Location of the legend; the best one is only searched for among few rows.

    Matplotlib considers only the centres of markers, so the legend's box is larger than its frame.
    """
    if n_classes > FEW_CLASSES:
        return {**BESIDE, "frameon": False}
    return {
        "loc": "best" if n_rows <= FEW_ROWS else "upper right",
        "borderpad": 0.4 + ROOM,
        "borderaxespad": 0.5 - ROOM,
    }
