"""Files appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from handgrad.errors import HandgradError


class FileError(HandgradError):
    """A file cannot be read or written as it is."""


def reason(error: Exception) -> str:
    """What a failed reading or writing says, without the path and the number of the error."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file is where a folder should be"
    return getattr(error, "strerror", None) or str(error)


def kind_of(path: str | Path) -> str:
    """What is at `path`: 'file', 'folder' or, where nothing is or could be, ''."""
    try:
        return "folder" if Path(path).is_dir() else "file" if Path(path).exists() else ""
    except OSError:
        return ""


def write_whole(path: str | Path, write: Callable[[IO[Any]], object], mode: str = "w") -> Path:
    """Let `write` fill a temporary file beside `path`, then put it in place in one move."""
    path = Path(path)
    encoding = None if "b" in mode else "utf-8"
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, mode, encoding=encoding) as file:
            write(file)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise FileError(
            f"{path} could not be written: {reason(error)}",
            "a folder that can be written to, with space left",
            "another place for the file",
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return path


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which is moved to `folder`, new or empty, once all is in it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".run-") as name:
            new = Path(name) / "run"
            new.mkdir()
            yield new
            if folder.exists():
                for path in new.iterdir():
                    path.replace(folder / path.name)
            else:
                shutil.move(new, folder)
    except OSError as error:
        raise FileError(
            f"{folder} could not be written: {reason(error)}",
            "a folder in a place that can be written to, with space left",
            "another --out",
        ) from error
