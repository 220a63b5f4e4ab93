"""Contributions of columns are Shapley values: they add up, and are those of the definition."""

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import handgrad as hg
from tests.bad_input.refused import refused
from tests.tables.tabular.frames import FRAMES, cells, target

QUICK: dict[str, Any] = {"n_members": 2, "epochs": 8, "random_state": 0}
COLUMNS = cells()
Y = target(COLUMNS)


@pytest.fixture(scope="module")
def model() -> Any:
    return hg.TabularRegressor(**QUICK).fit(FRAMES["polars"](COLUMNS), Y)


def by_definition(model: Any, row: Any, background: Any) -> Any:
    """Mean gain of each column over all orders of replacing the cells of the background rows."""
    names, orders = [*row.columns], [*permutations(row.columns)]
    gains = dict.fromkeys(names, 0.0)
    for order in orders:
        table = background.copy()
        before = model.predict(table).mean()
        for name in order:
            table[name] = row[name].iloc[0]
            after = model.predict(table).mean()
            gains[name] += (after - before) / len(orders)
            before = after
    return np.array([gains[name] for name in names])


def test_they_are_the_mean_gains_over_all_orders() -> None:
    frame = pd.DataFrame({name: COLUMNS[name] for name in ("size", "count", "colour", "since")})
    model = hg.TabularRegressor(**QUICK).fit(frame, Y)
    result = hg.tables.contributions(model, frame[:2], frame[40:48], max_samples=8)
    assert result.columns == ("size", "count", "colour", "since")
    for i in range(2):
        expected = by_definition(model, frame[i : i + 1], frame[40:48])
        np.testing.assert_allclose(result.values[i, :, 0], expected, rtol=1e-9, atol=1e-9)
    assert result.n_background == 8
    assert not result.errors.any()


@pytest.mark.parametrize("kind", FRAMES)
def test_they_add_up_for_every_frame(model: Any, kind: str) -> None:
    frame = FRAMES[kind](COLUMNS)
    result = hg.tables.contributions(model, frame[:3], frame)
    total = result.base + result.values.sum(axis=1)
    np.testing.assert_allclose(total, result.predictions, atol=1e-9)
    np.testing.assert_allclose(result.predictions[:, 0], model.predict(frame[:3]), atol=1e-9)
    other = hg.tables.contributions(model, FRAMES["pandas"](COLUMNS)[:3], frame)
    np.testing.assert_allclose(other.values, result.values, atol=1e-9)
    assert result.cells[0][2] == COLUMNS["colour"][0]
    assert hg.tables.contributions(model, FRAMES[kind](COLUMNS)[4:5], frame).cells[0][0] is None


def test_without_a_background_rows_are_compared_with_each_other() -> None:
    x, y = hg.data.load("iris")
    model = hg.MLPClassifier((4,), solver="lbfgs", random_state=0).fit(x, y)
    result = hg.tables.contributions(model, x[::30], max_samples=5)
    assert result.outputs == ("0", "1", "2")
    np.testing.assert_allclose(result.base, model.predict_proba(x[::30]).mean(axis=0))
    np.testing.assert_allclose(result.values.sum(axis=2), 0, atol=1e-12)  # of probabilities


def test_the_background_has_the_mean_of_all_rows() -> None:
    x, y = hg.data.load("diabetes")
    model = LinearRegression().fit(x, y)
    everything = model.predict(x)
    result = hg.tables.contributions(model, x[:1], x)
    assert abs(result.base[0] - everything.mean()) < 0.02 * everything.std()


@pytest.mark.slow
def test_of_more_columns_orders_are_sampled_within_their_errors() -> None:
    x, y = hg.data.load("diabetes")
    model = hg.TabularRegressor(**QUICK).fit(x, y)
    exact = hg.tables.contributions(model, x[:4], x)
    few: dict[str, Any] = {"max_exact": 9}
    result = hg.tables.contributions(model, x[:4], x, **few)
    total = result.base + result.values.sum(axis=1)
    np.testing.assert_allclose(total, result.predictions, atol=1e-9)
    off = (result.values - exact.values) / result.errors
    assert 0.3 < np.sqrt((off**2).mean()) < 2  # 40 standardized errors: 1 is expected
    again = hg.tables.contributions(model, x[:4], x, **few)
    np.testing.assert_array_equal(result.values, again.values)
    other = hg.tables.contributions(model, x[:4], x, rng=1, **few)
    assert (result.values != other.values).any()
    more = hg.tables.contributions(model, x[:4], x, n_repeats=64, **few)
    assert 3 < (result.errors / more.errors).mean() < 5  # by the square root of 16


