"""The style of all pictures: colours that colour-blind eyes keep apart, markers, axes."""

import sys
import warnings
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.display import in_a_notebook
from handgrad.layers import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# Okabe and Ito, "Color Universal Design", 2008, the two that differ most first; then two darks.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#F0E442",
    "#000000",
    "#661100",
    "#999999",
)
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
FIRST, SECOND, GREY = COLOURS[0], COLOURS[1], "#666666"
FEW_ROWS, FEW_CLASSES = 2000, 4
# A legend to the right of the axes.
BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
# Of the legend's box, beyond its frame, in sizes of its letters: as much as a marker reaches.
ROOM = 0.4


def colour_of(i: int) -> str:
    """The colour of class i; they come again after ten."""
    return COLOURS[i % len(COLOURS)]


def marker_of(i: int) -> str:
    """The marker of class i: where its colour comes again, another marker."""
    return MARKERS[(i + i // len(COLOURS)) % len(MARKERS)]


class Line(TypedDict, total=False):
    """How a line is drawn, in Matplotlib's words."""

    color: str
    label: str
    linestyle: str


def line_of(i: int) -> Line:
    """The colour and the style of line i."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[i % len(STYLES)]}


def shortened(name: str, most: int = 24) -> str:
    """A name on one line, its middle left out where it is longer than `most` letters.

    >>> shortened("sepal length in the middle of June", 20)
    'sepal length …f June'
    """
    name, tail = " ".join(name.split()), most // 3
    return name if len(name) <= most else f"{name[: most - tail - 1]}…{name[-tail:]}"


def axes_for(ax: "Axes | None", figsize: tuple[float, float] = (6, 4.5)) -> "Axes":
    """`ax`, or the axes of a new figure."""
    return new_axes(1, figsize)[0] if ax is None else ax


def new_axes(n: int, figsize: tuple[float, float], columns: int = 4) -> "list[Axes]":
    """`n` axes of a new figure, side by side, at most so many `columns` in a row.

    Where pyplot is in use, and in a notebook, the figure is one of pyplot's: `plt.show()`
    shows it, and so does the end of a cell.
    """
    columns = min(n, columns)
    rows = -(-n // columns)
    axes = [*np.ravel(_new_figure(figsize).subplots(rows, columns, squeeze=False))]
    for spare in axes[n:]:
        spare.set_axis_off()
    return axes[:n]


def panels_for(
    axes: "Sequence[Axes] | Array | None", n: int, figsize: tuple[float, float]
) -> "list[Axes]":
    """`n` axes: those given, or the axes of a new figure."""
    panels = new_axes(n, figsize) if axes is None else [*np.ravel(np.array(axes))]
    if len(panels) != n:
        raise SettingError(f"{len(panels)} axes", f"{n} axes", f"axes=figure.subplots(1, {n})")
    return panels


def _new_figure(figsize: tuple[float, float]) -> "Figure":
    if "matplotlib.pyplot" in sys.modules or in_a_notebook():
        import matplotlib.pyplot as plt

        return plt.figure(figsize=figsize, layout="constrained")
    from matplotlib.figure import Figure

    return Figure(figsize=figsize, layout="constrained")


def tidy(axes: "Axes") -> None:
    """A faint grid, and no frame above and to the right."""
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def count_epochs(axes: "Axes") -> None:
    """Whole epochs along the bottom, so few that the numbers of a long training have room."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1)
    axes.xaxis.set_major_locator(locator)


def keep_apart(axes: "Axes") -> None:
    """Fewer numbers along the bottom, where they would run into each other."""
    from matplotlib.ticker import AutoLocator, MaxNLocator

    figure: Any = axes.figure
    room = 1.2 * float(axes.xaxis.label.get_fontsize()) * figure.dpi / 72
    for most in (5, 4, 3, 2):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            figure.draw_without_rendering()
        boxes = [t.get_window_extent() for t in axes.get_xticklabels() if t.get_text()]
        if all(a.x1 + room <= b.x0 for a, b in pairwise(sorted(boxes, key=lambda box: box.x0))):
            return
        if isinstance(axes.xaxis.get_major_locator(), AutoLocator | MaxNLocator):
            axes.xaxis.set_major_locator(MaxNLocator(most))


def show_dates(axis: "Axis") -> None:
    """Dates along an axis, few, and each as short as it can be."""
    from matplotlib import dates

    # With fewer ticks at most, some lengths of time have no interval that fits, and it warns.
    locator = dates.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def name_axes(axes: "Axes", x: str, y: str, title: str | None = None) -> None:
    """Label the axes with names as they are, a dollar sign included."""
    axes.set_xlabel(x, parse_math=False)
    axes.set_ylabel(y, parse_math=False)
    if title is not None:
        axes.set_title(title, parse_math=False)


def name_measure(axes: "Axes", what: str, smaller_is_better: bool) -> str:
    """Label the axis of the loss or of a metric, from 0 where less is better; its name."""
    name = "R²" if what == "r2" else what.replace("_", " ")
    axes.set_ylabel(name)
    if smaller_is_better and axes.dataLim.y0 >= 0:
        axes.set_ylim(bottom=0)
    return name


def scatter_classes(
    axes: "Axes",
    points: Array,
    y: Array,
    class_names: Sequence[str],
    *,
    strength: Array | None = None,
    hollow: bool = False,
) -> None:
    """Draw `points` (n, 2), each class with a colour and a marker of its own, and a legend.

    `strength` (n,), from 0 to 1, is how much of each is seen; `hollow` leaves only outlines,
    which are those of validation rows.
    """
    from matplotlib.colors import to_rgba_array
    from matplotlib.lines import Line2D

    strength = np.ones(len(y)) if strength is None else strength
    handles = []
    for k, name in enumerate(class_names):
        of_class = y == k
        colour, marker = colour_of(k), marker_of(k)
        handles.append(Line2D([], [], linestyle="", color=colour, marker=marker, label=name))
        if not of_class.any():
            continue
        inside = np.repeat(to_rgba_array(colour), of_class.sum(), axis=0)
        edge = inside.copy() if hollow else np.ones_like(inside)
        inside[:, 3] = edge[:, 3] = strength[of_class]
        axes.scatter(
            points[of_class, 0],
            points[of_class, 1],
            s=34,
            marker=marker,
            facecolors="none" if hollow else inside,
            edgecolors=[tuple(colour) for colour in edge],
            linewidths=1.2 if hollow else 0.6,
            zorder=3,
            label=name,
        )
    if hollow:
        outline = Line2D([], [], linestyle="", label="validation", color=GREY, marker="o")
        outline.set_markerfacecolor("none")
        handles.append(outline)
    legend = axes.legend(handles=handles, framealpha=0.85, **_place(len(y), len(handles)))
    frame: Any = legend.get_frame()  # which is a FancyBboxPatch
    frame.set_boxstyle("round", pad=-ROOM, rounding_size=0.2)
    as_written(legend.get_texts())


def as_written(texts: "Iterable[Text]") -> None:
    """Show texts of Matplotlib as they stand: a dollar sign in them begins no formula."""
    for text in texts:
        text.set_parse_math(False)


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
