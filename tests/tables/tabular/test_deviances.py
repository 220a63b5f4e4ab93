"""Deviances with a log link, and exposure: rates, weights in the loss, refusals, files."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.metrics import mean_tweedie_deviance

import handgrad as hg
from handgrad.tables.tabular.deviances import (
    DEVIANCES,
    LOSSES,
    mean_deviance,
    metric_of,
    unit_deviances,
)
from handgrad.tables.tabular.exposure import per_exposure
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written

QUICK: dict[str, Any] = {"epochs": 16, "engine": "eager", "random_state": 0}
POWERS = {"poisson": 1.0, "gamma": 2.0, "tweedie": 1.5}
each_deviance = pytest.mark.parametrize("loss", DEVIANCES)


def claims(loss: str, seed: int, n: int) -> tuple[Any, Any, Any]:
    """Rows with the rate e^(0.8 x) per unit, and totals of an exposure from 0.2 to 1."""
    rng = np.random.default_rng(seed)
    x, e = rng.uniform(-2, 2, (n, 2)), rng.uniform(0.2, 1, n)
    mean = np.exp(0.8 * x[:, 0]) * e
    if loss == "gamma":
        e = rng.integers(1, 5, n).astype(float)
        return x, rng.gamma(2 * e, np.exp(0.8 * x[:, 0]) / 2), e
    counts = rng.poisson(mean)
    if loss == "poisson":
        return x, counts.astype(float), e
    return x, np.array([rng.gamma(2.0, 0.5, k).sum() for k in counts]), e


def fitted(loss: str, **more: Any) -> hg.TabularRegressor:
    x, y, e = claims(loss, 0, 800)
    return hg.TabularRegressor(4, loss=loss, **QUICK, **more).fit(x, y, exposure=e)


@pytest.fixture(scope="module")
def models() -> dict[str, hg.TabularRegressor]:
    return {loss: fitted(loss) for loss in DEVIANCES}


@each_deviance
def test_the_rates_are_learned(loss: str, models: Any) -> None:
    x, y, e = claims(loss, 1, 4000)
    rate = np.exp(0.8 * x[:, 0])
    predicted = models[loss].predict(x)
    assert (predicted > 0).all()
    assert predicted.mean() == pytest.approx(rate.mean(), rel=0.15)
    how: dict[str, Any] = {"sample_weight": e, "power": POWERS[loss]}
    best, found, guessed = (
        mean_tweedie_deviance(y / e, p, **how)
        for p in (rate, predicted, np.full(len(y), y.sum() / e.sum()))
    )
    assert found - best < 0.15 * (guessed - best)


@each_deviance
def test_exposure_is_the_same_as_rates_of_weighted_rows(loss: str, models: Any) -> None:
    x, y, e = claims(loss, 0, 800)
    twin = hg.TabularRegressor(4, loss=loss, **QUICK).fit(x, y / e, sample_weight=e)
    np.testing.assert_array_equal(twin.predict(x), models[loss].predict(x))


@each_deviance
def test_mean_deviances_are_scikit_learns(loss: str) -> None:
    _, y, w = claims(loss, 0, 40)
    mean, power = np.random.default_rng(1).gamma(2.0, size=40), POWERS[loss]
    for weights in (None, w):
        found = mean_deviance(metric_of(loss), mean, y, weights)
        expected = mean_tweedie_deviance(y, mean, sample_weight=weights, power=power)
        assert found == pytest.approx(expected, rel=1e-12)
    of_rows = unit_deviances(metric_of(loss), mean, y)
    assert np.average(of_rows, weights=w) == pytest.approx(found, rel=1e-12)


def test_what_has_no_deviance_is_refused() -> None:
    y, mean = np.array([1.0, 0.0]), np.array([1.0, 2.0])
    with refused(hg.errors.DataError, "a target of 0, for mean_gamma_deviance", "above 0"):
        mean_deviance("mean_gamma_deviance", mean, y)
    with refused(hg.errors.DataError, "a prediction of 0, for mean_poisson_deviance"):
        unit_deviances("mean_poisson_deviance", y, mean)
    assert metric_of("squared_error") == metric_of(None) == ""


def test_weights_multiply_the_exposure() -> None:
    rates, w = per_exposure(np.array([1.0, 3.0]), [2.0, 1.0], [0.5, 2.0])
    np.testing.assert_array_equal(rates, [2.0, 1.5])
    np.testing.assert_array_equal(w, [1.0, 2.0])


def test_exposure_of_the_squared_error_is_the_same_too() -> None:
    x, y, e = claims("tweedie", 0, 200)
    of_rates = hg.TabularRegressor(2, **QUICK).fit(x, y / e, sample_weight=e)
    model = hg.TabularRegressor(2, **QUICK).fit(x, y, exposure=e)
    np.testing.assert_array_equal(model.predict(x), of_rates.predict(x))


@each_deviance
def test_the_training_starts_at_the_weighted_mean(loss: str, models: Any) -> None:
    _, y, e = claims(loss, 0, 800)
    center, spread, low, high = models[loss].target_
    assert center == 0.0
    assert spread == pytest.approx(y.sum() / e.sum(), rel=1e-12)
    assert (low, high) == ((y / e).min(), (y / e).max())
    model = clone(models[loss]).set_params(epochs=1)
    x, y, e = claims(loss, 0, 60)
    model.fit(x, y, exposure=e)
    model.net_.parameters[...] = 0
    np.testing.assert_allclose(model.predict(x), y.sum() / e.sum(), rtol=1e-12)


def test_heavy_rows_count_more_in_the_loss_and_in_the_choice_of_epochs() -> None:
    rng = np.random.default_rng(0)
    x, first = rng.normal(size=(400, 1)), np.arange(400) < 200
    y, w = np.where(first, 1.0, 9.0), np.where(first, 1.0, 9.0)
    model = hg.TabularRegressor(4, loss="gamma", **QUICK).fit(x, y, sample_weight=w)
    assert model.predict(x).mean() == pytest.approx(8.2, abs=0.6)
    given = hg.TabularRegressor(4, loss="gamma", **QUICK)
    given.fit(x, y, sample_weight=w, eval_set=(x, y, w))
    assert given.predict(x).mean() == pytest.approx(8.2, abs=0.6)


def test_engines_agree_on_weights_in_the_loss() -> None:
    x, y, e = claims("tweedie", 0, 300)
    how = QUICK | {"epochs": 2, "validation_fraction": 0.5}
    eager, compiled = [
        hg.TabularRegressor(2, loss="tweedie", **how | {"engine": engine})
        .fit(x, y, exposure=e)
        .predict(x)
        for engine in ("eager", "compiled")
    ]
    np.testing.assert_allclose(eager, compiled, rtol=1e-3)


def test_the_unit_of_amounts_does_not_matter(models: Any) -> None:
    x, y, e = claims("gamma", 0, 800)
    in_cents = hg.TabularRegressor(4, loss="gamma", **QUICK).fit(x, 128 * y, exposure=e)
    np.testing.assert_allclose(in_cents.predict(x), 128 * models["gamma"].predict(x), rtol=1e-9)


def test_targets_of_any_size_are_finite() -> None:
    x = np.random.default_rng(0).normal(size=(60, 1))
    for scale in (1e-300, 1e300):
        y = scale * np.random.default_rng(1).gamma(0.01, size=60).clip(1e-9)
        model = hg.TabularRegressor(2, loss="gamma", **QUICK).fit(x, y)
        assert np.isfinite(model.predict(x) / scale).all()


@each_deviance
def test_intervals_cover_targets_without_exposure(loss: str) -> None:
    x, y, e = claims(loss, 0, 800)
    model = hg.TabularRegressor(4, loss=loss, **QUICK).fit(x, y, sample_weight=np.sqrt(e))
    x, y, e = claims(loss, 1, 2000)
    p, ends = model.predict(x, interval=0.8)
    np.testing.assert_array_equal(p, model.predict(x))
    inside = (ends[:, 0] <= y) & (y <= ends[:, 1])
    assert np.average(inside, weights=np.sqrt(e)) > 0.74
    assert (ends >= 0).all()
    assert (model.predict(x, return_std=True)[1] > 0).all()


def test_intervals_of_rates_are_refused(models: Any) -> None:
    x, _, _ = claims("poisson", 1, 5)
    with refused(hg.errors.SettingError, "interval=0.9", "without exposure"):
        models["poisson"].predict(x, interval=0.9)


@each_deviance
def test_what_comes_back_is_what_was_saved(loss: str, models: Any, tmp_path: Path) -> None:
    model = models[loss]
    twin = hg.load(hg.save(model, tmp_path / "a"))
    assert (twin.loss_, twin.get_params()) == (loss, model.get_params())
    x, _, _ = claims(loss, 1, 50)
    np.testing.assert_array_equal(twin.predict(x), model.predict(x))
    assert hg.save(twin, tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    twin.set_params(loss="squared_error")
    np.testing.assert_array_equal(twin.predict(x), model.predict(x))


def test_a_squared_error_has_no_loss_in_its_file() -> None:
    x, y, _ = claims("gamma", 0, 60)
    assert "loss" not in hg.TabularRegressor(1, **QUICK).fit(x, y)._to_file()[0]


@pytest.mark.parametrize("entry", ["squared_error", "other", 1, None])
def test_a_damaged_loss_is_refused(entry: Any, models: Any) -> None:
    written_, net = models["gamma"]._to_file()
    with refused(hg.errors.FileError, "loss is"):
        clone(models["gamma"])._from_file({**written_, "loss": entry}, net)


def test_contributions_add_up_to_the_rate(models: Any) -> None:
    x, _, _ = claims("poisson", 1, 30)
    result = hg.tables.contributions(models["poisson"], x[:5], x)
    found = result.base[0] + result.values.sum(axis=1)[:, 0]
    np.testing.assert_allclose(found, models["poisson"].predict(x[:5]), rtol=1e-6)


def test_training_continues_with_the_same_loss_only() -> None:
    x, y, e = claims("poisson", 0, 200)
    model = hg.TabularRegressor(2, loss="poisson", **QUICK).partial_fit(x, y, exposure=e)
    before = model.target_
    model.partial_fit(x, 2 * y, exposure=e)
    assert model.target_ == before
    model.set_params(loss="tweedie")
    with refused(hg.errors.SettingError, "loss='tweedie', to continue with poisson"):
        model.partial_fit(x, y, exposure=e)


@pytest.mark.parametrize("loss", ["Poisson", "gama", "mse", None, hg.losses.GammaDevianceLoss()])
def test_an_unknown_loss_is_refused(loss: Any) -> None:
    with refused(hg.errors.SettingError, "loss=", ", ".join(LOSSES)):
        hg.TabularRegressor(loss=loss, **QUICK).fit([[1.0], [2.0]], [1.0, 2.0])


@pytest.mark.parametrize("power", [1, 2, 0, "1.5", None, float("nan")])
def test_a_power_beyond_1_and_2_is_refused(power: Any) -> None:
    with refused(hg.errors.SettingError, "power=", "between 1 and 2"):
        hg.TabularRegressor(loss="tweedie", power=power, **QUICK).fit([[1.0], [2.0]], [1.0, 2.0])


def test_the_power_changes_the_model() -> None:
    x, y, _ = claims("tweedie", 0, 200)
    low, high = [
        hg.TabularRegressor(1, loss="tweedie", power=power, **QUICK).fit(x, y).predict(x)
        for power in (1.1, 1.9)
    ]
    assert not np.allclose(low, high)


@pytest.mark.parametrize(
    ("loss", "least", "words"),
    [
        ("poisson", -1.0, ("counts, at least 0", "loss='squared_error'")),
        ("tweedie", -1.0, ("amounts, at least 0", "loss='squared_error'")),
        ("gamma", -1.0, ("positive amounts, above 0", "loss='squared_error'")),
        ("gamma", 0.0, ("positive amounts, above 0", "loss='tweedie'")),
    ],
)
def test_targets_that_a_deviance_does_not_take_are_refused(
    loss: str, least: float, words: tuple[str, ...]
) -> None:
    x, y = np.arange(9.0)[:, None], np.arange(9.0) + 1
    y[3] = least
    model = hg.TabularRegressor(1, loss=loss, **QUICK)
    with refused(hg.errors.DataError, f"a target of {least:g}, with loss='{loss}'", *words):
        model.fit(x, y)
    with refused(hg.errors.DataError, f"a target of {least:g}"):
        model.fit(x, y, exposure=np.ones(9))
    with refused(hg.errors.DataError, f"a target of {least:g}"):
        model.fit(x, np.abs(y) + 1, eval_set=(x, y))


def test_targets_that_are_all_0_are_refused() -> None:
    with refused(hg.errors.DataError, "all 0, with loss='poisson'"):
        hg.TabularRegressor(loss="poisson", **QUICK).fit(np.arange(9.0)[:, None], np.zeros(9))


@pytest.mark.parametrize(
    ("exposure", "words"),
    [
        ([1.0, 0.0, 1.0], ("0 in row 1", "above 0 in every row")),
        ([1.0, 1.0, -2.0], ("-2 in row 2", "above 0 in every row")),
        ([1.0, np.nan, 1.0], ("nan in row 1", "above 0 in every row")),
        (["a", "b", "c"], ("exposure:", "a number above 0")),
        ([[1.0, 1.0]] * 3, ("exposure:", "a number above 0")),
    ],
)
def test_exposures_that_are_none_are_refused(exposure: Any, words: tuple[str, ...]) -> None:
    model = hg.TabularRegressor(loss="poisson", **QUICK)
    with refused(hg.errors.DataError, *words):
        model.fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 0.0], exposure=exposure)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        model.fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 0.0], exposure=[1.0, 1.0])


def test_settings_that_do_not_go_together_are_refused() -> None:
    x, y, _ = claims("gamma", 0, 60)
    with refused(hg.errors.SettingError, "metric='mae' with loss='gamma'", "the deviance"):
        hg.TabularRegressor(loss="gamma", metric="mae", **QUICK).fit(x, y)
    with refused(hg.errors.SettingError, "loss='gamma' with quantiles=(0.5,)"):
        hg.TabularRegressor(loss="gamma", quantiles=(0.5,), **QUICK).fit(x, y)


def test_tables_larger_than_memory_are_refused(tmp_path: Path) -> None:
    x, y, e = claims("poisson", 0, 3000)
    table = pa.table({"a": x[:, 0], "b": x[:, 1], "y": y})
    stream = stream_of(written(table, tmp_path / "a.parquet"), piece=20_000, memory=10**5)
    with refused(hg.errors.SettingError, "loss='poisson' with a table larger than memory"):
        hg.TabularRegressor(2, loss="poisson", **QUICK).fit(stream, "y")
    with refused(hg.errors.SettingError, "exposure with a streamed table"):
        hg.TabularRegressor(2, **QUICK).fit(stream, "y", exposure=e)
