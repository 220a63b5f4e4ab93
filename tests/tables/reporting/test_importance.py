"""Importances of a report: the sample of the held-out rows, and its weights."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier

import handgrad as hg
from handgrad.tables.data.dependent_rows import RowRoles
from handgrad.tables.reporting.importance import importance_of, sampled_by_class
from handgrad.tables.reporting.scores import scored_rows
from handgrad.textbook import metrics

RNG = np.random.default_rng(0)


def test_all_rows_of_a_rare_class_are_sampled() -> None:
    y = (np.arange(4000) % 167 == 3).astype(int)
    assert y.sum() == 24
    for seed in range(20):
        rows, weights = sampled_by_class(y, 600, np.random.default_rng(seed))
        assert len(np.unique(rows)) == len(rows) == 600
        assert y[rows].sum() == 24
        assert weights[y[rows] == 1].tolist() == [1.0] * 24
        assert weights.sum() == pytest.approx(4000)


@pytest.mark.parametrize("counts", [(300, 700), (3990, 10), (2, 40, 900, 58), (1,) * 700 + (300,)])
@pytest.mark.parametrize("n", [100, 600])
def test_weighted_sums_are_unbiased(counts: tuple[int, ...], n: int) -> None:
    y = RNG.permutation(np.repeat(np.arange(len(counts)), counts))
    losses = RNG.exponential(1 + y % 3)
    estimates = []
    for seed in range(400):
        rows, weights = sampled_by_class(y, n, np.random.default_rng(seed))
        assert len(rows) == n
        estimates.append(float((weights * losses[rows]).sum()))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(losses.sum(), abs=4 * error + 1e-9)


def test_the_importance_of_a_classifier_is_that_on_all_rows() -> None:
    X = np.random.default_rng(1).normal(size=(4000, 3))
    y = (X[:, 0] + 0.2 * X[:, 1] + RNG.normal(0, 0.5, 4000) > 2.9).astype(int)
    assert 10 < y.sum() < 40
    model = LogisticRegression().fit(X, y)
    held = scored_rows(model, X, y, ("0", "1"), "X, y")
    found = importance_of(model, held)
    assert (found.n_rows, found.scoring) == (600, "log_loss")
    everything = -metrics.log_loss(model.predict_proba(X), y)
    assert found.score == pytest.approx(everything, rel=0.3)
    full = hg.tables.permutation_importance(
        model, X, y, scoring="neg_log_loss", n_repeats=20, rng=0
    )
    assert found.strongest[0] == "x0"
    assert found.mean[0] == pytest.approx(full.mean[0], rel=0.35)


def test_a_model_without_probabilities_has_importances_by_accuracy() -> None:
    X = np.random.default_rng(2).normal(size=(3000, 2))
    y = (X[:, 1] > 1.5).astype(int)
    model = RidgeClassifier().fit(X, y)
    found = importance_of(model, scored_rows(model, X, y, ("0", "1"), "X, y"))
    assert (found.n_rows, found.scoring, found.strongest[0]) == (600, "accuracy", "x1")
    assert found.score == pytest.approx(model.score(X, y), abs=0.02)


def test_weights_of_the_rows_count() -> None:
    X = RNG.normal(size=(2000, 2))
    y = (X[:, 0] + RNG.normal(0, 0.5, 2000) > 1.5).astype(int)
    w = np.where(X[:, 1] > 0, 1.0, 9.0)
    model = LogisticRegression().fit(X, y)
    roles = RowRoles(weights=w)
    held = scored_rows(model, X, y, ("0", "1"), "X, y", roles)
    expected = -metrics.log_loss(model.predict_proba(X), y, sample_weight=w)
    assert importance_of(model, held).score == pytest.approx(expected, rel=0.15)


def test_numbers_are_sampled_at_random_as_before() -> None:
    X = RNG.normal(size=(1000, 2))
    y = 3 * X[:, 1] + RNG.normal(size=1000)
    model = LinearRegression().fit(X, y)
    found = importance_of(model, scored_rows(model, X, y, (), "X, y"))
    rows = np.sort(np.random.default_rng(0).permutation(1000)[:600])
    expected = hg.tables.permutation_importance(
        model, X[rows], y[rows], scoring="neg_root_mean_squared_error", rng=0
    )
    np.testing.assert_allclose(found.decreases, expected.decreases)
