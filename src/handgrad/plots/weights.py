"""How large the weights grew."""

from typing import TYPE_CHECKING

from handgrad.errors import SettingError
from handgrad.plots.style import COLOURS, axes_for, count_epochs, tidy
from handgrad.training import WeightHistory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", "-.", ":")


def plot_weights_over_time(weights: WeightHistory, ax: "Axes | None" = None) -> "Axes":
    """Draw max |W| of each parameter matrix over the epochs, from before the first one on.

    `weights` is what `record_weights(reports, net)` gave, after the training went through it.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    >>> weights = hg.record_weights(hg.train(net, (x, y), loss=hg.CrossEntropyLoss(),
    ...     optimizer=hg.SGD(0.1), epochs=3, rng=0), net)
    >>> history = hg.History(list(weights))
    >>> [line.get_label() for line in plot_weights_over_time(weights).lines]
    ['0.W']
    """
    if not isinstance(weights, WeightHistory) or not weights.epochs:
        raise SettingError(
            "no weights of any epoch" if isinstance(weights, WeightHistory) else f"{weights!r}",
            "what record_weights gave, after the training went through it",
            "weights = hg.record_weights(hg.train(net, …), net); for report in weights: …",
        )
    axes = axes_for(ax, (6, 4))
    for i, (path, values) in enumerate(weights.largest.items()):
        style, colour = STYLES[i % len(STYLES)], COLOURS[i % len(COLOURS)]
        axes.plot(weights.epochs, values, style, color=colour, linewidth=1.8, label=path)
    axes.set(ylabel="max |W|", title="Largest weight of each layer")
    axes.set_ylim(bottom=0)
    count_epochs(axes)
    axes.legend(frameon=False)
    tidy(axes)
    return axes
