"""Files that cannot be used as tables are refused with the place of the mistake."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import handgrad as hg
from tests.bad_input.refused import refused

WRONG_FILES: dict[str, tuple[str | bytes, type[hg.HandgradError], tuple[str, ...]]] = {
    "empty file": ("", hg.errors.FileError, ("the file is empty",)),
    "blank lines": ("\n\n\n", hg.errors.FileError, ("the file is empty",)),
    "header alone": ("a,b,y\n", hg.errors.DataError, ("0 rows, 2 features",)),
    "target alone": ("y\n1\n2\n", hg.errors.DataError, ("2 rows, 0 features", "separator=")),
    "row too short": (
        "a,b,y\n1,2,u\n1,2\n3,4,v\n",
        hg.errors.FileError,
        ("line 3 has 2 of 3 fields",),
    ),
    "row too long": (
        "a,b,y\n1,2,u\n1,2,3,4\n",
        hg.errors.FileError,
        ("line 3 has 4 of 3 fields: '1,2,3,4'",),
    ),
    "open quote": ('a,b,y\n1,2,u\n"1,2,v\n', hg.errors.FileError, ("line 3 has 1 of 3 fields",)),
    "text": ("a,b,y\n1,2,u\n3,four,v\n", hg.errors.DataError, ("column 'b' has 'four' in row 2",)),
    "underscore": ("a,b,y\n1,1,u\n3,1_000,v\n", hg.errors.DataError, ("'b' has '1_000' in row 2",)),
    "dates": (
        "a,b,y\n1,2020-01-31,u\n",
        hg.errors.DataError,
        ("column 'b' has '2020-01-31' in row 1",),
    ),
    "empty cell": ("a,b,y\n1,2,u\n3,,v\n", hg.errors.DataError, ("column 'b' is empty in row 2",)),
    "empty cell among text": (
        "a,b,y\n1,x,u\n3,,v\n",
        hg.errors.DataError,
        ("'b' has 'x' in row 1",),
    ),
    "empty column": ("a,b,y\n1,,u\n3,,v\n", hg.errors.DataError, ("column 'b' is empty in row 1",)),
    "NA": ("a,b,y\n1,2,u\n3,NA,v\n", hg.errors.DataError, ("column 'b' is empty in row 2",)),
    "empty truth": (
        "a,b,y\n1,true,u\n3,,v\n",
        hg.errors.DataError,
        ("column 'b' is empty in row 2",),
    ),
    "infinity": ("a,b,y\n1,2,u\n3,-inf,v\n", hg.errors.DataError, ("column 'b' is -inf in row 2",)),
    "too large": (
        "a,b,y\n1,2,u\n3,1e300,v\n",
        hg.errors.DataError,
        ("column 'b' is 1e+300 in row 2", "too large for float32"),
    ),
    "infinite target": ("a,b,y\n1,2,inf\n3,4,5.5\n", hg.errors.DataError, ("'y' is inf in row 1",)),
    "no target at all": ("a,b,y\n1,2,\n3,4,NA\n", hg.errors.DataError, ("'y' is empty in row 1",)),
    "dates as target": ("a,b,y\n1,2,2020-01-31\n", hg.errors.DataError, ("'y' holds 2020-01-31",)),
    "two of a name": ("a,a,y\n1,2,u\n", hg.errors.DataError, ("two columns named 'a'",)),
    "two of a name but for spaces": (
        "a, a,y\n1,2,u\n",
        hg.errors.DataError,
        ("two columns named 'a'",),
    ),
    "no name": ("a,,y\n1,2,u\n", hg.errors.DataError, ("column 2 has no name", "index=False")),
    "no text at all": (bytes(range(256)) * 9, hg.errors.FileError, ("expected: a CSV file",)),
    "spaces between": (
        "a b y\n1 2 u\n",
        hg.errors.DataError,
        ("no column named 'y'", "separator="),
    ),
    "another name": (
        "a,b,Y1\n1,2,u\n",
        hg.errors.DataError,
        ("one of a, b, Y1", "the name of a column"),
    ),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_csv_file_is_refused(case: str, tmp_path: Path) -> None:
    content, kind, words = WRONG_FILES[case]
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with refused(kind, f"{path}: ", *words):
        hg.data.read_table(path, "y")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("diagnosi", "did you mean 'Diagnosis'?"),
        ("DIAGNOSIS", "did you mean 'Diagnosis'?"),
        ("widht", "did you mean 'width'?"),
        ("zzz", "the name of a column"),
        (3, "the name of a column"),
    ],
)
def test_a_missing_column_is_met_with_the_nearest_name(
    asked: Any, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("width,height,Diagnosis\n1,2,u\n")
    words = f"no column named {asked!r}\n  expected: one of width, height, Diagnosis\n"
    with refused(hg.errors.DataError, words, hint):
        hg.data.read_table(path, asked)


def test_a_long_list_of_columns_is_shortened(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(",".join(f"c{i}" for i in range(40)) + "\n")
    with refused(hg.errors.DataError, "c8, c9, … c39 (40 in all)"):
        hg.data.read_table(path, "y")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with refused(hg.errors.FileError, "none.csv: no such file"):
        hg.data.read_table(tmp_path / "none.csv", "y")
    with refused(hg.errors.FileError, "no such file"):
        hg.data.read_table(tmp_path / ("a" * 300), "y")
    with refused(hg.errors.FileError, f"{tmp_path}: a folder", "the path of the table in it"):
        hg.data.read_table(tmp_path, "y")
    (tmp_path / "1.csv").write_text("a,y\n1,2\n2,3\n")
    with refused(
        hg.errors.FileError, f"{tmp_path}: a folder", f"{tmp_path / '*.csv'}, for all of them"
    ):
        hg.data.read_table(tmp_path, "y")


def test_a_mistake_among_many_files_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,y\n1,2\n2,3\n")
    (tmp_path / "2.csv").write_text("a,y\n3,4\n,5\n")
    source = tmp_path / "*.csv"
    with refused(
        hg.errors.DataError, f"{source}: column 'a' is empty in row 2 below the header of ", "2.csv"
    ):
        hg.data.read_table(source, "y")


def test_files_of_different_columns_are_not_joined(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,y\n1,2\n")
    (tmp_path / "2.csv").write_text("a,b,y\n3,4,5\n")
    with refused(
        hg.errors.DataError, "2.csv: a column 'b', unlike ", "1.csv", "files with the same columns"
    ):
        hg.data.read_table(tmp_path / "*.csv", "y")
    (tmp_path / "2.csv").write_text("b,y\n3,4\n")
    with refused(hg.errors.DataError, "2.csv: no column 'a', unlike "):
        hg.data.read_table(tmp_path / "*.csv", "y")
    (tmp_path / "2.csv").write_text("a,y\nx,4\n")
    with refused(
        hg.errors.DataError, "2.csv: column 'a' holds string, in ", "1.csv it holds int64"
    ):
        hg.data.read_table(tmp_path / "*.csv", "y")


def test_a_pattern_without_files_is_refused(tmp_path: Path) -> None:
    with refused(hg.errors.FileError, "no file matches", "check the pattern"):
        hg.data.read_table(tmp_path / "*.csv", "y")


def test_a_parquet_file_that_is_none_or_was_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": [*range(1000)], "y": [0.5] * 1000}), path)
    whole = path.read_bytes()
    for content in (b"", b"a,y\n1,2\n", whole[: len(whole) // 2], whole[:-9]):
        path.write_bytes(content)
        with refused(hg.errors.FileError, f"{path}: ", "a whole Parquet file", "copied whole"):
            hg.data.read_table(path, "y")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, None], "column 'a' is empty in row 2"),
        ([1.0, float("nan")], "column 'a' is nan in row 2"),
        ([b"x", b"y"], "column 'a' has "),
        ([[1], [2]], "column 'a' has '[1]' in row 1"),
    ],
)
def test_columns_of_a_parquet_file_are_numbers(
    values: list[Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": values, "y": [0.5, 1.5]}), path)
    with refused(hg.errors.DataError, f"{path}: ", words):
        hg.data.read_table(path, "y")
