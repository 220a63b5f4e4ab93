"""The folder of a run, which no two processes make at once."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from handgrad.data.table_options import option
from handgrad.files import FileError, kind_of, make_folder, reason, sync

IDENTITY, RUN, LOCK = "asked.json", "run", "lock"


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something, or that cannot be made."""
    check_link(folder)
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


def hidden_place(folder: Path) -> Path:
    """Where a run keeps what is done of it until its folder is whole: a hidden one beside it."""
    folder = folder.resolve()
    return folder.parent / f".{folder.name}.unfinished"


def parts_in(place: Path) -> list[str]:
    """The names of the parts that are whole; none where it is not said of what run they are."""
    if kind_of(place / IDENTITY) != "file":
        return []
    files = (path for path in place.rglob("*") if path.is_file())
    return sorted(p.name for p in files if p.name[0] != "." and p.name not in (IDENTITY, LOCK))


def is_ours(place: Path) -> bool:
    """Whether it is a folder that nobody but this user can have put anything into."""
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (
        status.st_uid == os.getuid() and not status.st_mode & 0o022
    )


class Claim:
    """A run's folder that no other process makes meanwhile: its hidden place is locked.

    The system ends the lock with the process, however that ends. When the claim ends, a place
    without parts goes.
    """

    def __init__(self, folder: Path, lock: int, made: list[Path]) -> None:
        self.folder, self.place, self.lock, self.made = folder, hidden_place(folder), lock, made

    @classmethod
    def of(cls, folder: Path) -> Claim | None:
        """The claim, or None while another process has it."""
        try:
            place = hidden_place(folder)
            made = make_folder(place.parent)
            while True:
                with suppress(FileExistsError):
                    place.mkdir(0o700)
                    sync(place.parent)
                _check_ours(place)
                try:
                    lock = os.open(place / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
                except FileNotFoundError:  # whoever had it has just removed it
                    continue
                if not _locked(lock):
                    os.close(lock)
                    return None
                if _is_there(lock, place / LOCK):
                    return cls(folder, lock, made)
                os.close(lock)
        except (OSError, RuntimeError) as error:
            raise unwritable(folder, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not parts_in(self.place):
            clear(self.place)
        if sys.platform == "win32":  # which removes no open file
            os.close(self.lock)
        with suppress(OSError):
            (self.place / LOCK).unlink()
        if sys.platform != "win32":  # elsewhere another process might lock what is then removed
            os.close(self.lock)
        with suppress(OSError):
            for folder in (self.place, *self.made):
                folder.rmdir()


def claim(folder: Path) -> Claim:
    """The claim of a folder that was asked for; refused while another process has it."""
    found = Claim.of(folder)
    if found is None:
        raise FileError(
            f"{folder} is being made by another process",
            "a folder that this run alone makes",
            f"another {option('out')}; or wait until the other is done",
        )
    return found


def claim_next(parent: Path, name: str) -> Claim:
    """The claim of the first of NAME-1, NAME-2 … in `parent` that is not there, nor begun."""
    for number in count(1):
        folder = parent / f"{name}-{number}"
        if not _is_free(folder) or (found := Claim.of(folder)) is None:
            continue
        if _is_free(folder):
            return found
        found.__exit__(None, None, None)  # it was finished by another process meanwhile
    raise AssertionError


def put(run: Path, folder: Path) -> None:
    """Move what is in `run` to the folder, which is new or empty."""
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


def clear(place: Path) -> None:
    """Remove all that was kept, but for the lock."""
    for path in place.iterdir() if place.is_dir() else ():
        if path.name != LOCK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_free(folder: Path) -> bool:
    place = hidden_place(folder)
    if os.path.lexists(folder):
        return False
    return not os.path.lexists(place) or (is_ours(place) and not parts_in(place))


def _check_ours(place: Path) -> None:
    """Refuse a place where others may have put what would be taken for parts of a run."""
    if not is_ours(place):
        raise FileError(
            f"{place} is not this user's alone",
            "a folder that no other user can write to, since what is in it is taken as done",
            f"another {option('out')}, in a folder of your own",
        )


def _locked(lock: int) -> bool:
    """Whether the file could be locked for this process."""
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


def _is_there(lock: int, path: Path) -> bool:
    """Whether the file that was locked is the one at `path`, not one that has been removed."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False


def unwritable(folder: Path, error: Exception) -> FileError:
    """The error for a folder that cannot be filled."""
    return FileError(
        f"{folder} could not be written: {reason(error)}",
        "a folder in a place that can be written to, with space left",
        f"another {option('out')}",
    )
