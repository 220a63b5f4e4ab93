"""Locations of table files: paths on this machine, and files on other filesystems."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pyarrow as pa

from handgrad.files.paths import FileStatus, reason
from handgrad.files.remote_files import RemoteFile
from handgrad.textbook.errors import FileError

ONE_FOLDER = "a folder that all nodes see, under the same name"
Location = Path | RemoteFile


def status_of(location: Location) -> FileStatus:
    """The size of a file, and when it was changed; of a remote one, when it was found."""
    if isinstance(location, RemoteFile):
        return location.status
    try:
        return FileStatus.of(location)
    except OSError as error:
        raise FileError(
            f"{location}: {reason(error)}", "a file that can be read", "check the spelling"
        ) from error


def arrow_file(location: Location) -> pa.NativeFile:
    """The file as pyarrow's own, whatever bytes its name has."""
    if isinstance(location, RemoteFile):
        return location.stream()
    return pa.OSFile(os.fsencode(location))


def check_arrived(location: Location, before: FileStatus) -> None:
    """Refuse a file that is not there, or is another, where a table that was opened elsewhere is.

    It was `before` where it was opened: on another node, or in another process.
    """
    here = f"on {platform.node() or 'this machine'}"
    if isinstance(location, RemoteFile):
        now = location.status_now()
    else:
        now = status_of(location) if location.exists() else None
    if now is None:
        raise FileError(
            f"{location}: no such file {here}, where a table of it has come to be read",
            ONE_FOLDER,
            "the files in a shared folder, and hg.data.open_table by its name there",
        )
    if now != before:
        raise FileError(
            f"{location}: {now} {here}, where it had {before} when it was opened",
            f"one file: {ONE_FOLDER}",
            "the files in a shared folder; or hg.data.open_table again, if they have changed",
        )
