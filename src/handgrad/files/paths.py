"""Paths, checks of files, and atomic writing."""

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

from handgrad.textbook.errors import FileError, SettingError, described

# What a table can be, in errors.
KINDS_OF_TABLES = (
    "a CSV file with a header line, Parquet, Arrow, JSON lines, .xlsx, .xls, .ods or SQLite"
)
ABANDONED = 24 * 3600  # seconds after which an unchanged temporary file is abandoned


@dataclass(frozen=True)
class FileStatus:
    """Size of a file in bytes, and its modification time in whole seconds since 1970.

    Some shared file systems store no fractions of a second.
    """

    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Self:
        status = path.stat()
        return cls(status.st_size, int(status.st_mtime))

    def __str__(self) -> str:
        return f"{self.size:,} bytes of {datetime.fromtimestamp(self.modified)}"


def reason(error: Exception) -> str:
    """Reason of a failed read or write, without path and error number."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file is where a folder should be"
    return getattr(error, "strerror", None) or str(error)


def as_path(path: object) -> Path:
    """Convert an argument to a Path; refuses values that cannot be one."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        null = " with an embedded null byte" if isinstance(text, str) and text else ""
        raise FileError(
            f"{described(path)}{null}, for a file or a folder",
            "its path: a non-empty str, or a Path",
            "'folder/name', with the file's extension",
        )
    return Path(text)


def regular_file(path: object) -> Path:
    """Check that a path is not a pipe or a device, which may have no end.

    A missing file or a folder is detected when it is read.
    """
    path = as_path(path)
    try:
        mode = path.stat().st_mode
    except OSError:
        return path
    others = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if (kind := stat.S_IFMT(mode)) not in (stat.S_IFREG, stat.S_IFDIR):
        raise FileError(
            f"{path}: not a regular file, but {others.get(kind, 'a device')}",
            "a regular file",
            f"cat {path} > a file, and that file's path",
        )
    return path


@contextmanager
def opened(path: str | os.PathLike[str], what: str, hint: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open the regular file at `path` for reading; yields it and its size."""
    if not isinstance(path, str | os.PathLike):
        raise SettingError(described(path), f"the path of {what}", hint)
    try:
        if "\0" in str(path):
            raise FileError("a name with an embedded null byte", what, "check the path", str(path))
        if not Path(path).is_file():
            Path(path).stat()
            kind = "a folder" if Path(path).is_dir() else "not a regular file"
            raise FileError(kind, what, "check the path", str(path))
        with Path(path).open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise FileError(reason(error), what, "check the path", str(path)) from error


def kind_of(path: str | Path) -> str:
    """Kind of `path`: 'file', 'folder', or '' if there is nothing."""
    try:
        return "folder" if Path(path).is_dir() else "file" if Path(path).exists() else ""
    except OSError:
        return ""


def readable(name: str) -> str:
    """Convert a file's name to text, with � for bytes that are not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def write_whole(path: str | Path, write: Callable[[IO[Any]], object], mode: str = "w") -> Path:
    """Write a file atomically: `write` fills a temporary file, which then replaces `path`.

    The new file has the mode of the old one, or that of the umask. It is synced to disk first, so
    that a power cut leaves either file complete. Text has the same line ends on every system.
    Temporary files of writers that were killed are removed after a day.
    """
    path = as_path(path)
    if not path.name:  # as of . and /
        why = os.strerror(errno.EISDIR)
        hint = f"{path / 'name'}"
        raise FileError(f"{path} could not be written: {why}", "the name of a file", hint)
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        make_folder(path.parent)
        try:
            with temporary.open(mode.replace("w", "x"), **text) as file:
                if path.is_file():
                    temporary.chmod(stat.S_IMODE(path.stat().st_mode))
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync(path.parent)
        _remove_abandoned(path)
    except OSError as error:
        raise FileError(
            f"{path} could not be written: {reason(error)}",
            "a writable folder with free space",
            "another folder for the file",
        ) from error
    return path


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of writers of `path` that were killed more than a day ago."""
    begin, before = f".{path.name}.", time.time() - ABANDONED
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if (
                entry.name.startswith(begin)
                and re.fullmatch("[0-9a-f]{8}", entry.name.removeprefix(begin))
                and entry.is_file(follow_symlinks=False)
                and entry.stat(follow_symlinks=False).st_mtime < before
            ):
                Path(entry).unlink()


def make_folder(folder: Path) -> list[Path]:
    """Create a folder with its parents; returns those created, the innermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in made:
        sync(path.parent)
    return made


def sync(folder: Path) -> None:
    """Sync a folder's entries to disk, if the system can open folders."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
