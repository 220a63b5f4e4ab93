"""Tables on S3, by pyarrow's own client: the same rows, few requests, plain words."""

import gzip
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.files import remote_files
from tests.bad_input.refused import refused
from tests.tables.data.s3_server import KEY, S3Server
from tests.tables.data.streams import stream_of, written

SECRET = "h7dd3n"
ELSEWHERE = """
import pickle, sys
import pyarrow as pa
table = pickle.load(sys.stdin.buffer).to_table()
with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as out:
    out.write_table(table)
"""


def table(n: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({"a": rng.normal(size=n), "b": rng.normal(size=n), "y": rng.choice([*"uv"], n)})


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with S3Server("bucket") as found:
        yield found


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_the_rows_are_those_of_the_file(suffix: str, store: S3Server, tmp_path: Path) -> None:
    path = written(table(3000), (tmp_path / "a").with_suffix(suffix.removesuffix(".gz")))
    here = hg.data.open_table(path)
    wanted, x = here.to_table(), hg.data.read_table(path, "y").x
    if suffix.endswith("gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    address = store.put(path, f"a folder/ä 1{suffix}")
    there = hg.data.open_table(address)
    assert there.to_table() == wanted
    assert str(there.files[0]) == f"s3://bucket/a folder/ä 1{suffix}"
    np.testing.assert_array_equal(hg.data.read_table(address, "y").x, x)


def test_a_pattern_is_all_that_match(store: S3Server, tmp_path: Path) -> None:
    parts = [table(10, i) for i in range(3)]
    for i, part in enumerate(parts):
        store.put(written(part, tmp_path / f"{i}.parquet"), f"2025/part-{i}.parquet")
    store.put(tmp_path / "0.parquet", "2025/deep/part-0.parquet")
    store.put(tmp_path / "0.parquet", "2026/part-0.parquet")
    stream = hg.data.open_table(store.address("bucket/2025/*.parquet"))
    assert stream.to_table() == pa.concat_tables(parts)
    assert hg.data.open_table(store.address("bucket/*/part-0.parquet")).n_rows == 20


def test_the_endpoint_of_the_environment_is_asked(
    store: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{store.place}")
    store.put(written(table(10), tmp_path / "a.csv"), "a.csv")
    assert hg.data.open_table("s3://bucket/a.csv").n_rows == 10


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_another_process_reads_with_credentials_of_its_own(
    suffix: str, store: S3Server, tmp_path: Path
) -> None:
    path = written(table(300), tmp_path / f"a{suffix}")
    stream = hg.data.open_table(store.put(path, path.name))
    sent = pickle.dumps(stream)
    assert SECRET.encode() not in sent
    assert KEY.encode() not in sent
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=sent,
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(hg.__file__).parents[1],
        env=os.environ,
    )
    with pa.ipc.open_stream(found.stdout) as reader:
        assert reader.read_all() == stream.to_table()
    store.buckets["bucket"][path.name] += b"\n"
    with refused(hg.errors.FileError, f"s3://bucket/{path.name}: ", "when it was opened"):
        pickle.loads(sent).to_table()
    del store.buckets["bucket"][path.name]
    with refused(hg.errors.FileError, f"s3://bucket/{path.name}: no such file on"):
        pickle.loads(sent).to_table()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("bucket/no.csv", ("s3://bucket/no.csv: no such file", "check the spelling")),
        ("nobody/a.csv", ("s3://nobody/a.csv: no such bucket", "check its name")),
        ("nobody/*.csv", ("s3://nobody/*.csv: no such bucket", "check its name")),
        ("bucket/*.csv", ("s3://bucket/*.csv: no file matches", "check the pattern")),
        ("bucket/folder", ("s3://bucket/folder: a folder", "folder/*.parquet, for all")),
        ("bucket", ("s3://bucket: a folder", "s3://bucket/*.parquet, for all")),
    ],
)
def test_what_is_not_there_is_said(
    place: str, words: tuple[str, ...], store: S3Server, tmp_path: Path
) -> None:
    store.put(written(table(10), tmp_path / "a.csv"), "folder/a.csv")
    with refused(hg.errors.FileError, *words):
        hg.data.open_table(store.address(place))


def test_other_credentials_are_refused(
    store: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = store.put(written(table(10), tmp_path / "a.csv"), "a.csv")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    with refused(
        hg.errors.FileError, "s3://bucket/a.csv: ", "ACCESS_DENIED", "AWS_SECRET_ACCESS_KEY"
    ):
        hg.data.open_table(address)


@pytest.mark.slow
def test_a_store_that_is_gone_or_silent_is_given_up(
    store: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "ATTEMPTS", 1)
    path = written(table(300), tmp_path / "a.csv")
    stream = hg.data.open_table(store.put(path, "a.csv"))
    store.silent.set()
    with refused(
        hg.errors.FileError, "s3://bucket/a.csv: ", "NETWORK_CONNECTION", "a reachable store"
    ):
        stream.to_table()
    with refused(hg.errors.FileError, "s3://b/a.csv: ", "NETWORK_CONNECTION", "check the network"):
        hg.data.open_table("s3://b/a.csv?endpoint_override=127.0.0.1:9&scheme=http")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_few_requests_fetch_all(suffix: str, store: S3Server, tmp_path: Path) -> None:
    path = written(table(100_000), tmp_path / f"a{suffix}", 20_000)
    address = store.put(path, path.name)
    stream = hg.data.open_table(address)
    at_first = sum(request.size for request in store.requests)
    assert at_first <= path.stat().st_size + 4 * remote_files.BUFFER, "read through once"
    store.requests.clear()
    assert sum(frame.num_rows for frame in stream) == 100_000
    sizes = [request.size for request in store.requests if request.method == "GET"]
    parts = len(stream.sources[0].parts)
    assert sum(sizes) <= 1.1 * path.stat().st_size
    assert len(sizes) <= 4 * parts + path.stat().st_size / 2**20


def test_many_parquet_files_are_looked_into_side_by_side(store: S3Server, tmp_path: Path) -> None:
    parts = [table(10, i) for i in range(12)]
    for i, part in enumerate(parts):
        store.put(written(part, tmp_path / f"{i:02}.parquet"), f"{i:02}.parquet")
    store.meeting.set()
    stream = hg.data.open_table(store.address("bucket/*.parquet"))
    assert not store.meeting.is_set()
    assert len(store.requests) <= 5 * len(parts) + 5
    assert stream.to_table() == pa.concat_tables(parts)
    for name in ("07.parquet", "03.parquet"):
        store.buckets["bucket"][name] = b"no Parquet"
    with refused(hg.errors.FileError, "s3://bucket/03.parquet: ", "a whole Parquet file"):
        hg.data.open_table(store.address("bucket/*.parquet"))


def test_row_groups_larger_than_a_chunk_are_fetched_in_slices(
    store: S3Server, tmp_path: Path
) -> None:
    whole = table(100_000)
    path = written(whole, tmp_path / "a.parquet", 100_000)
    (location,) = remote_files.files_at(store.put(path, "a.parquet"))
    stream = stream_of(location, piece=200_000)
    slices = [*stream]
    assert len(slices) > 5
    assert pa.concat_tables(slices) == whole
