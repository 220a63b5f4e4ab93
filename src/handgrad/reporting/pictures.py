"""The pictures of the page: drawn by Matplotlib, in the page's own colours and letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from handgrad.html.elements import Html, element, figure, joined
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
# Pictures of more inches scroll by themselves on a phone.
WIDE = 5.0
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

Draw = Callable[[Any], object]


class Pictures:
    """Makes the pictures of one page; each has names that no other has."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def drawn(
        self,
        draw: Draw,
        alt: str,
        title: str,
        said: str = "",
        *,
        size: tuple[float, float] = (3.9, 3.1),
    ) -> Html:
        """A figure with what `draw(axes)` draws; below it a title, and what else is said of it.

        `alt` is there for those who do not see it.
        """
        from matplotlib.figure import Figure

        from handgrad.plots.finishing import svg_of

        with _settings():
            drawing = Figure(figsize=size, layout="constrained", dpi=100)
            axes = drawing.add_subplot()
            draw(axes)
            axes.set_title("")  # the caption says it
            keep_apart(axes)
            svg = svg_of(drawing)
        name = f"picture-{next(self._numbers)}"
        caption = joined([element("b", title), said])
        return figure(inline(svg, name, alt, COLOURS), caption, wide=size[0] > WIDE)


@contextmanager
def _settings() -> Iterator[None]:
    import matplotlib as mpl

    with mpl.rc_context(SETTINGS):
        yield
