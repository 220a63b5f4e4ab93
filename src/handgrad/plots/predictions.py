"""The numbers that a net predicts, beside the true ones."""

from typing import TYPE_CHECKING

import numpy as np

from handgrad.layers import Array
from handgrad.net import Net
from handgrad.plots.inputs import Model, number_predictions, predicted_numbers, table_of
from handgrad.plots.style import FIRST, GREY, SECOND, axes_for, tidy
from handgrad.results import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 400


def plot_predictions(
    net: Model, x: object = None, y: object = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw what `net` predicts for the rows `x`, (n, n_features), with true numbers `y`, (n,).

    Over a single feature the rows are dots and the net is the curve through them. For more,
    each row is a dot with its true number across and the predicted one up: on the diagonal
    where both are the same. `net` gives one number a row; it may also be a fitted regressor, or
    `hg.Predictions` without `x` and `y`.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_line(rng=0)
    >>> net = hg.Net(hg.Linear(1, 1))
    >>> net.layers[0].W, net.layers[0].b = [[2]], [1]
    >>> curve = plot_predictions(net, x, y).lines[0]
    >>> bool(np.allclose(curve.get_ydata(), 2 * curve.get_xdata() + 1, atol=1e-6))
    True
    """
    found, axes = number_predictions(net, x, y), axes_for(ax)
    p, y = found.predicted, found.y
    x = table_of(x) if isinstance(net, Net) else x
    if not isinstance(net, Predictions) and isinstance(x, np.ndarray) and x.shape[1] == 1:
        across = np.linspace(x.min(), x.max(), POINTS)
        label = "net" if isinstance(net, Net) else "model"
        axes.plot(
            across, predicted_numbers(net, across[:, None]), color=SECOND, linewidth=2, label=label
        )
        draw_numbers(axes, x[:, 0], y, "data")
        axes.set(xlabel="feature 1", ylabel="y")
    else:
        ends = [min(y.min(), p.min()), max(y.max(), p.max())]
        axes.plot(ends, ends, "--", color=GREY, linewidth=1.2, label="predicted = true")
        draw_numbers(axes, y, p, "rows")
        axes.set(xlabel="true", ylabel="predicted")
    axes.legend(frameon=False)
    tidy(axes)
    return axes


def draw_numbers(
    axes: "Axes", across: Array, up: Array, label: str, *, hollow: bool = False
) -> None:
    """Draw dots, or only their outlines."""
    axes.scatter(
        across,
        up,
        s=26,
        facecolors="none" if hollow else FIRST,
        edgecolors=FIRST if hollow else "white",
        linewidths=1.2 if hollow else 0.6,
        label=label,
        zorder=3 if hollow else 2,
    )
