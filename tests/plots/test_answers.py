"""Pictures of estimators: what a fitted model says, in place of a net."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from tests.bad_input.refused import refused
from tests.plots.pictures import contour, legend, rows

X, Y = hg.data.make_moons(120, noise=0.2, rng=0)
NAMES = np.array(["upper", "lower"])[Y]
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": np.where(X[:, 0] > 0, "x", "y")})


def logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, NAMES)


def tabular() -> Any:
    return hg.TabularClassifier(random_state=0, epochs=5).fit(FRAME, NAMES)


def test_a_confusion_matrix_counts_what_the_model_predicts() -> None:
    for model, x in ((logistic(), X), (tabular(), FRAME)):
        axes = hg.plots.plot_confusion_matrix(model, x, NAMES)
        expected = confusion_matrix(NAMES, model.predict(x), labels=model.classes_)
        assert [text.get_text() for text in axes.texts] == [str(n) for n in expected.flat]
        assert [label.get_text() for label in axes.get_xticklabels()] == ["lower", "upper"]


def test_curves_are_those_of_its_probabilities() -> None:
    for model, x in ((logistic(), X), (tabular(), FRAME)):
        area = roc_auc_score(NAMES == "upper", model.predict_proba(x)[:, 1])
        assert (
            hg.plots.plot_roc(model, x, NAMES).lines[0].get_label() == f"upper (AUC = {area:.2f})"
        )
        assert "upper" in str(hg.plots.plot_precision_recall(model, x, NAMES).lines[0].get_label())
        assert len(hg.plots.plot_calibration(model, x, NAMES).lines) == 2


def test_predictions_stand_in_place_of_the_model_and_its_rows() -> None:
    model = logistic()
    p = model.predict_proba(X)
    found = hg.plots.Predictions(Y[:60], p[:60, 0] < 0.5, p[:60], ("upper", "lower"))
    assert len(found) == 60
    axes = hg.plots.plot_confusion_matrix(found, colorbar=False)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["upper", "lower"]
    assert len(axes.figure.axes) == 1
    assert str(hg.plots.plot_roc(found, only=[0]).lines[0].get_label()).startswith("upper")
    with refused(hg.errors.DataError, "predictions without probabilities", "hg.plots.Predictions"):
        hg.plots.plot_calibration(hg.plots.Predictions(Y, Y, None, ("upper", "lower")))
    dots = rows(hg.plots.plot_predictions(hg.plots.Predictions(Y * 1.0, Y + 0.5)))["rows"]
    np.testing.assert_array_equal(dots, np.column_stack([Y, Y + 0.5]))


def test_a_boundary_lies_where_two_classes_are_as_likely() -> None:
    model = logistic()
    axes: Any = hg.plot_decision_boundary(model, X, NAMES)
    line = contour(axes, 0.5)
    np.testing.assert_allclose(model.predict_proba(line)[:, 1], 0.5, atol=0.02)
    assert legend(axes) == ["lower", "upper"]
    np.testing.assert_allclose(rows(axes)["upper"], X[NAMES == "upper"])


def test_numbers_of_a_regressor_are_drawn() -> None:
    x, y = hg.data.make_line(rng=0)
    model = LinearRegression().fit(x, y)
    curve: Any = hg.plots.plot_predictions(model, x, y).lines[0]
    assert curve.get_label() == "model"
    across = np.asarray(curve.get_xdata())
    np.testing.assert_allclose(curve.get_ydata(), model.predict(across[:, None]))
    dots: Any = hg.plots.plot_residuals(model, x, y).collections[0].get_offsets()
    np.testing.assert_allclose(dots, np.column_stack([model.predict(x), y - model.predict(x)]))
    strong = hg.TabularRegressor(random_state=0, epochs=5).fit(FRAME, X[:, 0] * 2.0)
    dots = rows(hg.plots.plot_predictions(strong, FRAME, X[:, 0] * 2.0))["rows"]
    np.testing.assert_allclose(dots, np.column_stack([X[:, 0] * 2.0, strong.predict(FRAME)]))


def test_what_a_model_cannot_tell_is_refused() -> None:
    model = logistic()
    with refused(hg.errors.DataError, "a target of 3", "lower, upper"):
        hg.plots.plot_roc(model, X, np.full(len(X), 3))
    with refused(hg.errors.ShapeError, "such as 'lower'", "one number per row"):
        hg.plots.plot_predictions(model, X, X[:, 0])
    with pytest.raises(NotFittedError):
        hg.plots.plot_roc(LogisticRegression(), X, NAMES)
    wrong: list[Any] = [LogisticRegression, "net", None]
    for model in wrong:
        with refused(hg.errors.SettingError, "an object of a class that derives from hg.Net"):
            hg.plots.plot_roc(model, X, NAMES)


def test_where_only_a_net_will_do_an_estimator_is_told_what_to_hand_over() -> None:
    model: Any = hg.MLPClassifier(tol=1e9, random_state=0).fit(X, Y)
    with refused(
        hg.errors.SettingError, "model.net_, its net", "hg.tables.write_report(model, x, y)"
    ):
        hg.diagnose(model, [], (X, Y))
    other: Any = logistic()
    with refused(hg.errors.SettingError, "try: hg.tables.write_report(model, x, y)"):
        hg.diagnose(other, [], (X, Y))
    with refused(hg.errors.SettingError, "a fitted estimator that has one"):
        hg.plots.plot_hidden_space(other, X, Y)
