"""Partial dependence: the mean answer if a column had one value, for any table."""

import datetime
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.tables.tabular.frames import FRAMES, cells, target

QUICK: dict[str, Any] = {"n_members": 2, "epochs": 8, "random_state": 0}
COLUMNS = cells()
Y = target(COLUMNS)


@pytest.fixture(scope="module")
def model() -> Any:
    return hg.TabularRegressor(**QUICK).fit(FRAMES["polars"](COLUMNS), Y)


def by_hand(model: Any, column: str, value: Any) -> float:
    """The mean prediction, the value put into every row."""
    table = FRAMES["polars"]({**COLUMNS, column: [value] * len(Y)})
    return float(model.predict(table).mean())


@pytest.mark.parametrize("kind", FRAMES)
def test_numbers_are_tried_at_quantiles_that_occur(model: Any, kind: str) -> None:
    found = hg.tables.partial_dependence(model, FRAMES[kind](COLUMNS), "size", n_values=5)
    there = [v for v in COLUMNS["size"] if v is not None]
    assert found.kind == "number"
    assert (found.column, found.outputs, found.n_rows) == ("size", ("prediction",), len(Y))
    expected = np.quantile(there, [0.05, 0.275, 0.5, 0.725, 0.95], method="nearest")
    np.testing.assert_array_equal(found.values, expected)
    for value, average in zip(found.values, found.average[:, 0], strict=True):
        assert average == pytest.approx(by_hand(model, "size", float(value)))


def test_few_numbers_are_all_tried(model: Any) -> None:
    found = hg.tables.partial_dependence(model, FRAMES["pandas"](COLUMNS), "count")
    assert found.values.tolist() == sorted({*COLUMNS["count"]})
    assert found.average[3, 0] == pytest.approx(by_hand(model, "count", int(found.values[3])))


@pytest.mark.parametrize("kind", FRAMES)
def test_text_is_tried_at_its_values_the_most_frequent_first(model: Any, kind: str) -> None:
    found = hg.tables.partial_dependence(model, FRAMES[kind](COLUMNS), "colour")
    there = [v for v in COLUMNS["colour"] if v is not None]
    assert found.kind == "category"
    counts = [there.count(value) for value in found.values]
    assert counts == sorted(counts, reverse=True)
    assert {*found.values} == {*there}
    np.testing.assert_allclose(found.shares, np.array(counts) / len(Y))
    for value, average in zip(found.values, found.average[:, 0], strict=True):
        assert average == pytest.approx(by_hand(model, "colour", value))


def test_truth_values_have_words(model: Any) -> None:
    found = hg.tables.partial_dependence(model, FRAMES["pyarrow"](COLUMNS), "open")
    assert {*found.values} == {"true", "false"}
    first = found.values[0] == "true"
    assert found.average[0, 0] == pytest.approx(by_hand(model, "open", first))


def test_dates_are_dates(model: Any) -> None:
    found = hg.tables.partial_dependence(model, FRAMES["pandas"](COLUMNS), "since", n_values=3)
    assert found.kind == "date"
    assert found.values.dtype == "datetime64[s]"
    middle = found.values[1].astype(datetime.datetime)
    assert middle in COLUMNS["since"]
    assert found.average[1, 0] == pytest.approx(by_hand(model, "since", middle))


def test_text_that_reads_as_numbers_is_in_order(model: Any) -> None:
    found = hg.tables.partial_dependence(model, FRAMES["pandas"](COLUMNS), "code", n_values=4)
    assert found.kind == "number"
    assert (np.diff(found.values) > 0).all()


def test_of_classes_there_are_probabilities_that_sum_to_one() -> None:
    x, y = hg.data.load("iris")
    for classes in (2, 3):
        rows = y < classes
        names = np.array(["a", "b", "c"])[y[rows]]
        model = hg.MLPClassifier((4,), solver="lbfgs", random_state=0).fit(x[rows], names)
        found = hg.tables.partial_dependence(model, x[rows], 2, n_values=6)
        assert found.outputs == ("a", "b", "c")[:classes]
        assert found.average.shape == (6, classes)
        np.testing.assert_allclose(found.average.sum(axis=1), 1)
        moved = x[rows].copy()
        moved[:, 2] = found.values[4]
        expected = model.predict_proba(moved).mean(axis=0)
        np.testing.assert_allclose(found.average[4], expected, atol=1e-12)


def test_a_column_of_one_value_has_one(model: Any) -> None:
    table = FRAMES["polars"]({**COLUMNS, "count": [4] * len(Y)})
    found = hg.tables.partial_dependence(model, table, "count")
    assert found.values.tolist() == [4]
    assert found.average[0, 0] == pytest.approx(by_hand(model, "count", 4))


def test_of_many_rows_some_are_averaged(model: Any) -> None:
    table = FRAMES["pandas"](COLUMNS)
    found = hg.tables.partial_dependence(model, table, "size", n_values=5, max_samples=20, rng=0)
    assert found.n_rows == 20
    again = hg.tables.partial_dependence(model, table, "size", n_values=5, max_samples=20, rng=0)
    np.testing.assert_array_equal(found.average, again.average)
    other = hg.tables.partial_dependence(model, table, "size", n_values=5, max_samples=20, rng=1)
    assert (found.average != other.average).any()


def test_of_a_classifier_of_scores_there_are_shares_of_the_rows() -> None:
    x, y = hg.data.load("iris")
    model = hg.MLPClassifier((4,), loss="hinge", solver="lbfgs", random_state=0).fit(x, y)
    found = hg.tables.partial_dependence(model, x, 2, n_values=3)
    assert found.outputs == ("0", "1", "2")
    moved = x.copy()
    moved[:, 2] = found.values[1]
    shares = np.bincount(model.predict(moved), minlength=3) / len(x)
    np.testing.assert_allclose(found.average[1], shares)
