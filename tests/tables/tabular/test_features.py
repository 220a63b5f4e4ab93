"""Columns become numbers as it is written, and the same numbers at prediction."""

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import handgrad as hg
from handgrad.files.features import Category, Column, Feature, Features
from handgrad.tables.data.frames import columns_of_array, columns_of_frame, frame_of
from handgrad.tables.tabular.features import (
    date_of,
    encoded,
    features_of,
    merged,
    number_of,
    quantiles,
)
from handgrad.textbook.layers import Array
from tests.tables.tabular.frames import FRAMES, cells

each_frame = pytest.mark.parametrize("name", FRAMES)


def table_of(columns: dict[str, list[Any]]) -> dict[str, Column]:
    return columns_of_frame(frame_of(pa.table(columns)))


def fitted(columns: dict[str, list[Any]]) -> Features:
    table = table_of(columns)
    return features_of(table, np.ones(len(next(iter(table.values())).values)))


def encoding(feature: Feature, column: Column) -> Array:
    """A parsed column as one feature encodes it, in float64."""
    with np.errstate(over="ignore"):
        encoder = Features({"": feature}).encoder
        return np.asarray(encoder.forward(feature.parsed(column)[:, None]))


@each_frame
def test_every_kind_of_column_is_read_alike_from_every_kind_of_frame(name: str) -> None:
    found = columns_of_frame(frame_of(FRAMES[name](cells())))
    expected = table_of(cells())
    kinds = ["number", "number", "text", "boolean", "date", "text"]
    assert [column.kind for column in found.values()] == kinds
    for column, other in zip(found.values(), expected.values(), strict=True):
        np.testing.assert_array_equal(column.missing, other.missing)
        there = ~column.missing
        np.testing.assert_array_equal(column.values[there], other.values[there])


def decimals(texts: list[str | None]) -> list[decimal.Decimal | None]:
    return [None if text is None else decimal.Decimal(text) for text in texts]


PRICES = decimals(["1.25", None, "12.00", "-3.50"])
SPANS = [datetime.timedelta(days=1), None, datetime.timedelta(seconds=-1.5), datetime.timedelta(0)]
MONTHS = pd.PeriodIndex(["2020-01", None, "2020-03", "2021-01"], freq="M")
OTHER_NUMBERS: dict[str, Any] = {
    "decimal128": pa.table({"a": PRICES}),
    "decimal256": pa.table({"a": pa.array(PRICES, pa.decimal256(60, 2))}),
    "decimals of pandas": pd.DataFrame({"a": PRICES}),
    "decimals of polars": pl.DataFrame({"a": PRICES}),
    "decimals of arrow in pandas": pa.table({"a": PRICES}).to_pandas(types_mapper=pd.ArrowDtype),
}
OTHER_SPANS: dict[str, Any] = {
    "durations": pa.table({"a": SPANS}),
    "durations of whole nanoseconds": pa.table({"a": pa.array(SPANS, pa.duration("ns"))}),
    "durations of pandas": pd.DataFrame({"a": pd.Series(SPANS, dtype="timedelta64[ns]")}),
    "objects": pd.DataFrame({"a": pd.Series(SPANS, dtype=object)}),
    "durations of polars": pl.DataFrame({"a": SPANS}),
    "arrays": np.array(SPANS, "timedelta64[us]")[:, None],
}


@pytest.mark.parametrize("name", OTHER_NUMBERS)
def test_decimals_are_numbers(name: str) -> None:
    (column,) = columns_of_frame(frame_of(OTHER_NUMBERS[name])).values()
    assert (column.kind, column.note) == ("number", "")
    np.testing.assert_array_equal(column.values, [1.25, np.nan, 12, -3.5])


@pytest.mark.parametrize("name", OTHER_SPANS)
def test_durations_are_numbers_of_seconds(name: str) -> None:
    given = OTHER_SPANS[name]
    is_array = isinstance(given, np.ndarray)
    table = columns_of_array(given) if is_array else columns_of_frame(frame_of(given))
    (column,) = table.values()
    assert (column.kind, column.note) == ("number", "")
    np.testing.assert_array_equal(column.values, [86400, np.nan, -1.5, 0])


def test_periods_are_dates() -> None:
    (column,) = columns_of_frame(frame_of(pd.DataFrame({"a": MONTHS}))).values()
    assert column.kind == "date"
    np.testing.assert_array_equal(column.values, [18262, np.nan, 18322, 18628])


def test_what_was_guessed_is_said() -> None:
    lines = fitted(cells() | {"same": [1] * 60, "empty": [None] * 60}).summary().split("\n")
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "number + missing-value flag",
        "number",
        "category of 3 values",
        "binary, '0' or '1'",
        "date: timestamp + cyclic year, week and day features",
        "number (text that reads as numbers)",
        "left out: the same in every row",
        "left out: nothing in it",
    ]


