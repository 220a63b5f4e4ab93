"""Plots of predictions against true classes and numbers."""

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

# A curve and the end of its label, from the rows' membership of the class and its probability.
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
    """Plot the confusion matrix: rows are true classes, columns are predicted classes.

    A net predicts the class with the largest probability or logit; with a single probability,
    class 1 from one half on. The colour is the fraction of the true class. Drawn by scikit-learn's
    `ConfusionMatrixDisplay`.

    Parameters
    ----------
    net : Net, fitted classifier, or Predictions
        A classifier needs `predict_proba`; with Predictions omit `x` and `y`.
    x : array (n, n_features)
        Rows to predict; for a classifier in any form it takes.
    y : array (n,)
        True classes: 0, 1, 2 … for a net, else the classifier's own.
    class_names : sequence of str, optional
        Names of the classes.
    colorbar : bool, default True
        Show the scale of the colours.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_blobs(rng=0)
    >>> net = hg.Net(hg.Linear(2, 3, initializer="zeros"), hg.Softmax())     # predicts class 0
    >>> [text.get_text() for text in plot_confusion_matrix(net, x, y).texts]
    ['50', '0', '0', '50', '0', '0', '50', '0', '0']
    """
    require("plot_confusion_matrix", tables=["sklearn"])
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    predictions = class_predictions(net, x, y, class_names)
    names, axes = predictions.class_names, axes_for(ax, SQUARE, grid=False)
    counts = confusion_matrix(predictions.y, predictions.predicted, labels=np.arange(len(names)))
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
    axes.set_title(label("Accuracy {}", f"{accuracy:.1%}"))
    if colorbar:
        axes.figure.colorbar(shown.im_, ax=axes, label=label("fraction of the true class"))
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
    """Plot the ROC curve: true positive rate against false positive rate.

    For two classes there is one curve, of class 1; for more, one per class against all others. The
    legend has the area under each curve (AUC): 1 is perfect, ½ is chance, the dashed line. Computed
    by scikit-learn's `roc_curve`.

    source      Fawcett, "An introduction to ROC analysis", 2006

    Parameters
    ----------
    net : Net, fitted classifier, or Predictions
        As in `plot_confusion_matrix`.
    x : array (n, n_features)
        Rows to predict.
    y : array (n,)
        True classes.
    class_names : sequence of str, optional
        Names of the classes.
    only : sequence of int, optional
        Numbers of the classes to draw.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
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

    predictions = class_predictions(net, x, y, class_names)
    axes = _one_against_the_rest(
        predictions, only, ax, curve, diagonal=label("chance (AUC = 0.50)")
    )
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
    """Plot precision against recall, with the average precision in the legend.

    For a rare class it tells more than `plot_roc`. Computed by scikit-learn's
    `precision_recall_curve`.

    Parameters
    ----------
    net : Net, fitted classifier, or Predictions
        As in `plot_confusion_matrix`.
    x : array (n, n_features)
        Rows to predict.
    y : array (n,)
        True classes.
    class_names : sequence of str, optional
        Names of the classes.
    only : sequence of int, optional
        Numbers of the classes to draw.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
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

    predictions = class_predictions(net, x, y, class_names)
    axes = _one_against_the_rest(predictions, only, ax, curve, drawstyle="steps-post")
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
    """Plot the calibration: frequency of a class against its predicted probability.

    A calibrated net lies on the diagonal; an over-fitted one is overconfident. Computed by
    scikit-learn's `calibration_curve`.

    source      Niculescu-Mizil, Caruana, "Predicting good probabilities with supervised
                learning", 2005

    Parameters
    ----------
    net : Net, fitted classifier, or Predictions
        As in `plot_confusion_matrix`.
    x : array (n, n_features)
        Rows to predict.
    y : array (n,)
        True classes.
    bins : int, default 10
        Bins of equal width for the probabilities; 2 or more.
    class_names : sequence of str, optional
        Names of the classes.
    only : sequence of int, optional
        Numbers of the classes to draw.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes
    """
    require("plot_calibration", tables=["sklearn"])
    from sklearn.calibration import calibration_curve

    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 2:
        raise SettingError(f"bins = {bins!r}", "a whole number, 2 or more", "bins=10")

    def curve(y: Array, p: Array) -> tuple[Array, Array, str]:
        shares, means = calibration_curve(y, p, n_bins=bins)
        return means, shares, ""

    predictions = class_predictions(net, x, y, class_names)
    axes = _one_against_the_rest(
        predictions, only, ax, curve, diagonal=label("perfectly calibrated"), marker="o"
    )
    axes.set(xlabel=label("predicted probability"), ylabel=label("fraction of rows"))
    axes.set_title(label("Calibration"))
    return axes


