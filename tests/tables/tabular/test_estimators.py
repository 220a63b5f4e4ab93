"""The estimators: scikit-learn's own checks, any frame, weights, and the same bits again."""

import functools
import io
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import handgrad as hg
from handgrad.tables.tabular.members import rows_of_members
from tests.tables.tabular.frames import FRAMES, cells, target

QUICK: dict[str, Any] = {
    "n_members": 2,
    "epochs": 24,
    "validation_fraction": 0.2,
    "random_state": 0,
}
CLASSIFIER, REGRESSOR = hg.TabularClassifier(**QUICK), hg.TabularRegressor(**QUICK)


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
@parametrize_with_checks([CLASSIFIER, REGRESSOR])  # type: ignore[untyped-decorator]
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_two_classes_of_any_name_are_told_apart() -> None:
    x = np.random.default_rng(0).normal(size=(300, 2))
    y = np.where(x[:, 0] * x[:, 1] > 0, "same", "other")
    model = clone(CLASSIFIER).fit(x[:200], y[:200])
    assert model.score(x[200:], y[200:]) > 0.85
    p = model.predict_proba(x[200:])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(x[200:]), model.classes_[p.argmax(axis=1)])


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_as_it_comes_is_learned_from(name: str) -> None:
    columns = cells(200)
    model = clone(REGRESSOR).set_params(epochs=40).fit(FRAMES[name](columns), target(columns))
    new = cells(100, seed=1)
    assert model.score(FRAMES[name](new), target(new)) > 0.7
    assert model.feature_names_in_.tolist() == [*columns]
    turned = dict(reversed(new.items()))
    np.testing.assert_array_equal(model.predict(pa.table(turned)), model.predict(FRAMES[name](new)))


def large_category(n: int) -> tuple[pa.Table, Any]:
    """A column of 400 values, of which a hidden number of each says all but noise."""
    rng = np.random.default_rng(0)
    hidden, i = rng.normal(size=400), np.arange(n) % 400
    columns = {"town": [f"town {place}" for place in i], "noise": rng.normal(size=n)}
    return pa.table(columns), hidden[i] + 0.1 * rng.normal(size=n)


def test_one_long_text_takes_no_more_memory_for_the_others() -> None:
    n = 2000
    texts = [f"t{i % 5}" for i in range(n)]
    texts[7] = "x" * 10**6
    table = pa.table({"a": np.arange(n), "text": texts})
    tracemalloc.start()
    clone(REGRESSOR).set_params(epochs=1).fit(table, np.arange(n))
    assert tracemalloc.get_traced_memory()[1] < 10**8  # 8 GB, were each as long as the longest
    tracemalloc.stop()


def test_a_category_of_many_values_is_embedded() -> None:
    table, y = large_category(3000)
    model = clone(REGRESSOR).fit(table[:2500], y[:2500])
    embedding = model.net_.layers[0]
    assert isinstance(embedding, hg.tables.EnsembleEmbedding)
    assert not embedding.E[:, 0].any(), "what was never missing says nothing"
    assert model.score(table[2500:], y[2500:]) > 0.8
    new = pa.table({"town": ["nowhere", None], "noise": [0.0, 0.0]})
    with pytest.warns(hg.errors.UnseenWarning, match="'nowhere'"):
        first, second = model.predict(new)
    assert first == second


def test_what_goes_up_and_down_is_learned() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (1000, 1))
    y = np.sin(15 * x[:, 0])
    model = clone(REGRESSOR).fit(x[:800], y[:800])
    assert model.score(x[800:], y[800:]) > 0.5


