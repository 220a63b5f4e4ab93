"""Locations of table files: where they are, and whether they are as they were when opened."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from handgrad.files import FileError, reason

ONE_FOLDER = "a folder that all nodes see, under the same name"


@dataclass(frozen=True)
class FileStatus:
    """How many bytes a file has, and when it was last changed, in seconds since 1970.

    Whole seconds: some shared filesystems keep no more of the time than that.
    """

    size: int
    modified: int

    def __str__(self) -> str:
        return f"{self.size:,} bytes of {datetime.fromtimestamp(self.modified)}"


def status_of(path: Path) -> FileStatus:
    """The size of a file, and when it was changed."""
    try:
        found = path.stat()
    except OSError as error:
        raise FileError(
            f"{path}: {reason(error)}", "a file that can be read", "check the spelling"
        ) from error
    return FileStatus(found.st_size, int(found.st_mtime))


def check_arrived(path: Path, before: FileStatus) -> None:
    """Refuse a file that is not there, or is another, where a table that was opened elsewhere is.

    It was `before` where it was opened: on another node, or in another process.
    """
    here = f"on {platform.node() or 'this machine'}"
    if not path.exists():
        raise FileError(
            f"{path}: no such file {here}, where a table of it has come to be read",
            ONE_FOLDER,
            "the files in a shared folder, and hg.open_table by its name there",
        )
    now = status_of(path)
    if now != before:
        raise FileError(
            f"{path}: {now} {here}, where it had {before} when it was opened",
            f"one file: {ONE_FOLDER}",
            "the files in a shared folder; or hg.open_table again, if they have changed",
        )
