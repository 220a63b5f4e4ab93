"""How a net's answers compare with the true classes and numbers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import DataError, SettingError
from handgrad.layers import Array
from handgrad.plots.answers import answered_classes, answered_numbers
from handgrad.plots.style import FIRST, GREY, as_written, axes_for, colour_of, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", "-.", ":")
MOST_NUMBERS = 20


def plot_confusion_matrix(
    net: Any,
    x: Any,
    y: Any,
    *,
    class_names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how many rows of each true class `y`, down, `net` takes for each class, across.

    `x` is (n, n_features), `y` (n,) holds classes 0, 1, 2 …. Rows on the diagonal are right. The
    class with the largest probability or logit is the predicted one; of a single probability,
    class 1 from one half on, as `hg.metrics.accuracy` counts. The colour is the share of the true
    class. Scikit-learn's `ConfusionMatrixDisplay`.

    In place of a net, this picture and the three that follow take any fitted classifier with
    `predict_proba`; it predicts for itself, and the classes are its own, of any kind.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_blobs(rng=0)
    >>> net = hg.Net(hg.Linear(2, 3, initializer="zeros"), hg.Softmax())     # says 0 to all
    >>> [text.get_text() for text in plot_confusion_matrix(net, x, y).texts]
    ['50', '0', '0', '50', '0', '0', '50', '0', '0']
    """
    predicted, _, y, names = answered_classes(net, x, y, class_names)
    axes = axes_for(ax, (5.4, 4.5))
    shares = draw_confusion_matrix(axes, predicted, y, names)
    axes.figure.colorbar(shares, ax=axes, label="share of the true class")
    return axes


