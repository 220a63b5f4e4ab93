"""Hidden activations, a picture of the training, and a bar while it goes on."""

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from handgrad.tables.estimators import rows
from tests.tables.estimators.data import TASKS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
Y = TASKS["classes"].y
SETTINGS: dict[str, Any] = {"hidden_layer_sizes": (5, 4), "max_iter": 4, "random_state": 0}


def fitted(**settings: Any) -> Any:
    return hg.MLPClassifier(**SETTINGS | settings).fit(X, Y)


def test_the_hidden_layers_of_a_net_by_hand() -> None:
    model = fitted(activation="tanh", dropout=0.5)
    first = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    second = np.tanh(first @ model.coefs_[1] + model.intercepts_[1])
    np.testing.assert_allclose(model.transform(X), second)
    for layer, expected in ((0, first), (1, second), (-2, first)):
        model.set_params(transform_layer=layer)
        np.testing.assert_allclose(model.transform(X), expected)
        assert len(model.get_feature_names_out()) == expected.shape[1]
    logits = second @ model.coefs_[2] + model.intercepts_[2]
    np.testing.assert_allclose(model.net_.predict(X), logits)


def test_normalized_layers_transform_by_their_running_averages() -> None:
    model = fitted(normalization="batch")
    alone = np.concatenate([model.transform(X[i : i + 1]) for i in range(90)])
    np.testing.assert_allclose(alone, model.transform(X))


def test_weights_that_were_put_in_place_transform() -> None:
    model = fitted()
    model.coefs_[1] = np.zeros((5, 4))
    model.intercepts_[1] = np.arange(4.0)
    np.testing.assert_array_equal(model.transform(X), np.tile(np.arange(4.0), (90, 1)))


@pytest.mark.parametrize("at_once", [True, False])
def test_sparse_rows_are_transformed(at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not at_once:
        monkeypatch.setattr(rows, "MOST_AT_ONCE", 100)
    model = fitted()
    np.testing.assert_allclose(model.transform(sparse.csr_array(X)), model.transform(X))


def test_float32_stays_float32() -> None:
    x = X.astype(np.float32)
    assert hg.MLPClassifier(**SETTINGS).fit(x, Y).transform(x).dtype == np.float32


def test_a_perceptron_may_stand_in_the_middle_of_a_pipeline() -> None:
    model = make_pipeline(StandardScaler(), hg.MLPRegressor(**SETTINGS), LogisticRegression())
    model.set_output(transform="pandas")
    model.fit(pd.DataFrame(X, columns=[*"abcdef"]), Y)
    names = [f"mlpregressor{i}" for i in range(4)]
    assert [*model[:-1].get_feature_names_out()] == names
    assert [*model[-1].feature_names_in_] == names
    frame = fitted().set_output(transform="pandas").transform(X)
    assert [*frame.columns] == [f"mlpclassifier{i}" for i in range(4)]
    assert is_classifier(hg.MLPClassifier())
    assert is_regressor(hg.MLPRegressor())


@pytest.mark.parametrize("layer", [2, -3])
def test_a_layer_that_is_not_there_is_refused(layer: int) -> None:
    said = rf"(?s)transform_layer={layer} of 2 hidden layers.*from -2 to 1.*-1, the last"
    with pytest.raises(hg.errors.SettingError, match=said):
        fitted(transform_layer=layer).transform(X)
    with pytest.raises(hg.errors.SettingError, match=r"(?s)of 0 hidden layers.*\(100,\)"):
        fitted(hidden_layer_sizes=()).transform(X)


def test_what_is_not_fitted_shows_nothing() -> None:
    model = hg.MLPClassifier()
    shows: list[Callable[[], Any]] = [
        model.plot,
        model.get_feature_names_out,
        lambda: model.transform(X),
    ]
    for show in shows:
        with pytest.raises(NotFittedError):
            show()


# pictures


# scikit-learn's training loss is a mean over the batches, while the weights move
DURING = "training, during the epoch"


def curves(axes: Any) -> dict[str, list[float]]:
    return {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}


def test_the_loss_is_drawn() -> None:
    model = fitted()
    axes = model.plot()
    assert curves(axes) == {DURING: model.loss_curve_}
    assert model.plot(ax=axes) is axes


def test_the_curves_of_rows_that_are_not_learnt_from_are_drawn_too() -> None:
    model = fitted(early_stopping=True, max_iter=9, scoring="balanced_accuracy")
    drawn = curves(model.plot())
    best = int(np.argmax(model.validation_scores_)) + 1
    assert drawn[DURING] == model.loss_curve_
    assert drawn["validation"] == model.validation_loss_curve_
    assert drawn[f"best epoch, {best}"] == [0, 1]
    for what in ("score", "balanced_accuracy"):
        axes = model.plot(what)
        assert curves(axes)["validation"] == model.validation_scores_
        assert axes.get_ylabel() == "balanced accuracy"
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)'accuracy' is not.*loss, balanced_accuracy"
    ):
        model.plot("accuracy")


