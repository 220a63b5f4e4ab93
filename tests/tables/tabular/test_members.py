"""Members: each with the weights of its own best epoch, and sure of what is sure."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

import handgrad as hg
from handgrad.files.features import Features, Number
from handgrad.tables.tabular import members
from handgrad.tables.tabular.members import (
    MemberData,
    Recipe,
    rows_of_members,
    train_members,
    usual_epochs,
)
from handgrad.textbook.layers import Mish
from tests.tables.tabular.test_estimators import CLASSIFIER

FEATURES = Features({name: Number(0.0, 1.0, False) for name in "abc"})


def squared(z: np.ndarray, t: np.ndarray) -> float:
    return float(((z - t) ** 2).mean())


def test_each_member_has_the_weights_of_its_best_epoch() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3)).astype(np.float32)
    t = (x[:, :1] + rng.normal(size=(80, 1))).astype(np.float32)
    rows = rows_of_members(np.ones(80), np.zeros(80, int), 4, 0.25, rng)
    recipe = Recipe(hg.MSELoss, Mish, 0.07, squared)
    dealt = MemberData(x, t, rows, rng, epochs=40)
    made = train_members(dealt, FEATURES, recipe, "eager")
    assert len(set(made.best_epochs)) > 1
    assert max(made.best_epochs) < 40
    for badness, z, held_out in zip(made.badness, made.outputs, made.held_out, strict=True):
        np.testing.assert_allclose(squared(z, t[held_out]), badness, rtol=1e-4)


def test_a_time_limit_ends_the_training_after_the_epoch_under_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(200, 2))
    y = x[:, 0] + x[:, 1] ** 2
    model = hg.TabularRegressor(2, epochs=9, engine="eager", random_state=0)
    whole = clone(model).fit(x, y)
    seconds = itertools.count()
    monkeypatch.setattr(members, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    limited = clone(model).set_params(time_limit=2.5).fit(x, y)
    assert limited.history_ is not None
    assert whole.history_ is not None
    assert limited.history_.stopped_because == "stopped after 2.5 s, the time limit"
    assert len(limited.history_) == 3
    losses = [[r.train_loss for r in one.history_ or ()] for one in (limited, whole)]
    assert losses[0] == losses[1][:3]
    assert max(limited.best_epochs_) <= 3
    np.testing.assert_array_equal(
        hg.load(hg.save(limited, tmp_path / "m.safetensors")).predict(x), limited.predict(x)
    )
    patient = clone(model).set_params(time_limit=100).fit(x, y)
    np.testing.assert_array_equal(patient.predict(x), whole.predict(x))
    assert patient.history_ is not None
    assert patient.history_.stopped_because == ""


def test_what_is_sure_is_said_to_be_sure_though_targets_are_smoothed() -> None:
    x = np.random.default_rng(0).normal(size=(1000, 2))
    model = clone(CLASSIFIER).fit(x, x[:, 0] > 0)
    unsure = 1 - model.predict_proba(x).max(axis=1).mean()
    assert model.temperature_ < 0.7
    model.temperature_ = 1.0
    assert unsure < (1 - model.predict_proba(x).max(axis=1).mean()) / 2


def test_who_was_never_wrong_on_few_rows_is_not_too_sure() -> None:
    x = np.random.default_rng(0).normal(size=(100, 2))
    x[:, 0] += np.where(np.arange(100) % 2, 5, -5)
    p = clone(CLASSIFIER).fit(x, np.arange(100) % 2).predict_proba(x)
    assert (p.argmax(axis=1) == np.arange(100) % 2).all()
    assert 1e-4 < 1 - p.max(axis=1).mean() < 0.05


def test_rows_of_small_classes_are_held_out_too() -> None:
    strata = np.array([0] * 5 + [1] * 2)
    pairs = rows_of_members(np.ones(7), strata, 7, 0.125, np.random.default_rng(0))
    held_out = np.sort(np.concatenate([out for _, out in pairs]))
    np.testing.assert_array_equal(held_out, np.arange(7))  # each once
    assert all({*strata[learned]} == {0, 1} for learned, _ in pairs)


def test_there_are_fewer_epochs_where_there_are_many_batches() -> None:
    assert [usual_epochs(batches) for batches in (1, 25, 1000)] == [32, 20, 12]


def test_a_row_that_comes_with_both_classes_has_their_shares() -> None:
    x = np.repeat([[0.0, 0], [0, 1], [1, 0], [1, 1]], 100, axis=0)
    y = np.tile(np.arange(100) < 30, 4) ^ (x[:, 0] > 0)
    p = hg.TabularClassifier(epochs=40, random_state=0).fit(x, y).predict_proba(x)
    np.testing.assert_allclose(p[:, 1], np.where(x[:, 0], 0.7, 0.3), atol=0.12)
