"""Values that stand for missing ones, and lines above the names: read as asked, and told."""

import datetime
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import handgrad as hg
from tests.bad_input.refused import refused

DAY = datetime.date(2021, 2, 27)
ROWS: dict[str, list[Any]] = {
    "age": [20, -999, 31, -999, 45, 38],
    "income": [1.5, 2.5, -999.0, 4.5, 5.5, 6.5],
    "town": ["Ulm", "?", "Bonn", "Ulm", " ? ", "Jena"],
    "since": [DAY, datetime.date(9999, 12, 31), DAY, DAY, DAY, DAY],
}
MISSING = ["-999", "?", "9999-12-31"]


def opened(path: Path, **options: Any) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """The columns of a file, and the notes on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = hg.data.open_table(path, **options)
    cells: dict[str, list[Any]] = stream.to_table().to_pydict()
    return cells, stream.notes


def csv(path: Path, above: str = "", separator: str = ",") -> Path:
    lines = [separator.join(ROWS)]
    lines += [separator.join(map(str, row)) for row in zip(*ROWS.values(), strict=True)]
    path.write_text(above + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "category"])
@pytest.mark.parametrize("memory", ["1 GB", "1 MB"])
def test_values_that_stand_for_missing_ones_are_missing_and_counted(
    kind: str, memory: str, tmp_path: Path
) -> None:
    path = csv(tmp_path / "t.csv")
    if kind == "parquet":
        path = tmp_path / "t.parquet"
        parquet.write_table(pa.table(ROWS), path)
    named = {"category": "town"} if kind == "category" else {}
    cells, notes = opened(path, missing=MISSING, memory=memory, **named)
    assert cells["age"] == [20, None, 31, None, 45, 38]
    assert cells["income"] == [1.5, 2.5, None, 4.5, 5.5, 6.5]
    assert [town and town.strip() for town in cells["town"]] == [
        "Ulm", None, "Bonn", "Ulm", None, "Jena",
    ]  # fmt: skip
    assert cells["since"][1] is None
    assert {*notes} == {
        "column 'age': 2 cells with -999 count as missing",
        "column 'income': 1 cell with -999 counts as missing",
        "column 'town': 2 cells with ? count as missing",
        "column 'since': 1 cell with 9999-12-31 counts as missing",
    }


def test_words_among_numbers_leave_numbers_however_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;b\n" + "1.234,50 €;27.02.2021\nk.A.;k.A.\n-99,00 €;01.01.1900\n" * 9)
    cells, _ = opened(path, missing=["k.A.", "-99", "b=01.01.1900"])
    assert cells["a"] == [1234.5, None, None] * 9
    assert cells["b"] == [DAY, None, None] * 9
    assert opened(path)[0]["a"][1] == "k.A."


def test_a_value_of_one_column_stays_in_the_others(tmp_path: Path) -> None:
    cells, notes = opened(csv(tmp_path / "t.csv"), missing="age=-999")
    assert cells["age"].count(None) == 2
    assert cells["income"].count(None) == 0
    assert notes == ("column 'age': 2 cells with -999 count as missing",)
    assert opened(csv(tmp_path / "t.csv"), missing=[-999])[0]["age"].count(None) == 2


def test_a_value_that_no_cell_has_is_told(tmp_path: Path) -> None:
    for missing in ("-99", "age=-99", "town=-999"):
        _, notes = opened(csv(tmp_path / "t.csv"), missing=missing)
        assert notes == (f"missing={missing!r}: no cell has this value",)


ABOVE = {
    "a title": "Customers 2024\n",
    "a title in quotes, and an empty line": '"Customers, 2024"\n\n',
    "merged cells": "Person,,,Contract\n",
    "merged cells in the first columns": "Person,Person,Money,\n",
    "three lines": "Customers\nas of May\n,,,\n",
}


@pytest.mark.parametrize("case", ABOVE)
def test_lines_above_the_names_are_skipped_as_the_message_says(case: str, tmp_path: Path) -> None:
    plain, _ = opened(csv(tmp_path / "plain.csv"))
    path, line = csv(tmp_path / "t.csv", ABOVE[case]), ABOVE[case].count("\n") + 1
    with refused(hg.errors.DataError, f"header_row={line}"):
        hg.data.open_table(path)
    assert opened(path, header_row=line)[0] == plain
    assert opened(path, header_row=line, memory="1 MB")[0] == plain


def test_the_line_of_names_counts_a_line_of_the_separator(tmp_path: Path) -> None:
    path = csv(tmp_path / "t.csv", "sep=|\nCustomers\n", "|")
    with refused(hg.errors.DataError, "header_row=3"):
        hg.data.open_table(path)
    assert opened(path, header_row=3)[0] == opened(csv(tmp_path / "u.csv"))[0]


def test_a_broken_row_below_a_title_is_named_by_its_line(tmp_path: Path) -> None:
    path = csv(tmp_path / "t.csv", "Customers\n\n")
    path.write_text(path.read_text() + "1,2,3,4,5\n")
    with refused(hg.errors.FileError, "line 10 has 5 of 4 fields"):
        hg.data.open_table(path, header_row=3)


def test_names_that_are_missing_in_an_ordinary_file_name_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text in ("a,,y\n1,2,u\n2,3,v\n", "a,,y\nx,y,u\nx,z,v\n"):
        path.write_text(text)
        with refused(hg.errors.DataError, "column 2 has no name", "to_csv(index=False)"):
            hg.data.open_table(path)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "line 0": ({"header_row": 0}, "from 1"),
    "a line that is not there": ({"header_row": 99}, "a line with the column names"),
    "a word": ({"header_row": "third"}, "the number of the line"),
    "no line of names": ({"header_row": 3, "header": False}, "only header_row=3"),
    "no value": ({"missing": ""}, "empty cells are missing without this option"),
    "a column that is not there": ({"missing": "agee=-1"}, "did you mean 'age'?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_asked_wrongly_is_refused(case: str, tmp_path: Path) -> None:
    options, words = WRONG[case]
    path = csv(tmp_path / "t.csv")
    with pytest.raises((hg.errors.SettingError, hg.errors.DataError)) as caught:
        hg.data.open_table(path, **options)
    assert words in str(caught.value)
