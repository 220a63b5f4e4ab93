"""Confusion matrix, ROC, precision and recall, calibration, residuals: what is drawn is so."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

import handgrad as hg
from tests.bad_input.refused import refused
from tests.plots.pictures import legend

X, Y = hg.data.load("iris")
BINARY = (Y > 0).astype(int)
CURVES = (hg.plots.plot_roc, hg.plots.plot_precision_recall, hg.plots.plot_calibration)
FOR_CLASSES = (hg.plots.plot_confusion_matrix, *CURVES)


def net(n_out: int, *last: hg.Layer) -> hg.Net:
    return hg.Net(hg.Standardize.of(X), hg.Linear(4, n_out, rng=0), *last)


NETS = {
    "softmax of three": (lambda: net(3, hg.Softmax()), Y),
    "logits of three": (lambda: net(3), Y),
    "softmax of two": (lambda: net(2, hg.Softmax()), BINARY),
    "logits of two": (lambda: net(2), BINARY),
    "one sigmoid": (lambda: net(1, hg.Sigmoid()), BINARY),
}
each_net = pytest.mark.parametrize(("make", "y"), NETS.values(), ids=NETS)


def softmax(logits: Any) -> Any:
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def probabilities(made: hg.Net) -> Any:
    p = made.predict(X).astype(np.float64)
    if p.shape[1] == 1:
        return np.hstack([1 - p, p])
    return p if isinstance(made.output_kind, hg.losses.kinds.Probabilities) else softmax(p)


@each_net
def test_the_counts_are_those_of_the_accuracy(make: Any, y: Any) -> None:
    made = make()
    axes: Any = hg.plots.plot_confusion_matrix(made, X, y)
    n = y.max() + 1
    counts = np.array([int(text.get_text()) for text in axes.texts]).reshape(n, n)
    assert counts.sum(axis=1).tolist() == np.bincount(y).tolist()
    p = made.predict(X)
    predicted = (p[:, 0] >= 0.5).astype(int) if p.shape[1] == 1 else p.argmax(axis=1)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(y, predicted))
    accuracy = hg.metrics.accuracy(p, y)
    assert np.trace(counts) / len(y) == pytest.approx(accuracy)
    assert axes.get_title() == f"Accuracy {accuracy:.1%}"
    shown = axes.images[0].get_array()
    np.testing.assert_allclose(shown, counts / counts.sum(axis=1, keepdims=True))


def test_one_half_is_class_one_as_for_the_accuracy() -> None:
    even = hg.Net(hg.Linear(4, 1, initializer="zeros"), hg.Sigmoid())
    axes: Any = hg.plots.plot_confusion_matrix(even, X, BINARY)
    assert [text.get_text() for text in axes.texts] == ["0", "50", "0", "100"]


def test_a_class_without_rows_has_a_line_of_zeros() -> None:
    axes: Any = hg.plots.plot_confusion_matrix(
        net(3), X[:100], Y[:100], class_names=["$a", "b$", "c"]
    )
    assert [text.get_text() for text in axes.texts[-3:]] == ["0", "0", "0"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["$a", "b$", "c"]
    axes.figure.draw_without_rendering()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")


@each_net
def test_the_curves_are_those_of_each_class_against_the_rest(make: Any, y: Any) -> None:
    made = make()
    p = probabilities(made)
    classes = [1] if p.shape[1] == 2 else [0, 1, 2]
    roc: Any = hg.plots.plot_roc(made, X, y)
    recall: Any = hg.plots.plot_precision_recall(made, X, y)
    calibration: Any = hg.plots.plot_calibration(made, X, y, bins=4)
    assert len(roc.lines) == len(classes) + 1
    for i, k in enumerate(classes):
        false, true, _ = metrics.roc_curve(y == k, p[:, k])
        np.testing.assert_allclose(roc.lines[i].get_data(), (false, true), atol=1e-6)
        assert legend(roc)[i] == f"class {k} (AUC = {metrics.roc_auc_score(y == k, p[:, k]):.2f})"
        precision, found, _ = metrics.precision_recall_curve(y == k, p[:, k])
        np.testing.assert_allclose(recall.lines[i].get_data(), (found, precision), atol=1e-6)
        often, said = calibration_curve(y == k, p[:, k], n_bins=4)
        np.testing.assert_allclose(calibration.lines[i].get_data(), (said, often), atol=1e-6)
    assert len({line.get_color() for line in roc.lines}) == len(classes) + 1
    assert legend(roc)[-1] == "chance (AUC = 0.50)"
    assert legend(calibration)[-1] == "perfectly calibrated"


def test_the_residuals_are_true_minus_predicted() -> None:
    x, y = hg.data.load("diabetes")
    made = hg.Net(hg.Standardize.of(x), hg.Linear(10, 1, rng=0))
    axes: Any = hg.plots.plot_residuals(made, x, y[:, None])
    p = made.predict(x)[:, 0]
    dots = axes.collections[0].get_offsets()
    np.testing.assert_allclose(dots, np.column_stack([p, y - p]), rtol=1e-5)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true − predicted")


@pytest.mark.parametrize("plot", FOR_CLASSES, ids=lambda plot: plot.__name__)
def test_axes_of_ones_own_are_drawn_on_and_names_are_shown(plot: Any) -> None:
    from matplotlib.figure import Figure

    own: Any = Figure().subplots()
    assert plot(net(3), X, Y, class_names=["$a", "b$", "c"], ax=own) is own
    own.figure.canvas.draw()
    shown = [text.get_text() for text in own.get_xticklabels()]
    names = shown if plot is hg.plots.plot_confusion_matrix else legend(own)
    assert names[0].startswith("$a")
    assert names[1].startswith("b$")


@pytest.mark.parametrize("plot", FOR_CLASSES, ids=lambda plot: plot.__name__)
def test_rows_that_do_not_fit_are_refused(plot: Any) -> None:
    with refused(hg.errors.DataError, "150 rows of x and 149 targets"):
        plot(net(3), X, Y[1:])
    with refused(hg.errors.DataError, "a target of 2", "below the net's 2"):
        plot(net(2), X, Y)
    with refused(hg.errors.SettingError, "class_names"):
        plot(net(3), X, Y, class_names=["a", "b"])
    with refused(hg.errors.SettingError, "not probabilities of classes", "plot_predictions"):
        plot(net(1), 9 * X, BINARY)
    with refused(hg.errors.SettingError, "net = 3"):
        plot(3, X, Y)


@pytest.mark.parametrize("plot", CURVES, ids=lambda plot: plot.__name__)
def test_a_class_without_others_is_refused(plot: Any) -> None:
    with refused(hg.errors.DataError, "no rows of class 2", "stratify"):
        plot(net(3), X[:100], Y[:100])
    with refused(hg.errors.DataError, "nothing but rows of class 1"):
        plot(net(2), X[50:], BINARY[50:])


def test_bins_and_numbers_that_do_not_fit_are_refused() -> None:
    for bins in (1, 2.5, True, "ten"):
        with refused(hg.errors.SettingError, "bins = "):
            hg.plots.plot_calibration(net(3), X, Y, bins=bins)  # type: ignore[arg-type]
    with refused(hg.errors.ShapeError, "predictions of shape (150, 3)"):
        hg.plots.plot_residuals(net(3), X, Y)
    with refused(hg.errors.ShapeError, "y of shape (150, 2)"):
        hg.plots.plot_residuals(net(1), X, np.column_stack([Y, Y]))
