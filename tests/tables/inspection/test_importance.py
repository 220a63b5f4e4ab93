"""Permutation importance is scikit-learn's, for any table."""

from typing import Any

import numpy as np
import pytest
from sklearn import inspection
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from tests.tables.tabular.frames import FRAMES, cells, target

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = 3 * X[:, 1] + X[:, 2]
MODEL = hg.MLPRegressor("squared_error", (), solver="lbfgs", random_state=0).fit(X, Y)
QUICK: dict[str, Any] = {"n_members": 2, "epochs": 8, "random_state": 0}


def seed_of(rng: int) -> int:
    return int(np.random.default_rng(rng).integers(2**31 - 1))


def test_it_is_scikit_learns_to_the_bit() -> None:
    found = hg.tables.permutation_importance(MODEL, X, Y, n_repeats=4, rng=3)
    expected = inspection.permutation_importance(MODEL, X, Y, n_repeats=4, random_state=seed_of(3))
    np.testing.assert_array_equal(found.decreases, expected.importances)
    np.testing.assert_allclose(found.mean, expected.importances_mean)
    np.testing.assert_allclose(found.std, expected.importances_std)
    assert found.columns == ("x0", "x1", "x2")
    assert found.strongest == ["x1", "x2", "x0"]
    assert found.score == pytest.approx(MODEL.score(X, Y))
    assert found.n_rows == 80


def test_some_columns_come_out_as_they_do_among_all() -> None:
    all_ = hg.tables.permutation_importance(MODEL, X, Y, rng=0)
    some = hg.tables.permutation_importance(MODEL, X, Y, columns=["x2", 0], rng=0)
    assert some.columns == ("x2", "x0")
    np.testing.assert_array_equal(some.decreases, all_.decreases[[2, 0]])


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_all_kinds_give_the_same(kind: str) -> None:
    columns = cells()
    y = target(columns)
    table = FRAMES[kind](columns)
    model = hg.TabularRegressor(**QUICK).fit(FRAMES["pyarrow"](columns), y)
    found = hg.tables.permutation_importance(model, table, y, n_repeats=2, rng=0)
    expected = hg.tables.permutation_importance(
        model, FRAMES["pyarrow"](columns), y, n_repeats=2, rng=0
    )
    assert found.columns == tuple(columns)
    np.testing.assert_array_equal(found.decreases, expected.decreases)
    assert found.mean.max() > 0


def test_a_frames_own_index_does_not_count() -> None:
    columns = cells()
    y = target(columns)
    frame = FRAMES["pandas"](columns)
    model = hg.TabularRegressor(**QUICK).fit(frame, y)
    turned = frame.set_index(np.arange(len(y))[::-1])
    np.testing.assert_array_equal(
        hg.tables.permutation_importance(model, turned, y, n_repeats=2, rng=0).decreases,
        hg.tables.permutation_importance(model, frame, y, n_repeats=2, rng=0).decreases,
    )


def test_another_score_and_a_part_of_the_rows() -> None:
    pipeline = make_pipeline(StandardScaler(), MODEL)
    pipeline.fit(X, Y)
    found = hg.tables.permutation_importance(
        pipeline, X, Y, scoring="neg_mean_absolute_error", max_samples=0.5, rng=0
    )
    assert found.scoring == "neg_mean_absolute_error"
    assert found.n_rows == 40
    assert found.score == pytest.approx(-np.abs(pipeline.predict(X) - Y).mean())

    def worst(model: Any, X: Any, y: Any) -> float:
        return -float(np.abs(model.predict(X) - y).max())

    own = hg.tables.permutation_importance(pipeline, X, Y, scoring=worst, rng=0)
    assert own.scoring == "worst"
    assert own.score == -float(np.abs(pipeline.predict(X) - Y).max())


def test_sparse_rows_and_lists_are_tables_too() -> None:
    from scipy.sparse import csr_array

    expected = hg.tables.permutation_importance(MODEL, X, Y, rng=0).decreases
    for table in (csr_array(X), X.tolist()):
        found = hg.tables.permutation_importance(MODEL, table, Y, rng=0)
        np.testing.assert_allclose(found.decreases, expected)