def plot_residuals(net: Model, x: object = None, y: object = None, ax: Axes | None = None) -> Axes:
    """Plot the residuals, true minus predicted, against the predicted number.

    The residuals of a good model scatter around zero without a pattern.

    Parameters
    ----------
    net : Net, fitted regressor, or Predictions
        Predicts one number per row; with Predictions omit `x` and `y`.
    x : array (n, n_features)
        Rows to predict.
    y : array (n,)
        True numbers.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_line(rng=0)
    >>> net = hg.Net(hg.Linear(1, 1))
    >>> net.layers[0].W, net.layers[0].b = [[2]], [0]
    >>> dots = plot_residuals(net, x, y).collections[0].get_offsets()
    >>> round(float(dots[:, 1].mean()))                            # the line is y = 2x + 1
    1
    """
    predictions, axes = number_predictions(net, x, y), axes_for(ax)
    p, off = (
        predictions.predicted.astype(np.float64),
        predictions.y.astype(np.float64) - predictions.predicted,
    )
    style: Any = {"color": FIRST, "edgecolors": "white", "linewidths": 0.6, "alpha": 0.8}
    axes.scatter(p, off, s=26, **style)
    axes.plot([p.min(), p.max()], [0, 0], "--", color=GREY, linewidth=1.2, alpha=0.7)
    axes.set(xlabel=label("predicted"), ylabel=label("true − predicted"), title=label("Residuals"))
    return axes


def plot_predictions(
    net: Model, x: object = None, y: object = None, ax: Axes | None = None
) -> Axes:
    """Plot predicted numbers: as a curve over a single feature, else against the true numbers.

    On the diagonal the predicted number equals the true one.

    Parameters
    ----------
    net : Net, fitted regressor, or Predictions
        Predicts one number per row; with Predictions omit `x` and `y`.
    x : array (n, n_features)
        Rows to predict.
    y : array (n,)
        True numbers.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_line(rng=0)
    >>> net = hg.Net(hg.Linear(1, 1))
    >>> net.layers[0].W, net.layers[0].b = [[2]], [1]
    >>> curve = plot_predictions(net, x, y).lines[0]
    >>> bool(np.allclose(curve.get_ydata(), 2 * curve.get_xdata() + 1, atol=1e-6))
    True
    """
    predictions, axes = number_predictions(net, x, y), axes_for(ax)
    p, y = predictions.predicted, predictions.y
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
    """Draw dots, hollow ones for validation rows."""
    inside, edge, width, order = ("none", FIRST, 1.2, 3) if hollow else (FIRST, "white", 0.6, 2)
    style: Any = {"facecolors": inside, "edgecolors": edge, "linewidths": width, "zorder": order}
    axes.scatter(across, up, s=26, label=name, **style)


def _one_against_the_rest(
    predictions: Predictions,
    only: Sequence[int] | None,
    ax: Axes | None,
    curve: Curve,
    diagonal: str = "",
    drawstyle: Literal["default", "steps-post"] = "default",
    marker: str = "",
) -> Axes:
    """Draw a curve for each class against all others; of two classes, for class 1 only."""
    names, p, y = predictions.class_names, predictions.p, predictions.y
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
                "a split with stratify=True, or more rows",
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
