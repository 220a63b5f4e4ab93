"""The rows as a hidden layer sees them: what the layers before it have made of the space."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from handgrad.base.errors import SettingError, ShapeError
from handgrad.config import check_kinds
from handgrad.layers import Array, Linear
from handgrad.net import Net
from handgrad.plots.inputs import as_probabilities, classes_of, names_of, probabilities, table_of
from handgrad.plots.regions import box_around, shade_regions
from handgrad.plots.style import axes_for, name_axes, scatter_classes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_hidden_space(
    net: Net,
    x: object,
    y: object,
    *,
    layer: int | None = None,
    class_names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the rows `x`, (n, n_features), as they leave a hidden layer, with their classes `y`.

    `layer` is the number of that layer in `net.layers`, counted from 0; by default the last one
    before the last `Linear`. Where it has two units they are the two axes, and the plane is
    shaded by what the rest of the net makes of it: the boundary of a last `Linear` is straight
    here, however bent it is over the features. Of more units the first two principal components
    are drawn, each with its share of the variance (Pearson, "On lines and planes of closest
    fit", 1901).

    >>> import handgrad as hg
    >>> x, y = hg.data.make_circles(rng=0)
    >>> net = hg.Net(hg.Linear(2, 2, rng=0), hg.Tanh(), hg.Linear(2, 2, rng=1), hg.Softmax())
    >>> axes = plot_hidden_space(net, x, y)
    >>> axes.get_title(), axes.get_xlabel()
    ('after layer 2 of 4, Tanh()', 'unit 1')
    """
    check_kinds(net=(net, Net))
    x = table_of(x)
    after = _after(net, layer)
    p = probabilities(net, x[:1])
    y = classes_of(y, x, p.shape[1])
    class_names = names_of(class_names, p.shape[1], "class")
    hidden = np.asarray(net[:after].predict(x))
    if hidden.ndim != 2 or hidden.shape[1] < 2:
        raise ShapeError(
            f"{net.position(after - 1)} gives an array of shape {hidden.shape}",
            "two units or more, (rows, units)",
            "layer=…, another one; a hidden layer of two units is drawn as it is",
        )
    axes = axes_for(ax)
    if hidden.shape[1] == 2:
        rest = net[after:]

        def probabilities_at(points: Array) -> Array:
            return as_probabilities(net, rest.predict(points))

        shade_regions(axes, probabilities_at, box_around(hidden), class_names)
        names = ["unit 1", "unit 2"]
    else:
        hidden, shares = _principal_components(hidden)
        names = [
            f"{name} principal component, {share:.0%} of the variance"
            for name, share in zip(("first", "second"), shares, strict=True)
        ]
        tidy(axes)
    scatter_classes(axes, hidden, y, class_names)
    name_axes(axes, names[0], names[1], f"after {net.position(after - 1)}")
    return axes


def _after(net: Net, layer: int | None) -> int:
    """After how many layers to look."""
    last = len(net.layers) - 1
    if layer is None:
        with_weights = [
            i
            for i, part in enumerate(net.layers)
            if any(isinstance(inner, Linear) for _, inner in part.walk())
        ]
        if len(with_weights) > 1:
            return with_weights[-1]
        raise SettingError(
            f"{net!r}, which has no hidden layer",
            "a Linear before the last one",
            "hg.Net(hg.Linear(2, 2), hg.Tanh(), hg.Linear(2, 2), hg.Softmax())",
        )
    if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < last:
        raise SettingError(
            f"layer = {layer!r}",
            f"a whole number from 0 to {last - 1}: a layer of the net, but not its last",
            "layer=1; net.summary() lists the layers, there counted from 1",
        )
    return layer + 1


def _principal_components(points: Array) -> tuple[Array, Array]:
    """The first two of the points, (n, 2), and their shares of the variance."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    variances = np.append(lengths**2, 0)  # of a single row there is one alone
    total = variances.sum()
    plane = np.zeros((len(points), 2))
    plane[:, : len(directions[:2])] = centred @ directions[:2].T
    return plane, variances[:2] / (total if total > 0 else 1.0)
