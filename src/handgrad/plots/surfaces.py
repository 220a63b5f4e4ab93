"""Plots of predictions over the plane of two features, for one pair or all."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from handgrad.plots.inputs import (
    class_predictions,
    names_of,
    numbers_of,
    predicted_numbers,
    probabilities,
    table_of,
)
from handgrad.plots.planes import box_around, scatter_classes, shade_numbers, shade_regions
from handgrad.plots.rows import title_slice
from handgrad.plots.slices import Slice, filler_of, two_of
from handgrad.plots.style import FIRST, axes_for, colour_of, name_axes, panels_for
from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.kinds import Probabilities
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.training.results import Classifier, Predictor, is_classifier

MOST_FEATURES, POINTS_OF_PAIRS = 6, 50


def plot_regression_surface(
    net: Net | Predictor,
    x: object,
    y: object,
    *,
    features: tuple[int, int] = (0, 1),
    filler: npt.ArrayLike | None = None,
    feature_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the predicted number over the plane of two features, with the rows.

    A row has the colour of its true number: it stands out where the prediction is wrong. Rows far
    from the slice are fainter, as in `plot_decision_boundary`.

    Parameters
    ----------
    net : Net or fitted regressor
        Predicts one number per row.
    x : array (n, n_features)
        Rows.
    y : array (n,)
        True numbers.
    features : pair of int, default (0, 1)
        Features shown, by number.
    filler : array (n_features,), optional
        Values of the other features; by default their means.
    feature_names : sequence of str, optional
        Names of the features.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.load("diabetes")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(10, 1, rng=0))
    >>> print(plot_regression_surface(net, x, y, features=(2, 8)).get_title())
    8 other features at their means
    441 of 442 rows shown: fainter is farther away
    """
    x = table_of(x)
    shown, y = two_of(features, x.shape[1]), numbers_of(y, x)
    plane = Slice.of_features(shown, filler_of(filler, x))
    names = names_of(feature_names, x.shape[1], "feature")
    predicted_numbers(net, x[:1])
    axes = axes_for(ax, grid=False)
    near, strength = plane.near(x, x)
    shade_numbers(
        axes,
        lambda points: predicted_numbers(net, plane.rows(points)),
        box_around(x[:, shown]),
        x[near][:, shown],
        y[near],
        strength=strength,
    )
    name_axes(axes, *(names[i] for i in shown))
    title_slice(axes, x, filler, int(near.sum()))
    return axes


def plot_pairs(
    net: Net | Predictor,
    x: object,
    y: object,
    *,
    features: Sequence[int] | None = None,
    filler: npt.ArrayLike | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    axes: Sequence[Axes] | Array | None = None,
) -> Array:
    """Plot the predictions over the plane of each pair of features, in a grid.

    Each plane is a slice at fixed values of the other features, with the rows near it. The diagonal
    shows one feature: histograms of the classes, or the rows of a regression.

    Parameters
    ----------
    net : Net, fitted classifier or fitted regressor
        Predicts classes or numbers.
    x : array (n, n_features)
        Rows.
    y : array (n,)
        Classes or numbers.
    features : sequence of int, optional
        Two to six features, by number; by default the first four.
    filler : array (n_features,), optional
        Values of the other features; by default their means.
    feature_names : sequence of str, optional
        Names of the features.
    class_names : sequence of str, optional
        Names of the classes.
    axes : sequence of k * k Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    array (k, k) of Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())
    >>> plot_pairs(net, x, y, features=(0, 2, 3)).shape
    (3, 3)
    """
    x = table_of(x)
    shown = _chosen(features, x.shape[1])
    at, names = filler_of(filler, x), names_of(feature_names, x.shape[1], "feature")
    drawn: _OfClasses | _OfNumbers = (
        _OfClasses(net, x, y, class_names)
        if is_classifier(net) or (isinstance(net, Net) and _gives_classes(net))
        else _OfNumbers(net, x, y)
    )
    k = len(shown)
    flat = None if axes is None else [*np.ravel(np.array(axes))]
    panels = panels_for(flat, k * k, (2.4 * k, 2.3 * k), grid=False, columns=k)
    grid = np.array(panels).reshape(k, k)
    for row, i in enumerate(shown):
        for column, j in enumerate(shown):
            panel = grid[row, column]
            if i == j:
                drawn.along(panel, x[:, i])
            else:
                drawn.over(panel, Slice.of_features([j, i], at))
            name_axes(panel, names[j] if row == k - 1 else "", names[i] if column == 0 else "")
            panel.tick_params(labelsize="small")
    return grid


class _OfClasses:
    """Panels of a classifier: its probabilities, and rows in the colours of their classes."""

    def __init__(
        self, net: Net | Classifier, x: Array, y: object, class_names: Sequence[str] | None
    ) -> None:
        self.net, self.x = net, x
        self.predictions = class_predictions(net, x, y, class_names)

    def along(self, axes: Axes, values: Array) -> None:
        """Draw a histogram of each class over one feature."""
        bins = np.linspace(values.min(), values.max() + 1e-9, 21).tolist()
        for c, name in enumerate(self.predictions.class_names):
            of_class = values[self.predictions.y == c]
            axes.hist(of_class, bins, color=colour_of(c), alpha=0.6, label=name)
        axes.set_yticks([])

    def over(self, axes: Axes, plane: Slice) -> None:
        """Draw the plane of two features, and the rows near it."""
        names = self.predictions.class_names
        near, strength = plane.near(self.x, self.x)
        places, box = plane.points(self.x[near]), box_around(plane.points(self.x))

        def says(points: Array) -> Array:
            return probabilities(self.net, plane.rows(points))

        shade_regions(axes, says, box, names, POINTS_OF_PAIRS, bar=False)
        of_near = self.predictions.y[near]
        scatter_classes(axes, places, of_near, names, strength=strength, with_legend=False)


class _OfNumbers:
    """Panels of a regressor: its numbers, and rows in the colours of theirs."""

    def __init__(self, net: Net | Predictor, x: Array, y: object) -> None:
        self.net, self.x, self.y = net, x, numbers_of(y, x)
        predicted_numbers(net, x[:1])

    def along(self, axes: Axes, values: Array) -> None:
        """Draw the true numbers over one feature."""
        axes.scatter(values, self.y, s=6, color=FIRST, alpha=0.5)

    def over(self, axes: Axes, plane: Slice) -> None:
        """Draw the plane of two features, and the rows near it."""
        near, strength = plane.near(self.x, self.x)
        shade_numbers(
            axes,
            lambda points: predicted_numbers(self.net, plane.rows(points)),
            box_around(plane.points(self.x)),
            plane.points(self.x[near]),
            self.y[near],
            strength=strength,
            points=POINTS_OF_PAIRS,
            bar=False,
        )


def _gives_classes(net: Net) -> bool:
    return isinstance(net.output_kind, Probabilities) or (net.n_out or 1) > 1


def _chosen(features: Sequence[int] | None, n_features: int) -> list[int]:
    if n_features < 2:
        raise ShapeError("x with a single feature", "two or more", "plot_predictions(net, x, y)")
    shown = [*range(min(n_features, 4))] if features is None else [*features]
    for i, j in zip(shown, shown[1:] + shown[:1], strict=True):
        two_of((i, j), n_features)
    if len({*shown}) != len(shown) or not 2 <= len(shown) <= MOST_FEATURES:
        raise SettingError(
            f"features = {features!r}", f"from 2 to {MOST_FEATURES} different ones", "(0, 1, 2)"
        )
    return [int(i) for i in shown]
