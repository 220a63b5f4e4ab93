"""Plots of rows: data sets, decision boundaries and hidden representations."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from handgrad.plots.inputs import (
    as_probabilities,
    class_predictions,
    classes_of,
    names_of,
    net_and_rows,
    numbers_of,
    probabilities,
    table_of,
)
from handgrad.plots.labels import label, translated
from handgrad.plots.planes import box_around, scatter_classes, shade_regions
from handgrad.plots.slices import (
    Features,
    Slice,
    filler_of,
    principal_directions,
    principal_slice,
    two_of,
)
from handgrad.plots.style import FIRST, axes_for, name_axes
from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers import Array, Linear
from handgrad.textbook.net import Net
from handgrad.training.results import Classifier


def plot_dataset(
    x: object,
    y: object,
    labels: object = None,
    *,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot rows with two features by class, or numbers `y` over a single feature.

    The title may also come first: `plot_dataset("Training data", x, y)`.

    Parameters
    ----------
    x : array (n, 2) or (n, 1)
        Rows; of more features choose two, `x[:, [0, 1]]`.
    y : array (n,)
        Classes 0, 1, 2 …; numbers, for a single feature.
    labels : array (n,), optional
        The targets, if a title comes first.
    feature_names : sequence of str, optional
        Labels of the axes.
    class_names : sequence of str, optional
        Names of the classes.
    title : str, optional
        Title of the plot.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> axes = plot_dataset(*hg.data.make_moons(rng=0), class_names=["upper", "lower"])
    >>> [text.get_text() for text in axes.get_legend().get_texts()], axes.get_xlabel()
    (['upper', 'lower'], 'feature 1')
    """
    if isinstance(x, str):
        title, x, y = x, y, labels
    elif labels is not None:
        raise SettingError(
            "three arrays", "x and y, or a title before them", "plot_dataset(x, y, title='rows')"
        )
    x = table_of(x)
    n_features = x.shape[1]
    if n_features > 2:
        raise ShapeError(
            f"x of shape {x.shape}, {n_features} features",
            "two features, or a single one",
            "x[:, [0, 1]], for the first two",
        )
    names = names_of(feature_names, n_features, "feature")
    if n_features == 1:
        y, axes = numbers_of(y, x), axes_for(ax)
        axes.scatter(x[:, 0], y, s=26, color=FIRST, edgecolors="white", linewidths=0.6, zorder=3)
        name_axes(axes, names[0], "y", title)
    else:
        y = classes_of(y, x)
        class_names = names_of(class_names, int(y.max()) + 1, "class")
        axes = axes_for(ax)
        scatter_classes(axes, x, y, class_names)
        name_axes(axes, names[0], names[1], title)
    return axes


