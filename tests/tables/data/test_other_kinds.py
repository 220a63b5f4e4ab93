"""Spreadsheets, JSON lines, SQLite databases and Arrow files: the same table as a CSV file."""

import csv
import datetime
import gzip
import json
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, ipc

import handgrad as hg
from handgrad.tables.data.table_options import TableOptions
from handgrad.tables.data.tables import table_of
from tests.bad_input.refused import refused
from tests.tables.data.workbooks import Cell, write_ods, write_xlsx

NAMES = ("rooms", "price", "town", "sold", "garden", "note", "left")
DAY = datetime.date(2024, 1, 28)


def rows() -> list[tuple[Cell, ...]]:
    rng = np.random.default_rng(3)
    towns = ["Ulm", "Köln, am Rhein", 'the "Hague"', None]
    return [
        (
            int(rng.integers(1, 9)),
            None if i % 7 == 3 else round(float(rng.normal(100, 20)), 2),
            towns[i % 4],
            DAY + datetime.timedelta(i),
            bool(i % 3),
            f"two\nlines of {i}",
            "yes" if i % 2 else "no",
        )
        for i in range(60)
    ]


def dated(cell: Cell) -> Cell:
    return str(cell) if isinstance(cell, datetime.date) else cell


def write_csv(path: Path, names: Sequence[str], cells: Sequence[Sequence[Cell]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(names)
        for row in cells:
            table.writerow([str(c).lower() if isinstance(c, bool) else c for c in row])


def write_json(path: Path, names: Sequence[str], cells: Sequence[Sequence[Cell]]) -> None:
    lines = (
        json.dumps({n: dated(c) for n, c in zip(names, row, strict=True) if c is not None})
        for row in cells
    )
    path.write_text("\n".join(lines), "utf-8")


def write_sqlite(path: Path, names: Sequence[str], cells: Sequence[Sequence[Cell]]) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"CREATE TABLE houses ({', '.join(names)})")
        marks = ", ".join("?" * len(names))
        plain = [
            [str(c).lower() if isinstance(c, bool) else dated(c) for c in row] for row in cells
        ]
        database.executemany(f"INSERT INTO houses VALUES ({marks})", plain)


def columns(names: Sequence[str], cells: Sequence[Sequence[Cell]]) -> pa.Table:
    return pa.table(
        {name: list(column) for name, column in zip(names, zip(*cells, strict=True), strict=True)}
    )


def write_stream(path: Path, names: Sequence[str], cells: Sequence[Sequence[Cell]]) -> None:
    table = columns(names, cells)
    with ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table, max_chunksize=25)


WRITERS: dict[str, Any] = {
    "t.xlsx": lambda p, names, cells: write_xlsx(p, {"one": [names, *cells]}),
    "t.ods": lambda p, names, cells: write_ods(p, {"one": [names, *cells]}),
    "t.jsonl": write_json,
    "t.ndjson": write_json,
    "t.sqlite": write_sqlite,
    "t.db": write_sqlite,
    "t.feather": lambda p, names, cells: feather.write_feather(
        columns(names, cells), p, compression="zstd", chunksize=25
    ),
    "t.arrow": write_stream,
}


@pytest.fixture
def plain(tmp_path: Path) -> pa.Table:
    path = tmp_path / "plain.csv"
    write_csv(path, NAMES, rows())
    return table_of(path).columns


@pytest.mark.parametrize("name", WRITERS)
def test_each_kind_of_file_has_the_cells_of_the_csv_file(
    name: str, plain: pa.Table, tmp_path: Path
) -> None:
    path = tmp_path / name
    WRITERS[name](path, NAMES, rows())
    table = table_of(path)
    cells = table.columns.to_pydict()
    if path.suffix in (".feather", ".arrow"):  # an empty text of CSV is a missing one here
        cells["town"] = [town or "" for town in cells["town"]]
    else:
        assert table.schema == plain.schema
    assert cells == plain.to_pydict()
    assert table.notes == ()
    stream = hg.data.open_table(path, memory="1 MB")
    assert stream.to_table().to_pydict() == table.columns.to_pydict()


@pytest.mark.parametrize("name", WRITERS)
def test_the_model_is_that_of_the_csv_file(name: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "plain.csv", NAMES, rows())
    WRITERS[name](tmp_path / name, NAMES, rows())
    predictions = []
    for path in (tmp_path / "plain.csv", tmp_path / name):
        model = hg.TabularClassifier(n_members=2, epochs=2, random_state=0)
        table = table_of(path).columns
        model.fit(table.drop_columns(["left"]), table["left"])
        predictions.append(model.predict_proba(table.drop_columns(["left"])))
    np.testing.assert_array_equal(predictions[0], predictions[1])


