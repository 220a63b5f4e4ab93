"""`open_table`: all rows in pieces, whatever the pieces are; errors as those of `read_table`."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import csv

import handgrad as hg
from handgrad.tables.data.table_options import bytes_of
from handgrad.tables.data.tables import table_of
from tests.bad_input.refused import refused
from tests.bad_input.test_tables import WRONG_FILES
from tests.tables.data.streams import stream_of, written

ANY_TEXT = st.text(st.sampled_from('ab7é",;\n '), max_size=12)
HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def table(n: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    columns = {
        "a": rng.normal(size=n),
        "b": rng.integers(0, 50, n),
        "y": rng.choice(list("uvw"), n),
    }
    return pa.table(columns)


@pytest.mark.slow
@HERE
@given(
    rows=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    piece=st.integers(1, 3000),
    group=st.integers(1, 40),
    suffix=st.sampled_from([".csv", ".parquet"]),
)
def test_the_pieces_are_all_rows_in_their_order(
    rows: list[int], piece: int, group: int, suffix: str, tmp_path: Path
) -> None:
    tables = [table(n, seed) for seed, n in enumerate(rows)]
    paths = [written(each, tmp_path / f"{i}{suffix}", group) for i, each in enumerate(tables)]
    stream = stream_of(*paths, piece=piece)
    assert stream.n_rows == sum(rows)
    assert pa.concat_tables(stream).equals(pa.concat_tables(tables))
    assert pa.concat_tables(stream).equals(pa.concat_tables(tables)), "a second time"
    b = pa.concat_tables(tables)["b"].to_numpy()
    for part in stream.chunks(["b"]):
        assert part.columns["b"].to_pylist() == b[part.numbers].tolist()


@pytest.mark.slow
@HERE
@given(piece=st.integers(1, 2000), seed=st.integers(0, 9), suffix=st.sampled_from([".csv", ".pq"]))
def test_pieces_in_a_drawn_order_are_the_same_rows(
    piece: int, seed: int, suffix: str, tmp_path: Path
) -> None:
    path = written(table(100), (tmp_path / "a").with_suffix(suffix.replace("pq", "parquet")), 7)
    stream = stream_of(path, piece=piece)
    pieces = [*stream.chunks(["a"], np.random.default_rng(seed))]
    pieces.sort(key=lambda part: part.numbers[0])
    assert pa.concat_tables(part.columns for part in pieces)["a"] == stream.to_table()["a"]


@pytest.mark.slow
@HERE
@given(
    cells=st.lists(st.tuples(ANY_TEXT, st.floats(allow_nan=False)), min_size=1, max_size=20),
    piece=st.integers(1, 200),
)
def test_text_of_any_kind_and_line_breaks_within_it_are_read_as_the_whole_file_is(
    cells: list[tuple[str, float]], piece: int, tmp_path: Path
) -> None:
    texts, numbers = zip(*cells, strict=True)
    path = written(
        pa.table({"text": ["t" + text for text in texts], "x": numbers}), tmp_path / "a.csv"
    )
    whole = csv.read_csv(path, read_options=csv.ReadOptions(use_threads=False, block_size=2**24))
    assert stream_of(path, piece=piece).to_table().to_pylist() == whole.to_pylist()


TYPES: dict[str, tuple[list[str], str]] = {
    "whole numbers, then others": (["1", "2.5"], "double"),
    "whole numbers, then text": (["1", "two"], "string"),
    "nothing, then numbers": (["", "2"], "int64"),
    "numbers, then nothing": (["2.5", ""], "double"),
    "dates, then times": (["2020-01-31", "2020-01-31 10:00:00"], "timestamp[s]"),
    "dates, then numbers": (["2020-01-31", "7"], "string"),
    "nothing, then truth": (["", "true"], "bool"),
    "nothing at all": (["", ""], "null"),
}


@pytest.mark.parametrize("case", TYPES)
def test_a_column_has_a_type_for_all_blocks(case: str, tmp_path: Path) -> None:
    cells, kind = TYPES[case]
    (path := tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{cell},1\n" for cell in cells))
    stream = stream_of(path, piece=len(f"x,y\n{cells[0]},1\n"))
    assert [part.n_rows for part in stream.sources[0].parts] == [1, 1]
    assert stream.columns == {"x": kind, "y": "int64"}
    assert stream.to_table() == table_of(path).columns


@pytest.mark.parametrize("case", WRONG_FILES)
@pytest.mark.parametrize("piece", [1, 4096])
def test_wrong_files_are_refused_as_whole_ones_are(case: str, piece: int, tmp_path: Path) -> None:
    content, kind, words = WRONG_FILES[case]
    if case in ("header alone", "target alone", "no text at all", "UTF-16"):
        words = words[1:]
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with refused(kind, *words):
        stream_of(path, piece=piece).rows("y").in_memory()


def test_a_broken_row_is_told_by_its_line_in_the_file(tmp_path: Path) -> None:
    lines = ["a,y", *(f"{i},{i}" for i in range(500)), "1,2,3", *["4,5"] * 500]
    (path := tmp_path / "a.csv").write_text("\n".join(lines))
    with refused(hg.errors.FileError, "line 502 has 3 of 2 fields: '1,2,3'"):
        stream_of(path, piece=100)


def test_a_mistake_is_told_with_its_row_and_file(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,y\n1,2\n3,4\n5,6\n")
    (tmp_path / "2.csv").write_text("a,y\n1,2\n3,4\n,6\n")
    rows = stream_of(tmp_path / "1.csv", tmp_path / "2.csv", piece=1).rows("y")
    with refused(
        hg.errors.DataError, f"column 'a' is empty in row 3 below the header of {tmp_path}/2.csv"
    ):
        rows.in_memory()


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    whole = written(table(1000), tmp_path / "a.parquet").read_bytes()
    (path := tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])
    with refused(hg.errors.FileError, "half.parquet", "a whole Parquet file"):
        hg.data.open_table(path)


def test_a_parquet_file_whose_middle_is_broken_is_refused_where_it_is_read(tmp_path: Path) -> None:
    path = written(table(1000), tmp_path / "a.parquet", 100)
    content = bytearray(path.read_bytes())
    content[4:3000] = bytes(2996)
    path.write_bytes(content)
    with refused(hg.errors.FileError, "a.parquet", "a whole Parquet file"):
        stream_of(path, piece=10**6).to_table()


def test_files_of_other_columns_are_refused(tmp_path: Path) -> None:
    written(table(3), tmp_path / "1.csv")
    written(table(3).rename_columns(["a", "b", "z"]), tmp_path / "2.csv")
    with refused(hg.errors.DataError, "2.csv: no column 'y', unlike"):
        hg.data.open_table(tmp_path / "*.csv")


def test_files_of_both_kinds_are_one_table_of_the_wider_types(tmp_path: Path) -> None:
    whole = pa.table({"a": [1, 2], "y": ["u", "v"]})
    one = written(whole, tmp_path / "1.parquet")
    other = written(pa.table({"y": ["w"], "a": [0.5]}), tmp_path / "2.csv")
    stream = hg.data.open_table([one, other])
    assert stream.columns == {"a": "double", "y": "string"}
    assert stream.to_table().to_pydict() == {"a": [1, 2, 0.5], "y": ["u", "v", "w"]}
    assert repr(stream) == f"<TableStream: {one} and 1 more, 3 rows in 2 files, a, y>"


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "a.csv").write_text("a______\n" + "1234567\n" * 50)
    stream = stream_of(path, piece=64)
    path.write_text("a______\n" + "123\n567\n" * 50)
    with refused(hg.errors.DataError, "a.csv: ", "files that do not change"):
        stream.to_table()


def test_row_groups_larger_than_a_piece_come_in_slices_small_ones_together(tmp_path: Path) -> None:
    one = pa.table({"a": np.arange(1000.0)})
    stream = stream_of(written(one, tmp_path / "a.parquet", 1000), piece=800)
    assert 90 <= max(part.num_rows for part in stream) <= 100
    stream = stream_of(written(one, tmp_path / "a.parquet", 30), piece=800)
    assert [part.num_rows for part in stream] == [90] * 11 + [10]


@pytest.mark.parametrize(
    ("memory", "size"),
    [
        ("1 GB", 10**9),
        ("2GiB", 2**31),
        ("1.5 mb", 1_500_000),
        (10**7, 10**7),
        ("5000kB", 5 * 10**6),
    ],
)
def test_memory_is_said_in_bytes_or_words(memory: Any, size: int) -> None:
    assert bytes_of(memory) == size


@pytest.mark.parametrize("memory", ["", "much", "-1 GB", "1 MB 5", 0, 1000, "1 kB", None])
def test_memory_that_is_none_is_refused(memory: Any) -> None:
    with refused(hg.errors.SettingError, "memory=", "1 MB or more"):
        bytes_of(memory)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with refused(hg.errors.FileError, "no such file"):
        hg.data.open_table(tmp_path / "a.csv")
    with refused(hg.errors.SettingError, "no files"):
        hg.data.open_table([])


def test_a_bar_is_shown_in_a_terminal_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hg.data.open_table(written(table(3), tmp_path / "a.csv"), progress=True)
    assert capfd.readouterr() == ("", "")


def test_a_split_is_two_streams_of_the_same_file(tmp_path: Path) -> None:
    rows = pa.table({"a": np.arange(500), "b": np.arange(500) % 7})
    stream = stream_of(written(rows, tmp_path / "a.parquet", 50), piece=300)
    both = stream.split(0.3, 0)
    found = [part.to_table()["a"].to_pylist() for part in both]
    assert [part.n_rows for part in both] == [len(part) for part in found]
    assert sorted(found[0] + found[1]) == [*range(500)]
    assert 100 < len(found[1]) < 200
    assert found[1] == sorted(found[1])
    assert stream.n_rows == 500
    few = both[1].select(["b"]).sample(20, 1)
    assert (few.n_rows, few.names) == (20, ["b"])
    places = [place for piece in both[1].sample(20, 1).chunks(["a"]) for place in piece.numbers]
    assert {*places} < {*found[1]}
    assert few.to_table()["b"].to_pylist() == [place % 7 for place in places]
    drawn = [*both[0].chunks(["a"], np.random.default_rng(0))]
    assert sorted(n for piece in drawn for n in piece.columns["a"].to_pylist()) == found[0]
    assert all(piece.columns["a"].to_pylist() == piece.numbers.tolist() for piece in drawn)
    again = hg.data.open_table(tmp_path / "a.parquet").split(0.3, 0)[1]
    assert again.to_table()["a"].to_pylist() == found[1], "whatever the pieces are"


def test_a_row_of_a_split_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        written(pa.table({"a": np.arange(100)}), path)
    part = stream_of(*paths, piece=100).split(0.5, 0)[1]
    for piece in part.chunks(["a"]):
        for row, number in enumerate(piece.columns["a"].to_pylist()):
            assert piece.place(row).startswith(f"row {number + 1} below the header of ")
    assert piece.place(0).endswith("b.csv")


def test_columns_that_are_not_there_are_not_selected(tmp_path: Path) -> None:
    stream = stream_of(written(pa.table({"a": [1]}), tmp_path / "a.csv"), piece=100)
    with refused(hg.errors.DataError, "no column named 'c'", "one of a"):
        stream.select(["c"])


@pytest.mark.parametrize("n", [0, -1, 2.5, "all"])
def test_samples_that_are_none_are_refused(n: Any, tmp_path: Path) -> None:
    stream = stream_of(written(pa.table({"a": [1]}), tmp_path / "a.csv"), piece=100)
    with refused(hg.errors.SettingError):
        stream.sample(n)
