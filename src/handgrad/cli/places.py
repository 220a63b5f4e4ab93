"""Where a run's folder may be."""

import os
from pathlib import Path

from handgrad.files import FileError, kind_of


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something, or that cannot be made."""
    kind = kind_of(folder)
    if kind == "file" or (kind == "folder" and any(folder.iterdir())):
        raise FileError(
            f"{folder} is there already" + (", and not empty" if kind == "folder" else ", a file"),
            "a new or empty folder",
            "another --out; without --out a new folder is made in runs",
        )
    above = next(path for path in (folder, *folder.absolute().parents) if kind_of(path))
    if kind_of(above) == "file" or not os.access(above, os.W_OK):
        raise FileError(
            f"{folder} cannot be made: {above} is "
            + ("a file" if kind_of(above) == "file" else "not open to writing"),
            "a folder in a place that can be written to",
            "another --out",
        )


def suggested_folder(parent: Path, name: str) -> Path:
    """The first of NAME-1, NAME-2 … in `parent` that is not there, nor begun and unfinished."""
    number = 1
    while kind_of(parent / f"{name}-{number}") or kind_of(unfinished(parent / f"{name}-{number}")):
        number += 1
    return parent / f"{name}-{number}"


def unfinished(folder: Path) -> Path:
    """Where a run keeps what is done of it until its folder is whole: a hidden one beside it."""
    folder = folder.absolute()
    return folder.parent / f".{folder.name}.unfinished"
