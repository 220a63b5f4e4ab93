"""Files appear whole or not at all."""

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

ABANDONED = 24 * 3600  # seconds without a change, after which nobody writes a temporary file


@dataclass(frozen=True)
class FileStatus:
    """How many bytes a file has, and when it was last changed, in seconds since 1970.

    Whole seconds: some shared filesystems keep no more of the time than that.
    """

    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Self:
        found = path.stat()
        return cls(found.st_size, int(found.st_mtime))

    def __str__(self) -> str:
        return f"{self.size:,} bytes of {datetime.fromtimestamp(self.modified)}"


def reason(error: Exception) -> str:
    """The reason of a failed reading or writing, without the path and the number of the error."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file is where a folder should be"
    return getattr(error, "strerror", None) or str(error)


def as_path(path: object) -> Path:
    """The path that was given for a file or a folder; what cannot be one is refused."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        null = " with an embedded null byte" if isinstance(text, str) and text else ""
        raise FileError(
            f"{described(path)}{null}, for a file or a folder",
            "its path: a text that is not empty, or a Path",
            "'folder/name', with the ending that the file has",
        )
    return Path(text)


def regular_file(path: object) -> Path:
    """The path of a file that others open, refused where a pipe or a device is: it may have no end.

    Whether a file is there at all, and no folder, is seen when it is read.
    """
    path = as_path(path)
    try:
        mode = path.stat().st_mode
    except OSError:
        return path
    others = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if (kind := stat.S_IFMT(mode)) not in (stat.S_IFREG, stat.S_IFDIR):
        raise FileError(
            f"{path}: no regular file, but {others.get(kind, 'a device')}",
            "a file, which has an end",
            f"cat {path} > a file, and that file's path",
        )
    return path


@contextmanager
def opened(path: str | os.PathLike[str], what: str, hint: str) -> Iterator[tuple[IO[bytes], int]]:
    """The regular file at `path`, `what` the reader expects there, open for reading; its size."""
    if not isinstance(path, str | os.PathLike):
        raise SettingError(described(path), f"the path of {what}", hint)
    try:
        if "\0" in str(path):
            raise FileError("a name with an embedded null byte", what, "check the path", str(path))
        if not Path(path).is_file():
            Path(path).stat()
            found = "a folder" if Path(path).is_dir() else "no regular file"
            raise FileError(found, what, "check the path", str(path))
        with Path(path).open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise FileError(reason(error), what, "check the path", str(path)) from error


def kind_of(path: str | Path) -> str:
    """The kind of `path`: 'file', 'folder' or, where nothing is or could be, ''."""
    try:
        return "folder" if Path(path).is_dir() else "file" if Path(path).exists() else ""
    except OSError:
        return ""


def readable(name: str) -> str:
    """A file's name as text, with � for bytes that are not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def write_whole(path: str | Path, write: Callable[[IO[Any]], object], mode: str = "w") -> Path:
    """Let `write` fill a temporary file beside `path`, then put it in place in one move.

    The new file has the mode of the old one, or as the umask has it. After a power cut either is
    there whole: the new one is on the disk before it takes the place of the old. Lines of text
    end alike on every system. What a writer of this file left who was killed is removed, once
    it is a day old.
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
            "a folder that can be written to, with space left",
            "another place for the file",
        ) from error
    return path


def _remove_abandoned(path: Path) -> None:
    """Remove the temporary files of writers of `path` that were killed, a day ago or more."""
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
    """Make a folder, and those above it; which of them were not there, the innermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in made:
        sync(path.parent)
    return made


def sync(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system opens folders."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