def test_a_number_is_scaled_by_its_quartiles_and_its_ends_are_bent() -> None:
    values = np.array([0.0, 1, 2, 3, 4, 5, 6, 1e9])
    number = number_of(Column("number", values), np.ones(8))
    assert (number.center, 1 / number.factor) == (3, 4)  # quartiles 1 and 5
    z = (values - 3) / 4
    found = encoding(number, Column("number", values))[:, 0]
    np.testing.assert_allclose(found, z / np.sqrt(1 + z**2 / 9))
    assert found.max() < 3.0001


def test_a_missing_number_is_the_median_and_marked() -> None:
    column = Column("number", np.array([1.0, 2.0, np.nan, 3.0]))
    found = encoding(number_of(column, np.ones(4)), column)
    assert found[2].tolist() == [0, 1]
    assert found[[0, 1, 3], 1].tolist() == [0, 0, 0]


def test_where_the_quartiles_meet_half_the_range_is_the_scale() -> None:
    column = Column("number", np.array([0.0] * 9 + [8.0]))
    assert number_of(column, np.ones(10)).factor == 1 / 4


def test_of_two_values_one_is_minus_one_and_anything_else_is_zero() -> None:
    features = fitted({"a": ["yes", "no", None, "yes"]})
    found = encoded(features, table_of({"a": ["no", "yes", None, "perhaps"]}))
    assert found.ravel().tolist() == [-1, 1, 0, 0]


def test_values_of_a_category_that_were_never_seen_are_all_zeros() -> None:
    features = fitted({"a": ["x", "y", "z"]})
    found = encoded(features, table_of({"a": ["y", "new", None]}))
    assert found.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_of_many_values_the_most_frequent_are_kept() -> None:
    values = [str(i) + "x" for i in range(300) for _ in range(1 + (i < 200) * 4)]
    (feature,) = fitted({"a": values}).features.values()
    assert isinstance(feature, Category)
    assert len(feature.values) == 256
    assert {f"{i}x" for i in range(200)} <= {*feature.values}
    assert feature.summary() == "category of 300 values, of which the 256 most frequent"


def test_codes_come_last_and_count_on_from_column_to_column() -> None:
    columns = {
        "a": [*"xyxyz", None],
        "n": [1.0, 2, 3, 4, 5, 6],
        "b": [*"pqrpqr"],
        "t": [*"uvuvuv"],
    }
    table = table_of(columns)
    features = features_of(table, np.ones(6), embedded_from=3)
    assert features.n_codes == [3, 4]  # z comes once only
    found = encoded(features, table_of(columns | {"b": [*"rrrr", "new", None]}))
    assert found[:, 1].tolist() == [-1, 1, -1, 1, -1, 1]
    assert found[:, 2].tolist() == [1, 2, 1, 2, 0, 0]
    assert found[:, 3].tolist() == [6, 6, 6, 6, 3, 3]
    assert "b  category of 3 values, embedded" in features.summary()
    assert "a  category of 3 values, of which the 2 most frequent, embedded" in features.summary()


def test_a_category_of_values_that_come_once_is_left_out() -> None:
    table = table_of({"a": [*"abcdefghi"], "n": [*range(9)]})
    features = features_of(table, np.ones(9), embedded_from=9)
    assert (features.n_out, features.n_codes) == (1, [])
    assert "left out: an identifier (9 distinct values in 9 rows)" in features.summary()


def test_the_weight_of_a_row_makes_its_value_no_more_frequent() -> None:
    table = table_of({"a": [*"abcdefghi"], "n": [*range(9)]})
    features = features_of(table, np.array([1.0, 20.0, 3.0] * 3), embedded_from=9)
    assert (features.n_out, features.n_codes) == (1, [])
    table = table_of({"a": [*"abcdefghh"], "n": [*range(9)]})
    features = features_of(table, np.array([20.0, 1.0, 1.0] * 3), embedded_from=8)
    assert features.summary().count("of which the 1 most frequent") == 1


def test_numbers_come_first() -> None:
    features = fitted({"a": [*"xyz"], "n": [1.0, 2.0, 9.0]})
    assert (features.n_numbers, features.names()) == (1, ["n", "a_x", "a_y", "a_z"])
    found = encoded(features, table_of({"a": [*"zzz"], "n": [2.0, 2.0, 2.0]}))
    assert found.tolist() == [[0, 0, 0, 1]] * 3


def test_texts_that_only_tell_rows_apart_are_left_out_and_it_is_said_what_they_look_like() -> None:
    columns = {
        "id": [f"row {i}" for i in range(1300)],
        "reference": [f"R{i if i % 4 else 4}" for i in range(1300)],
        "remark": [f"she called {i} times about the bill" for i in range(1300)],
        "a": [*range(1300)],
    }
    features = fitted(columns)
    assert features.n_out == 1
    assert features.read_as() == {
        "id": "left out: an identifier (1,300 distinct values in 1,300 rows)",
        "reference": "left out: nearly as many values as rows (976 distinct values in 1,300 rows)",
        "remark": "left out: free text (1,300 distinct values in 1,300 rows)",
        "a": "number",
    }


