"""Rows to predict with numbers or dates outside the range of the training: counted and placed."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from tests.tables.data.streams import stream_of, written
from tests.tables.tabular.test_unseen import told

N = 60
QUICK: dict[str, Any] = {"n_members": 2, "epochs": 1, "random_state": 0}


def days(numbers: Any) -> list[Any]:
    start = datetime.date(2020, 1, 1)
    return [None if n is None else start + datetime.timedelta(n) for n in numbers]


def rows(**other: Any) -> pa.Table:
    i = np.arange(N)
    ages = 20.0 + i % 40
    columns = {
        "age": [None, *ages[1:].tolist()],
        "since": days(i.tolist()),
        "plan": ["a", "b"] * 30,
    }
    return pa.table(columns | other)


MODEL = hg.TabularRegressor(**QUICK).fit(rows(), np.arange(N))


def new(n: int, **other: Any) -> pa.Table:
    return pa.table({"age": [30.0] * n, "since": days([5] * n), "plan": ["a"] * n} | other)


def test_numbers_and_dates_outside_are_counted_with_the_first_far_one() -> None:
    ages, dates = [19.0, -8.0, None, 120.0, 30.0], days([0, None, 3, 366, 400])
    assert told(MODEL.predict, new(5, age=ages, since=dates)) == [
        "column 'since': 2 of 5 rows have dates after 2020-02-29, the latest in training: "
        "2021-01-01 in row 3, counted from 0",
        "column 'age': 2 of 5 rows have numbers below 20, the smallest in training: "
        "-8 in row 1, counted from 0",
        "column 'age': 1 of 5 rows has a number above 59, the largest in training: "
        "120 in row 3, counted from 0",
    ]
    encoder = hg.tables.TableEncoder().fit(rows())
    assert told(encoder.transform, new(1, since=days([-99]))) == [
        "column 'since': 1 of 1 rows has a date before 2020-01-01, the earliest in training: "
        "2019-09-24 in row 0, counted from 0"
    ]


def test_nothing_is_said_of_the_training_rows_missing_values_and_a_little_beyond() -> None:
    assert told(MODEL.predict, rows()) == []
    assert told(MODEL.predict, new(3, age=[None] * 3, since=days([None] * 3))) == []
    assert told(MODEL.predict, new(3, age=[0.6, 98.0, 59.0])) == []


def test_a_negative_number_is_told_where_there_was_none() -> None:
    counts = {"n": [float(i % 50) for i in range(N)], "x": np.linspace(-1, 1, N)}
    encoder = hg.tables.TableEncoder().fit(pa.table(counts))
    assert told(encoder.transform, pa.table({"n": [3.0, -1.0], "x": [-1.1, 0.0]})) == [
        "column 'n': 1 of 2 rows has a number below 0, the smallest in training: "
        "-1 in row 1, counted from 0"
    ]


@pytest.mark.parametrize("draw", ["normal", "exponential", "lognormal"])
def test_rows_of_the_same_distribution_are_not_outside(draw: str) -> None:
    columns = getattr(np.random.default_rng(0), draw)(size=(600, 30))
    table = pa.table({f"x{k}": column for k, column in enumerate(columns.T)})
    encoder = hg.tables.TableEncoder().fit(table[:300])
    assert told(encoder.transform, table[300:]) == []


def test_the_next_integer_beyond_a_few_is_not_outside() -> None:
    encoder = hg.tables.TableEncoder().fit(pa.table({"floor": [-1, 0, 0, 1] * 9}))
    assert told(encoder.transform, pa.table({"floor": [2, -2]})) == []
    assert len(told(encoder.transform, pa.table({"floor": [3, -3]}))) == 2


def test_a_positive_column_in_another_unit_is_outside() -> None:
    kilograms = np.exp(np.random.default_rng(0).normal(3, 1, size=300))
    encoder = hg.tables.TableEncoder().fit(pa.table({"weight": kilograms}))
    assert len(told(encoder.transform, pa.table({"weight": kilograms * 1000}))) == 1


def test_of_equal_numbers_another_one_is_outside_but_for_rounding() -> None:
    table = rows(rate=[0.1] * 59 + [None])
    model = hg.TabularRegressor(**QUICK).fit(table, np.arange(N))
    assert told(model.predict, new(1, rate=pa.array([0.1], pa.float32()))) == []
    assert told(model.predict, new(1, rate=[0.1001])) == [
        "column 'rate': 1 of 1 rows has a number above 0.1, the largest in training: "
        "0.1001 in row 0, counted from 0"
    ]
    close = told(model.predict, new(1, rate=[0.1000003]))
    assert close[0].endswith(
        "above 0.1, the largest in training: 0.1000003 in row 0, counted from 0"
    )


def test_of_many_columns_the_farthest_are_told_and_the_others_named() -> None:
    columns = {f"x{k}": np.arange(20.0) for k in range(8)}
    model = hg.TabularRegressor(**QUICK).fit(pa.table(columns), np.arange(20))
    far = {f"x{k}": [100.0 * (k + 1)] for k in range(8)}
    *sentences, last = told(model.predict, pa.table(far))
    assert [text.split("'")[1] for text in sentences] == ["x7", "x6", "x5", "x4", "x3"]
    assert last == "values outside the range of the training also in 3 columns: 'x2', 'x1', 'x0'"
    assert told(model.predict, pa.table({name: [5.0] for name in columns})) == []


def test_a_table_in_pieces_is_told_of_once_by_the_row_in_the_file(tmp_path: Path) -> None:
    ages, plans = [30.0] * 3000, ["a"] * 3000
    ages[2345], ages[2500], ages[100], plans[1] = -5.0, -1e9, 19.5, "c"
    path = written(new(3000, age=ages, plan=plans), tmp_path / "a.csv", 100)
    for piece in (2000, 10**7):
        stream = stream_of(path, piece=piece)
        assert told(hg.data.predict_table, MODEL, stream, to=tmp_path / "p.csv") == [
            "column 'plan': 1 of 3000 rows has a value unseen in training: 'c'",
            "column 'age': 3 of 3000 rows have numbers below 20, the smallest in training: "
            "-5 in row 2346 below the header",
        ]


def test_the_range_is_in_the_file_and_a_file_without_it_says_nothing(tmp_path: Path) -> None:
    table = new(1, age=[-5.0])
    model = hg.load(hg.save(MODEL, tmp_path / "a"))
    assert told(model.predict, table) == told(MODEL.predict, table) != []
    old = hg.load(tmp_path / "a")
    for feature in old.features_.features.values():
        if (number := feature.number) is not None:
            object.__setattr__(number, "lowest", None)
            object.__setattr__(number, "highest", None)
    assert told(old.predict, table) == []
    assert told(hg.load(hg.save(old, tmp_path / "b")).predict, table) == []


def test_a_larger_file_has_the_range_of_all_its_rows(tmp_path: Path) -> None:
    i, dates = np.arange(N), [str(day) for day in days(range(N))]
    table = rows(age=20.0 + i, since=dates, y=i)
    path = written(table, tmp_path / "a.parquet", 10)
    stream = stream_of(path, piece=10, memory=40_000)
    model = hg.TabularRegressor(**QUICK).fit(stream, "y")
    age, since = (model.features_.features[name].number for name in ("age", "since"))
    assert age is not None
    assert (age.lowest, age.highest) == (20.0, 79.0)
    assert since is not None
    assert since.lowest is None
    assert len(told(model.predict, new(1, age=[-50.0], since=["2099-01-01"]))) == 1


@pytest.mark.parametrize(
    ("values", "outside"), [((-1e308, 1e308), 0), ((0.0, 5e-324), 1), ((1e300, 1e300), 1)]
)
def test_extreme_ranges_are_compared_without_overflow(
    values: tuple[float, float], outside: int
) -> None:
    table = pa.table({"x": [*values, None] * 10, "y": [1.0, 2.0, 3.0] * 10})
    encoder = hg.tables.TableEncoder().fit(table)
    assert told(encoder.transform, table) == []
    far = pa.table({"x": [-1e300], "y": [2.0]})
    assert len(told(encoder.transform, far)) == outside


def test_nothing_is_said_when_rows_are_shuffled_or_set_to_one_value() -> None:
    far = new(20, age=[-500.0 - k for k in range(20)])
    tables = hg.tables
    assert told(MODEL.predict, far) != []
    assert told(tables.permutation_importance, MODEL, far, np.arange(20.0), rng=0) == []
    assert told(tables.partial_dependence, MODEL, far, "age") == []