def test_one_row_is_predicted_as_among_others() -> None:
    x, y = hg.data.load("iris")
    model = clone(CLASSIFIER).fit(x, y)
    one = np.concatenate([model.predict_proba(x[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(one, model.predict_proba(x)[:5], rtol=1e-12)


def test_the_same_seed_gives_the_same_bits_and_a_pickle_brings_them_back() -> None:
    x, y = hg.data.load("iris")
    first, second = (clone(CLASSIFIER).fit(x, y).predict_proba(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    model = pickle.loads(pickle.dumps(clone(CLASSIFIER).fit(x, y)))
    np.testing.assert_array_equal(model.predict_proba(x), first)
    assert (clone(CLASSIFIER).set_params(random_state=1).fit(x, y).predict_proba(x) != first).any()


def test_both_engines_learn_alike() -> None:
    x, y = hg.data.load("iris")
    models = [
        clone(CLASSIFIER).set_params(engine=engine).fit(x, y) for engine in ("eager", "compiled")
    ]
    one, other = (model.predict_proba(x) for model in models)
    assert np.abs(one - other).max() < 0.05
    assert (one.argmax(axis=1) == other.argmax(axis=1)).mean() > 0.98


def test_rows_without_weight_are_as_if_they_were_not_there() -> None:
    x, y = hg.data.load("iris")
    w = np.arange(150) % 3
    weighted = clone(CLASSIFIER).fit(x, y, sample_weight=w)
    repeated = clone(CLASSIFIER).fit(np.repeat(x, w, axis=0), np.repeat(y, w))
    np.testing.assert_array_equal(weighted.predict_proba(x), repeated.predict_proba(x))


def test_weights_that_are_not_whole_move_the_prediction() -> None:
    x = np.repeat([[0.0], [1.0]], 50, axis=0)
    x = np.column_stack([x, np.random.default_rng(0).normal(size=100)])
    y, w = np.arange(100) % 2, np.where(np.arange(100) % 2, 0.75, 0.25)
    p = clone(CLASSIFIER).set_params(n_members=4).fit(x, y, sample_weight=w).predict_proba(x)
    assert 0.65 < p[:, 1].mean() < 0.85


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
def test_no_number_is_predicted_beyond_those_seen() -> None:
    x = np.linspace(0, 1, 100)[:, None]
    model = clone(REGRESSOR).fit(x, x[:, 0])
    assert model.predict([[-100.0], [100.0]]).tolist() == [0, 1]


def test_large_targets_are_no_matter() -> None:
    x, y = hg.data.load("diabetes")
    one = clone(REGRESSOR).fit(x, y).predict(x)
    other = clone(REGRESSOR).fit(x, 2.0**40 * y).predict(x)
    np.testing.assert_allclose(other, 2.0**40 * one, rtol=1e-3)


@pytest.mark.parametrize(
    ("model", "metric"), [(CLASSIFIER, "accuracy"), (REGRESSOR, "mae")], ids=["accuracy", "mae"]
)
def test_every_metric_can_be_asked_for(model: Any, metric: str) -> None:
    x, y = hg.data.load("iris")
    usual, asked = clone(model).fit(x, y), clone(model).set_params(metric=metric).fit(x, y)
    assert asked.score(x, y) > 0.85
    assert (asked.predict(x) != usual.predict(x)).any() or asked.best_epochs_ != usual.best_epochs_


def test_what_was_learned_without_names_goes_by_the_place() -> None:
    columns = {name: values for name, values in cells().items() if name in ("count", "code")}
    x = np.array([*columns.values()], object).T
    model = clone(REGRESSOR).fit(x, target(cells()))
    np.testing.assert_array_equal(model.predict(pa.table(columns)), model.predict(x))


def test_one_member_is_enough() -> None:
    x, y = hg.data.load("iris")
    model = clone(CLASSIFIER).set_params(n_members=1).fit(x, y)
    assert len(model.best_epochs_) == 1
    assert model.score(x, y) > 0.9


def test_a_class_of_a_single_row_is_never_held_out() -> None:
    strata = np.array([0] * 10 + [1])
    pairs = rows_of_members(np.ones(11), strata, 5, 0.2, np.random.default_rng(0))
    assert all(10 in learned and 10 not in held_out for learned, held_out in pairs)
    out = np.sort(np.concatenate([held_out for _, held_out in pairs]))
    np.testing.assert_array_equal(out, np.arange(10))  # the others once each
    for learned, held_out in pairs:
        np.testing.assert_array_equal(np.sort(np.r_[learned, held_out]), np.arange(11))


def test_a_row_comes_as_often_as_it_weighs() -> None:
    w = np.array([1.0, 2, 3, 1, 1, 1])
    ((learned, held_out),) = rows_of_members(w, np.zeros(6, int), 1, 0.3, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(np.r_[learned, held_out]), w)


def test_parts_of_a_weight_are_spread_evenly() -> None:
    w = np.where(np.arange(1000) % 2, 1.5, 1.0)
    ((learned, _),) = rows_of_members(w, np.zeros(1000, int), 1, 0.5, np.random.default_rng(0))
    times = np.bincount(learned, minlength=1000)[np.unique(learned)]
    heavy = np.unique(learned) % 2 == 1
    assert (times[~heavy] <= 2).all()
    assert times[heavy].mean() == pytest.approx(1.5, abs=0.1)


def test_large_weights_do_not_make_many_rows() -> None:
    w = np.where(np.arange(100) < 50, 1.0, 1e9)
    ((learned, _),) = rows_of_members(w, np.zeros(100, int), 1, 0.5, np.random.default_rng(0))
    assert len(learned) <= 4 * 50 + 1


def test_probabilities_of_noise_are_not_sure() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 5)), rng.integers(0, 2, 400)
    p = hg.TabularClassifier(4, epochs=30, random_state=0).fit(x, y).predict_proba(x)
    assert np.abs(p - 0.5).mean() < 0.2


def test_targets_may_be_the_column_of_a_frame() -> None:
    columns = cells()
    table = pa.table(columns)
    x, y = table.drop(["open"]), table["open"]
    by_column = clone(CLASSIFIER).fit(x, y)
    by_array = clone(CLASSIFIER).fit(x, np.array(columns["open"]))
    assert by_column.classes_.tolist() == [False, True]
    np.testing.assert_array_equal(by_column.predict(x), by_array.predict(x))


def test_it_says_how_far_it_is_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    console = Console(force_terminal=True, file=screen, width=120, legacy_windows=False)
    shown = functools.partial(hg.training.progress, console=console)
    monkeypatch.setattr("handgrad.tables.tabular.members.progress", shown)
    x, y = hg.data.load("iris")
    quiet = clone(CLASSIFIER).fit(x, y).predict_proba(x)
    assert screen.getvalue() == ""
    told = clone(CLASSIFIER).set_params(verbose=True).fit(x, y).predict_proba(x)
    assert "24/24" in screen.getvalue()
    np.testing.assert_array_equal(told, quiet)


def test_it_can_be_cross_validated() -> None:
    scores = cross_val_score(CLASSIFIER, *hg.data.load("iris"), cv=3)
    assert scores.mean() > 0.9


@pytest.mark.parametrize("far", [1e8, 1e300])
def test_one_number_far_away_does_not_hide_the_others_from_mae(far: float) -> None:
    x, y = hg.data.load("diabetes")
    y = np.array(y, float)
    y[3] = far
    model = hg.TabularRegressor(4, metric="mae", epochs=20, random_state=0).fit(x, y)
    error = np.delete(np.abs(model.predict(x) - y), 3).mean()
    assert error < 0.75 * np.abs(np.median(y) - np.delete(y, 3)).mean()


@pytest.mark.parametrize("size", [2.0**-700, 2.0**1000])
def test_targets_may_be_of_any_size(size: float) -> None:
    x, y = hg.data.load("diabetes")
    one, other = (clone(REGRESSOR).fit(x, y * s).predict(x) / s for s in (1.0, size))
    np.testing.assert_allclose(other, one, rtol=1e-12)
