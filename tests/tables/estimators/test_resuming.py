"""`fit(checkpoints=)`: a fit that was stopped goes on to the bits of one that was not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import handgrad as hg
from handgrad.tables.estimators import fit_loop, rows
from tests.bad_input.refused import refused
from tests.tables.estimators.data import TASKS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CLASSES, NUMBER = TASKS["classes"].y, TASKS["number"].y
EPOCHS = 12


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after each epoch."""
    monkeypatch.setattr(fit_loop, "CHECKPOINT_SECONDS", 0.0)


def stop_in(epoch: int, monkeypatch: pytest.MonkeyPatch, fit: Any) -> None:
    """Fit, and stop once that epoch is run."""

    def stopped(m: Any, what: str) -> None:
        if m.n_iter_ == epoch:
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(fit_loop, "_print", stopped)
        with pytest.raises(SystemExit):
            fit()


def one_with_a_misleading_name(model: Any, x: Any, y: Any) -> float:
    """A score, larger is better, whose name is that of a loss."""
    return -float(np.abs(model.predict(x) - y).mean())


one_with_a_misleading_name.__name__ = "negative_loss"


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize(
    ("y", "settings"),
    [
        (CLASSES, {"learning_rate": "cosine", "dropout": 0.2}),
        (CLASSES, {"early_stopping": True, "normalization": "batch", "n_iter_no_change": 2}),
        (NUMBER, {"solver": "sgd", "learning_rate": "invscaling", "scale_targets": True}),
        (NUMBER, {"solver": "sgd", "learning_rate": "adaptive", "tol": 10, "n_iter_no_change": 1}),
        (NUMBER, {"early_stopping": True, "scoring": one_with_a_misleading_name, "shuffle": False}),
    ],
    ids=["cosine", "early stopping", "invscaling", "adaptive", "own score"],
)
def test_a_stopped_fit_goes_on_to_the_same_bits(
    y: Any, settings: Any, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fitted(folder: Path | None = None) -> Any:
        kind = hg.MLPClassifier if y is CLASSES else hg.MLPRegressor
        model = kind(
            hidden_layer_sizes=(5,), max_iter=EPOCHS, random_state=0, engine=engine, **settings
        )
        return model.fit(X, y, checkpoints=folder)

    whole = fitted()
    for epoch in (1, 2, whole.n_iter_):
        stop_in(epoch, monkeypatch, lambda: fitted(tmp_path))
        assert [*tmp_path.glob("epoch-*.safetensors")]
    again = fitted(tmp_path)
    np.testing.assert_array_equal(again.net_.parameters, whole.net_.parameters)
    np.testing.assert_array_equal(again.net_.running_state, whole.net_.running_state)
    for name in ("n_iter_", "t_", "loss_curve_", "validation_scores_", "best_validation_score_"):
        assert getattr(again, name) == getattr(whole, name)
    assert len(whole.loss_curve_) == whole.n_iter_
    assert str(again.training_history()) == str(whole.training_history())


def test_pictures_shift_as_they_would_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).random((30, 64))

    def fitted(folder: Path | None = None) -> Any:
        model = hg.PictureClassifier(
            (4,), max_iter=4, batch_size=8, random_state=0, flip=True, shift=1
        )
        return model.fit(x, np.arange(30) % 3, checkpoints=folder)

    whole = fitted()
    stop_in(3, monkeypatch, lambda: fitted(tmp_path))
    np.testing.assert_array_equal(fitted(tmp_path).net_.parameters, whole.net_.parameters)


def test_checkpoints_of_another_fit_are_refused(tmp_path: Path) -> None:
    model = hg.MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    model.fit(X, NUMBER, checkpoints=tmp_path)
    with refused(hg.errors.SettingError, "training data differ", "the same rows"):
        model.fit(X, -NUMBER, checkpoints=tmp_path)
    with refused(hg.errors.SettingError, "penalty", "the same settings"):
        model.set_params(alpha=1.0).fit(X, NUMBER, checkpoints=tmp_path)


def test_a_fit_without_epochs_and_sparse_rows_have_no_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refused(hg.errors.SettingError, "checkpoints with solver='lbfgs'", "solver='adam'"):
        hg.MLPRegressor(solver="lbfgs").fit(X, NUMBER, checkpoints=tmp_path)
    monkeypatch.setattr(rows, "MOST_AT_ONCE", 0)
    with refused(hg.errors.SettingError, "checkpoints= with sparse rows", "without checkpoints="):
        hg.MLPRegressor().fit(sparse.csr_array(X), NUMBER, checkpoints=tmp_path)
    assert [*tmp_path.iterdir()] == []
