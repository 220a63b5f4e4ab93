"""Pictures of predictions, beside the true classes and numbers."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from handgrad.plots.inputs import (
    Model,
    class_predictions,
    number_predictions,
    predicted_numbers,
    table_of,
)
from handgrad.plots.labels import label
from handgrad.plots.style import FIRST, GREY, SECOND, as_written, axes_for, line_of
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.install import require
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.training.results import Predictions

# A curve and what its label ends with: of each row whether it is of the class, and how probable.
Curve = Callable[[Array, Array], tuple[Array, Array, str]]
MOST_NUMBERS, POINTS = 20, 400
SQUARE = (5.4, 4.5)


def plot_confusion_matrix(
    net: Model,
    x: object = None,
    y: object = None,
    *,
    class_names: Sequence[str] | None = None,
    colorbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many rows of each true class `y`, down, `net` takes for each class, across.

    `x` is (n, n_features), `y` (n,) holds classes 0, 1, 2 …. Rows on the diagonal are right. The
    class with the largest probability or logit is the predicted one; of a single probability,
    class 1 from one half on, as `hg.metrics.accuracy` counts. The colour is the share of the true
    class. Scikit-learn's `ConfusionMatrixDisplay`.

    In place of a net, this picture and the three that follow take any fitted classifier with
    `predict_proba`; it predicts for itself, and the classes are its own, of any kind. Or they take
    `hg.plots.Predictions`, without `x` and `y`.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_blobs(rng=0)
    >>> net = hg.Net(hg.Linear(2, 3, initializer="zeros"), hg.Softmax())     # says 0 to all
    >>> [text.get_text() for text in plot_confusion_matrix(net, x, y).texts]
    ['50', '0', '0', '50', '0', '0', '50', '0', '0']
    """
    require("plot_confusion_matrix", tables=["sklearn"])
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    found = class_predictions(net, x, y, class_names)
    names, axes = found.class_names, axes_for(ax, SQUARE, grid=False)
    counts = confusion_matrix(found.y, found.predicted, labels=np.arange(len(names)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = ConfusionMatrixDisplay(shares, display_labels=names)
    shown.plot(ax=axes, cmap="Blues", colorbar=False, include_values=len(names) <= MOST_NUMBERS)
    shown.im_.set_clim(0, 1)
    for text, count, share in zip(axes.texts, counts.flat, shares.flat, strict=False):
        text.set(text=f"{count}", color="white" if share > 0.5 else "black")
    as_written([*axes.get_xticklabels(), *axes.get_yticklabels()])
    if max(map(len, names)) * len(names) > 36:
        axes.tick_params("x", rotation=45)
    accuracy = np.trace(counts) / counts.sum()
    axes.set(xlabel=label("predicted"), ylabel=label("true"))
    axes.set_title(label("{} of rows are right", f"{accuracy:.1%}"))
    if colorbar:
        axes.figure.colorbar(shown.im_, ax=axes, label=label("share of the true class"))
    return axes


def plot_roc(
    net: Model,
    x: object = None,
    y: object = None,
    *,
    class_names: Sequence[str] | None = None,
    only: Sequence[int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the receiver operating characteristic: rows found, against rows falsely found.

    `x` is (n, n_features), `y` (n,) holds classes. Of two classes, how well class 1 is told from
    class 0; of more, a curve for each class against all others, or for `only` those with these
    numbers. The legend has the area under each: 1 is perfect, ½ is chance, the dashed line. The
    numbers are those of scikit-learn's `roc_curve`.

    source      Fawcett, "An introduction to ROC analysis", 2006

    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Linear(4, 3, initializer="zeros"), hg.Softmax())
    >>> [line.get_label() for line in plot_roc(net, x, y).lines][0]
    'class 0 (AUC = 0.50)'
    """
    require("plot_roc", tables=["sklearn"])
    from sklearn.metrics import auc, roc_curve

    def curve(y: Array, p: Array) -> tuple[Array, Array, str]:
        false, true, _ = roc_curve(y, p)
        return false, true, f"AUC = {auc(false, true):.2f}"

    found = class_predictions(net, x, y, class_names)
    axes = _one_against_the_rest(found, only, ax, curve, diagonal=label("chance (AUC = 0.50)"))
    axes.set(xlabel=label("false positive rate"), ylabel=label("true positive rate"))
    axes.set_title(label("ROC curve"))
    axes.set_aspect("equal")
    return axes


def plot_precision_recall(
    net: Model,
    x: object = None,
    y: object = None,
    *,
    class_names: Sequence[str] | None = None,
    only: Sequence[int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of rows found that are right, against the share of right rows found.

    Rows, classes and curves are as in `plot_roc`; the legend has the average precision. More
    telling than `plot_roc` where a class is rare. The numbers are those of scikit-learn's
    `precision_recall_curve`.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("breast_cancer")
    >>> net = hg.Net(hg.Linear(30, 1, initializer="zeros"), hg.Sigmoid())
    >>> [line.get_label() for line in plot_precision_recall(net, x, y).lines]
    ['class 1 (AP = 0.63)']
    """
    require("plot_precision_recall", tables=["sklearn"])
    from sklearn.metrics import average_precision_score, precision_recall_curve

    def curve(y: Array, p: Array) -> tuple[Array, Array, str]:
        precision, recall, _ = precision_recall_curve(y, p)
        return recall, precision, f"AP = {average_precision_score(y, p):.2f}"

    found = class_predictions(net, x, y, class_names)
    axes = _one_against_the_rest(found, only, ax, curve, drawstyle="steps-post")
    axes.set(xlabel=label("recall"), ylabel=label("precision"))
    axes.set_title(label("Precision and recall"))
    axes.set_aspect("equal")
    return axes


def plot_calibration(
    net: Model,
    x: object = None,
    y: object = None,
    *,
    bins: int = 10,
    class_names: Sequence[str] | None = None,
    only: Sequence[int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often a class is true, against the probability that `net` gave it.

    Rows, classes and curves are as in `plot_roc`. Rows are put in `bins` of equal width by their
    probability; a net that means what it says lies on the diagonal, an over-fitted one is surer
    than it should be. The numbers are those of scikit-learn's
    `calibration_curve`.

    source      Niculescu-Mizil, Caruana, "Predicting good probabilities with supervised
                learning", 2005
    """
    require("plot_calibration", tables=["sklearn"])
    from sklearn.calibration import calibration_curve

    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 2:
        raise SettingError(f"bins = {bins!r}", "a whole number, 2 or more", "bins=10")

    def curve(y: Array, p: Array) -> tuple[Array, Array, str]:
        shares, means = calibration_curve(y, p, n_bins=bins)
        return means, shares, ""

    found = class_predictions(net, x, y, class_names)
    axes = _one_against_the_rest(
        found, only, ax, curve, diagonal=label("as often as said"), marker="o"
    )
    axes.set(xlabel=label("predicted probability"), ylabel=label("share of rows"))
    axes.set_title(label("Calibration"))
    return axes


def plot_residuals(net: Model, x: object = None, y: object = None, ax: Axes | None = None) -> Axes:
    """Draw true minus predicted, against the predicted number, for the rows `x`, `y` (n,).

    A net that has learnt what there is leaves a cloud around zero without a shape. `net` gives
    one number a row; it may also be a fitted regressor, or `hg.plots.Predictions` without `x` and
    `y`.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_line(rng=0)
    >>> net = hg.Net(hg.Linear(1, 1))
    >>> net.layers[0].W, net.layers[0].b = [[2]], [0]
    >>> dots = plot_residuals(net, x, y).collections[0].get_offsets()
    >>> round(float(dots[:, 1].mean()))                            # the line is y = 2x + 1
    1
    """
    found, axes = number_predictions(net, x, y), axes_for(ax)
    p, off = found.predicted.astype(np.float64), found.y.astype(np.float64) - found.predicted
    style: Any = {"color": FIRST, "edgecolors": "white", "linewidths": 0.6, "alpha": 0.8}
    axes.scatter(p, off, s=26, **style)
    axes.plot([p.min(), p.max()], [0, 0], "--", color=GREY, linewidth=1.2, alpha=0.7)
    axes.set(xlabel=label("predicted"), ylabel=label("true − predicted"), title=label("Residuals"))
    return axes


def plot_predictions(
    net: Model, x: object = None, y: object = None, ax: Axes | None = None
) -> Axes:
    """Draw what `net` predicts for the rows `x`, (n, n_features), with true numbers `y`, (n,).

    Over a single feature the rows are dots and the net is the curve through them. For more,
    each row is a dot with its true number across and the predicted one up: on the diagonal
    where both are the same. `net` gives one number a row; it may also be a fitted regressor, or
    `hg.plots.Predictions` without `x` and `y`.

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
    of_net = isinstance(net, Net)
    x = table_of(x) if of_net else x
    if not isinstance(net, Predictions) and isinstance(x, np.ndarray) and x.shape[1] == 1:
        across = np.linspace(x.min(), x.max(), POINTS)
        up, name = predicted_numbers(net, across[:, None]), label("net" if of_net else "model")
        axes.plot(across, up, color=SECOND, linewidth=2, label=name)
        draw_numbers(axes, x[:, 0], y, label("data"))
        axes.set(xlabel=label("feature {}", 1), ylabel="y")
    else:
        ends = [min(y.min(), p.min()), max(y.max(), p.max())]
        axes.plot(ends, ends, "--", color=GREY, linewidth=1.2, label=label("predicted = true"))
        draw_numbers(axes, y, p, label("rows"))
        axes.set(xlabel=label("true"), ylabel=label("predicted"))
    axes.legend(frameon=False)
    return axes


def draw_numbers(axes: Axes, across: Array, up: Array, name: str, *, hollow: bool = False) -> None:
    """Draw dots, or only their outlines."""
    inside, edge, width, order = ("none", FIRST, 1.2, 3) if hollow else (FIRST, "white", 0.6, 2)
    style: Any = {"facecolors": inside, "edgecolors": edge, "linewidths": width, "zorder": order}
    axes.scatter(across, up, s=26, label=name, **style)


def _one_against_the_rest(
    found: Predictions,
    only: Sequence[int] | None,
    ax: Axes | None,
    curve: Curve,
    diagonal: str = "",
    drawstyle: Literal["default", "steps-post"] = "default",
    marker: str = "",
) -> Axes:
    """A curve for each class against all others; of two classes, for class 1 alone."""
    names, p, y = found.class_names, found.p, found.y
    if p is None:
        raise DataError(
            "predictions without probabilities",
            "p, (n, n_classes)",
            "hg.plots.Predictions(y, predicted, p, names)",
        )
    classes = only or ([1] if len(names) == 2 else [*range(len(names))])
    for k in classes:
        if not 0 < (y == k).sum() < len(y):
            lack = "no rows" if not (y == k).any() else "nothing but rows"
            raise DataError(
                f"{lack} of {names[k]}",
                "rows of it, and rows of other classes",
                "rows that were split with stratify=True, or more of them",
            )
    axes = axes_for(ax, SQUARE)
    for i, k in enumerate(classes):
        across, up, value = curve((y == k).astype(int), p[:, k].astype(np.float64))
        name = f"{names[k]} ({value})" if value else names[k]
        (line,) = axes.plot(across, up, label=name, linewidth=1.8, **line_of(i))
        line.set(drawstyle=drawstyle, marker=marker, markersize=4)
    if diagonal:
        axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1.2, label=diagonal)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    as_written(axes.legend(frameon=False, fontsize="small").get_texts())
    return axes
