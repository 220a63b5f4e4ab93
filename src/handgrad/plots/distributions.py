"""How often a target has which values, and how answers lie among them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.layers import Array
from handgrad.plots.style import FIRST, SECOND, as_written, shortened, tidy

BINS = 24


def draw_shares(axes: Any, sides: dict[str, Array], names: Sequence[str]) -> None:
    """Draw the share of each class, a bar for each of the `sides`: its counts, (n_classes,)."""
    height = 0.8 / len(sides)
    places = np.arange(len(names))
    for i, (side, counts) in enumerate(sides.items()):
        shares = counts / max(counts.sum(), 1)
        at = places + (i - (len(sides) - 1) / 2) * height
        axes.barh(at, shares, height * 0.9, color=(FIRST, SECOND)[i], label=side, zorder=2)
    axes.set_yticks(places, [shortened(name) for name in names])
    as_written(axes.get_yticklabels())
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel="share of rows")
    _finished(axes, len(sides))
    axes.grid(visible=False, axis="y")
    axes.tick_params("y", length=0)


def draw_histogram(axes: Any, sides: dict[str, Array], name: str) -> None:
    """Draw how the numbers of each of the `sides` are spread, as shares of its rows."""
    everything = np.concatenate([*sides.values()])
    edges = np.histogram_bin_edges(everything, min(BINS, max(1, len(np.unique(everything)))))
    for i, (side, values) in enumerate(sides.items()):
        shares = np.histogram(values, edges)[0] / max(len(values), 1)
        style = {"color": (FIRST, SECOND)[i], "label": side}
        axes.stairs(shares, edges, fill=i == 0, **style, alpha=0.75 if i == 0 else 1, linewidth=1.8)
    axes.set_xlabel(shortened(name, 40), parse_math=False)
    axes.set_ylabel("share of rows")
    _finished(axes, len(sides))


def _finished(axes: Any, n_sides: int) -> None:
    tidy(axes)
    if n_sides > 1:
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 2, "borderaxespad": 0.2}
        axes.legend(frameon=False, **place)