def test_a_sum_gets_what_each_column_adds() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3))
    model = hg.MLPRegressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=0, tol=1e-12, max_iter=500, random_state=0
    )
    model.fit(x, x @ [3.0, -1.0, 0.0])
    result = hg.tables.contributions(model, x[:5], x)
    background = hg.tables.contributions(model, x[:5], x, max_samples=200)
    expected = (x[:5] - x.mean(axis=0)) * [3.0, -1.0, 0.0]
    np.testing.assert_allclose(background.values[:, :, 0], expected, atol=1e-3)
    assert np.abs(result.values[:, 2]).max() < 1e-3


def test_a_dictionary_is_a_table(model: Any) -> None:
    row = {name: values[0] for name, values in COLUMNS.items()}
    frame = FRAMES["pandas"](COLUMNS)
    result = hg.tables.contributions(model, row, frame)
    expected = hg.tables.contributions(model, frame[:1], frame)
    np.testing.assert_allclose(result.values, expected.values, atol=1e-9)


def test_printed_it_is_the_first_row_with_the_largest_on_top() -> None:
    result = hg.tables.Contributions(
        columns=("a", "b", "c"),
        outputs=("no", "yes"),
        values=np.array([[[0.1, -0.1], [-0.3, 0.3], [0.0, 0.0]]]),
        errors=np.array([[[0.0, 0.0], [0.02, 0.02], [0.0, 0.0]]]),
        base=np.array([0.6, 0.4]),
        predictions=np.array([[0.4, 0.6]]),
        cells=((3.0, None, "x" * 50),),
        n_background=4,
    )
    assert str(result).split("\n") == [
        "probability of yes: 60 %; mean of the background: 40 %",
        "  b = missing                          +30 points ± 2.0",
        "  a = 3                                −10 points",
        f"  c = {'x' * 29}…  +0.0 points",
    ]
    assert result.lines(most=1)[2:] == ["  2 other columns  −10 points"]
    assert repr(result) == "<Contributions: 1 row, 3 columns>"


def test_an_estimator_is_explained_with_them(model: Any) -> None:
    frame = FRAMES["pandas"](COLUMNS)
    text = str(hg.explain(model, frame[:1], background=frame))
    result = hg.tables.contributions(model, frame[:1], frame)
    assert all(f"      {line}" in text for line in result.lines())
    assert text.index("contributions of the columns") < text.index("as read")
    net = hg.Net(hg.Linear(2, 2))
    with refused(hg.errors.SettingError, "background for a net", "estimator"):
        hg.explain(net, [[1.0, 2.0]], background=frame)


def test_what_cannot_be_compared_is_refused(model: Any) -> None:
    frame = FRAMES["pandas"](COLUMNS)
    with refused(hg.errors.DataError, "one row, and no background", "background=X_train"):
        hg.tables.contributions(model, frame[:1])
    with refused(hg.errors.DataError, "without 'size'", "6 columns of the background"):
        hg.tables.contributions(model, frame[["count", "colour"]], frame)
    with refused(hg.errors.DataError, "both as data frames, or both as arrays"):
        hg.tables.contributions(model, np.zeros((2, 6)), frame)
    with refused(hg.errors.SettingError, "n_repeats = 1", "standard error"):
        hg.tables.contributions(model, frame, n_repeats=1)
    with refused(hg.errors.SettingError, "max_samples"):
        hg.tables.contributions(model, frame, max_samples=0)
    with refused(hg.errors.SettingError, "is not fitted"):
        hg.tables.contributions(hg.TabularRegressor(), frame)
