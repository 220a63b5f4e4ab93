"""Survival times: intervals, curves, censoring, refusals, files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone

import handgrad as hg
from handgrad.files import inspect
from handgrad.tables.tabular.survival import risk_labels
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written

QUICK: dict[str, Any] = {"epochs": 24, "engine": "eager", "random_state": 0}


def patients(seed: int, n: int) -> tuple[Any, Any, Any]:
    """Rows, signed times, and the true times: exponential of mean e^x, a half of them censored."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (n, 2))
    died, left = rng.exponential(np.exp(x[:, 0])), rng.exponential(1.5, n)
    return x, np.where(died < left, died, -left), died


@pytest.fixture(scope="module")
def model() -> hg.TabularSurvival:
    x, y, _ = patients(0, 800)
    return hg.TabularSurvival(4, **QUICK).fit(x, y)


def test_labels_of_intervals_worked_out_by_hand() -> None:
    times = np.array([2.0, 4.0, 8.0])
    y = np.array([1.0, 2.0, 5.0, 9.0, -1.0, -0.9, -3.5, -6.0, -20.0])
    np.testing.assert_array_equal(
        risk_labels(y, times),
        [
            [1, -1, -1],
            [1, -1, -1],  # at the end of the first interval
            [0, 0, 1],
            [0, 0, 0],  # after the last
            [0, -1, -1],  # from the middle of an interval on it was survived
            [-1, -1, -1],
            [0, 0, -1],
            [0, 0, 0],
            [0, 0, 0],
        ],
    )


def test_the_order_and_the_probabilities_are_learned(model: hg.TabularSurvival) -> None:
    x, y, died = patients(1, 4000)
    assert model.score(x, y) == hg.metrics.concordance_index(model.predict(x), y)
    best = hg.metrics.concordance_index(x[:, 0], y)
    assert best - 0.03 < model.score(x, y) < best + 0.01
    times = np.array([0.25, 0.5, 1.0])
    survived = model.predict_survival(x, times)
    assert survived.shape == (4000, 3)
    np.testing.assert_allclose(survived.mean(axis=0), [(died > t).mean() for t in times], atol=0.04)
    short = x[:, 0] < -1  # censored times are no deaths: without them it would be worse
    assert survived[short, 2].mean() == pytest.approx((died[short] > 1).mean(), abs=0.06)


def test_a_model_of_nothing_has_the_curve_of_kaplan_and_meier() -> None:
    rng = np.random.default_rng(0)
    died, left = rng.exponential(size=3000), rng.exponential(1.5, 3000)
    y = np.where(died < left, died, -left)
    flat = hg.TabularSurvival(2, **QUICK).fit(rng.normal(size=(3000, 1)), y)
    times = np.array([0.5, 1.0])
    found = flat.predict_survival(np.zeros((1, 1)), times)[0]
    np.testing.assert_allclose(found, np.exp(-times), atol=0.05)


def test_curves_fall_from_1_and_their_area_is_the_prediction(model: hg.TabularSurvival) -> None:
    x = patients(2, 20)[0]
    curves = model.predict_survival(x, np.append(0.0, model.times_))
    assert (curves[:, 0] == 1).all()
    assert (np.diff(curves, axis=1) < 0).all()
    np.testing.assert_allclose(model.predict_survival(x), curves[:, 1:])
    area = np.trapezoid(curves, np.append(0.0, model.times_), axis=1)
    np.testing.assert_allclose(model.predict(x), area, rtol=1e-12)
    end = model.times_[-1]
    middle = model.predict_survival(x, [0.0, model.times_[0] / 2, end, 2 * end])
    np.testing.assert_allclose(middle[:, 1], (1 + curves[:, 1]) / 2)
    np.testing.assert_array_equal(middle[:, 3], middle[:, 2])


def test_events_at_few_times_make_few_intervals() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    y = np.tile([1.0, 2.0, -3.0], 20)
    model = hg.TabularSurvival(2, **QUICK).fit(x, y)
    np.testing.assert_array_equal(model.times_, [1, 2])
    everyone = hg.TabularSurvival(2, **QUICK).fit(x, np.abs(y))
    np.testing.assert_array_equal(everyone.times_, [1, 2, 3])
    assert (everyone.predict_survival(x, [3]) < 0.2).all()


