"""Tables by addresses, here of `file://`: the same rows as by path, and plain words."""

import gzip
import io
import lzma
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.files import remote_files
from handgrad.files.addresses import is_address
from handgrad.files.remote_files import RemoteFile, files_at
from handgrad.tables.data import tables
from handgrad.tables.runs.finished_run import fingerprint
from tests.bad_input.refused import refused
from tests.tables.data.spreadsheets import WAYS
from tests.tables.data.streams import written


def table(n: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({"a": rng.normal(size=n), "b": rng.normal(size=n), "y": rng.choice([*"uv"], n)})


def address(path: Path, pattern: str = "") -> str:
    """The address of a file, or of a pattern in a folder."""
    return f"file://{quote(str(path))}{f'/{pattern}' if pattern else ''}"


@pytest.fixture
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK", 0)
    monkeypatch.setattr(tables, "SMALLEST_BLOCK", 1000)


def test_what_is_an_address() -> None:
    assert all(map(is_address, ["s3://b/x", "file:///x", "abfss://c@a/x", "HDFS://h:1/x"]))
    assert not any(
        map(is_address, ["a.csv", "/a//b", "C://a", "x:/y", Path("s3://b/x"), ["s3://"]])
    )


@pytest.mark.usefixtures("in_small_pieces")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("group", [20, 100, 300])
def test_the_rows_are_those_of_the_path(suffix: str, group: int, tmp_path: Path) -> None:
    (folder := tmp_path / "a folder, 100 %").mkdir()
    path = written(table(300), folder / f"ä b{suffix}", group)
    here, there = hg.data.open_table(path), hg.data.open_table(address(path))
    assert there.to_table() == here.to_table()
    assert there.sources[0].parts == here.sources[0].parts
    assert len([*there]) == len([*here]) > 2
    drawn = [
        np.concatenate([part.numbers for part in stream.chunks(["a"], np.random.default_rng(1))])
        for stream in (here, there)
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert str(there.files[0]) == f"file://{path}"
    whole, again = hg.data.read_table(path, "y"), hg.data.read_table(address(path), "y")
    np.testing.assert_array_equal(whole.x, again.x)
    np.testing.assert_array_equal(whole.y, again.y)
    assert whole.name == again.name == "ä b"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", WAYS)
def test_each_way_to_write_a_table_is_read_alike(name: str, tmp_path: Path) -> None:
    file, content, options = WAYS[name]
    (path := tmp_path / file).write_bytes(content)
    here = hg.data.open_table(path, **options)
    there = hg.data.open_table(address(path), **options)
    assert there.to_table().to_pydict() == here.to_table().to_pydict()
    assert there.notes == here.notes


def test_a_pattern_is_all_files_that_match_in_order(tmp_path: Path) -> None:
    for i, folder in enumerate(["2024", "2025", "other"]):
        (tmp_path / folder).mkdir()
        for k in range(3):
            written(table(5, 3 * i + k), tmp_path / folder / f"part-{k}.parquet")
    (tmp_path / "2024" / ".part-9.parquet").write_text("hidden")
    (tmp_path / "2024" / "part-folder").mkdir()
    (tmp_path / "2024" / "deep").mkdir()
    written(table(5), tmp_path / "2024" / "deep" / "part-0.parquet")

    def found(pattern: str) -> list[str]:
        paths = hg.data.open_table(address(tmp_path, pattern)).files
        return [str(path).removeprefix(f"file://{tmp_path}/") for path in paths]

    assert found("2024/*") == [f"2024/part-{k}.parquet" for k in range(3)]
    assert found("20*/part-1.parquet") == ["2024/part-1.parquet", "2025/part-1.parquet"]
    assert found("20*/part-[02].par?uet") == [
        f"{y}/part-{k}.parquet" for y in (2024, 2025) for k in (0, 2)
    ]
    assert found("*/part-2*") == [f"{y}/part-2.parquet" for y in (2024, 2025, "other")]
    whole = hg.data.open_table(address(tmp_path, "20*/*.parquet"))
    assert whole.to_table() == hg.data.open_table(tmp_path / "20*" / "*.parquet").to_table()
    several: list[str | Path] = [
        address(tmp_path, "other/*.parquet"),
        tmp_path / "2024/part-0.parquet",
    ]
    assert hg.data.open_table(several).n_rows == 20


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("no.csv", ("no.csv: no such file", "a CSV file", ".xls", "SQLite", "check the spelling")),
        ("folder", ("folder: a folder", "/*.parquet, for all of them")),
        ("folder/", ("folder/: a folder", "folder/*.parquet, for all of them")),
        ("*.csv", ("/*.csv: no file matches", "check the pattern")),
        ("no/*.csv", ("/no/*.csv: no file matches", "check the pattern")),
        ("pipe", ("pipe: no such file", "a CSV file")),
    ],
)
def test_what_is_not_there_is_said(inside: str, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with refused(hg.errors.FileError, *words):
        hg.data.open_table(address(tmp_path, inside))


def test_rows_that_are_wrong_are_told_with_the_address(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,y\n1,2\n3,4\n")
    (tmp_path / "2.csv").write_text("a,y\n1,2\n,4\n")
    where = f"row 2 below the header of file://{tmp_path}/2.csv"
    with refused(hg.errors.DataError, "column 'a' is empty", where):
        hg.data.open_table(address(tmp_path, "*.csv")).rows("y").in_memory()
    (tmp_path / "3.csv").write_text("a,y\n1,2\n1,2,3\n")
    with refused(hg.errors.FileError, f"file://{tmp_path}/3.csv: line 3 has 3 of 2 fields"):
        hg.data.open_table(address(tmp_path / "3.csv"))
    whole = written(table(100), tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    with refused(hg.errors.FileError, f"file://{tmp_path}/a.parquet: ", "a whole Parquet file"):
        hg.data.open_table(address(tmp_path / "a.parquet"))
    (tmp_path / "x.csv").write_bytes(b"PK\x03\x04 and more")
    with refused(hg.errors.FileError, f"file://{tmp_path}/x.csv: a ZIP archive"):
        hg.data.open_table(address(tmp_path / "x.csv"))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("ftp://host/a.csv", ("ftp://host/a.csv: no file system for ftp://", "download it")),
        ("https://host/a.csv", ("no file system for https://", "s3://, gs://", "download it")),
        ("s3n://bucket/a.csv", ("no file system for s3n://", "s3://…")),
        ("s3://bucket/a.csv?regoin=x", ("parameter", "'regoin'", "?region=eu-central-1")),
        ("s3:///a.csv", ("s3:///a.csv: Missing bucket name", "check the address")),
        ("file://host/a.csv", ("file://host/a.csv: ", "check the address")),
        (Path("s3://bucket/a.csv"), ("s3:/bucket/a.csv: no such file", "the address as str")),
    ],
)
def test_addresses_that_cannot_be_are_refused(source: Any, words: tuple[str, ...]) -> None:
    with refused(hg.errors.FileError, *words):
        hg.data.open_table(source)


@pytest.mark.parametrize(
    "source",
    [
        "s3://AKIA1:h7dd3n@bucket/a.csv",
        "s3://h7dd3n@bucket/a.csv",
        "abfs://:h7dd3n@account.dfs.core.windows.net/c/a.csv",
        "abfs://c@account.dfs.core.windows.net/a.csv?client_secret=h7dd3n",
        "hdfs://me:h7dd3n@host:8020/a.csv",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_told(source: str) -> None:
    with refused(hg.errors.FileError, "with a secret", "messages"):
        hg.data.open_table(source)
    with pytest.raises(hg.errors.FileError) as caught:
        hg.data.open_table(source)
    assert "h7dd3n" not in str(caught.value)


ERRORS = {
    "AWS Error ACCESS_DENIED during HeadObject operation: No response body.": "AWS_ACCESS_KEY_ID",
    "AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation": "check its name",
    "AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 6": "endpoint_override",
    "google::cloud::Status(UNAVAILABLE: Retry policy exhausted": "check the network",
    "Unable to load libhdfs": "HADOOP_HOME",
    "something else": "check the address",
}


@pytest.mark.parametrize("said", ERRORS)
def test_what_a_filesystem_says_has_three_parts(said: str) -> None:
    with refused(hg.errors.FileError, f"s3://b/x: {said}", ERRORS[said]):
        raise remote_files.refused("s3://b/x", OSError(said + "\nand more"))


def test_the_name_of_a_file_is_no_reason() -> None:
    error = FileNotFoundError("Path does not exist 'b/curl TOKEN.csv'.")
    assert remote_files.reason_of(error) is None


def test_credentials_are_named_by_the_store() -> None:
    denied = OSError("PERMISSION_DENIED")
    assert "GOOGLE_APPLICATION_CREDENTIALS" in remote_files.refused("gs://b/x", denied).hint
    assert "AZURE_CLIENT_ID" in remote_files.refused("abfss://c@a/x", denied).hint


PACKED: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress}


@pytest.mark.parametrize("kind", ["csv", "parquet", "gz", "xz"])
def test_a_store_that_fails_while_it_is_read_is_said(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(table(300), tmp_path / ("a.parquet" if kind == "parquet" else "a.csv"))
    if kind in PACKED:
        path.write_bytes(PACKED[kind](path.read_bytes()))
    stream = hg.data.open_table(address(path))
    (source,) = pickle.loads(pickle.dumps(stream)).sources  # which has no unpacked copy yet

    class Broken(io.BytesIO):
        def read(self, n: int | None = -1) -> bytes:
            raise OSError("AWS Error NETWORK_CONNECTION during GetObject operation")

    content = path.read_bytes()
    monkeypatch.setattr(RemoteFile, "stream", lambda self: pa.PythonFile(Broken(content), "r"))
    with refused(
        hg.errors.FileError, f"file://{path}: ", "NETWORK_CONNECTION", "a reachable store"
    ):
        [*source.read(source.parts[0], ["a"], stream.schema)]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_travels_by_its_address(suffix: str, tmp_path: Path) -> None:
    path = written(table(300), tmp_path / f"a{suffix}")
    stream = hg.data.open_table(address(path))
    sent = pickle.dumps(stream)
    assert pickle.loads(sent).to_table() == stream.to_table()
    path.write_bytes(path.read_bytes()[:-1])
    with refused(hg.errors.FileError, f"file://{path}: ", "when it was opened"):
        pickle.loads(sent).to_table()
    path.unlink()
    with refused(hg.errors.FileError, f"file://{path}: no such file on"):
        pickle.loads(sent).to_table()


def test_predictions_are_written_on_this_machine(tmp_path: Path) -> None:
    path = written(pa.table({"a": [1.0, 2.0]}), tmp_path / "a.parquet")
    rows = hg.data.open_table(address(path)).rows()
    net = hg.Net(hg.Linear(1, 1, initializer="zeros"))
    assert (
        hg.data.predict_table(net, rows, to=tmp_path / "p.csv").read_text()
        == '"prediction"\n0\n0\n'
    )
    with refused(hg.errors.SettingError, "to = 's3://b/p.csv'", "on this machine", "to='p.csv'"):
        hg.data.predict_table(net, rows, to="s3://b/p.csv")
    with refused(hg.errors.SettingError, "on this machine", "to='p.csv'"):
        hg.data.predict_table(net, rows, to=Path("s3://b/p.csv"))


def test_files_by_address_have_the_fingerprints_of_their_bytes(tmp_path: Path) -> None:
    path = written(table(9), tmp_path / "a.csv")
    here, there = (
        fingerprint(str(path), (path,)),
        fingerprint(address(path), files_at(address(path))),
    )
    assert [there[0] | {"path": str(path)}] == here
    assert there[0]["path"] == f"file://{path}"
