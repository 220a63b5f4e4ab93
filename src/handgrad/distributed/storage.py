"""The storage of a training on workers: where it is, and the newest checkpoint left there."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.files import FileError
from handgrad.training import read_checkpoint

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

RECORD = "checkpoint_manager_snapshot.json"  # Ray Train's, of the checkpoints that it keeps
URI = re.compile(r"([a-z][a-z0-9+.-]+):/(?!/)|([a-z][a-z0-9+.-]+)://")


def place_of(storage: str | Path) -> str:
    """The storage as Ray takes it: a URI as it is, also where it went through Path; a whole path.

    >>> place_of("s3://bucket/runs"), place_of(Path("s3://bucket/runs"))
    ('s3://bucket/runs', 's3://bucket/runs')
    """
    given = re.sub("^file:/+", "/", str(storage))
    if (uri := URI.match(given)) is None:
        return str(Path(given).expanduser().absolute())
    return f"{uri[1]}://{given[uri.end() :]}" if uri[1] else given


def is_remote(place: str) -> bool:
    """Whether a place is another's than this machine's file system."""
    return "://" in place


def left_by_an_interrupted_record(place: str, name: str) -> tuple[str, FileSystem] | None:
    """The newest whole checkpoint of a training whose record of them cannot be read.

    Ray Train writes that file over itself: who dies meanwhile, or a full disk, leaves half of it,
    and Ray would refuse the training for good. It is put aside then.
    """
    from handgrad.data.remote_files import errors_of

    with errors_of(place):
        return _left(place, name)


def _left(place: str, name: str) -> tuple[str, FileSystem] | None:
    from pyarrow.fs import FileSelector, FileSystem, FileType

    files, root = FileSystem.from_uri(place)
    root = f"{root}/{name}"
    record = f"{root}/{RECORD}"
    if files.get_file_info(record).type != FileType.File or _holds(files, root):
        return None
    files.move(record, f"{record}.damaged")
    found = files.get_file_info(FileSelector(root))
    kept = [info for info in found if info.base_name.startswith("checkpoint_")]
    for folder in sorted(kept, key=lambda info: info.base_name, reverse=True):
        if folder.type == FileType.Directory and _is_whole(files, folder.path):
            return folder.path, files
    return None


def _holds(files: FileSystem, root: str) -> bool:
    """Whether the record can be read, and what it names is there."""
    from pyarrow.fs import FileType

    with files.open_input_stream(f"{root}/{RECORD}") as stream:
        content = stream.read()
    try:
        names = [kept["checkpoint_dir_name"] for kept in json.loads(content)["checkpoint_results"]]
    except (ValueError, KeyError, TypeError):
        return False
    there = files.get_file_info([f"{root}/{name}" for name in names])
    return all(info.type != FileType.NotFound for info in there)


def _is_whole(files: FileSystem, folder: str) -> bool:
    """Whether the newest state in a folder of checkpoints is as it was written, to the bit."""
    from pyarrow.fs import LocalFileSystem, copy_files

    with tempfile.TemporaryDirectory() as here:
        copy_files(folder, here, source_filesystem=files, destination_filesystem=LocalFileSystem())
        states = sorted(Path(here).glob("epoch-*.safetensors"))
        try:
            read_checkpoint(states[-1])
        except (FileError, IndexError):
            return False
        return True
