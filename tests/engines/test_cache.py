"""Machine code on disk: used again, never trusted blindly, never in the way."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handgrad.engines.compiled import cache
from tests.engines.one_epoch import weights_after_an_epoch
from tests.waiting import HANG


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANDGRAD_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def never() -> bytes:
    raise AssertionError("made again")


def test_what_is_kept_is_not_made_again(place: Path) -> None:
    assert cache.get_or_make("key", lambda: b"code") == b"code"
    assert cache.get_or_make("key", never) == b"code"
    assert cache.get_or_make("other", lambda: b"more") == b"more"
    assert len(cache.files()) == 2


def test_files_and_folder_are_private(place: Path) -> None:
    cache.get_or_make("key", lambda: b"code")
    assert place.stat().st_mode & 0o777 == 0o700
    assert cache.files()[0].stat().st_mode & 0o777 == 0o600


def test_folders_above_are_private_whatever_the_umask(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", str(place / "above" / "kept"))
    umask = os.umask(0)
    try:
        cache.get_or_make("key", lambda: b"code")
    finally:
        os.umask(umask)
    folders = (place, place / "above", place / "above" / "kept")
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700] * 3


def test_what_is_kept_under_another_key_is_not_run(place: Path) -> None:
    cache.get_or_make("key", lambda: b"code")
    (file,) = cache.files()
    cache.get_or_make("other", lambda: b"more")
    (other,) = (found for found in cache.files() if found != file)
    other.replace(file)
    assert cache.get_or_make("key", lambda: b"made") == b"made"


def test_the_oldest_go_where_there_are_too_many(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, key in enumerate("edcba"):
        cache.get_or_make(key, lambda: bytes(100))
        newest = max(cache.files(), key=lambda file: file.stat().st_mtime_ns)
        os.utime(newest, (1000 + age, 1000 + age))
    size = newest.stat().st_size
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * size)
    cache.get_or_make("new", lambda: bytes(100))
    assert len(cache.files()) == 3
    for key in ("new", "a", "b"):
        assert cache.get_or_make(key, never) == bytes(100)
    monkeypatch.setattr(cache, "MOST_BYTES", 1)
    cache.get_or_make("last", lambda: bytes(100))
    assert len(cache.files()) == 1
    assert cache.get_or_make("last", never) == bytes(100)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: content[:10],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: bytes([content[0] ^ 1]) + content[1:],
    ],
)
def test_a_damaged_file_is_made_anew(place: Path, damage: Any) -> None:
    cache.get_or_make("key", lambda: b"code")
    (file,) = cache.files()
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get_or_make("key", lambda: b"code") == b"code"
    assert cache.get_or_make("key", never) == b"code"


@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_others_can_write_is_not_run(place: Path, which: str) -> None:
    cache.get_or_make("key", lambda: b"code")
    (cache.files()[0] if which == "file" else place).chmod(0o777)
    assert cache.get_or_make("key", lambda: b"made") == b"made"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_in_place_of_a_file_is_not_waited_for(place: Path) -> None:
    cache.get_or_make("key", lambda: b"code")
    (file,) = cache.files()
    file.unlink()
    os.mkfifo(file, 0o600)
    assert cache.get_or_make("key", lambda: b"made") == b"made"
    assert cache.get_or_make("key", never) == b"made"


def test_a_folder_that_cannot_be_made_is_only_slower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HANDGRAD_CACHE", str(tmp_path / "file" / "below"))
    assert cache.get_or_make("key", lambda: b"code") == b"code"
    assert cache.files() == []


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", "off")
    assert cache.folder() is None
    assert cache.get_or_make("key", lambda: b"code") == b"code"
    assert cache.get_or_make("key", lambda: b"again") == b"again"
    assert cache.clear() == 0


def test_nothing_half_written_is_left_when_the_disk_is_full(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert cache.get_or_make("key", lambda: b"code") == b"code"
    assert list(place.iterdir()) == []


def test_clearing_removes_the_files(place: Path) -> None:
    cache.get_or_make("key", lambda: b"code")
    assert cache.clear() == 1
    assert cache.files() == []


def test_the_bits_are_the_same_with_and_without_the_cache(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold, warm = weights_after_an_epoch(0), weights_after_an_epoch(0)
    monkeypatch.setenv("HANDGRAD_CACHE", "off")
    assert cold == warm == weights_after_an_epoch(0)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_several_processes_share_it(place: Path, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        method = "spawn"
    program = [sys.executable, "-m", "tests.engines.several_processes", method]
    done = subprocess.run(program, capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 0, done.stderr
    # the program and its plan; what makes the calls, and the checksums, come along with a fork
    own = 2 if method == "fork" else 4
    assert len(cache.files()) == own
    assert sorted(place.iterdir()) == cache.files()
