"""Finished parts of an unfinished run, in a hidden folder with a lock."""

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
from handgrad.files.locks import locked
from handgrad.files.paths import kind_of, make_folder, reason, sync, write_whole
from handgrad.tables.data.table_options import option
from handgrad.tables.runs.messages import plain
from handgrad.textbook.errors import FileError, SettingError

T = TypeVar("T")
Identity = dict[str, object]
RUNS = Path("runs")
IDENTITY, RUN, LOCK, CHECKPOINTS = "asked.json", "run", "lock", "checkpoints"


class PartialRun:
    """Finished parts of a run: files in a hidden folder beside the folder of the run.

    `identity` is everything the result depends on: only a run with the same identity is resumed.
    A process locks the hidden folder while it works on the run; the operating system releases the
    lock when the process ends.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        real = Path(os.path.realpath(folder))
        self.folder, self.place = folder, real.parent / f".{real.name}.unfinished"
        self.identity = cast("Identity", plain(identity))

    @property
    def parts(self) -> list[str]:
        """Names of the finished parts; none if their identity is missing."""
        if kind_of(self.place / IDENTITY) != "file":
            return []
        files = (path for path in self.place.rglob("*") if path.is_file())
        done = (path for path in files if CHECKPOINTS not in path.relative_to(self.place).parts)
        return sorted(p.name for p in done if p.name[0] != "." and p.name not in (IDENTITY, LOCK))

    @property
    def is_begun(self) -> bool:
        """True if there are finished parts, or checkpoints of one."""
        identified = kind_of(self.place / IDENTITY) == "file"
        return bool(self.parts) or (identified and any(self.place.glob(f"{CHECKPOINTS}/*")))

    @property
    def is_this_run(self) -> bool:
        """True if there are finished parts of a run with the same identity."""
        try:
            return self.is_begun and self._read(self.place / IDENTITY) == self.identity
        except FileError:
            return False

    @property
    def is_ours(self) -> bool:
        """True if the hidden folder is one that only this user can write to."""
        status = self.place.lstat()
        shared = hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022)
        return stat.S_ISDIR(status.st_mode) and not shared

    @property
    def is_free(self) -> bool:
        """True if there is no run in the folder, finished or not."""
        if os.path.lexists(self.folder):
            return False
        return not os.path.lexists(self.place) or (self.is_ours and not self.is_begun)

    def claim(self) -> bool:
        """Lock the hidden folder, created if needed; False if another process has the lock."""
        try:
            self.made = make_folder(self.place.parent)
            while True:
                with suppress(FileExistsError):
                    self.place.mkdir(0o700)
                    sync(self.place.parent)
                if not self.is_ours:  # files of other users would count as finished parts
                    raise FileError(
                        f"{self.place} can be written by other users",
                        "a folder that only you can write to, since its files count as finished",
                        f"another {option('out')}, in a folder of your own",
                    )
                try:
                    self.lock = os.open(self.place / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
                except FileNotFoundError:  # removed by the process that had it
                    continue
                if not locked(self.lock):
                    os.close(self.lock)
                    return False
                with suppress(FileNotFoundError):  # the file may have been removed
                    if os.path.samestat(os.fstat(self.lock), (self.place / LOCK).stat()):
                        return True
                os.close(self.lock)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock; remove a hidden folder without parts."""
        if not self.is_begun:
            self.clear()
        if sys.platform == "win32":  # Windows cannot remove open files
            os.close(self.lock)
        with suppress(OSError):
            (self.place / LOCK).unlink()
        if sys.platform != "win32":  # else another process might lock the removed file
            os.close(self.lock)
        with suppress(OSError):
            for folder in (self.place, *self.made):
                folder.rmdir()

    def check(self, *, resume: bool) -> None:
        """Raise an error for parts of another run, and without `resume` for parts of this one."""
        if not self.is_begun:
            self.clear()  # left by a process killed before its first part was finished
            return
        if not resume:
            raise FileError(
                f"{self.folder} has an unfinished run",
                "a new folder, or a resumed run",
                f"{option('resume', True)}, to resume; another {option('out')}, to start again",
            )
        before = self._read(self.place / IDENTITY)
        if before != self.identity:
            names = sorted({*before, *self.identity})
            other = next(n for n in names if before.get(n) != self.identity.get(n))
            raise SettingError(
                f"{option('resume', True)} of {self.folder}, whose {other} was "
                f"{_short(before.get(other))} and is now {_short(self.identity.get(other))}",
                "the same command, data and versions as before, for the same result",
                f"the original command with {option('resume', True)}; or another {option('out')}",
            )

    def json(self, name: str, make: Callable[[], T]) -> T:
        """Return the value of the part `name`, computed by `make` if it is not finished yet."""
        path = self.place / name
        if name not in self.parts:
            value = make()
            self._begin()
            _write(path, plain(value))
        return cast("T", self._read(path))

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """Return the file `name` of the run, written by `write` if it is not finished yet."""
        path = self.place / RUN / name
        if name not in self.parts:
            self._begin()
            write(path)
        return path

    def checkpoints(self, model: str) -> Path:
        """Folder for the checkpoints of the fit of a model, which a later process resumes from."""
        self._begin()
        return self.place / CHECKPOINTS / model

    def finish(self) -> None:
        """Move the files to the folder of the run, which is new or empty."""
        run, folder = self.place / RUN, self.folder
        try:
            for path in run.glob(".*"):  # incomplete files of a killed process
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
        """Remove all parts, but not the lock."""
        for path in self.place.iterdir() if self.place.is_dir() else ():
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _read(self, path: Path) -> Identity:
        try:
            value = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise FileError(
                f"{path} cannot be read",
                "a file of an unfinished run",
                f"another {option('out')}; or remove {self.place} and start again",
            )
        return value

    def _begin(self) -> None:
        if kind_of(self.place / IDENTITY) != "file":
            _write(self.place / IDENTITY, self.identity)