def test_whole_numbers_of_a_sheet_are_classes_and_not_floats(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    write_xlsx(path, {"one": [("a", "y"), *((0.5 * i, float(i % 2)) for i in range(9))]})
    assert table_of(path).schema.types == [pa.float64(), pa.int64()]
    assert hg.data.read_table(path, "y").class_names == ("0", "1")


def test_a_sheet_is_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    write_xlsx(path, {"empty": [], "2024": [("a", "b"), (1, 2)], "Köln": [("c", "d"), (3, 4)]})
    table = table_of(path)
    assert table.names == ["a", "b"]
    assert table.notes == ("sheet '2024' is read, of empty, 2024, Köln: use sheet= for another",)
    for sheet, names in ((3, "cd"), ("3", "cd"), ("Köln", "cd"), ("2024", "ab"), (2, "ab")):
        assert table_of(path, TableOptions(sheet=sheet)).names == [*names]
    for wrong in ("Koln", 4, 0, "five"):
        with refused(hg.errors.DataError, f"no sheet {wrong!r}", "empty, 2024, Köln", "1 to 3"):
            table_of(path, TableOptions(sheet=wrong))


def test_a_sheet_may_begin_further_down(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    cells: list[list[Cell]] = [["Customers", None], ["age", "town"], [30, "Ulm"], [31, "Köln"]]
    write_xlsx(path, {"one": cells}, first_row=4)
    with refused(hg.errors.DataError, "line 5 looks like the names", "header_row=5"):
        table_of(path)
    table = table_of(path, TableOptions(header_row=5))
    assert table.columns.to_pydict() == {"age": [30, 31], "town": ["Ulm", "Köln"]}


def xlsx(cells: Sequence[Sequence[Cell]]) -> Any:
    return lambda path: write_xlsx(path, {"one": cells})


def broken_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(200_000_000))


def several_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for name in ("houses", "towns"):
            database.execute(f"CREATE TABLE {name} (a, y)")
            database.execute(f"INSERT INTO {name} VALUES (1, 'u'), (2, 'v')")


def with_bytes(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t (a, y)")
        database.execute("INSERT INTO t VALUES (1, x'00ff')")


def endless(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE VIEW t AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
            "SELECT x, hex(zeroblob(9000)) AS y FROM c"
        )


def text(content: bytes) -> Any:
    return lambda path: path.write_bytes(content)


EMPTY_DATABASE = b"SQLite format 3\0" + bytes(100)
BAD: dict[str, tuple[str, Any, tuple[str, ...]]] = {
    "an empty sheet": ("t.xlsx", xlsx([]), ("every sheet is empty",)),
    "no spreadsheet": ("t.xlsx", broken_zip, ("cannot be read as a spreadsheet",)),
    "far larger": ("t.xlsx", bomb, ("200 times as large",)),
    "formulas": (
        "t.xlsx",
        xlsx([("a", "y"), (1, "=A2+1"), (2, "=A3")]),
        ("2 formulas without stored values, first in B2 of sheet 'one'", "save it there"),
    ),
    "an old Excel file": (
        "t.xls",
        text(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
        ("cannot be read as a spreadsheet",),
    ),
    "a password": (
        "t.xlsx",
        text(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")),
        ("it has a password", "without a password"),
    ),
    "broken JSON": ("t.jsonl", text(b'{"a": 1}\n{"a": \n'), ("line 2 is not JSON",)),
    "JSON without names": ("t.jsonl", text(b'{"a": 1}\n[1]\n'), ("line 2 has list '[1]'",)),
    "nested JSON": ("t.jsonl", text(b'{"a": {"b": 1}, "y": 1}\n'), ("'a' is an object in line 1",)),
    "deep JSON": ("t.jsonl", text(b"[" * 99_999 + b"\n"), ("line 1 is not JSON",)),
    "no objects": ("t.jsonl", text(b"{}\n"), ("the file is empty",)),
    "several tables": ("t.db", several_tables, ("several tables", "houses, towns", "table=")),
    "bytes": ("t.db", with_bytes, ("column 'y' of 't' has bytes (BLOB) in row 1",)),
    "no database": ("t.db", text(EMPTY_DATABASE), ("t.db: ",)),
    "a view without end": ("t.db", endless, ("200 times as large as text",)),
    "no Arrow file": ("t.arrow", text(b"ARROW1\0\0" + bytes(99)), ("a whole Arrow file",)),
    "an empty Arrow file": ("t.arrow", text(b""), ("a whole Arrow file",)),
    "an empty file": ("t.jsonl", text(b""), ("the file is empty",)),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named(case: str, tmp_path: Path) -> None:
    name, write, words = BAD[case]
    path = tmp_path / name
    write(path)
    with pytest.raises(hg.HandgradError) as caught:
        hg.data.read_table(path, "y")
    for word in (str(path), *words):
        assert word in str(caught.value), str(caught.value)


def test_cut_files_are_refused_or_read_alike(tmp_path: Path) -> None:
    for name, write in WRITERS.items():
        path = tmp_path / name
        write(path, NAMES, rows())
        whole = path.read_bytes()
        for share in (0.1, 0.5, 0.9):
            path.write_bytes(whole[: int(share * len(whole))])
            with suppress(hg.errors.FileError):
                # JSON lines may be cut between lines, a stream between batches
                assert len(table_of(path).columns) < 60


def test_a_table_of_a_database_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    several_tables(path)
    assert table_of(path, TableOptions(table="towns")).names == ["a", "y"]
    with refused(hg.errors.DataError, "no table 'town'", "houses, towns", "did you mean 'towns'?"):
        table_of(path, TableOptions(table="town"))
    assert [p.name for p in tmp_path.iterdir()] == ["t.db"]


def test_json_lines_may_lack_names_and_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbf{"a": 1}\n\n{"b": "x", "a": 2.5}\n{"b": null}\n'))
    table = table_of(path)
    assert table.columns.to_pydict() == {"a": [1, 2.5, None], "b": ["", "x", ""]}


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "a sheet of a CSV file": ("plain.csv", {"sheet": 2}, "a spreadsheet"),
    "a table of a sheet": ("t.xlsx", {"table": "a"}, "an SQLite database"),
    "a separator of a sheet": ("t.xlsx", {"separator": ";"}, "a text file"),
    "no header of a database": ("t.db", {"header": False}, "without header=False"),
}


@pytest.mark.parametrize("case", WRONG)
def test_options_of_other_kinds_are_refused(case: str, tmp_path: Path) -> None:
    name, asked, word = WRONG[case]
    path = tmp_path / name
    {**WRITERS, "plain.csv": write_csv}[name](path, NAMES, rows())
    with refused(hg.errors.SettingError, word):
        table_of(path, TableOptions(**asked))
