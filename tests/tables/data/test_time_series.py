"""Tables over time in windows: which rows, which target, and what is refused."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

DAYS = [datetime.date(2024, 1, day) for day in (3, 1, 2, 5, 4)]


def test_a_window_is_followed_by_its_target() -> None:
    # Rows 0 to 5: (0, 0), (1, 10), (2, 20) …; windows of 3 begin at 0, 1 and 2.
    table = np.outer(np.arange(6), [1, 10])
    dataset = hg.data.windows(table, length=3, target=1)
    x, y = dataset
    assert x[:, :, 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    np.testing.assert_array_equal(x[:, :, 1], 10 * x[:, :, 0])
    assert y.tolist() == [30, 40, 50]
    assert x.dtype == np.float32
    assert y.dtype == np.float64
    assert (dataset.feature_names, dataset.target_name) == (("x0", "x1"), "x1")
    assert repr(dataset) == (
        "<Dataset table: 3 windows of 3 rows, 2 features, a number to predict>"
    )


@pytest.mark.parametrize(
    ("options", "begins", "targets"),
    [
        ({"step": 2}, [0, 2, 4, 6], [3, 5, 7, 9]),
        ({"step": 2, "horizon": 2}, [0, 2, 4], [4, 6, 8]),
        ({"horizon": 4}, [0, 1, 2, 3], [6, 7, 8, 9]),
        ({"step": 10}, [0], [3]),
        ({"horizon": 7}, [0], [9]),
    ],
)
def test_step_and_horizon_count_rows(
    options: dict[str, int], begins: list[int], targets: list[int]
) -> None:
    x, y = hg.data.windows(np.arange(10), length=3, target=0, **options)
    assert x[:, 0, 0].tolist() == begins
    np.testing.assert_array_equal(x[:, :, 0] - x[:, :1, 0], np.tile([0, 1, 2], (len(x), 1)))
    assert y.tolist() == targets


def test_with_horizon_0_the_target_is_that_of_the_last_row_and_no_feature() -> None:
    table = {"load": [1.0, 2, 3, 4], "rain": [5, 6, 7, 8]}
    dataset = hg.data.windows(table, length=2, target="load", horizon=0)
    assert dataset.feature_names == ("rain",)
    assert dataset.x[:, :, 0].tolist() == [[5, 6], [6, 7], [7, 8]]
    assert dataset.y.tolist() == [2, 3, 4]


def test_no_window_has_rows_of_two_groups_wherever_they_stand() -> None:
    # Series b: 10, 11, 12, 13; series a: 20, 21, 22; they are mixed, b comes first.
    table = pd.DataFrame({"series": list("babaabb"), "value": [10, 20, 11, 21, 22, 12, 13]})
    dataset = hg.data.windows(table, length=2, target="value", group="series")
    assert dataset.feature_names == ("value",)
    assert dataset.x[:, :, 0].tolist() == [[10, 11], [11, 12], [20, 21]]
    assert dataset.y.tolist() == [12, 13, 22]


def test_groups_of_codes_in_text_stay_apart() -> None:
    table = {"station": ["01", "1", "01", "1"], "value": [1, 2, 3, 4]}
    x, y = hg.data.windows(table, length=1, target="value", group="station")
    assert x.ravel().tolist() == [1, 2]
    assert y.tolist() == [3, 4]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
@pytest.mark.parametrize("written", [DAYS, [str(day) for day in DAYS], [3, 1, 2, 5, 4]])
def test_rows_come_in_the_order_of_the_time(make: Any, written: list[Any]) -> None:
    table = make({"day": written, "value": [3, 1, 2, 5, 4]})
    dataset = hg.data.windows(table, length=2, target="value", time="day")
    assert dataset.feature_names == ("value",)
    assert dataset.x[:, :, 0].tolist() == [[1, 2], [2, 3], [3, 4]]
    assert dataset.y.tolist() == [3, 4, 5]


def test_two_groups_may_have_the_same_times() -> None:
    table = {"t": [2, 2, 1, 1], "id": [7, 8, 7, 8], "value": [72, 82, 71, 81]}
    x, y = hg.data.windows(table, length=1, target="value", group="id", time="t")
    assert x.ravel().tolist() == [71, 81]
    assert y.tolist() == [72, 82]


def test_targets_of_text_and_of_true_and_false_are_classes() -> None:
    table: dict[str, list[Any]] = {
        "value": [1, 2, 3, 4],
        "kind": ["walk", "run", "walk", "sit"],
        "wet": [True, False, False, True],
    }
    dataset = hg.data.windows(
        pd.DataFrame(table).drop(columns="wet"), length=2, target="kind", horizon=0
    )
    assert dataset.class_names == ("run", "sit", "walk")
    assert dataset.y.tolist() == [0, 2, 1]
    assert dataset.y.dtype == np.int64
    assert dataset.feature_names == ("value",)
    del table["kind"]
    dataset = hg.data.windows(table, length=2, target="wet")
    assert dataset.class_names == ("False", "True")
    assert dataset.y.tolist() == [0, 1]
    # Beside another target, true and false are a feature.
    dataset = hg.data.windows(table, length=2, target="value")
    assert dataset.feature_names == ("value", "wet")
    assert dataset.x[0].tolist() == [[1, 1], [2, 0]]


def test_a_file_is_read_as_tables_are(tmp_path: Path) -> None:
    path = tmp_path / "weather.csv"
    lines = [f"{day}.01.2024;{day},5;Ulm" for day in (14, 13, 15)]
    path.write_text("\n".join(["day;degrees;town", *lines]), "utf-8")
    with pytest.warns(UserWarning, match="semicolons between columns"):
        dataset = hg.data.windows(path, length=1, target="degrees", time="day", group="town")
    assert dataset.name == "weather"
    assert dataset.x.ravel().tolist() == [13.5, 14.5]
    assert dataset.y.tolist() == [14.5, 15.5]


def test_groups_that_are_too_short_are_told_of() -> None:
    table = {"id": [1, 1, 1, 2, 2], "value": [1, 2, 3, 4, 5]}
    with pytest.warns(UserWarning, match=r"1 of 2 series are too short: they need 3 rows or more"):
        x, _ = hg.data.windows(table, length=2, target="value", group="id")
    assert len(x) == 1


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (np.arange(3), {}, ("3 rows", "4 rows or more", "shorter length")),
        (np.empty((0, 2)), {}, ("0 rows",)),
        (np.empty(0), {}, ("0 rows",)),
        (np.zeros((9, 2, 2)), {}, ("(9, 2, 2)", "(n_rows, n_features)")),
        (np.zeros((9, 2)), {"target": 2}, ("no column named 'x2'", "x0, x1")),
        (np.zeros((9, 2)), {"target": -1}, ("no column named 'x-1'",)),
        ({"a": [1] * 9}, {"target": "b"}, ("no column named 'b'", "one of a", "separator=")),
        ({"load": [1] * 9}, {"target": "Load"}, ("no column named 'Load'", "did you mean 'load'?")),
        ({}, {}, ("table: no column named", "expected: columns")),
        (object(), {}, ("shape ()", "to_table()")),
        ({"a": [1] * 9}, {"target": "a", "group": "c"}, ("no column named 'c'",)),
        ({"a": [1] * 9}, {"target": "a", "horizon": 0}, ("no feature beside a",)),
        ({"a": [1, None] * 9}, {"target": "a"}, ("target 'a' is empty in row 1, counted from 0",)),
        ({"a": [1] * 9, "b": [1] * 8 + [None]}, {"target": "a"}, ("feature 'b'", "row 8")),
        ({"a": [1] * 9, "b": ["Ulm"] * 9}, {"target": "a"}, ("text, 'Ulm'", "group='b'")),
        ({"a": [1] * 5, "b": DAYS}, {"target": "a"}, ("'b' holds dates", "time='b'")),
        ({"a": [1] * 5, "b": DAYS}, {"target": "b"}, ("the target 'b' holds dates",)),
        ({"a": [1] * 9, "b": [1e39] * 9}, {"target": "a"}, ("'b' is too large", "row 0")),
        ({"a": [1, float("inf")] * 9}, {"target": "a"}, ("'a' contains infinity", "row 1")),
        ({"a": [1] * 9, "t": ["x"] * 9}, {"target": "a", "time": "t"}, ("time 't' holds text",)),
        ({"a": [1] * 9, "t": [None] * 9}, {"target": "a", "time": "t"}, ("time 't' is empty",)),
        ({"a": [1] * 9, "g": [None] * 9}, {"target": "a", "group": "g"}, ("group 'g' is empty",)),
        ({"a": [1] * 4, "t": [3, 1, 2, 1]}, {"target": "a", "time": "t"}, ("row 3", "group=")),
        (
            {"a": [1] * 4, "g": list("xyxy")},
            {"target": "a", "group": "g"},
            ("2 rows, in the longest series", "4 rows or more"),
        ),
    ],
)
def test_tables_without_windows_are_refused(
    table: object, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    with refused(hg.errors.DataError, *words):
        hg.data.windows(table, **({"length": 3, "target": 0} | options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length": 0}, ("length = 0",)),
        ({"step": 0}, ("step = 0",)),
        ({"horizon": -1}, ("horizon = -1",)),
        ({"horizon": 0.5}, ("horizon = 0.5",)),
        ({"group": 0}, ("x0, x0", "another column for each")),
        ({"group": 1, "time": 1}, ("x0, x1, x1", "another column for each")),
    ],
)
def test_settings_that_name_no_windows_are_refused(
    options: dict[str, Any], words: tuple[str, ...]
) -> None:
    with refused(hg.errors.SettingError, *words):
        hg.data.windows(np.ones((9, 2)), **({"length": 3, "target": 0} | options))


def test_the_place_of_what_is_wrong_is_that_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "weather.csv"
    path.write_text("a,b\n1,2\n,3\n4,5\n", "utf-8")
    with refused(hg.errors.DataError, "feature 'a' is empty in row 2 below the header"):
        hg.data.windows(path, length=1, target="b")
    path.write_text("a,b\n1,2\n3,3\ninf,5\n", "utf-8")
    with refused(hg.errors.DataError, "'a' contains infinity, first in row 3 below the header"):
        hg.data.windows(path, length=1, target="b")
    with refused(hg.errors.FileError, "no such file"):
        hg.data.windows(tmp_path / "gone.csv", length=1, target="b")
