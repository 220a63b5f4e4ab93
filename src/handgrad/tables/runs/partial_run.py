"""A run under way: its finished parts in a hidden folder, which no two processes fill at once."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from itertools import count
from pathlib import Path
from typing import Self, TypeVar, cast

from handgrad.files.addresses import meant_as_address
from handgrad.files.paths import kind_of, make_folder, reason, sync, write_whole
from handgrad.tables.data.table_options import option
from handgrad.tables.runs.messages import plain
from handgrad.textbook.errors import FileError, SettingError

T = TypeVar("T")
Identity = dict[str, object]
RUNS = Path("runs")
IDENTITY, RUN, LOCK = "asked.json", "run", "lock"


class PartialRun:
    """The parts of a run that are done: whole files in a hidden folder beside the run's own.

    `identity` is all that decides what comes out: only a run that is the same in it goes on.
    While a process has claimed it, the hidden folder is locked. The system ends the lock with the
    process, however that ends.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        own = Path(os.path.realpath(folder))
        self.folder, self.place = folder, own.parent / f".{own.name}.unfinished"
        self.identity = cast("Identity", plain(identity))

    @property
    def parts(self) -> list[str]:
        """The names of the parts that are whole; none where it is not said of what run they are."""
        if kind_of(self.place / IDENTITY) != "file":
            return []
        files = (path for path in self.place.rglob("*") if path.is_file())
        return sorted(p.name for p in files if p.name[0] != "." and p.name not in (IDENTITY, LOCK))

    @property
    def is_this_run(self) -> bool:
        """Whether there are parts, and they are of a run that was asked for the same."""
        try:
            return bool(self.parts) and self._read(self.place / IDENTITY) == self.identity
        except FileError:
            return False

    @property
    def is_ours(self) -> bool:
        """Whether the place is a folder that nobody but this user can have put anything into."""
        status = self.place.lstat()
        shared = hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022)
        return stat.S_ISDIR(status.st_mode) and not shared

    @property
    def is_free(self) -> bool:
        """Whether there is no such run, nor one begun."""
        if os.path.lexists(self.folder):
            return False
        return not os.path.lexists(self.place) or (self.is_ours and not self.parts)

    def claim(self) -> bool:
        """Lock the place, which is made if need be; False while another process has it."""
        try:
            self.made = make_folder(self.place.parent)
            while True:
                with suppress(FileExistsError):
                    self.place.mkdir(0o700)
                    sync(self.place.parent)
                if not self.is_ours:  # what others put there would be taken for parts of a run
                    raise FileError(
                        f"{self.place} is not this user's alone",
                        "a folder that no other user can write to, since what is in it is taken as "
                        "done",
                        f"another {option('out')}, in a folder of your own",
                    )
                try:
                    self.lock = os.open(self.place / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
                except FileNotFoundError:  # whoever had it has just removed it
                    continue
                if not _locked(self.lock):
                    os.close(self.lock)
                    return False
                with suppress(FileNotFoundError):  # a file that has been removed is not the one
                    if os.path.samestat(os.fstat(self.lock), (self.place / LOCK).stat()):
                        return True
                os.close(self.lock)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the claim; a place without parts goes."""
        if not self.parts:
            self.clear()
        if sys.platform == "win32":  # which removes no open file
            os.close(self.lock)
        with suppress(OSError):
            (self.place / LOCK).unlink()
        if sys.platform != "win32":  # elsewhere another process might lock what is then removed
            os.close(self.lock)
        with suppress(OSError):
            for folder in (self.place, *self.made):
                folder.rmdir()

    def check(self, *, resume: bool) -> None:
        """Refuse parts of another run, and parts of this one if it is not to go on."""
        if not self.parts:
            self.clear()  # what a kill left before the first was whole
            return
        if not resume:
            raise FileError(
                f"{self.folder} was begun and is not finished",
                "a new folder, or a run that goes on",
                f"{option('resume', True)}, to go on; another {option('out')}, to begin anew",
            )
        before = self._read(self.place / IDENTITY)
        if before != self.identity:
            names = sorted({*before, *self.identity})
            other = next(n for n in names if before.get(n) != self.identity.get(n))
            raise SettingError(
                f"{option('resume', True)} of {self.folder}, where {other} was "
                f"{_short(before.get(other))} and now is {_short(self.identity.get(other))}",
                "the same command, data and versions as before, so that the same comes out",
                f"the command as it was, with {option('resume', True)}; or another {option('out')}",
            )

    def json(self, name: str, make: Callable[[], T]) -> T:
        """What the part `name` says, made if it is not there yet."""
        path = self.place / name
        if name not in self.parts:
            made = make()
            self._begin()
            _write(path, plain(made))
        return cast("T", self._read(path))

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """The file `name` of the run's folder, written whole by `write` if it is not there yet."""
        path = self.place / RUN / name
        if name not in self.parts:
            self._begin()
            write(path)
        return path

    def finish(self) -> None:
        """Put the files in the run's folder, which is new or empty, and end."""
        run, folder = self.place / RUN, self.folder
        try:
            for path in run.glob(".*"):  # a file that was being written when the run was killed
                path.unlink()
            if folder.exists():
                for path in run.iterdir():
                    path.replace(folder / path.name)
                sync(folder)
            else:
                run.replace(folder)
                sync(folder.parent)
        except OSError as error:
            raise unwritable(folder, error) from error
        self.clear()

    def clear(self) -> None:
        """Remove all that was kept, but for the lock."""
        for path in self.place.iterdir() if self.place.is_dir() else ():
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _read(self, path: Path) -> Identity:
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise FileError(
                f"{path} cannot be read",
                "what a run left there when it was stopped",
                f"another {option('out')}; or take {self.place} away, and begin anew",
            )
        return found

    def _begin(self) -> None:
        if kind_of(self.place / IDENTITY) != "file":
            _write(self.place / IDENTITY, self.identity)


def claimed(
    folder: Path | None, name: str, identity: Identity, *, resume: bool = False
) -> PartialRun:
    """A run that this process alone makes: in the folder asked for, which may be refused.

    Without one it is the last that was begun, if it is to go on, or the first of runs/NAME-1, -2 …
    that is not there.
    """
    if folder is not None:
        run = PartialRun(folder, identity)
        if not run.claim():
            raise FileError(
                f"{folder} is being made by another process",
                "a folder that this run alone makes",
                f"another {option('out')}; or wait until the other is done",
            )
        return run
    begun = RUNS.glob(f".{escape(name)}-*.unfinished") if resume else ()
    for place in sorted(begun, key=lambda path: path.lstat().st_mtime, reverse=True):
        run = PartialRun(RUNS / place.name[1:].removesuffix(".unfinished"), identity)
        if run.is_ours and run.is_this_run and run.claim():
            return run
    for number in count(1):
        run = PartialRun(RUNS / f"{name}-{number}", identity)
        if run.is_free and run.claim():
            if run.is_free:
                return run
            run.__exit__()  # it was finished by another process meanwhile
    raise AssertionError


@contextmanager
def whole_folder(folder: Path | None, name: str) -> Iterator[tuple[Path, Path]]:
    """A folder that appears whole, or not at all: its path, and where to write meanwhile.

    Without a folder that is asked for it is runs/NAME-1, -2 …
    """
    if folder is not None:
        check_folder(folder)
    with claimed(folder, name, {}) as run:
        run.check(resume=False)
        try:
            yield run.folder, run.place / RUN
        except BrokenPipeError:  # the reader of the output has had enough
            raise
        except OSError as error:
            raise unwritable(run.folder, error) from error
        run.finish()


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something, or that cannot be made."""
    check_link(folder)
    if meant_as_address(folder):
        raise FileError(
            f"{folder}, on another filesystem",
            "a folder on this machine",
            option("out", folder.name),
        )
    kind = kind_of(folder)
    if kind == "file" or (kind == "folder" and any(folder.iterdir())):
        raise FileError(
            f"{folder} is there already" + (", and not empty" if kind == "folder" else ", a file"),
            "a new or empty folder",
            f"another {option('out')}; without it a new folder is made in runs",
        )
    above = next(path for path in (folder, *folder.absolute().parents) if kind_of(path))
    if kind_of(above) == "file" or not os.access(above, os.W_OK):
        raise FileError(
            f"{folder} cannot be made: {above} is "
            + ("a file" if kind_of(above) == "file" else "not open to writing"),
            "a folder in a place that can be written to",
            f"another {option('out')}",
        )


def check_link(folder: Path) -> None:
    """Refuse a link to what is not there."""
    if os.path.lexists(folder) and not kind_of(folder):
        raise FileError(
            f"{folder} is a link to nothing", "a new or empty folder", f"another {option('out')}"
        )


def unwritable(folder: Path, error: Exception) -> FileError:
    """The error for a folder that cannot be filled."""
    return FileError(
        f"{folder} could not be written: {reason(error)}",
        "a folder in a place that can be written to, with space left",
        f"another {option('out')}",
    )


def _locked(lock: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _write(path: Path, value: object) -> None:
    content = json.dumps(value, allow_nan=False)
    write_whole(path, lambda file: file.write(content))


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
