"""The decision boundary: a plane shaded by the predictions of a net."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from handgrad.base.errors import SettingError, ShapeError
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.plots.inputs import (
    class_predictions,
    names_of,
    probabilities,
    table_of,
    the_net,
)
from handgrad.plots.regions import box_around, shade_regions
from handgrad.plots.style import axes_for, name_axes, scatter_classes
from handgrad.results import Classifier, is_classifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FARTHEST = 2.0


def plot_decision_boundary(
    net: Net | Classifier,
    x: object,
    y: object,
    *,
    features: tuple[int, int] = (0, 1),
    filler: npt.ArrayLike | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Shade the plane by what `net` answers there, and draw the rows `x`, `y` on it.

    For two classes the shading is the probability of class 1, the line is at one half. For more
    each point has the mean of the classes' colours, weighed by their probabilities, and lines
    run where the likeliest class changes. `x` is (n, n_features), `y` (n,) holds classes. In place
    of a net it takes any fitted classifier with `predict_proba`, whose classes may be names.

    Of more than two `features` two are shown, by number. The plane is then a slice through the
    others, held at `filler`: a row of n_features numbers, by default the means of `x`. Rows lie
    off that slice by d: the root mean square, over the other features, of the difference in
    standard deviations. They are drawn at strength e^(−d²/2), and left out beyond d = 2; the
    title says at what the others are held, and how many rows are seen.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("breast_cancer")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(30, 2, rng=0), hg.Softmax())
    >>> print(plot_decision_boundary(net, x, y).get_title())
    28 other features at their means
    552 of 569 rows are near: the fainter, the farther
    """
    x = table_of(x)
    shown = _two_of(features, x.shape[1])
    found = class_predictions(net, x, y, class_names)
    feature_names = names_of(feature_names, x.shape[1], "feature")
    at = _filler(filler, x)

    def probabilities_at(points: Array) -> Array:
        rows = np.tile(at, (len(points), 1))
        rows[:, shown] = points
        if is_classifier(net):
            return np.asarray(net.predict_proba(rows))
        return probabilities(the_net(net), rows)

    axes = axes_for(ax)
    shade_regions(axes, probabilities_at, box_around(x[:, shown]), found.class_names)
    near = draw_near_slice(axes, x, found.y, shown, at, spread=x, class_names=found.class_names)
    across, up = (feature_names[i] for i in shown)
    name_axes(axes, across, up)
    if others := x.shape[1] - 2:
        title = f"{others} other feature{'s' * (others > 1)} at {_held(filler, others)}"
        seen = f"{near} of {len(x)} rows are near: the fainter, the farther"
        axes.set_title(f"{title}\n{seen}", fontsize="medium")
    return axes


def draw_near_slice(
    axes: "Axes",
    x: Array,
    y: Array,
    shown: list[int],
    at: Array,
    *,
    spread: Array,
    class_names: Sequence[str],
    hollow: bool = False,
) -> int:
    """Draw the rows near the slice at `at`, the fainter the farther off; returns how many."""
    others = np.delete(np.arange(x.shape[1]), shown)
    distance = np.zeros(len(x))
    if others.size:
        deviation = spread[:, others].std(axis=0, dtype=np.float64)
        away = (x[:, others] - at[others]) / np.where(deviation > 0, deviation, 1.0)
        distance = np.sqrt((away**2).mean(axis=1))
    near = distance <= FARTHEST
    scatter_classes(
        axes,
        x[near][:, shown],
        y[near],
        class_names,
        strength=np.exp(-(distance[near] ** 2) / 2),
        hollow=hollow,
    )
    return int(near.sum())


def _two_of(features: object, n_features: int) -> list[int]:
    """The numbers of the two features to show."""
    if n_features < 2:
        raise ShapeError(
            "x with a single feature",
            "two features or more, for a plane",
            "plot_dataset(x, y), or plot_predictions(net, x, y) for numbers",
        )
    shown = [*features] if isinstance(features, tuple | list) else []
    whole = all(isinstance(i, int | np.integer) and 0 <= i < n_features for i in shown)
    if len(shown) != 2 or not whole or shown[0] == shown[1]:
        raise SettingError(
            f"features = {features!r}",
            f"two different numbers from 0 to {n_features - 1}",
            "features=(0, 1)",
        )
    return [int(i) for i in shown]


def _filler(filler: npt.ArrayLike | None, x: Array) -> Array:
    """The row whose features are held on the whole plane."""
    if filler is None:
        return x.mean(axis=0, dtype=np.float64)
    row = np.asarray(filler)
    if row.shape != x.shape[1:] or row.dtype.kind not in "fiub" or not np.isfinite(row).all():
        raise ShapeError(
            f"a filler of shape {row.shape} and type {row.dtype}",
            f"a row of {x.shape[1]} finite numbers; of the two features shown, any",
            "filler=np.median(x, axis=0), or filler=x[0]",
        )
    return row.astype(np.float64)


def _held(filler: npt.ArrayLike | None, others: int) -> str:
    if filler is not None:
        return "the filler given"
    return "their means" if others > 1 else "its mean"
