"""Tables that cannot be learned from, one a row, through the command line."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import handgrad

ROWS = [(i, i * i % 7 + 0.5, "uv"[i % 2]) for i in range(40)]


def csv_of(*more: str, header: str = "a,b,y") -> str:
    lines = [",".join(map(str, row)) for row in ROWS]
    lines[3 : 3 + len(more)] = more
    return "\n".join([header, *lines]) + "\n"


TABLES: dict[str, tuple[str, str | bytes, tuple[str, ...]]] = {
    "no target in any row": (
        "t.csv", "a,y\n" + "1,\n2,\n3,\n",
        ("t.csv: the target 'y' is empty in row 1 below the header, and in 3 of 3 rows in all",)
    ),
    "a constant target": (
        "t.csv", "a,y\n" + "1,u\n2,u\n3,u\n", ("the target 'y' is u in every row",)
    ),
    "a class with one row": (
        "t.csv", csv_of("3,0.5,w"),
        ("1 of the 3 classes of 'y' has one row only: 'w' in row 4", "at least two rows"),
    ),
    "all columns empty": (
        "t.csv", "a,b,y\n" + ",,u\n,,v\n" * 9, ("no usable feature in the 2 columns",)
    ),
    "a column of distinct strings only": (
        "t.csv", "id,y\n" + "".join(f"k{i},{'uv'[i % 2]}\n" for i in range(700)),
        ("no usable feature", "an identifier (", "distinct values in"),
    ),
    "distinct strings to predict": (
        "t.csv", "a,y\n" + "".join(f"{i},k{i}\n" for i in range(100_000)),
        ("100000 of the 100000 classes of 'y' have one row only", "if these are names"),
    ),
    "two columns of a name": (
        "t.csv", csv_of(header="a,a,y"), ("two columns named 'a'", "rename one of them")
    ),
    "infinity": (
        "t.csv", csv_of("3,inf,u"), ("column 'b' is inf in row 4 below the header", "finite")
    ),
    "infinity to predict": (
        "t.csv", "a,y\n" + "".join(f"{i},{i / 3}\n" for i in range(30)) + "3,-inf\n",
        ("the target 'y' is -inf in row 31 below the header",),
    ),
    "mixed types to predict": (
        "t.csv", "a,y\n" + "".join(f"{i},{i / 3}\n" for i in range(30)) + "3,cheap\n",
        ("the target 'y' is 'cheap' in row 31 below the header, among 30 numbers",),
    ),
    "a Parquet file that was cut": ("t.parquet", b"", ("t.parquet: ", "copied whole")),
    "a row that is too long": (
        "t.csv", csv_of("3,0.5,u,9"), ("t.csv: line 5 has 4 of 3 fields: '3,0.5,u,9'",)
    ),
    "a row that is too short": ("t.csv", csv_of("3,0.5"), ("t.csv: line 5 has 2 of 3 fields",)),
    "an empty file": ("t.csv", "", ("t.csv: the file is empty", "a header line")),
    "a header alone": ("t.csv", "a,b,y\n", ("0 rows, 2 feature columns",)),
    "no such file": ("other.csv", "", ("t.csv: no such file",)),
    "a typo in --target": (
        "t.csv", csv_of(header="a,b,Y_"), ("no column named 'y'", "one of a, b, Y_"),
    ),
    "a table of one row": ("t.csv", "a,y\n1,2.5\n", ("the target 'y' is 2.5 in every row",)),
    "a table of two rows": (
        "t.csv", "a,y\n1,2.5\n2,3.5\n", ("1 sample after", "more rows"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
@pytest.mark.parametrize("out", ["run", None])
def test_a_table_that_cannot_be_learned_from_is_refused_and_leaves_nothing(
    case: str, out: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content, words = TABLES[case]
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if name.endswith(".parquet"):
        parquet.write_table(pa.table({"a": [*range(1000)], "y": [0.5] * 1000}), path)
        path.write_bytes(path.read_bytes()[:-50])
    source = "t.parquet" if name.endswith(".parquet") else "t.csv"
    asked: tuple[Any, ...] = ("train", source, "--target", "y", "--no-report")
    result = handgrad(*asked, *(("--out", out) if out else ()))
    assert isinstance(result.exception, hg.HandgradError), result.output
    with refused(type(result.exception), *words):
        raise result.exception
    assert [path.name for path in tmp_path.rglob("*")] == [name]


@pytest.mark.parametrize(
    ("header", "cells", "read_as"),
    [
        ("empty", ["", ""], "left out: nothing in it"),
        ("ids", [f"k{i}" for i in range(4_000)], "left out: an identifier (3,200 distinct"),
        ("mixed", [*map(str, range(40)), "n/a!"], "of 41 values"),
        ("gaps", ["1.5", "2.5", "", "NA"], "number + missing-value flag"),
    ],
)
def test_a_column_that_says_nothing_is_left_out_or_read_as_well_as_it_can_be(
    header: str, cells: list[str], read_as: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    n = max(len(cells), 400)
    lines = [f"{i % 11},{cells[i % len(cells)]},{'uv'[i % 2]}" for i in range(n)]
    path.write_text("\n".join([f"a,{header},y", *lines]) + "\n")
    words = ("train", path, "--target", "y", "--no-report", "--epochs", 1)
    result = handgrad(*words, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    line = next(line for line in result.stdout.splitlines() if line.strip().startswith(header))
    assert read_as in line
