"""Parquet files that are far larger in memory than on disk are read within bounds, or refused."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import handgrad as hg
from handgrad.tables.data import parquet_file
from handgrad.tables.data.tables import table_of
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of

HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
LONG = "x" * 100_000


def repeated(path: Path, texts: Sequence[str | None], group: int = 10**6) -> Path:
    """A file in which each text stands once, however often a row has it."""
    table = pa.table({"n": np.arange(len(texts)), "text": pa.array(texts, pa.string())})
    parquet.write_table(table, path, row_group_size=group, compression="zstd")
    return path


def test_a_text_that_comes_often_is_unpacked_in_pieces(tmp_path: Path) -> None:
    path = repeated(tmp_path / "a.parquet", ["short"] * 1200 + [LONG] * 800)
    assert path.stat().st_size < 20_000
    before, most, rows = pa.total_allocated_bytes(), 0, 0
    for piece in stream_of(path, piece=500_000):
        most = max(most, pa.total_allocated_bytes() - before)
        assert piece["n"].to_pylist() == [*range(rows, rows + len(piece))]
        assert {*piece["text"].to_pylist()} <= {"short", LONG}
        rows += len(piece)
    assert rows == 2000
    assert most < 4_000_000


@HERE
@given(
    texts=st.lists(st.none() | st.text("ab", max_size=30), min_size=1, max_size=40),
    piece=st.integers(1, 300),
    group=st.integers(1, 40),
)
def test_pieces_of_texts_are_all_rows_in_their_order(
    texts: list[str | None], piece: int, group: int, tmp_path: Path
) -> None:
    stream = stream_of(repeated(tmp_path / "a.parquet", texts, group), piece=piece)
    table = stream.to_table()
    assert table["text"].to_pylist() == texts
    assert table["n"].to_pylist() == [*range(len(texts))]
    assert table.schema.field("text").type == pa.string()


def test_a_row_larger_than_any_is_refused_by_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "LONGEST_ROW", 90_000)
    path = repeated(tmp_path / "a.parquet", ["short"] * 7 + [LONG] * 8)
    with refused(hg.errors.FileError, "row 8 takes 0.1 MB", "0.09 MB"):
        stream_of(path, piece=1000).to_table()


def test_a_whole_file_is_refused_before_it_takes_far_more_than_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = repeated(tmp_path / "a.parquet", [LONG] * 800)
    assert pc.sum(pc.binary_length(table_of(path).columns["text"])).as_py() == 80_000_000
    monkeypatch.setattr(parquet_file, "PLENTY", 10**6)
    before = pa.total_allocated_bytes()
    with refused(hg.errors.FileError, "80 MB in memory, ", "on disk", "hg.data.open_table"):
        table_of(path)
    assert pa.total_allocated_bytes() - before < 10**6


def test_a_file_of_nothing_but_rows_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": pa.nulls(2_000_000, pa.float64())}), path)
    monkeypatch.setattr(parquet_file, "PLENTY", 10**6)
    with refused(hg.errors.FileError, "16 MB in memory, ", "on disk"):
        table_of(path)


def test_every_type_is_what_it_was_in_the_file_and_in_pieces(tmp_path: Path) -> None:
    columns = {
        "list": pa.array([["a", "b"], ["a"], None]),
        "struct": pa.array([{"a": "x"}] * 3),
        "category": pa.array(["1", "2", None]).dictionary_encode(),
        "bytes": pa.array([b"\xff", b"a", None]),
        "large": pa.array(["a", "b", None], pa.large_string()),
        "a.b": pa.array(["a", "b", None]),
        "nothing": pa.nulls(3),
    }
    parquet.write_table(pa.table(columns), path := tmp_path / "a.parquet")
    expected = parquet.read_table(path)
    for found in (table_of(path).columns, stream_of(path, piece=10**6).to_table()):
        assert found.schema.remove_metadata() == expected.schema.remove_metadata()
        assert found.to_pylist() == expected.to_pylist()


CHANGED = """
import io, sys
from pathlib import Path
import numpy as np, pyarrow as pa
from pyarrow import parquet
import handgrad as hg
from handgrad.learn.playground.tables import table_sent
path = Path(sys.argv[1], "a.parquet")
colours = [["red", "green"][i % 2] for i in range(40)]
table = pa.table({"a": np.arange(40.0), "b": np.arange(40), "c": colours, "y": colours})
parquet.write_table(table, path, compression="gzip", use_dictionary=False)
whole = path.read_bytes()
begin = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")  # of what says the columns
tried = dict.fromkeys(("read", "refused"), 0)
for place in range(begin + 10, begin + 50):
    for value in {2, 10} - {whole[place]}:
        damaged = whole[:place] + bytes([value]) + whole[place + 1 :]
        path.write_bytes(damaged)
        for read in (lambda: hg.data.open_table(path), lambda: table_sent(damaged, "a.parquet")):
            try:
                read()
                tried["read"] += 1
            except hg.HandgradError:
                tried["refused"] += 1
print(min(tried.values()) > 20)
"""


@pytest.mark.slow
def test_one_changed_byte_never_ends_the_process(tmp_path: Path) -> None:
    """pyarrow ends it, as no exception can be caught, where a file contradicts itself."""
    command = [sys.executable, "-c", CHANGED, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "True\n", "")


def test_a_file_that_tells_of_other_rows_than_it_has_is_refused(tmp_path: Path) -> None:
    parquet.write_table(
        pa.table({"a": np.arange(40.0), "b": np.arange(40)}), path := tmp_path / "a.parquet"
    )
    whole = path.read_bytes()
    begin = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    tried = 0
    for place in (i for i in range(begin, len(whole)) if whole[i] == 80):  # 40, as it is written
        for told in (0, 20, 90):
            path.write_bytes(whole[:place] + bytes([told]) + whole[place + 1 :])
            try:
                n = parquet.read_metadata(path).row_group(0).num_rows
            except (OSError, pa.ArrowInvalid):
                continue
            if n != 40:
                tried += 1
                for read in (lambda: table_of(path), lambda: stream_of(path, piece=100).to_table()):
                    with refused(hg.errors.FileError, f"{path}: ", "a whole Parquet file"):
                        read()
    assert tried
