"""Plots of attention weights."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from handgrad.plots.inputs import net_and_row
from handgrad.plots.labels import label
from handgrad.plots.style import as_written, panels_for, shortened
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array, MultiheadAttention
from handgrad.textbook.layers.layer import predicting_twin
from handgrad.textbook.net import Net
from handgrad.training.results import Predictor

MOST_HEADS = 16
WIDEST = 11.0  # inches of a new figure
ROOM = 2.0, 5.0  # least and largest side of a map in a new figure, in inches
POINTS = 8.0, 9.0  # least and largest size of labels
LINE = 1.2  # of a label's size: the space that a label takes
MASKED = "#d9d9d9"
# Visible forms of whitespace.
SEEN = str.maketrans({" ": "␣", "\n": "↵", "\t": "→"})


def plot_attention(
    net: Net | Predictor,
    x: object,
    *,
    labels: Sequence[str] | None = None,
    axes: Sequence[Axes] | Array | None = None,
) -> Array:
    """Plot the attention weights of each head for a single row `x`.

    Rows are query positions, columns are key positions: the darker, the larger the attention
    weight. The weights of a row add up to 1; masked positions are grey. All heads of all
    `MultiheadAttention` layers are drawn on one scale, at most 16.

    Parameters
    ----------
    net : Net or fitted estimator
        With at least one `MultiheadAttention`.
    x : array (1, …)
        A single row, in the form the model takes.
    labels : sequence of str, optional
        A character or word for each position; by default they are numbered from 1. Where there
        is no room for all of them in 8 points, every second, third … is shown.
    axes : sequence of Axes, optional
        Axes for the heads; by default those of a new figure.

    Returns
    -------
    array of Axes
        One per head.

    Examples
    --------
    >>> import handgrad as hg
    >>> net = hg.Net(hg.Embedding(3, 4, rng=0), hg.MultiheadAttention(4, 2, causal=True, rng=1))
    >>> panels = plot_attention(net, [[2, 0, 1]], labels="cab")
    >>> [panel.get_title() for panel in panels]
    ['attention 1, head 1', 'attention 1, head 2']
    """
    inner, row = net_and_row(net, x)
    twin = predicting_twin(inner)
    layers = [part for _, part in twin.walk() if isinstance(part, MultiheadAttention)]
    if not layers:
        raise SettingError(
            f"{inner!r}, which has no attention layer",
            "a net with a MultiheadAttention",
            "hg.Net(hg.Embedding(27, 16), hg.MultiheadAttention(16, 2, causal=True), …)",
        )
    twin.forward(row)
    heads = [
        (label("attention {}, head {}", i, j), _masked(p, layer.causal))
        for i, layer in enumerate(layers, 1)
        for j, p in enumerate(layer.p[0], 1)
    ][:MOST_HEADS]
    names = None if labels is None else _names_of(labels, len(heads[0][1]))
    room = min(max(ROOM[0], _inches(names or ())), ROOM[1])
    columns = max(1, min(4, layers[0].n_heads, int((WIDEST - 1) // (room + 0.7))))
    size = ((room + 0.7) * min(columns, len(heads)) + 1, (room + 0.9) * -(-len(heads) // columns))
    panels = panels_for(axes, len(heads), size, grid=False, columns=columns)
    largest = max(float(np.nanmax(p)) for _, p in heads)
    for panel, (title, p) in zip(panels, heads, strict=True):
        ends = (0.5, len(p) + 0.5, len(p) + 0.5, 0.5)
        image = panel.imshow(
            p, aspect="auto", extent=ends, cmap="Blues", vmin=0, vmax=largest or 1.0
        )
        panel.set_facecolor(MASKED)
        panel.set_title(title, fontsize="medium")
        _name_positions(panel, names, room)
    panels[0].figure.colorbar(image, ax=panels, label=label("attention weight"), aspect=30)
    if axes is not None and names is not None:
        _fit_names(panels, names)
    return np.array(panels)


def _masked(p: Array, causal: bool) -> Array:
    """Attention weights (t, t) of one head, NaN where they are masked."""
    weights: Array = np.asarray(p, np.float64)
    return np.where(np.tri(len(weights), dtype=bool), weights, np.nan) if causal else weights


def _names_of(labels: Sequence[str], n: int) -> list[str]:
    names = [str(label) for label in labels]
    if len(names) != n:
        raise SettingError(
            f"{len(names)} labels, {labels!r}",
            f"{n}, one for each position",
            "labels=text, for the characters that x encodes; labels=text.split(), for words",
        )
    return [shortened(name, 12) if name.strip() else name.translate(SEEN) for name in names]


def _inches(names: Sequence[str]) -> float:
    """Length of an axis on which all names are readable."""
    return len(names) * POINTS[0] * LINE / 72


def _fit_names(panels: Sequence[Axes], names: list[str]) -> None:
    """Label as many positions as fit in axes whose size the labels change."""
    figure: Any = panels[0].figure
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.draw_without_rendering()
    for panel in panels:
        _name_positions(panel, names, None)


def _name_positions(axes: Axes, names: list[str] | None, room: float | None) -> None:
    """Label both axes, which are `room` inches long, or as long as they are."""
    axes.set(xlabel=label("key position"), ylabel=label("query position"))
    if names is None:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, integer=True))
        return
    box = axes.get_window_extent()
    upright: Any = {} if max(map(len, names)) == 1 else {"rotation": 90}
    for axis, length, how in ((axes.xaxis, box.width, upright), (axes.yaxis, box.height, {})):
        inches = room or length / axes.figure.dpi
        every = math.ceil(_inches(names) / inches)
        points = min(POINTS[1], inches * 72 * every / len(names) / LINE)
        places = range(1, len(names) + 1, every)
        axis.set_ticks(places, names[::every], fontsize=max(POINTS[0], points), **how)
    as_written([*axes.get_xticklabels(), *axes.get_yticklabels()])
    axes.tick_params(length=0)