def plot_decision_boundary(
    net: Net | Classifier,
    x: object,
    y: object,
    *,
    features: Features = (0, 1),
    filler: npt.ArrayLike | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the decision boundary over two features, shaded by probability, with the rows.

    For two classes the shading is the probability of class 1, with the line at one half. For more,
    each point has the mean of the classes' colours, weighted by probability, with lines where the
    most probable class changes.

    With more than two features the plane is a slice: at fixed values of the others, or with "pca"
    through the mean along the first two principal components of the standardized features, the
    plane nearest to the rows. A row at distance d from the slice (root mean square of its
    differences in standard deviations) is drawn with opacity e^(−d²/2), and not at all beyond
    d = 2. The title counts the rows shown.

    source      Pearson, "On lines and planes of closest fit", 1901

    Parameters
    ----------
    net : Net or fitted classifier
        A classifier needs `predict_proba`.
    x : array (n, n_features)
        Rows.
    y : array (n,)
        Classes 0, 1, 2 …, or those of the classifier.
    features : pair of int or "pca", default (0, 1)
        Features shown, by number, or the plane of the principal components.
    filler : array (n_features,), optional
        Values of the other features; by default their means. Their medians are
        `filler=np.median(x, axis=0)`.
    feature_names : sequence of str, optional
        Names of the features.
    class_names : sequence of str, optional
        Names of the classes.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.load("breast_cancer")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(30, 2, rng=0), hg.Softmax())
    >>> print(plot_decision_boundary(net, x, y).get_title())
    28 other features at their means
    552 of 569 rows shown: fainter is farther away
    >>> print(plot_decision_boundary(net, x, y, features="pca").get_title())
    principal plane of 30 features
    566 of 569 rows shown: fainter is farther away
    """
    x = table_of(x)
    if isinstance(features, str):
        plane, names = _principal(features, filler, x)
    else:
        shown = two_of(features, x.shape[1])
        feature_names = names_of(feature_names, x.shape[1], "feature")
        plane = Slice.of_features(shown, filler_of(filler, x))
        names = [feature_names[i] for i in shown]
    predictions = class_predictions(net, x, y, class_names)

    def probabilities_at(points: Array) -> Array:
        return probabilities(net, plane.rows(points))

    axes = axes_for(ax, grid=False)
    shade_regions(axes, probabilities_at, box_around(plane.points(x)), predictions.class_names)
    near = draw_near_slice(
        axes, x, predictions.y, plane, spread=x, class_names=predictions.class_names
    )
    name_axes(axes, *names)
    if isinstance(features, str):
        _title(axes, label("principal plane of {} features", x.shape[1]), near, len(x))
    else:
        title_slice(axes, x, filler, near)
    return axes


def _principal(features: str, filler: object, x: Array) -> tuple[Slice, list[str]]:
    """The principal plane of the rows, and the names of its axes."""
    if x.shape[1] < 2:
        two_of(features, x.shape[1])
    if features != "pca":
        raise SettingError(
            f"features = {features!r}", "two features by number, or 'pca'", "features='pca'"
        )
    if filler is not None:
        raise SettingError(
            "a filler for features='pca', whose plane goes through the mean of the rows",
            "no filler, or two features",
            "features=(0, 1), filler=np.median(x, axis=0)",
        )
    plane, shares = principal_slice(x)
    return plane, _names_of_components(shares)


def title_slice(axes: Axes, x: Array, filler: object, near: int) -> None:
    """Set a title with the values of the other features and the number of rows shown."""
    if others := x.shape[1] - 2:
        held = "their means" if others > 1 else "its mean"
        held = held if filler is None else "the given filler"
        counted = "{} other features" if others > 1 else "1 other feature"
        _title(axes, label(f"{counted} at {held}", others), near, len(x))


def _title(axes: Axes, title: str, near: int, of: int) -> None:
    seen = label("{} of {} rows shown: fainter is farther away", near, of)
    axes.set_title(f"{title}\n{seen}", fontsize="medium")


def draw_near_slice(
    axes: Axes,
    x: Array,
    y: Array,
    plane: Slice,
    *,
    spread: Array,
    class_names: Sequence[str],
    hollow: bool = False,
) -> int:
    """Draw the rows near the plane, fainter with distance; returns their number."""
    near, strength = plane.near(x, spread)
    points = plane.points(x[near])
    scatter_classes(axes, points, y[near], class_names, strength=strength, hollow=hollow)
    return int(near.sum())


def plot_hidden_space(
    net: Net | Classifier,
    x: object,
    y: object,
    *,
    layer: int | None = None,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the rows in the representation of a hidden layer, by class.

    Two hidden units are the axes, and the plane is shaded by the rest of the net: the boundary of
    a last `Linear` is straight here. Of more units the first two principal components are drawn.
    Of an ensemble the first member is shown.

    source      Pearson, "On lines and planes of closest fit", 1901

    Parameters
    ----------
    net : Net or fitted classifier
        With a hidden layer.
    x : array (n, n_features)
        Rows.
    y : array (n,)
        Their classes.
    layer : int, optional
        Index in `net.layers`; by default the layer before the last `Linear`.
    class_names : sequence of str, optional
        Names of the classes.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_circles(rng=0)
    >>> net = hg.Net(hg.Linear(2, 2, rng=0), hg.Tanh(), hg.Linear(2, 2, rng=1), hg.Softmax())
    >>> axes = plot_hidden_space(net, x, y)
    >>> axes.get_title(), axes.get_xlabel()
    ('after layer 2 of 4, Tanh()', 'unit 1')
    """
    model, rows = net, x
    net, x, _, _ = net_and_rows(model, rows)
    after = _after(net, layer)
    predictions = class_predictions(model, rows, y, class_names)
    hidden = np.asarray(net[:after].predict(x))
    several = hidden.ndim == 3
    hidden = hidden[:, 0] if several else hidden
    if hidden.ndim != 2 or hidden.shape[1] < 2:
        raise ShapeError(
            f"{net.position(after - 1)} outputs an array of shape {hidden.shape}",
            "two units or more, (rows, units)",
            "layer=…, another hidden layer",
        )
    planar = hidden.shape[1] == 2
    axes = axes_for(ax, grid=not planar)
    names = [label("unit {}", 1), label("unit {}", 2)]
    if planar and not several:
        rest = net[after:]

        def probabilities_at(points: Array) -> Array:
            return as_probabilities(net, rest.predict(points))

        shade_regions(axes, probabilities_at, box_around(hidden), predictions.class_names)
    elif not planar:
        centred = hidden.astype(np.float64) - hidden.mean(axis=0, dtype=np.float64)
        directions, shares = principal_directions(centred)
        hidden, names = centred @ directions.T, _names_of_components(shares)
    scatter_classes(axes, hidden, predictions.y, predictions.class_names)
    name_axes(axes, names[0], names[1], translated(f"after {net.position(after - 1)}"))
    return axes


def _after(net: Net, layer: int | None) -> int:
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
            f"an integer from 0 to {last - 1}: any layer of the net except the last",
            "layer=1; net.summary() lists the layers, counted from 1",
        )
    return layer + 1


def _names_of_components(shares: Array) -> list[str]:
    of_both = zip(("first", "second"), shares, strict=True)
    return [
        label(f"{which} principal component, {{}} of the variance", f"{share:.0%}")
        for which, share in of_both
    ]