def test_a_curve_has_gaps_where_nobody_looked() -> None:
    model = hg.MLPClassifier(**SETTINGS | {"max_iter": 2}, warm_start=True)
    model.fit(X, Y).fit(X, Y, eval_set=(X, Y)).fit(X, Y)
    drawn = curves(model.plot())
    assert len(drawn[DURING]) == 6
    assert [*np.isnan(drawn["validation"])] == [True, True, False, False, True, True]
    assert not any(label.startswith("best") for label in drawn)


def test_the_loss_may_be_the_score() -> None:
    model = fitted(early_stopping=True, scoring="loss")
    assert curves(model.plot("score")) == curves(model.plot("loss"))


def test_what_has_no_curve_is_not_drawn() -> None:
    with pytest.raises(hg.errors.SettingError, match=r"(?s)by lbfgs.*solver='adam'"):
        fitted(solver="lbfgs").plot()
    with pytest.raises(hg.errors.SettingError, match="'score' is not in this history"):
        fitted().plot("score")


# progress


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal would show."""
    seen = io.StringIO()
    terminal = Console(force_terminal=True, file=seen, width=120, legacy_windows=False)
    monkeypatch.setattr("rich.console.Console", lambda **given: terminal)
    return seen


def last_line(screen: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()).strip().splitlines()[-1]


def test_a_bar_shows_how_the_fit_stands(screen: io.StringIO) -> None:
    model = fitted(progress=True, early_stopping=True, scoring="f1_macro")
    shown = last_line(screen)
    assert re.search(r"epoch 4/4 ━+", shown)
    figures = model.loss_, model.validation_loss_curve_[-1], model.validation_scores_[-1]
    said = "loss {:.4f} · validation {:.4f} · f1_macro {:.3f} · ".format(*figures)
    assert said in shown
    assert re.search(r"rows/s.*(\d\d:\d\d|--:--)$", shown)


def test_a_bar_of_a_fit_without_validation_and_one_by_its_loss(screen: io.StringIO) -> None:
    model = fitted(progress=True)
    assert f"loss {model.loss_:.4f} · " in last_line(screen)
    assert "validation" not in last_line(screen)
    model = fitted(progress=True, early_stopping=True, scoring="loss")
    assert f"validation {model.validation_loss_curve_[-1]:.4f} · " in last_line(screen)


def test_a_bar_of_lbfgs_counts_its_iterations(screen: io.StringIO) -> None:
    model = fitted(progress=True, solver="lbfgs")
    assert re.search(rf"iteration 4/4 ━+ loss {model.loss_:.4f}", last_line(screen))


def test_a_part_needs_no_bar(screen: io.StringIO) -> None:
    hg.MLPClassifier(progress=True).partial_fit(X, Y, classes=[3, 4, 5])
    assert screen.getvalue() == ""


def test_a_bar_changes_nothing_and_is_quiet_where_there_is_no_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    shown, alone = fitted(progress=True), fitted()
    np.testing.assert_array_equal(shown.coefs_[0], alone.coefs_[0])
    assert capfd.readouterr() == ("", "")
