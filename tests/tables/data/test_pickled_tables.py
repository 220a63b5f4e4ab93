"""Streams that are pickled: other processes read the same rows, and scan nothing again."""

import gzip
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.tables.data.csv_file import CsvFile
from handgrad.tables.data.files import Table
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written

N = 300
ELSEWHERE = """
import hashlib, pickle, sys
from handgrad.tables.data import csv_dialect, csv_file

def refuse(*args, **options):
    raise AssertionError("the file is looked through again")

csv_file.CsvFile._look_through = csv_dialect.sniffed = refuse
for name, rows in pickle.load(sys.stdin.buffer).items():
    digest = hashlib.sha256()
    for part in rows.chunks():
        for array in part:
            digest.update(array.tobytes())
    print(name, digest.hexdigest())
"""


def table() -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table({"a": rng.normal(size=N), "b": rng.normal(size=N), "y": rng.choice([*"uv"], N)})


def file_of(kind: str, folder: Path) -> Path:
    path = written(table(), folder / ("a.parquet" if kind == "parquet" else "a.csv"), 50)
    text = path.read_bytes()
    if kind == "gzip":
        path.write_bytes(gzip.compress(text))
    elif kind == "latin-1":
        path.write_bytes(text.replace(b'"u"', b'"\xfc"'))
    return path


KINDS = ("csv", "gzip", "latin-1", "parquet")


def doubled(table: Table) -> Table:
    columns = table.columns.set_column(0, "a", pa.array(2 * table.columns["a"].to_numpy()))
    return Table(table.source, table.files, table.rows, columns, table.numbers)


def digest_of(rows: hg.data.StreamedRows) -> str:
    digest = hashlib.sha256()
    for part in rows.chunks():
        for array in part:
            digest.update(array.tobytes())
    return digest.hexdigest()


def test_another_process_reads_the_same_bits_and_scans_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = dict[str, hg.data.StreamedRows]()
    wanted = dict[str, str]()
    for kind in KINDS:
        (folder := tmp_path / kind).mkdir()
        monkeypatch.chdir(folder)
        path = Path(file_of(kind, folder).name)  # as seen from here, and from nowhere else
        rows[kind] = stream_of(path, piece=2000).rows("y")
        assert len(rows[kind].table.sources[0].parts) > 3
        rows[f"{kind}, a sample"] = stream_of(path, piece=2000).sample(99, rng=0).rows("y")
        rows[f"{kind}, held out"] = rows[kind].split(0.2, rng=0)[1]
        wanted |= {name: digest_of(of) for name, of in rows.items() if name not in wanted}
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=pickle.dumps(rows),
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(hg.__file__).parents[1],
    )
    told = (line.rsplit(" ", 1) for line in found.stdout.decode().splitlines())
    assert dict(told) == wanted
    assert len({*wanted.values()}) > len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_rules_and_changes_travel(kind: str, tmp_path: Path) -> None:
    stream = stream_of(file_of(kind, tmp_path), piece=2000)
    changed = stream.mapped(partial(doubled)).split(0.5, rng=0)[0]
    again = pickle.loads(pickle.dumps(changed))
    assert again.n_rows == changed.n_rows < N
    assert again.to_table() == changed.to_table()
    own = stream.mapped(lambda chunk: doubled(chunk))
    assert pickle.loads(cloudpickle.dumps(own)).to_table() == own.to_table()


@pytest.mark.parametrize("kind", ["gzip", "latin-1"])
def test_an_unpacked_copy_stays_and_is_made_anew_when_first_read(kind: str, tmp_path: Path) -> None:
    stream = stream_of(file_of(kind, tmp_path), piece=2000)
    again = pickle.loads(pickle.dumps(stream))
    (source,) = again.sources
    assert isinstance(source, CsvFile)
    assert source.text.copy is None
    wanted = stream.to_table()
    assert again.to_table() == wanted
    copy = source.text.copy
    assert copy is not None
    assert again.to_table() == wanted
    assert source.text.copy is copy


@pytest.mark.parametrize("kind", KINDS)
def test_threads_read_one_stream_side_by_side(kind: str, tmp_path: Path) -> None:
    stream = stream_of(file_of(kind, tmp_path), piece=500)
    wanted, found = stream.to_table(), list[pa.Table]()

    def read() -> None:
        found.extend(stream.to_table() for _ in range(5))

    threads = [Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert all(each == wanted for each in found)


def remove(path: Path) -> None:
    path.unlink()


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def touch(path: Path) -> None:
    os.utime(path, (10**6, 10**6))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove, ("no such file on", "a folder shared by all nodes", "shared folder")),
        (shorten, ("when it was opened", "one file", "hg.data.open_table again")),
        (touch, ("1970-01-12", "when it was opened", "one file")),
    ],
)
def test_a_file_that_is_another_there_is_refused(
    change: Callable[[Path], None], words: tuple[str, ...], kind: str, tmp_path: Path
) -> None:
    path = file_of(kind, tmp_path)
    travelled = pickle.dumps(stream_of(path, piece=2000))
    change(path)
    stream = pickle.loads(travelled)
    for _ in range(2):  # also when it is tried again
        with refused(hg.errors.FileError, f"{path}: ", *words):
            stream.to_table()