def draw_confusion_matrix(axes: Any, predicted: Array, y: Array, names: Sequence[str]) -> Any:
    """Draw the counts of classes `predicted`, for rows of the classes `y`, both (n,).

    Returns the image of the shares.
    """
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    counts = confusion_matrix(y, predicted, labels=np.arange(len(names)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = ConfusionMatrixDisplay(shares, display_labels=names)
    shown.plot(ax=axes, cmap="Blues", colorbar=False, include_values=len(names) <= MOST_NUMBERS)
    shown.im_.set_clim(0, 1)
    for text, count, share in zip(axes.texts, counts.flat, shares.flat, strict=False):
        text.set(text=f"{count}", color="white" if share > 0.5 else "black")
    as_written([*axes.get_xticklabels(), *axes.get_yticklabels()])
    if max(map(len, names)) * len(names) > 36:
        axes.tick_params("x", rotation=45)
    axes.set(xlabel="predicted", ylabel="true", title=f"{_accuracy(counts):.1%} of rows are right")
    return shown.im_


def plot_roc(
    net: Any,
    x: Any,
    y: Any,
    *,
    class_names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the receiver operating characteristic: rows found, against rows falsely found.

    `x` is (n, n_features), `y` (n,) holds classes. Of two classes, how well class 1 is told from
    class 0; of more, a curve for each class against all others. The legend has the area under
    each: 1 is perfect, ½ is chance, the dashed line. The numbers are those of scikit-learn's
    `roc_curve`.

    source      Fawcett, "An introduction to ROC analysis", 2006

    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Linear(4, 3, initializer="zeros"), hg.Softmax())
    >>> [line.get_label() for line in plot_roc(net, x, y).lines][0]
    'class 0 (AUC = 0.50)'
    """
    _, p, y, names = answered_classes(net, x, y, class_names)
    return draw_roc(ax, p, y, names)


def draw_roc(
    ax: "Axes | None",
    p: Array,
    y: Array,
    names: Sequence[str],
    only: Sequence[int] | None = None,
) -> Any:
    """Draw the curves of probabilities `p` (n, n_classes), for rows of the classes `y` (n,).

    With `only`, the curves of those classes.
    """
    from sklearn.metrics import auc, roc_curve

    def draw(axes: Any, y: Array, p: Array, name: str, line: dict[str, Any]) -> None:
        false, true, _ = roc_curve(y, p)
        label = f"{name} (AUC = {auc(false, true):.2f})"
        axes.plot(false, true, label=label, **line)

    axes = _one_against_the_rest(p, y, names, ax, draw, only)
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1.2, label="chance (AUC = 0.50)")
    axes.set_aspect("equal")
    return _finished(axes, "false positive rate", "true positive rate", "ROC curve")


def plot_precision_recall(
    net: Any,
    x: Any,
    y: Any,
    *,
    class_names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the share of rows found that are right, against the share of right rows found.

    `x` is (n, n_features), `y` (n,) holds classes. Of two classes for class 1; of more, for each
    class against all others. The legend has the average precision. More telling than `plot_roc`
    where a class is rare. The numbers are those of scikit-learn's `precision_recall_curve`.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("breast_cancer")
    >>> net = hg.Net(hg.Linear(30, 1, initializer="zeros"), hg.Sigmoid())
    >>> [line.get_label() for line in plot_precision_recall(net, x, y).lines]
    ['class 1 (AP = 0.63)']
    """
    _, p, y, names = answered_classes(net, x, y, class_names)
    return draw_precision_recall(ax, p, y, names)


def draw_precision_recall(
    ax: "Axes | None",
    p: Array,
    y: Array,
    names: Sequence[str],
    only: Sequence[int] | None = None,
) -> Any:
    """Draw the curves of probabilities `p` (n, n_classes), for rows of the classes `y` (n,).

    With `only`, the curves of those classes.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    def draw(axes: Any, y: Array, p: Array, name: str, line: dict[str, Any]) -> None:
        precision, recall, _ = precision_recall_curve(y, p)
        label = f"{name} (AP = {average_precision_score(y, p):.2f})"
        axes.plot(recall, precision, label=label, drawstyle="steps-post", **line)

    axes = _one_against_the_rest(p, y, names, ax, draw, only)
    axes.set_aspect("equal")
    return _finished(axes, "recall", "precision", "Precision and recall")


def plot_calibration(
    net: Any,
    x: Any,
    y: Any,
    *,
    bins: int = 10,
    class_names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how often a class is true, against the probability that `net` gave it.

    `x` is (n, n_features), `y` (n,) holds classes. Of two classes for class 1; of more, for each
    class against all others. Rows are put in `bins` of equal width by their probability; a net
    that means what it says lies on the diagonal, an over-fitted one is surer than it should be.
    Scikit-learn's `CalibrationDisplay`.

    source      Niculescu-Mizil, Caruana, "Predicting good probabilities with supervised
                learning", 2005
    """
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 2:
        raise SettingError(f"bins = {bins!r}", "a whole number, 2 or more", "bins=10")
    _, p, y, names = answered_classes(net, x, y, class_names)
    return draw_calibration(ax, p, y, names, bins)


def draw_calibration(
    ax: "Axes | None",
    p: Array,
    y: Array,
    names: Sequence[str],
    bins: int = 10,
    only: Sequence[int] | None = None,
) -> Any:
    """Draw the curves of probabilities `p` (n, n_classes), for rows of the classes `y` (n,).

    With `only`, the curves of those classes.
    """
    from sklearn.calibration import CalibrationDisplay

    def draw(axes: Any, y: Array, p: Array, name: str, line: dict[str, Any]) -> None:
        CalibrationDisplay.from_predictions(
            y, p, n_bins=bins, ax=axes, name=name, ref_line=False, marker="o", markersize=4, **line
        )

    axes = _one_against_the_rest(p, y, names, ax, draw, only)
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1.2, label="as often as said")
    return _finished(axes, "predicted probability", "share of rows", "Calibration")


def plot_residuals(net: Any, x: Any, y: Any, ax: "Axes | None" = None) -> "Axes":
    """Draw true minus predicted, against the predicted number, for the rows `x`, `y` (n,).

    A net that has learnt what there is leaves a cloud around zero without a shape. `net` gives
    one number a row; it may also be a fitted regressor. Scikit-learn's `PredictionErrorDisplay`.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_line(rng=0)
    >>> net = hg.Net(hg.Linear(1, 1))
    >>> net.layers[0].W, net.layers[0].b = [[2]], [0]
    >>> dots = plot_residuals(net, x, y).collections[0].get_offsets()
    >>> round(float(dots[:, 1].mean()))                            # the line is y = 2x + 1
    1
    """
    _, predicted, y = answered_numbers(net, x, y)
    return draw_residuals(axes_for(ax), predicted, y)


def draw_residuals(axes: Any, predicted: Array, y: Array) -> Any:
    """Draw `y` minus `predicted`, both (n,), against `predicted`."""
    from sklearn.metrics import PredictionErrorDisplay

    PredictionErrorDisplay.from_predictions(
        y.astype(np.float64),
        predicted.astype(np.float64),
        kind="residual_vs_predicted",
        subsample=None,
        ax=axes,
        scatter_kwargs={"s": 26, "color": FIRST, "edgecolors": "white", "linewidths": 0.6},
        line_kwargs={"color": GREY, "linewidth": 1.2},
    )
    axes.set(xlabel="predicted", ylabel="true − predicted", title="Residuals")
    tidy(axes)
    return axes


def _accuracy(counts: Array) -> float:
    return float(np.trace(counts) / counts.sum())


def _one_against_the_rest(
    p: Array,
    y: Array,
    names: Sequence[str],
    ax: "Axes | None",
    draw: Callable[[Any, Array, Array, str, dict[str, Any]], None],
    only: Sequence[int] | None = None,
) -> Any:
    """A curve for each class against all others; of two classes, for class 1 alone."""
    classes = only or ([1] if len(names) == 2 else [*range(len(names))])
    for k in classes:
        if not 0 < (y == k).sum() < len(y):
            found = "no rows" if not (y == k).any() else "nothing but rows"
            raise DataError(
                f"{found} of {names[k]}",
                "rows of it, and rows of other classes",
                "rows that were split with stratify=True, or more of them",
            )
    axes = axes_for(ax, (5.4, 4.5))
    for i, k in enumerate(classes):
        line = {"color": colour_of(i), "linestyle": STYLES[i % len(STYLES)], "linewidth": 1.8}
        draw(axes, (y == k).astype(int), p[:, k].astype(np.float64), names[k], line)
    return axes


def _finished(axes: Any, across: str, up: str, title: str) -> Any:
    """Names, a legend and the whole unit square."""
    axes.set(xlabel=across, ylabel=up, title=title, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    as_written(axes.legend(frameon=False, fontsize="small").get_texts())
    tidy(axes)
    return axes