def claimed(
    folder: Path | None, name: str, identity: Identity, *, resume: bool = False
) -> PartialRun:
    """Lock the folder of a run.

    Without `folder` it is the last unfinished run with this identity, with `resume`, else the
    first of runs/NAME-1, -2 … that does not exist.
    """
    if folder is not None:
        run = PartialRun(folder, identity)
        if not run.claim():
            raise FileError(
                f"{folder} is in use by another process",
                "a folder that no other process writes",
                f"another {option('out')}; or wait until the other run is finished",
            )
        return run
    unfinished = RUNS.glob(f".{escape(name)}-*.unfinished") if resume else ()
    for place in sorted(unfinished, key=lambda path: path.lstat().st_mtime, reverse=True):
        run = PartialRun(RUNS / place.name[1:].removesuffix(".unfinished"), identity)
        if run.is_ours and run.is_this_run and run.claim():
            return run
    for number in count(1):
        run = PartialRun(RUNS / f"{name}-{number}", identity)
        if run.is_free and run.claim():
            if run.is_free:
                return run
            run.__exit__()  # finished by another process meanwhile
    raise AssertionError


@contextmanager
def whole_folder(folder: Path | None, name: str) -> Iterator[tuple[Path, Path]]:
    """Context for a folder that is created complete or not at all: its path and a temporary one.

    Without `folder` it is runs/NAME-1, -2 …
    """
    if folder is not None:
        check_folder(folder)
    with claimed(folder, name, {}) as run:
        run.check(resume=False)
        try:
            yield run.folder, run.place / RUN
        except BrokenPipeError:  # the reader has closed the pipe
            raise
        except OSError as error:
            raise unwritable(run.folder, error) from error
        run.finish()


def check_folder(folder: Path) -> None:
    """Raise an error for a folder that is not empty or cannot be created."""
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
            f"{folder} already exists"
            + (" and is not empty" if kind == "folder" else " as a file"),
            "a new or empty folder",
            f"another {option('out')}; without it a new folder is created in runs",
        )
    above = next(path for path in (folder, *folder.absolute().parents) if kind_of(path))
    if kind_of(above) == "file" or not os.access(above, os.W_OK):
        raise FileError(
            f"{folder} cannot be created: {above} is "
            + ("a file" if kind_of(above) == "file" else "not writable"),
            "a folder in a writable place",
            f"another {option('out')}",
        )


def check_link(folder: Path) -> None:
    """Raise an error for a broken link."""
    if os.path.lexists(folder) and not kind_of(folder):
        raise FileError(
            f"{folder} is a broken link", "a new or empty folder", f"another {option('out')}"
        )


def unwritable(folder: Path, error: Exception) -> FileError:
    """FileError for a folder that cannot be written."""
    return FileError(
        f"{folder} could not be written: {reason(error)}",
        "a folder in a writable place with free space",
        f"another {option('out')}",
    )


def _write(path: Path, value: object) -> None:
    content = json.dumps(value, allow_nan=False)
    write_whole(path, lambda file: file.write(content))


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