def test_a_clock_that_stands_still_is_left_out() -> None:
    day = np.arange(50.0)  # midnight each day, for fifty days
    date = date_of(Column("date", day), np.ones(50))
    assert date.cycles == ("of the week",)
    week = encoding(date, Column("date", np.array([0.0, 7.0, np.nan])))
    np.testing.assert_allclose(week[0, 1:], week[1, 1:], atol=1e-12)
    assert week[2].tolist() == [0, 0, 0]


def test_another_order_and_more_columns_change_nothing() -> None:
    features, columns = fitted(cells()), cells(seed=1)
    expected = encoded(features, table_of(columns))
    turned = dict(reversed(columns.items()))
    np.testing.assert_array_equal(encoded(features, table_of(turned)), expected)
    with pytest.warns(UserWarning, match="that training did not have are ignored: 'more'$"):
        more = encoded(features, table_of(columns | {"more": [1] * 60}))
    np.testing.assert_array_equal(more, expected)


def test_a_part_of_the_rows_gives_a_part_of_the_numbers() -> None:
    features, columns = fitted(cells()), cells(seed=1)
    part = {name: values[3:5] for name, values in columns.items()}
    np.testing.assert_array_equal(
        encoded(features, table_of(part)), encoded(features, table_of(columns))[3:5]
    )


def test_an_array_has_columns_of_numbers_or_of_what_is_in_it() -> None:
    found = columns_of_array(np.array([[1, "a"], [2.5, None]], object))
    assert [(name, column.kind) for name, column in found.items()] == [
        ("x0", "number"),
        ("x1", "text"),
    ]


@given(
    values=arrays(float, st.integers(1, 20), elements=st.floats(-100, 100)),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)
def test_quantiles_of_whole_weights_are_those_of_repeated_rows(
    values: Any, share: float, seed: int
) -> None:
    w = np.random.default_rng(seed).integers(1, 5, len(values))
    again = np.repeat(values, w)
    assert quantiles(values, w.astype(float), [share]) == quantiles(
        again, np.ones(len(again)), [share]
    )


@given(seed=st.integers(0, 999), n=st.integers(1, 12))
def test_rows_that_come_again_and_rows_that_weigh_more_are_the_same(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([0.0, 1.0, np.nan], n)
    texts = rng.choice(np.array(["a", "b", None], object), n)
    y, w = rng.integers(0, 2, n), rng.integers(0, 4, n)
    rows = rng.permutation(np.repeat(np.arange(n), w))

    def of(rows: Any) -> dict[str, Column]:
        return {"v": Column("number", values[rows]), "t": Column("text", texts[rows])}

    one = merged(of(np.arange(n)), y, w.astype(float))
    other = merged(of(rows), y[rows], np.ones(len(rows)))
    np.testing.assert_array_equal(one.w, other.w)
    np.testing.assert_array_equal(one.y, other.y)
    for name in ("v", "t"):
        np.testing.assert_array_equal(one.table[name].missing, other.table[name].missing)
        there = ~one.table[name].missing
        np.testing.assert_array_equal(
            one.table[name].values[there], other.table[name].values[there]
        )


def test_missing_columns_are_named() -> None:
    features = fitted(cells())
    columns = cells()
    columns["color"] = columns.pop("colour")
    words = r"(?s)lacks 1 of .*'colour'.*is it the column 'color'"
    with pytest.raises(hg.errors.DataError, match=words):
        encoded(features, table_of(columns))


def test_a_row_with_several_targets_comes_as_often_as_it_weighs() -> None:
    table = {"a": Column("number", np.array([0.0, 0, 0, 1, 1]))}
    y, w = np.array([0, 1, 1, 1, 1]), np.array([2.0, 4, 2, 6, 2])
    rows = merged(table, y, w)
    assert rows.table["a"].values.tolist() == [0, 0, 0, 0, 1]  # 0 with 0, three times with 1
    assert (rows.y.tolist(), rows.w.tolist()) == ([0, 1, 1, 1, 1], [2, 2, 2, 2, 8])


def test_rows_with_several_targets_do_not_become_too_many() -> None:
    table = {"a": Column("number", np.array([0.0, 0, 1, 1]))}
    rows = merged(table, np.array([0, 1, 0, 1]), np.array([1.0, 1e9, 1, 1e9]))
    assert len(rows.y) <= 2**16
    np.testing.assert_allclose(np.bincount(rows.y, rows.w), [2, 2e9])


@pytest.mark.parametrize("end", [1e160, 1e300, 1.7e308])
def test_numbers_of_any_size_stay_within_the_limits(end: float) -> None:
    column = Column("number", np.array([-end, -1.0, 0, 1, 2, end]))
    found = encoding(number_of(column, np.ones(6)), column)[:, 0]
    np.testing.assert_allclose(found[[0, 2, 5]], [-3, 0, 3])
    column = Column("number", np.array([-end, end, -end, end]))
    found = encoding(number_of(column, np.ones(4)), column)[:, 0]
    assert np.isfinite(found).all()
    assert found[0] < found[1]
