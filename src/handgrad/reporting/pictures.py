"""The pictures of the page: drawn by Matplotlib, in the page's own colours and letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from markupsafe import Markup

from handgrad.html.svg import inline
from handgrad.plots.style import keep_apart

# What Matplotlib draws in, and what the page has in its place, on light and on dark.
COLOURS = {
    "#22252a": "var(--ink)",
    "#666666": "var(--soft)",
    "#bbbbbb": "var(--line)",
    "#0072b2": "var(--first)",
    "#d55e00": "var(--second)",
    "#009e73": "var(--third)",
    "#000000": "var(--ink)",
    "#fbfaf7": "var(--paper)",
    "stroke: #ffffff": "stroke: var(--paper)",
}
INK = "#22252a"
SETTINGS: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10.5,
    "legend.fontsize": 9,
    "legend.facecolor": "#fbfaf7",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#666666",
    "axes.titlecolor": INK,
    "xtick.color": "#666666",
    "ytick.color": "#666666",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": "#bbbbbb",
    "axes.grid": False,
    "path.simplify_threshold": 0.5,
    "svg.hashsalt": "handgrad",
}


def picture(
    numbers: Iterator[int],
    draw: Callable[..., object],
    alt: str,
    size: tuple[float, float],
    *shown: object,
    **how: object,
) -> Markup:
    """What `draw(*shown, ax=…)` draws, as SVG; `alt` is for those who do not see it.

    The next of the `numbers` gives the picture names that no other of the page has.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=size, layout="constrained", dpi=100)
        axes = drawing.add_subplot()
        draw(*shown, ax=axes, **how)
        axes.set_title("")  # the caption says it
        keep_apart(axes)
        plain = alt.unescape() if isinstance(alt, Markup) else alt
        return inline(drawing, f"picture-{next(numbers)}", plain, COLOURS)
