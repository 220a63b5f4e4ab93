"""Pictures of attention: which places of a sequence each place looks at."""

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
# What a picture has across, more or less: so that names of lines do not run into each other.
INCHES = 2.0
MASKED = "#d9d9d9"
# Letters that would not be seen.
SEEN = str.maketrans({" ": "␣", "\n": "↵", "\t": "→"})


def plot_attention(
    net: Net | Predictor,
    x: object,
    *,
    labels: Sequence[str] | None = None,
    axes: Sequence[Axes] | Array | None = None,
) -> Array:
    """Draw for a single row `x` where each head of attention looks; returns the axes, one a head.

    Down are the places that ask, across those that are asked: the darker, the larger the share p
    that a place takes from another; each line adds up to 1. Grey is what a causal layer bars, the
    places after the one that asks. All heads of all `MultiheadAttention` layers are drawn in their
    order, on one scale; of more than 16, the first. `labels` names the places, a letter each or a
    word each; without them they are numbered from 1. In place of a net it takes a fitted estimator
    that has one, with a row as it takes it.

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
            f"{inner!r}, which has no attention",
            "a net with a MultiheadAttention",
            "hg.Net(hg.Embedding(27, 16), hg.MultiheadAttention(16, 2, causal=True), …)",
        )
    twin.forward(row)
    heads = [
        (label("attention {}, head {}", i, j), _without_barred(p, layer.causal))
        for i, layer in enumerate(layers, 1)
        for j, p in enumerate(layer.p[0], 1)
    ][:MOST_HEADS]
    names = None if labels is None else _names_of(labels, len(heads[0][1]))
    columns = min(4, layers[0].n_heads)
    size = (2.7 * min(columns, len(heads)) + 1, 2.9 * -(-len(heads) // columns))
    panels = panels_for(axes, len(heads), size, grid=False, columns=columns)
    largest = max(float(np.nanmax(p)) for _, p in heads)
    for panel, (title, p) in zip(panels, heads, strict=True):
        ends = (0.5, len(p) + 0.5, len(p) + 0.5, 0.5)
        image = panel.imshow(
            p, aspect="auto", extent=ends, cmap="Blues", vmin=0, vmax=largest or 1.0
        )
        panel.set_facecolor(MASKED)
        panel.set_title(title, fontsize="medium")
        _name_places(panel, names)
    panels[0].figure.colorbar(image, ax=panels, label=label("share p"), aspect=30)
    return np.array(panels)


def _without_barred(p: Array, causal: bool) -> Array:
    """The shares p (t, t) of one head, NaN where they are barred."""
    shares: Array = np.asarray(p, np.float64)
    return np.where(np.tri(len(shares), dtype=bool), shares, np.nan) if causal else shares


def _names_of(labels: Sequence[str], n: int) -> list[str]:
    names = [str(label) for label in labels]
    if len(names) != n:
        raise SettingError(
            f"{len(names)} labels, {labels!r}",
            f"{n}, one for each place of the sequence",
            "labels=text, for the letters that x encodes; labels=text.split(), for words",
        )
    return [shortened(name, 12) if name.strip() else name.translate(SEEN) for name in names]


def _name_places(axes: Axes, names: list[str] | None) -> None:
    axes.set(xlabel=label("is asked"), ylabel=label("asks"))
    if names is None:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, integer=True))
        return
    small: Any = {"fontsize": min(9.0, INCHES * 72 / len(names))}
    upright: Any = {} if max(map(len, names)) == 1 else {"rotation": 90}
    axes.set_xticks(range(1, len(names) + 1), names, **small, **upright)
    axes.set_yticks(range(1, len(names) + 1), names, **small)
    as_written([*axes.get_xticklabels(), *axes.get_yticklabels()])
    axes.tick_params(length=0)
