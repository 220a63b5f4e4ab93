"""Several quantiles from one net: the right share of targets is below each, and none cross."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import clone

import handgrad as hg
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written
from tests.tables.tabular.test_conformal import noisy

LEVELS = (0.1, 0.25, 0.9)
QUICK: dict[str, Any] = {"epochs": 16, "engine": "eager", "random_state": 0}


@pytest.fixture(scope="module")
def model() -> hg.TabularRegressor:
    return hg.TabularRegressor(4, quantiles=LEVELS, **QUICK).fit(*noisy(0, 800))


def test_the_level_of_a_quantile_is_the_share_of_targets_below_it(model: Any) -> None:
    x, y = noisy(1, 4000)
    p = model.predict_quantiles(x)
    assert p.shape == (4000, 3)
    np.testing.assert_allclose((y[:, None] < p).mean(axis=0), LEVELS, atol=0.05)
    width, loud = p[:, 2] - p[:, 0], x[:, 1] > 0
    assert width[loud].mean() > 2 * width[~loud].mean()


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
def test_no_quantiles_cross_with_any_weights_and_rows(model: Any) -> None:
    twin = hg.TabularRegressor(3, quantiles=LEVELS, **QUICK).fit(*noisy(0, 60))
    twin.net_.parameters[...] = np.random.default_rng(0).normal(size=twin.net_.parameters.size) / 9
    for of in (model, twin):
        for x in (noisy(2, 500)[0], noisy(3, 500)[0] * 50):
            p = np.insert(of.predict_quantiles(x), 2, of.predict(x), axis=1)  # the median
            assert (np.diff(p, axis=1) >= 0).all()
            low, high = of.target_[2:]
            assert low <= p.min() <= p.max() <= high


def test_the_prediction_is_the_median(model: Any) -> None:
    x, y = noisy(1, 2000)
    assert (y < model.predict(x)).mean() == pytest.approx(0.5, abs=0.05)
    with_median = hg.TabularRegressor(4, quantiles=(0.1, 0.25, 0.5, 0.9), **QUICK)
    p = with_median.fit(*noisy(0, 800)).predict_quantiles(x)
    np.testing.assert_array_equal(p[:, 2], with_median.predict(x))
    np.testing.assert_array_equal(p[:, [0, 1, 3]], model.predict_quantiles(x))
    np.testing.assert_allclose(p[:1], with_median.predict_quantiles(x[:1]), rtol=1e-12)  # BLAS


def test_intervals_and_deviations_are_around_the_median(model: Any) -> None:
    x, y = noisy(1, 2000)
    p, ends = model.predict(x, interval=0.8)
    np.testing.assert_array_equal(p, model.predict(x))
    assert ((ends[:, 0] <= y) & (y <= ends[:, 1])).mean() == pytest.approx(0.8, abs=0.06)
    assert (model.predict(x, return_std=True)[1] > 0).all()


def test_what_comes_back_is_what_was_saved(model: Any, tmp_path: Path) -> None:
    twin = hg.load(hg.save(model, tmp_path / "a"))
    assert twin.get_params() == model.get_params()
    assert twin.quantiles_ == LEVELS
    x, _ = noisy(1, 50)
    np.testing.assert_array_equal(twin.predict_quantiles(x), model.predict_quantiles(x))
    assert hg.save(twin, tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


def test_settings_that_change_later_do_not_change_a_fitted_model(model: Any) -> None:
    x, _ = noisy(1, 50)
    twin = hg.TabularRegressor(2, quantiles=[0.5], **QUICK).fit(*noisy(0, 60))
    p = twin.predict_quantiles(x)
    twin.set_params(quantiles=None)
    np.testing.assert_array_equal(twin.predict_quantiles(x), p)
    assert clone(model).quantiles == LEVELS


def test_targets_far_from_one_are_no_different(model: Any) -> None:
    x, y = noisy(0, 800)
    scaled = hg.TabularRegressor(4, quantiles=LEVELS, **QUICK).fit(x, 4096 * y)
    p, q = (of.predict_quantiles(x) for of in (scaled, model))
    np.testing.assert_allclose(p, 4096 * q, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("memory", [10**9, 10**5])
def test_streamed_rows_and_validation_rows(memory: int, tmp_path: Path) -> None:
    x, y = noisy(0, 3000)
    table = pa.table({f"x{i}": x[:, i] for i in range(3)} | {"y": y})
    stream = stream_of(written(table, tmp_path / "a.parquet"), piece=20_000, memory=memory)
    streamed = hg.TabularRegressor(2, quantiles=LEVELS, **QUICK).fit(stream, "y")
    given = hg.TabularRegressor(2, quantiles=LEVELS, **QUICK)
    given.fit(x[:2000], y[:2000], eval_set=(x[2000:], y[2000:]))
    x, y = noisy(1, 2000)
    for model, rows in ((streamed, {f"x{i}": x[:, i] for i in range(3)}), (given, x)):
        below = (y[:, None] < model.predict_quantiles(rows)).mean(axis=0)
        np.testing.assert_allclose(below, LEVELS, atol=0.07)


@pytest.mark.parametrize(
    "levels", [0.5, (), (0.5, 0.5), (0.9, 0.1), (0, 0.5), (0.5, 1), ("0.1",), "0.1", (0.1, None)]
)
def test_levels_that_are_none_are_refused(levels: Any) -> None:
    with refused(hg.errors.SettingError, "quantiles=", "ascending"):
        hg.TabularRegressor(quantiles=levels, **QUICK).fit(*noisy(0, 60))


def test_quantiles_and_their_absence_are_told() -> None:
    x, y = noisy(0, 60)
    with refused(hg.errors.SettingError, "metric='mae' with quantiles", "pinball"):
        hg.TabularRegressor(quantiles=LEVELS, metric="mae", **QUICK).fit(x, y)
    without = hg.TabularRegressor(1, **QUICK).fit(x, y)
    with refused(hg.errors.SettingError, "predict_quantiles", "quantiles=(0.1, 0.5, 0.9)"):
        without.predict_quantiles(x)
    with pytest.raises(ValueError, match="not fitted"):
        hg.TabularRegressor(quantiles=LEVELS).predict_quantiles(x)


@pytest.mark.parametrize("levels", [[], [0.9, 0.1], [0.5, 1.0], [0.1], "0.1", [0.1, True, 0.9]])
def test_damaged_levels_are_refused(levels: Any, model: Any) -> None:
    fitted, net = model._to_file()
    twin = clone(model)
    with refused(hg.errors.FileError, ""):
        twin._from_file({**fitted, "quantiles": levels}, net)
