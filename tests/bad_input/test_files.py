"""Files that cannot be read or written are refused, and nothing is left behind."""

import os
import struct
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
import pytest

import handgrad as hg
from handgrad.files.paths import write_whole
from tests.bad_input.refused import refused


def net_of(*sizes: int) -> hg.Net:
    return hg.Net(*(hg.Linear(a, b, rng=0) for a, b in pairwise(sizes)))


def test_a_truncated_weights_file_is_refused(tmp_path: Path) -> None:
    path = hg.save(net_of(3, 4, 2), tmp_path / "a.safetensors")
    content = path.read_bytes()
    net = net_of(3, 4, 2)
    for length in (0, 4, 60, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with refused(hg.errors.FileError, f"{path}: ", "copied whole", net=net):
            hg.exchange.load_weights(net, path)


def test_a_missing_weights_file_is_refused(tmp_path: Path) -> None:
    net = net_of(3, 2)
    with refused(hg.errors.FileError, "none.safetensors: No such file", net=net):
        hg.exchange.load_weights(net, tmp_path / "none.safetensors")
    with refused(hg.errors.FileError, f"{tmp_path}: ", net=net):
        hg.exchange.load_weights(net, tmp_path)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((3, 2), "the file lacks 1.weight, 1.bias"),
        ((3, 4, 2, 2), "the file has 2.bias, 2.weight, which this net does not have"),
        ((3, 5, 2), "0.weight came with shape (5, 3)"),
    ],
)
def test_weights_of_another_net_are_refused(
    sizes: tuple[int, ...], words: str, tmp_path: Path
) -> None:
    path = hg.save(net_of(*sizes), tmp_path / "a.safetensors")
    net = net_of(3, 4, 2)
    with refused(hg.errors.FileError, f"{path}: weights of another net: {words}", net=net):
        hg.exchange.load_weights(net, path)


def test_weights_in_a_type_that_numpy_lacks_are_refused(tmp_path: Path) -> None:
    header = b'{"0.weight":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0")
    net = net_of(1, 1)
    with refused(hg.errors.FileError, f"{path}: 0.weight has the type BF16", "float()", net=net):
        hg.exchange.load_weights(net, path)


def test_nothing_can_be_written_below_a_file(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("as it was")
    history = hg.training.History([hg.training.EpochReport(1, 0.5)])
    for write in (
        lambda path: hg.save(net_of(3, 2), path),
        history.to_csv,
        history.to_json,
    ):
        with refused(hg.errors.FileError, "file/below could not be written: a file is where"):
            write(blocker / "below")
        with refused(hg.errors.FileError, f"{tmp_path} could not be written: Is a directory"):
            write(tmp_path)
    assert [*tmp_path.iterdir()] == [blocker]
    assert blocker.read_text() == "as it was"


def test_a_writing_that_fails_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("old")

    def fail(file: object) -> None:
        path_now = path.read_text()
        raise RuntimeError(f"while {path_now} is still there")

    with pytest.raises(RuntimeError, match="old is still there"):
        write_whole(path, fail)

    def full(file: object) -> None:
        raise OSError(28, "No space left on device")

    with refused(hg.errors.FileError, "numbers.txt could not be written: No space left"):
        write_whole(path, full)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "old"


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
def test_a_new_file_is_as_open_as_the_umask_has_it(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "a.csv", lambda file: file.write("a"))
        assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o666 & ~umask
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_a_file_that_was_there_keeps_its_mode(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.touch()
    path.chmod(mode)

    def write(file: IO[str]) -> None:
        (beside,) = set(tmp_path.iterdir()) - {path}
        assert beside.stat().st_mode & 0o777 == mode
        file.write("new")

    write_whole(path, write)
    assert (path.stat().st_mode & 0o777, path.read_text()) == (mode, "new")


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    sync, replace = os.fsync, Path.replace

    def noted(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        content = path.read_text() if path.is_file() else ""
        done.append(("on the disk", content or str(path.relative_to(tmp_path))))
        sync(handle)

    def moved(path: Path, target: Path) -> Path:
        done.append(("named", target.name))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "replace", moved)
    write_whole(tmp_path / "new" / "a.csv", lambda file: file.write("content"))
    assert done == [
        ("on the disk", "."),
        ("on the disk", "content"),
        ("named", "a.csv"),
        ("on the disk", "new"),
    ]


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    net = net_of(3, 2)
    state = {path: array + 1 for path, array in net.state().items()}
    for wrong in (
        {"0.W": state["0.W"]},
        state | {"1.W": np.ones(1)},
        state | {"0.b": np.ones((1, 2))},
    ):
        with pytest.raises(hg.HandgradError):
            net.load_state(wrong)
        np.testing.assert_array_equal(net.state()["0.W"] + 1, state["0.W"])


def test_what_killed_writers_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    left = [".a.txt.0123abcd", ".a.txt.ffffffff"]
    others = [
        ".a.txt.old",
        ".a.txt.0123abcde",
        ".a.txt.0123ABCD",
        ".b.txt.0123abcd",
        "a.txt.0123abcd",
    ]
    for name in (*left, *others):
        (tmp_path / name).write_text("part")
        os.utime(tmp_path / name, (0, 0))
    being_written = tmp_path / ".a.txt.89abcdef"
    being_written.write_text("part")
    (tmp_path / ".a.txt.00000000").mkdir()
    write_whole(tmp_path / "a.txt", lambda file: file.write("whole"))
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {*others, "a.txt", being_written.name, ".a.txt.00000000"}
