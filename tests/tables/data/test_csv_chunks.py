"""Chunks of a CSV file: the rows that pyarrow finds in the whole of it, wherever they are cut."""

import bz2
import gzip
import lzma
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import csv

import handgrad as hg
from handgrad.tables.data import csv_file, file_kinds
from handgrad.tables.data.csv_file import CsvFile
from handgrad.tables.data.table_options import TableOptions
from handgrad.tables.data.tables import table_of
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of

HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
QUOTED = st.text('ab",\r\né ', max_size=9).map(lambda text: '"' + text.replace('"', '""') + '"')
PLAIN = st.tuples(st.sampled_from("abé "), st.text('ab" é', max_size=6)).map("".join)
CELL = st.one_of(PLAIN, QUOTED, st.tuples(QUOTED, PLAIN).map("".join))
ROW = st.lists(CELL, min_size=2, max_size=2).map(lambda cells: ",".join(["t", *cells]))


def in_one(path: Path) -> list[dict[str, object]] | None:
    """The rows as pyarrow reads the file in one go; None if it refuses it."""
    try:
        return csv.read_csv(
            path,
            read_options=csv.ReadOptions(use_threads=False, block_size=2**24),
            parse_options=csv.ParseOptions(newlines_in_values=True),
        ).to_pylist()
    except pa.ArrowInvalid:
        return None


def in_chunks(path: Path, piece: int) -> list[dict[str, object]] | None:
    try:
        return stream_of(path, piece=piece).to_table().to_pylist()
    except hg.errors.FileError:
        return None


@pytest.mark.slow
@HERE
@given(
    rows=st.lists(ROW, min_size=1, max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    ends=st.booleans(),
    piece=st.integers(1, 120),
)
@example(rows=['1,20" pipe,"Ulm\nstreet, h"', '2,5 pipe,"a\nb, c"'], end="\n", ends=True, piece=9)
def test_the_rows_are_those_of_the_whole_file(
    rows: list[str], end: str, ends: bool, piece: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((f"a,b,c{end}" + end.join(rows) + end * ends).encode())
    assert in_chunks(path, piece) == in_one(path) is not None


@HERE
@given(text=st.text('a",\r\n', min_size=1, max_size=40), piece=st.integers(1, 40))
def test_what_pyarrow_refuses_in_the_whole_is_refused_in_chunks(
    text: str, piece: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"x,y\nt,t\n{text}".encode())
    assert in_chunks(path, piece) == in_one(path)


@pytest.mark.parametrize("n", [500, 1000])
def test_each_chunk_is_parsed_once_whatever_quotes_are_in_it(
    n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, parsed = tmp_path / "inch.csv", list[int]()
    lines = [f'{i},{i % 50}{chr(34) * (i == 10)} pipe,"Ulm\nfloor {i}"' for i in range(n)]
    path.write_text("\n".join(["id,size,note", *lines, ""]))
    read = csv.read_csv

    def counted(source: pa.BufferReader, *options: object) -> pa.Table:
        parsed.append(source.size())
        return read(source, *options)

    monkeypatch.setattr(csv, "read_csv", counted)
    stream = stream_of(path, piece=2000)
    assert stream.n_rows == n
    assert sum(parsed) < 1.1 * path.stat().st_size + 2**13


def test_a_row_that_never_ends_is_refused_before_all_of_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "LONGEST_ROW", 2**16)
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1,2\n" * 100 + '3,"4\n' + "5,6\n" * 5 * 10**6)
    tracemalloc.start()
    with refused(
        hg.errors.FileError,
        "row 101 below the header is longer than 0.066 MB",
        "unclosed quotation mark",
    ):
        stream_of(path, piece=1000)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()
    with refused(
        hg.errors.FileError,
        "row 101 below the header is longer than 0.066 MB",
        "unclosed quotation mark",
    ):
        table_of(path)


def test_rows_longer_than_a_block_of_pyarrow_are_read_in_memory_too(tmp_path: Path) -> None:
    path, text = tmp_path / "a.csv", "long\n" * 600_000
    path.write_text(f'a,b\n1,"{text}"\n2,"{text}"\n')
    assert table_of(path).columns["b"].to_pylist() == [text, text]


TOWNS = "Größe;town\n" + "".join(f'{i},25;"Köln\n{i}"\n' for i in range(400))
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": partial(pa.compress, codec="zstd", asbytes=True),
    "lz4": partial(pa.compress, codec="lz4", asbytes=True),
}


@pytest.mark.parametrize("packing", [None, *PACKED])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_however_a_file_is_written_its_chunks_are_the_rows_in_memory(
    encoding: str, packing: str | None, tmp_path: Path
) -> None:
    path, text = tmp_path / "a.csv", TOWNS.encode(encoding)
    path.write_bytes(PACKED[packing](text) if packing else text)
    stream = stream_of(path, piece=1000)
    assert len(stream.sources[0].parts) > 5
    assert stream.to_table() == table_of(path).columns
    assert stream.to_table()["Größe"].to_pylist() == [i + 0.25 for i in range(400)]
    *_, last = stream.chunks(["town"], np.random.default_rng(0))
    assert last.columns["town"].to_pylist() == [f"Köln\n{i}" for i in last.numbers]


@pytest.mark.parametrize(
    ("text", "asked", "line"),
    [
        ("sep=;\n" + TOWNS, TableOptions(), 403),
        (TOWNS.removeprefix("Größe;town\n"), TableOptions(header=False), 401),
    ],
    ids=["a line of the separator", "no names"],
)
def test_lines_before_the_rows_belong_to_the_first_chunk_alone(
    text: str, asked: TableOptions, line: int, tmp_path: Path
) -> None:
    (path := tmp_path / "a.csv").write_text(text)
    source = CsvFile(path, 1000, lambda size: None, asked)
    assert len(source.parts) > 5
    assert sum(part.n_rows for part in source.parts) == 400
    path.write_text(f"{text}1;2;3\n")
    with refused(hg.errors.FileError, f"line {line} has 3 of 2 fields"):
        CsvFile(path, 1000, lambda size: None, asked)


def test_bytes_that_turn_up_late_show_the_encoding_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"1000000,x\n" * 150_000 + "2,süß\n".encode("cp1252"))
    stream = stream_of(path, piece=200_000)
    assert stream.n_rows == 150_001
    assert stream.to_table()["b"][-1].as_py() == "süß"


@pytest.mark.parametrize("packing", PACKED)
def test_what_is_much_larger_when_unpacked_is_refused_before_it_is(
    packing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_kinds, "PLENTY", 2 * 10**6)
    path, text = tmp_path / "a.csv.gz", b"a,b\n" + b"1,2\n" * 1_000_000
    path.write_bytes(PACKED[packing](text))
    for read in (table_of, partial(stream_of, piece=50_000)):
        with refused(hg.errors.FileError, "200 times as large when decompressed"):
            read(path)


def test_plain_numbers_are_read_without_pandas(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1.5,2\n2.5,3\n")
    code = "import sys, handgrad as hg; hg.data.open_table('a.csv'); print('pandas' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("size", [40, 300, 10**6])
def test_a_part_has_the_checksum_of_its_bytes(size: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f'{i},"x\n{i}"\n' for i in range(100)))
    content = path.read_bytes()
    parts = CsvFile(path, size, lambda size: None).parts
    assert [part.checksum for part in parts] == [
        zlib.crc32(content[part.begin : part.end]) for part in parts
    ]
    assert sum(part.end - part.begin for part in parts) == len(content)
