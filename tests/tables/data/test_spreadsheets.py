"""One table as spreadsheets write it: the same columns and values, whoever reads it."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.tables.data.table_options import TableOptions
from handgrad.tables.data.tables import opened, table_of
from tests.tables.data.spreadsheets import NAMES, WAYS, N, customers


def expected(options: dict[str, Any]) -> pa.Table:
    """What stands in the table; where no line has names, by other names."""
    if options.get("header", True):
        return customers()
    return customers().rename_columns([f"column_{i}" for i in range(1, len(NAMES) + 1)])


@pytest.mark.parametrize("name", WAYS)
def test_each_way_to_write_the_table_is_read_alike(name: str, tmp_path: Path) -> None:
    file, content, options = WAYS[name]
    (path := tmp_path / file).write_bytes(content)
    wanted = expected(options)
    table = table_of(path, TableOptions(**options))
    assert table.columns.schema.types == wanted.schema.types
    assert table.columns.to_pydict() == wanted.to_pydict()
    stream = opened(path, TableOptions(**options), "1 MB", progress=False)
    assert stream.to_table().to_pydict() == wanted.to_pydict()
    assert stream.schema == table.columns.schema
    assert stream.notes == table.notes


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_small_pieces_are_read_as_the_whole_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handgrad.tables.data.tables.CHUNK", 0)
    monkeypatch.setattr("handgrad.tables.data.tables.SMALLEST_BLOCK", 300)
    file, content, options = WAYS[name]
    (path := tmp_path / file).write_bytes(content)
    stream = opened(path, TableOptions(**options), "1 MB", progress=False)
    assert len(stream.sources[0].parts) > 20
    assert stream.to_table().to_pydict() == expected(options).to_pydict()
    rng = np.random.default_rng(0)
    parts = [part.columns for part in stream.chunks(["Einkommen"] if "header" not in options
                                                    else ["column_2"], rng)]  # fmt: skip
    mixed = pa.concat_tables(parts).columns[0].to_pylist()
    income = customers()["Einkommen"].to_pylist()
    assert mixed != income
    assert sorted(mixed) == sorted(income)


@pytest.mark.parametrize("name", WAYS)
def test_in_python_the_same_words_say_it(name: str, tmp_path: Path) -> None:
    file, content, options = WAYS[name]
    (path := tmp_path / file).write_bytes(content)
    target = "gekündigt" if options.get("header", True) else "column_6"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        stream = hg.data.open_table(path, **options)
        rows = stream.rows(target, features=stream.names[:3])
    x, y = rows.in_memory()
    assert (x.shape, rows.class_names) == ((N, 3), ("ja", "nein"))
    np.testing.assert_array_equal(x[:, 1], customers()["Einkommen"].to_numpy().astype(np.float32))
    assert [rows.class_names[i] for i in y] == customers()["gekündigt"].to_pylist()


NOTES = {
    "commas": (),
    "all of it said": (),
    "a German spreadsheet": (
        "read with semicolons between columns, decimal commas, encoding cp1252",
        "column 'Kunde seit' is read as dates, day.month.year",
    ),
    "points between thousands": (
        "read with semicolons between columns, decimal commas",
        "column 'Kunde seit' is read as dates, day.month.year",
    ),
    "an American spreadsheet": (
        "column 'Einkommen' is read as numbers, in $",
        "column 'Rabatt' is read as numbers, in percent, 12.5 for 12.5%",
        "column 'Kunde seit' is read as dates, month/day/year",
    ),
    "an index without a name": ("the first column has no name; it is dropped",),
    "a comma at the end of each line": ("column 7 has no name and no values; it is dropped",),
}


@pytest.mark.parametrize("name", NOTES)
def test_what_was_found_out_is_told(name: str, tmp_path: Path) -> None:
    file, content, options = WAYS[name]
    (path := tmp_path / file).write_bytes(content)
    assert table_of(path, TableOptions(**options)).notes == NOTES[name]
    if NOTES[name]:
        with pytest.warns(UserWarning, match=re.escape(NOTES[name][0])):
            hg.data.open_table(path, **options)