def test_words_of_a_text_tell_the_risk() -> None:
    rng = np.random.default_rng(0)
    bad = rng.random(400) < 0.5
    notes = [
        f"{'severe pain again' if b else 'feels much better'} visit {i} of the patient"
        for i, b in enumerate(bad)
    ]
    y = rng.exponential(np.where(bad, 0.2, 2.0)) * np.where(rng.random(400) < 0.3, -1, 1)
    table = pd.DataFrame({"notes": notes, "n": rng.normal(size=400)})
    model = hg.TabularSurvival(2, text=("notes",), **QUICK).fit(table[:300], y[:300])
    assert model.score(table[300:], y[300:]) > 0.65


def test_it_goes_on_from_where_it_was(tmp_path: Path) -> None:
    x, y, _ = patients(0, 400)
    model = hg.TabularSurvival(2, warm_start=True, **QUICK).fit(x, y)
    times, before = model.times_, model.net_.parameters.copy()
    model.fit(x[:200], 3 * y[:200])
    np.testing.assert_array_equal(model.times_, times)
    assert (model.net_.parameters != before).any()
    hg.save(model, tmp_path / "model.safetensors")
    loaded = hg.load(tmp_path / "model.safetensors")
    rows = x[200:], y[200:]
    for one in (model, loaded):
        one.fit(*rows)
    np.testing.assert_array_equal(loaded.net_.parameters, model.net_.parameters)
    again = hg.TabularSurvival(2, **QUICK).partial_fit(x, y).partial_fit(x, y)
    assert again.score(x, y) > 0.6


def test_weights_groups_and_rows_of_their_own() -> None:
    x, y, _ = patients(0, 200)
    held = patients(1, 60)[:2]
    twice = hg.TabularSurvival(2, **QUICK).fit(x, y, np.full(200, 2.0))
    once = hg.TabularSurvival(2, **QUICK).fit(x, y)
    np.testing.assert_array_equal(twice.net_.parameters, once.net_.parameters)
    hg.TabularSurvival(2, **QUICK).fit(x, y, eval_set=held)
    hg.TabularSurvival(2, **QUICK).fit(x, y, groups=np.arange(200) // 4)
    hg.TabularSurvival(2, **QUICK).fit(x, y, time=np.arange(200))


def test_a_file_gives_the_same_predictions(model: hg.TabularSurvival, tmp_path: Path) -> None:
    x = patients(3, 30)[0]
    hg.save(model, tmp_path / "model.safetensors")
    loaded = hg.load(tmp_path / "model.safetensors")
    assert isinstance(loaded, hg.TabularSurvival)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    np.testing.assert_array_equal(loaded.predict_survival(x), model.predict_survival(x))
    about = str(inspect(tmp_path / "model.safetensors"))
    assert f"{model.times_[0]:.3g}"[:4] in about


def test_a_copy_has_the_same_parameters() -> None:
    model = hg.TabularSurvival(3, epochs=2)
    assert clone(model).get_params() == model.get_params()


X = np.random.default_rng(0).normal(size=(20, 2))


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (-np.ones(20), ("20 times that are all censored", "np.where(event, time, -time)")),
        (np.arange(20.0), ("a time of 0 in row 0", "times above 0")),
        (np.array(["a"] * 20), ("targets such as 'a'", "numbers")),
        (np.full(20, np.nan), ("NaN: 20 targets",)),
    ],
)
def test_times_that_are_none_are_refused(y: Any, words: tuple[str, ...]) -> None:
    with refused(hg.errors.DataError, *words):
        hg.TabularSurvival(2, **QUICK).fit(X, y)


def test_what_does_not_fit_is_refused(model: hg.TabularSurvival, tmp_path: Path) -> None:
    with refused(hg.errors.SettingError, "metric='rmse'", "log-likelihood"):
        hg.TabularSurvival(2, metric="rmse", **QUICK).fit(X, np.ones(20))
    for times in ([-1.0], [[1.0]], [np.nan]):
        with refused(hg.errors.SettingError, "times=", "at least 0"):
            model.predict_survival(X, times)
    table = pa.table({"a": np.arange(3000.0), "b": np.arange(3000.0), "y": np.ones(3000)})
    stream = stream_of(written(table, tmp_path / "a.parquet"), piece=20_000, memory=10**5)
    with refused(hg.errors.SettingError, "survival times in a table larger than memory"):
        hg.TabularSurvival(2, **QUICK).fit(stream, "y")
