"""Intervals and sets: they cover as often as they say, and come from rows that no training saw."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import handgrad as hg
from handgrad.tables.tabular.conformal import (
    ADDED,
    GRID,
    LARGEST,
    PENALTY,
    ConformityScores,
    Sizes,
    intervals_from,
    scores_from,
)
from handgrad.tables.tabular.members import Members
from handgrad.textbook.layers import Array
from handgrad.training import History
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written

QUICK: dict[str, Any] = {"epochs": 12, "engine": "eager"}


def noisy(seed: int, n: int) -> tuple[Array, Array]:
    """Numbers whose noise is five times larger where the second column is positive."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 3))
    return x, np.sin(3 * x[:, 0]) + np.where(x[:, 1] > 0, 1.0, 0.2) * rng.normal(size=n)


@pytest.fixture(scope="module")
def regressor() -> hg.TabularRegressor:
    return hg.TabularRegressor(**QUICK, random_state=0).fit(*noisy(0, 600))


@pytest.fixture(scope="module")
def classifier() -> hg.TabularClassifier:
    return hg.TabularClassifier(**QUICK, random_state=0).fit(*drawn(0, 600))


def drawn(seed: int, n: int) -> tuple[Array, Array]:
    """Four classes that the columns make more or less probable."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    p = np.exp(x @ [[2, 0, -2, 0], [0, 2, 0, -2]])
    p /= p.sum(axis=1, keepdims=True)
    return x, (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_cover_as_often_as_asked_and_are_wide_where_the_noise_is(
    coverage: float, regressor: Any
) -> None:
    x, y = noisy(1, 4000)
    p, ends = regressor.predict(x, interval=coverage)
    np.testing.assert_array_equal(p, regressor.predict(x))
    low, high = ends.T
    assert (low <= p).all()
    assert (p <= high).all()
    inside = (low <= y) & (y <= high)
    assert -0.04 < inside.mean() - coverage < 0.08
    width, loud = high - low, x[:, 1] > 0
    assert width[loud].mean() > 1.4 * width[~loud].mean()


def test_intervals_of_small_tables_cover_over_many_of_them() -> None:
    inside = []
    for seed in range(12):
        x, y = noisy(seed, 300)
        model = hg.TabularRegressor(4, epochs=4, random_state=seed, engine="eager")
        low, high = model.fit(x[:60], y[:60]).predict(x[60:], interval=0.8)[1].T
        inside.append(((low <= y[60:]) & (y[60:] <= high)).mean())
    assert 0.74 < np.mean(inside) < 0.9


def test_wider_intervals_hold_narrower_ones(regressor: Any) -> None:
    x, _ = noisy(2, 50)
    some, most = (regressor.predict(x, interval=c)[1] for c in (0.5, 0.95))
    assert (most[:, 0] <= some[:, 0]).all()
    assert (some[:, 1] <= most[:, 1]).all()


def test_sets_cover_are_never_empty_and_grow(classifier: Any) -> None:
    x, y = drawn(1, 4000)
    sets = {coverage: classifier.predict_sets(x, coverage) for coverage in (0.7, 0.9, 0.97)}
    for coverage, chosen in sets.items():
        assert chosen.dtype == bool
        assert chosen.shape == (4000, 4)
        assert chosen.any(axis=1).all()
        assert -0.03 < chosen[range(4000), y].mean() - coverage < 0.05
    assert (sets[0.7] <= sets[0.9]).all()
    assert (sets[0.9] <= sets[0.97]).all()
    assert sets[0.9].sum(axis=1).mean() < 3
    best = classifier.predict_proba(x).argmax(axis=1)
    assert sets[0.7][range(4000), best].all()


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
def test_the_standard_deviation_is_that_of_the_members(regressor: Any) -> None:
    x, _ = noisy(3, 20)
    p, std = regressor.predict(x, return_std=True)
    np.testing.assert_array_equal(p, regressor.predict(x))
    features = regressor.features_
    table = {f"x{i}": hg.files.features.Column("number", x[:, i]) for i in range(3)}
    rows = np.repeat(features.encoded(table)[:, None], 8, axis=1)
    z = regressor.net_.predict(rows)[:, :, 0]
    np.testing.assert_allclose(std, (z * regressor.target_[1]).std(axis=1), rtol=1e-9)
    assert regressor.predict(x + 30, return_std=True)[1].mean() > 2 * std.mean()


def test_scores_are_order_statistics() -> None:
    values = np.random.default_rng(0).random(99)
    scores = ConformityScores.of(values, np.ones(99))
    assert scores.at(0.9, "interval") == np.sort(values)[89]  # the 90th of 99
    assert scores.at(0.99, "interval") == values.max()
    many = np.arange(1.0, 10_001.0)
    scores = ConformityScores.of(many, np.ones(len(many)))
    assert len(scores.values) == GRID
    assert scores.at(0.9, "interval") == 9050  # the next of 200 quantiles: a little more
    twice = ConformityScores.of(np.repeat(values, 2), np.ones(198))
    assert ConformityScores.of(values, np.full(99, 2.0)) == twice


def test_sizes_are_those_of_a_ridge_regression_without_the_row() -> None:
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(40, 3)), rng.normal(size=40)
    off = np.exp(x[:, 0]) * rng.random(40)
    sizes, of_rows = Sizes.of(x, p, off)
    inputs = np.clip(np.column_stack([x, p, p**2]), -LARGEST, LARGEST)
    inputs -= inputs.mean(axis=0)
    logs = np.log(off / off.mean() + ADDED)
    for row in (0, 7, 39):
        # the intercept takes part, of all rows' centers
        others = np.arange(40) != row
        design = np.column_stack([np.ones(40), inputs])
        penalty = np.diag([0, *[PENALTY] * 5])
        left = design[others]
        w = np.linalg.solve(left.T @ left + penalty, left.T @ logs[others])
        by_hand = off.mean() * (np.exp(design[row] @ w) + 0.1)
        np.testing.assert_allclose(of_rows[row], by_hand, rtol=1e-4)
    whole = Ridge(PENALTY).fit(inputs, logs)
    np.testing.assert_allclose(sizes.weights, whole.coef_, atol=1e-6)


def test_a_row_counts_with_the_members_that_did_not_see_it() -> None:
    """Members 0 and 1 hold out row 4 both; member 2 has one row, repeated to the longest."""
    held_out = [np.array([0, 4]), np.array([4, 1]), np.array([2, 2])]
    outputs = [np.array([[1.0], [2.0]]), np.array([[4.0], [5.0]]), np.array([[7.0], [7.0]])]
    members = Members(hg.Net(hg.Tanh()), [], [], held_out, outputs, History(), [2, 2, 1])
    rows = members.held_out_rows(lambda z: z)
    assert rows.rows.tolist() == [0, 1, 2, 4]
    assert rows.outputs[:, 0].tolist() == [1, 5, 7, 3]
    np.testing.assert_allclose(rows.w, np.array([1, 1, 1, 2]) * 4 / 5)


def test_a_stream_has_intervals_too(tmp_path: Path) -> None:
    import pyarrow as pa

    x, y = noisy(0, 5000)
    table = pa.table({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y})
    stream = stream_of(written(table, tmp_path / "a.parquet", 500), piece=2000)
    model = hg.TabularRegressor(2, epochs=2, random_state=0).fit(stream, "y")
    new, truth = noisy(1, 2000)
    low, high = model.predict(dict(zip("abc", new.T, strict=True)), interval=0.9)[1].T
    assert abs(((low <= truth) & (truth <= high)).mean() - 0.9) < 0.05


def test_what_comes_back_from_a_file_has_the_same_intervals(
    regressor: Any, classifier: Any, tmp_path: Path
) -> None:
    x, _ = noisy(4, 30)
    twin = hg.load(hg.save(regressor, tmp_path / "a"))
    for mine, its in zip(
        regressor.predict(x, interval=0.8), twin.predict(x, interval=0.8), strict=True
    ):
        np.testing.assert_array_equal(mine, its)
    x, _ = drawn(4, 30)
    twin = hg.load(hg.save(classifier, tmp_path / "b"))
    np.testing.assert_array_equal(twin.predict_sets(x), classifier.predict_sets(x))


def test_a_file_of_an_older_version_predicts_without_intervals(
    regressor: Any, classifier: Any, tmp_path: Path
) -> None:
    for model, path in ((regressor, tmp_path / "a"), (classifier, tmp_path / "b")):
        older = hg.load(hg.save(model, path))
        older.conformal_ = None
        older = hg.load(hg.save(older, path))
        x = noisy(4, 30)[0][:, : model.n_features_in_]
        np.testing.assert_array_equal(older.predict(x), model.predict(x))
        with refused(hg.errors.SettingError, "without scores of held-out rows", "fit it again"):
            older.predict(x, interval=0.9) if model is regressor else older.predict_sets(x)


@pytest.mark.parametrize("coverage", [0, 1, 90, "wide", True, np.nan])
def test_a_coverage_that_is_none_is_refused(coverage: Any, regressor: Any, classifier: Any) -> None:
    with refused(hg.errors.SettingError, "interval=", "between 0 and 1", "interval=0.9"):
        regressor.predict(np.ones((1, 3)), interval=coverage)
    with refused(hg.errors.SettingError, "coverage=", "between 0 and 1", "coverage=0.9"):
        classifier.predict_sets(np.ones((1, 2)), coverage)


def test_what_few_rows_cannot_tell_is_refused(regressor: Any) -> None:
    x, y = noisy(0, 9)
    few = hg.TabularRegressor(8, epochs=2, random_state=0).fit(x, y)
    with refused(hg.errors.SettingError, "interval=0.95, from", "at most 0.", "more training rows"):
        few.predict(x, interval=0.95)
    few.predict(x, interval=0.5)
    with refused(hg.errors.SettingError, "interval=0.9 with return_std=True"):
        regressor.predict(x, interval=0.9, return_std=True)
    alone = hg.TabularRegressor(1, epochs=1, random_state=0).fit(x, y)
    with refused(hg.errors.SettingError, "with one member", "n_members=8"):
        alone.predict(x, return_std=True)


def test_numbers_that_no_fit_makes_are_refused_in_a_file(regressor: Any) -> None:
    good = {"n": 3, "values": [0.1, 0.2, 0.2]}
    assert scores_from(good).n == 3
    for bad in (
        None,
        {},
        good | {"n": 2},
        good | {"n": 3.0},
        good | {"values": [0.2, 0.1, 0.2]},
        good | {"values": [0.1, 0.2, float("nan")]},
        good | {"values": [-1.0, 0.2, 0.2]},
    ):
        with refused(hg.errors.FileError, "copied whole"):
            scores_from(bad)
    sizes = {"weights": [0.0] * 5, "offset": 0.0, "unit": 1.0, "lowest": 0.0, "highest": 1.0}
    assert intervals_from({"scores": good, "sizes": sizes}, 3).sizes.unit == 1
    for wrong in (
        {"weights": [0.0] * 4},
        {"weights": "many"},
        {"unit": 0.0},
        {"unit": 1},
        {"lowest": 2.0},
        {"offset": float("inf")},
    ):
        with refused(hg.errors.FileError, "copied whole"):
            intervals_from({"scores": good, "sizes": sizes | wrong}, 3)
