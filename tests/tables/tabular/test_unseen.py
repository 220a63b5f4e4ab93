"""Rows to predict with values, columns or forms that the training had not: told, and predicted."""

import datetime
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.pipeline import make_pipeline

import handgrad as hg
from handgrad.files.features import Column
from handgrad.tables.data.frames import numbers_in
from handgrad.tables.tabular.features import READINGS
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written

N = 60


def rows(n: int = N, **other: Any) -> pa.Table:
    i = np.arange(n)
    return pa.table(
        {
            "age": 20.0 + i % 40,
            "plan": np.where(i % 3 == 0, "basic", "plus"),
            "town": [("Ulm", "Bonn", "Jena", None)[k % 4] for k in i],
        }
        | other
    )


def classifier(**given: Any) -> hg.TabularClassifier:
    model = hg.TabularClassifier(n_members=2, epochs=2, random_state=0)
    table = rows(**given)
    return model.fit(table, np.where(np.arange(table.num_rows) % 2 == 0, "yes", "no"))


MODEL = classifier()


def told(predict: Any, *given: Any, **named: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        predict(*given, **named)
    assert all(warning.category is hg.errors.UnseenWarning for warning in caught)
    return [str(warning.message) for warning in caught]


def test_values_that_were_not_there_are_counted_and_shown() -> None:
    new = rows(
        12,
        plan=["Basic"] * 8 + ["plus"] * 3 + [None],
        town=["Ulm", "Graz", "Wien", "Linz", "Bern", *[None] * 7],
    )
    expected = [
        "column 'plan': 8 of 12 rows have values unseen in training: 'Basic'",
        "column 'town': 4 of 12 rows have values unseen in training: 'Graz', 'Wien', 'Linz', …",
    ]
    assert told(MODEL.predict, new) == told(MODEL.predict_proba, new) == expected
    one = rows(1, plan=["other"])
    assert told(MODEL.predict, one) == [
        "column 'plan': 1 of 1 rows has a value unseen in training: 'other'"
    ]
    encoder = make_pipeline(hg.tables.TableEncoder()).fit(rows())
    assert told(encoder.transform, new) == expected


def test_nothing_is_said_of_what_was_there_or_is_missing() -> None:
    assert told(MODEL.predict, rows(N, plan=[None] * N)) == []
    assert told(classifier, truth=[i % 2 == 0 for i in range(N)]) == []
    assert told(classifier(kind=["a", "b", "c\0"] * 20).predict, rows(3, kind=["c\0"] * 3)) == []
    truth = classifier(truth=[i % 2 == 0 for i in range(N)])
    assert told(truth.predict, rows(4, truth=[1, 0, None, 1])) == []


def test_of_values_too_rare_to_be_kept_nothing_is_said_unless_there_are_no_others() -> None:
    rare = [f"{i // 4}" + "x" for i in range(N - 5)] + [f"once {i}" for i in range(5)]
    model = classifier(street=rare)
    assert "of which the 14 most frequent" in model.features_.read_as()["street"]
    assert told(model.predict, rows(street=rare)) == []
    assert told(model.predict, rows(3, street=["new", "0x", "once 1"])) == []
    assert told(model.predict, rows(3, street=["new", None, "other"])) == [
        "column 'street': none of 3 rows has a frequent value of the training: 'new', 'other'"
    ]


@pytest.mark.parametrize("probabilities", [False, True])
def test_a_table_in_pieces_is_told_of_once_and_each_row_counts_once(
    probabilities: bool, tmp_path: Path
) -> None:
    n = 3000
    new = rows(n, plan=["Basic" if i % 10 == 0 else "plus" for i in range(n)], more=[1] * n)
    stream = stream_of(written(new, tmp_path / "a.parquet", 100), piece=2000)
    found = told(
        hg.data.predict_table, MODEL, stream, to=tmp_path / "p.csv", probabilities=probabilities
    )
    assert found == ["column 'plan': 300 of 3000 rows have values unseen in training: 'Basic'"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_cell_that_cannot_be_read_is_told_by_its_row_in_the_file(
    suffix: str, tmp_path: Path
) -> None:
    ages = [str(i) for i in range(3000)]
    ages[2345] = "old"
    path = written(rows(3000, age=ages), tmp_path / f"a{suffix}", 100)
    below = " below the header" if suffix == ".csv" else ""
    for piece in (2000, 10**7):
        with refused(hg.errors.DataError, f"column 'age' has 'old' in row 2346{below}\n"):
            hg.data.predict_table(MODEL, stream_of(path, piece=piece), to=tmp_path / "p.csv")
    with refused(hg.errors.DataError, "column 'age' has 'old' in row 2345, counted from 0"):
        MODEL.predict(rows(3000, age=ages))


def test_a_cell_that_cannot_be_read_is_found_in_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def counted(column: Column, written: str) -> Column | None:
        passes.append(len(column.values))
        return numbers_in(column, written)

    monkeypatch.setitem(READINGS, "numbers", counted)
    ages = [str(i) for i in range(3000)]
    for row in (0, 1, 1234, 2999):
        passes.clear()
        with refused(hg.errors.DataError, f"column 'age' has 'old' in row {row}, counted from 0"):
            MODEL.predict(rows(3000, age=[*ages[:row], "old", *ages[row + 1 :]]))
        assert len(passes) < 16


def test_an_array_without_names_is_taken_by_place() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=[*"abc"])
    model = hg.TabularRegressor(n_members=2, epochs=1, random_state=0).fit(frame, frame["a"])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        found = model.predict(frame.to_numpy())
    np.testing.assert_array_equal(found, model.predict(frame))
    with (
        pytest.warns(UserWarning, match="valid feature names"),
        pytest.raises(ValueError, match="X has 2 features"),
    ):
        model.predict(frame.to_numpy()[:, :2])


def test_rows_as_dictionaries_are_taken_by_name() -> None:
    table = rows(5)
    expected = MODEL.predict_proba(table)
    records = table.to_pylist()
    for given in (records, tuple(records), table.to_pydict()):
        np.testing.assert_array_equal(MODEL.predict_proba(given), expected)
    # a row alone may have other last digits than among others
    np.testing.assert_array_equal(
        MODEL.predict_proba(records[0]), MODEL.predict_proba(table.slice(0, 1))
    )
    np.testing.assert_array_equal(
        MODEL.predict([{"age": 30, "plan": "plus"}, {"age": 30, "plan": "plus", "town": None}]),
        MODEL.predict({"age": [30, 30], "plan": ["plus", "plus"], "town": [None, None]}),
    )
    again = hg.TabularClassifier(n_members=2, epochs=2, random_state=0)
    again.fit(rows().to_pylist(), np.where(np.arange(N) % 2 == 0, "yes", "no"))
    np.testing.assert_array_equal(again.predict_proba(table), expected)


def test_dictionaries_that_are_no_rows_are_refused() -> None:
    with refused(
        hg.errors.DataError, "lacks 1 of the columns of the training: 'town'", "empty cells"
    ):
        MODEL.predict({"age": 30, "plan": "plus"})
    with refused(hg.errors.DataError, "differ in length", "a list of rows"):
        MODEL.predict({"age": [30, 40], "plan": "plus", "town": "Ulm"})
    with refused(hg.errors.DataError, "0 rows and 0 columns"):
        hg.TabularClassifier().fit({}, [])


@pytest.mark.parametrize(
    ("cell", "shown"),
    [(7, "7"), (7.5, "7.5"), (datetime.date(2024, 1, 31), "2024-01-31"), (True, "True")],
)
def test_a_cell_of_another_kind_is_shown_as_it_stood_there(cell: object, shown: str) -> None:
    X = pd.DataFrame({"town": ["Ulm", "Bonn", "Jena"] * 20, "x": range(60)})
    model = hg.TabularClassifier(n_members=2, epochs=1).fit(X, ["a", "b", "b"] * 20)
    with pytest.raises(hg.errors.DataError, match=f"column 'town' has {shown} in row 0") as told:
        model.predict({"town": cell, "x": 1})
    assert "np." not in str(told.value)
