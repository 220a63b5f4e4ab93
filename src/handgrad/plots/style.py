"""Style of all plots: colour-blind safe colours, markers, axes."""

import sys
import warnings
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from handgrad.plots.labels import use_font
from handgrad.textbook.display import in_a_notebook
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array

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
# Below zero through white to above it.
SIGNED = LinearSegmentedColormap.from_list("signed", [FIRST, "#ffffff", SECOND])
# A legend to the right of the axes.
BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}


def colour_of(i: int) -> str:
    """Colour of class i; there are ten."""
    return COLOURS[i % len(COLOURS)]


def marker_of(i: int) -> str:
    """Marker of class i; repeated colours get another marker."""
    return MARKERS[(i + i // len(COLOURS)) % len(MARKERS)]


def line_of(i: int) -> dict[str, Any]:
    """Colour and style of line i."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[i % len(STYLES)]}


def shortened(name: str, most: int = 24) -> str:
    """Shorten a name to one line of at most `most` characters, omitting its middle.

    >>> shortened("sepal length in the middle of June", 20)
    'sepal length …f June'
    """
    name, tail = " ".join(name.split()), most // 3
    return name if len(name) <= most else f"{name[: most - tail - 1]}…{name[-tail:]}"


def axes_for(
    ax: Axes | None, figsize: tuple[float, float] = (6, 4.5), *, grid: bool = True
) -> Axes:
    """`ax`, or the axes of a new figure."""
    return panels_for(None if ax is None else [ax], 1, figsize, grid=grid)[0]


def panels_for(
    axes: Sequence[Axes] | Array | None,
    n: int,
    figsize: tuple[float, float],
    *,
    grid: bool = True,
    columns: int = 4,
) -> list[Axes]:
    """Return the `n` axes passed in, or those of a new figure with at most `columns` in a row.

    If pyplot is imported, and in a notebook, the figure is one of pyplot's, so that `plt.show()`
    or the end of a cell shows it.
    """
    if axes is None:
        columns = min(n, columns)
        how: Any = {"figsize": figsize, "layout": "constrained"}
        if "matplotlib.pyplot" in sys.modules or in_a_notebook():
            import matplotlib.pyplot as plt

            figure = plt.figure(**how)
        else:
            figure = Figure(**how)
        new = figure.subplots(-(-n // columns), columns, squeeze=False).ravel()
        for spare in new[n:]:
            spare.set_axis_off()
        axes = new[:n]
    panels: list[Axes] = [*np.ravel(np.array(axes))]
    if len(panels) != n:
        raise SettingError(f"{len(panels)} axes", f"{n} axes", f"axes=figure.subplots(1, {n})")
    for panel in panels:
        use_font(panel.figure)
    for panel in panels if grid else ():
        tidy(panel)
    return panels


def tidy(axes: Axes) -> None:
    """Draw a faint grid, and no frame above and to the right."""
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def keep_apart(axes: Axes) -> None:
    """Reduce the tick labels of the x-axis until they do not overlap."""
    figure: Any = axes.figure
    room = 1.2 * float(axes.xaxis.label.get_fontsize()) * figure.dpi / 72
    for most in (5, 4, 3, 2):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            figure.draw_without_rendering()
        boxes = [t.get_window_extent() for t in axes.get_xticklabels() if t.get_text()]
        if all(a.x1 + room <= b.x0 for a, b in pairwise(sorted(boxes, key=lambda box: box.x0))):
            return
        if isinstance(axes.xaxis.get_major_locator(), MaxNLocator):
            axes.xaxis.set_major_locator(MaxNLocator(most))


def show_dates(axis: Axis) -> None:
    """Format an axis with a few concise dates."""
    # With fewer ticks at most, some lengths of time have no interval that fits, and it warns.
    locator = dates.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def name_axes(axes: Axes, x: str, y: str, title: str | None = None) -> None:
    """Label the axes with names in which a dollar sign starts no formula."""
    axes.set_xlabel(x, parse_math=False)
    axes.set_ylabel(y, parse_math=False)
    if title is not None:
        axes.set_title(title, parse_math=False)


def name_places(axes: Axes, names: Iterable[str]) -> None:
    """Label the y-axis positions 0, 1, 2 … with names."""
    short = [shortened(name) for name in names]
    axes.set_yticks(range(len(short)), short)
    as_written(axes.get_yticklabels())


def as_written(texts: Iterable[Text]) -> None:
    """Show texts literally: a dollar sign starts no formula."""
    for text in texts:
        text.set_parse_math(False)
