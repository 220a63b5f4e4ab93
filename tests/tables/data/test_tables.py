"""`read_table`: what a column holds decides what it is; files of two kinds, and many at once."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import handgrad as hg


def table(folder: Path, targets: list[Any], name: str = "table.csv") -> Path:
    path = folder / name
    rows = "".join(f"{i},{i / 4},{target}\n" for i, target in enumerate(targets))
    path.write_text("width,depth,kind\n" + rows, "utf-8")
    return path


TARGETS: dict[str, tuple[list[Any], list[Any], tuple[str, ...]]] = {
    "text": (["oak", "ash", "oak"], [1, 0, 1], ("ash", "oak")),
    "text in two scripts": (["дуб", "chêne"], [1, 0], ("chêne", "дуб")),
    "text with spaces": ([" oak", "ash ", "oak"], [1, 0, 1], ("ash", "oak")),
    "truth": (["true", "false", "true"], [1, 0, 1], ("False", "True")),
    "few whole numbers": ([7, 3, 7, -1], [2, 1, 2, 0], ("-1", "3", "7")),
    "19 whole numbers": ([*range(19)], [*range(19)], tuple(str(i) for i in range(19))),
    "20 whole numbers": ([*range(20)], [float(i) for i in range(20)], ()),
    "numbers": ([0.5, 1.5, 0.5], [0.5, 1.5, 0.5], ()),
    "whole numbers with a point": (["1.0", "2.0"], [1.0, 2.0], ()),
    "a class named NA": (["NA", "oak"], [0, 1], ("NA", "oak")),
}


@pytest.mark.parametrize("case", TARGETS)
def test_the_target_is_taken_as_classes_or_numbers(case: str, tmp_path: Path) -> None:
    cells, y, class_names = TARGETS[case]
    dataset = hg.data.read_table(table(tmp_path, cells), "kind")
    assert dataset.y.tolist() == y
    assert dataset.y.dtype == (np.int64 if class_names else np.float64)
    assert dataset.class_names == class_names
    assert dataset.x.tolist() == [[i, i / 4] for i in range(len(y))]
    assert dataset.x.dtype == np.float32
    assert dataset.feature_names == ("width", "depth")
    assert (dataset.name, dataset.target_name) == ("table", "kind")


def test_any_column_may_be_the_target(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("y,a,b\n1.5,2,3\n2.5,4,5\n")
    for target, features in (("y", ("a", "b")), ("a", ("y", "b")), ("b", ("y", "a"))):
        assert hg.data.read_table(path, target).feature_names == features


@pytest.mark.parametrize(
    "content",
    [
        "a,b,y\r\n1,2,u\r\n3,4,v\r\n",
        "\ufeffa,b,y\n1,2,u\n3,4,v\n",
        '"a","b","y"\n"1","2","u"\n"3","4","v"\n',
        "a, b, y\n1, 2, u\n3, 4, v\n",
        "a,b,y\n1,2,u\n\n3,4,v",
        "a,b,y\n1.0,2e0,u\n3.,4.0,v\n",
    ],
)
def test_the_usual_ways_of_writing_csv_are_read(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode())
    dataset = hg.data.read_table(str(path), "y")
    assert dataset.feature_names == ("a", "b")
    assert dataset.x.tolist() == [[1, 2], [3, 4]]
    assert dataset.class_names == ("u", "v")


def test_true_and_false_are_features_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,y\ntrue,u\nfalse,v\n")
    assert hg.data.read_table(path, "y").x.tolist() == [[1], [0]]


def test_a_column_may_turn_into_fractions_far_down_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a,y\n" + "1000000,1\n" * 150_000 + "0.5,1.5\n")
    dataset = hg.data.read_table(path, "y")
    assert path.stat().st_size > 2**20
    assert (dataset.x[-1, 0], dataset.y[-1], len(dataset.y)) == (0.5, 1.5, 150_001)


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=40, derandomize=True)
@given(st.lists(st.tuples(finite, finite, st.sampled_from("uvw")), min_size=1, max_size=30))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, float, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text("a,b,y\n" + "".join(f"{a!r},{b!r},{y}\n" for a, b, y in rows))
    dataset = hg.data.read_table(path, "y")
    np.testing.assert_array_equal(dataset.x, np.array([row[:2] for row in rows], np.float32))
    assert [dataset.class_names[i] for i in dataset.y] == [row[2] for row in rows]


def test_a_parquet_file_gives_what_the_same_csv_file_does(tmp_path: Path) -> None:
    cells: dict[str, list[Any]] = {
        "a": [1, 2, 3],
        "b": [0.5, -1.5, 2.0],
        "c": [True, False, True],
        "kind": ["oak", "ash", "oak"],
    }
    columns = pa.table(cells)
    parquet.write_table(columns, tmp_path / "trees.parquet")
    (tmp_path / "trees.csv").write_text(
        "a,b,c,kind\n"
        + "".join(",".join(map(str, row)) + "\n" for row in zip(*cells.values(), strict=True))
    )
    one, two = (hg.data.read_table(tmp_path / f"trees.{end}", "kind") for end in ("parquet", "csv"))
    np.testing.assert_array_equal(one.x, two.x)
    np.testing.assert_array_equal(one.y, two.y)
    assert (one.feature_names, one.class_names) == (two.feature_names, two.class_names)
    assert (one.name, two.name) == ("trees", "trees")


def test_decimals_and_durations_are_numbers(tmp_path: Path) -> None:
    texts = ["1.25", "-3.50", "1099511627776.00"]
    columns = pa.table(
        {
            "price": pa.array([Decimal(text) for text in texts], pa.decimal128(38, 2)),
            "large": pa.array([Decimal(text) for text in texts], pa.decimal256(70, 4)),
            "took": pa.array([1500, -500, 0], pa.duration("ms")),
            "kind": pa.array(["a", "b", "a"], pa.string_view()),
            "n": pa.array([Decimal(1), Decimal(2), Decimal(1)], pa.decimal128(9, 0)),
            "y": pa.array([Decimal(text) for text in texts]),
        }
    )
    parquet.write_table(columns, path := tmp_path / "a.parquet")
    features = ["price", "large", "took"]
    parquet.write_table(columns.select([*features, "y"]), tmp_path / "y.parquet")
    found = hg.data.read_table(tmp_path / "y.parquet", "y")
    assert found.x.tolist() == [[1.25, 1.25, 1.5], [-3.5, -3.5, -0.5], [2**40, 2**40, 0]]
    assert (found.y.tolist(), found.class_names) == ([1.25, -3.5, 2**40], ())
    stream = hg.data.open_table(path)
    for target, y, classes in (
        ("y", found.y.tolist(), ()),
        ("n", [0, 1, 0], ("1", "2")),
        ("kind", [0, 1, 0], ("a", "b")),
    ):
        rows = stream.rows(target, features=features)
        assert rows.class_names == classes
        ((x, t),) = rows
        np.testing.assert_array_equal(x, found.x)
        assert t.tolist() == y


def test_a_pattern_stands_for_all_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "day-2.csv").write_text("y, a ,b\n3.5,30,3\n")
    (tmp_path / "day-1.csv").write_text("a,b,y\n10,1,1.5\n20,2,2.5\n")
    parquet.write_table(pa.table({"b": [4.25], "y": [4.5], "a": [40]}), tmp_path / "day-3.parquet")
    (tmp_path / "night.csv").write_text("other\n1\n")
    found = hg.data.read_table(tmp_path / "day-*", "y")
    assert found.x.tolist() == [[10, 1], [20, 2], [30, 3], [40, 4.25]]
    assert found.y.tolist() == [1.5, 2.5, 3.5, 4.5]
    assert found.feature_names == ("a", "b")
    assert found.name == "day"
    assert hg.data.read_table(str(tmp_path / "day-[12].csv"), "y").x.shape == (3, 2)


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("a,y\n1,2.5\n")
    (tmp_path / "a1.csv").write_text("a,y\n5,6.5\n")
    assert hg.data.read_table(tmp_path / "a[1].csv", "y").x.tolist() == [[1]]


@pytest.mark.parametrize("cell", ["", " ", "NA"])
def test_rows_without_a_target_are_left_out_and_told(cell: str, tmp_path: Path) -> None:
    path = table(tmp_path, ["oak", cell, "ash"])
    told = "1 of 3 rows have no target 'kind' and are left out, first row 2 below the header"
    if cell == "NA":  # a word like any other, among words
        assert len(hg.data.read_table(path, "kind").y) == 3
        return
    with pytest.warns(UserWarning, match=told):
        dataset = hg.data.read_table(path, "kind")
    assert dataset.x.tolist() == [[0, 0], [2, 0.5]]
    with pytest.warns(UserWarning, match=told):
        x, y = hg.data.open_table(path).rows("kind").in_memory()
    assert (x.tolist(), y.tolist()) == (dataset.x.tolist(), dataset.y.tolist())
