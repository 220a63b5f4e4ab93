"""Sizes of weights, gradients and updates, layer by layer, over the epochs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.layers import Array
from handgrad.plots.style import count_epochs, line_of, panels_for, tidy
from handgrad.training import WeightHistory

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_weights_over_time(
    weights: WeightHistory, axes: "Sequence[Axes] | Array | None" = None
) -> Array:
    """Draw max |W|, the gradient and the update of each parameter matrix; returns three axes.

    From left to right, over the epochs: the largest weight; the norm of the gradient in the last
    batch; by what share of its norm the matrix changed in the epoch. The last two on logarithmic
    axes, where a zero has no place. A gradient that shrinks from layer to layer vanishes; a share
    that stays near 1 says that the learning rate is large. `weights` is what
    `record_weights(reports, net)` gave, after the training went through it.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    >>> weights = hg.record_weights(hg.train(net, (x, y), loss=hg.CrossEntropyLoss(),
    ...     optimizer=hg.SGD(0.1), epochs=3, rng=0), net)
    >>> history = hg.History(list(weights))
    >>> [[line.get_label() for line in panel.lines] for panel in plot_weights_over_time(weights)]
    [['0.W'], ['0.W'], ['0.W']]
    """
    if not isinstance(weights, WeightHistory) or not weights.epochs:
        raise SettingError(
            "no weights of any epoch" if isinstance(weights, WeightHistory) else f"{weights!r}",
            "what record_weights gave, after the training went through it",
            "weights = hg.record_weights(hg.train(net, …), net); for report in weights: …",
        )
    panels = panels_for(axes, 3, (11, 3.4))
    tables = (
        (weights.largest, "max |W|", "Largest weight"),
        (weights.gradient_norms, "‖dW‖, last batch", "Gradient"),
        (weights.update_ratios, "‖change of W‖ / ‖W‖, per epoch", "Update"),
    )
    for panel, (table, label, title) in zip(panels, tables, strict=True):
        for i, (path, values) in enumerate(table.items()):
            panel.plot(weights.epochs, values, linewidth=1.8, label=path, **line_of(i))
        panel.set(ylabel=label, title=title)
        count_epochs(panel)
        tidy(panel)
    panels[0].set_ylim(bottom=0)
    for panel in panels[1:]:
        panel.set_yscale("log")
    panels[0].legend(frameon=False)
    return np.array(panels)
