"""The storage of a training on workers: where it is, and the newest checkpoint left there."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.textbook.errors import FileError
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


def left_by_earlier_runs(place: str, name: str) -> tuple[str, FileSystem] | None:
    """The newest whole checkpoint of a training whose record of them cannot be read.

    Ray Train writes that file over itself: who dies meanwhile, or a full disk, leaves half of it,
    and Ray would refuse the training for good. It is put aside then. Where it can be read, it
    names all checkpoints that are whole; what others their writers died over is taken away.
    """
    from handgrad.files.remote_files import errors_of

    with errors_of(place):
        return _left(place, name)


def _left(place: str, name: str) -> tuple[str, FileSystem] | None:
    from pyarrow.fs import FileSelector, FileSystem, FileType

    files, root = FileSystem.from_uri(place)
    found = files.get_file_info(FileSelector(f"{root}/{name}", allow_not_found=True))
    folders = {
        info.base_name: info.path
        for info in sorted(found, key=lambda info: info.base_name, reverse=True)
        if info.type == FileType.Directory and info.base_name.startswith("checkpoint_")
    }
    record = f"{root}/{name}/{RECORD}"
    if RECORD not in [info.base_name for info in found]:
        return None
    names = _named_in(files, record)
    if names is not None and names <= folders.keys():
        for unnamed in folders.keys() - names:
            files.delete_dir(folders[unnamed])
        return None
    files.move(record, f"{record}.damaged")
    return next(((path, files) for path in folders.values() if _is_whole(files, path)), None)


def _named_in(files: FileSystem, record: str) -> set[str] | None:
    """The checkpoints that a record names, if it can be read."""
    with files.open_input_stream(record) as stream:
        content = stream.read()
    try:
        return {kept["checkpoint_dir_name"] for kept in json.loads(content)["checkpoint_results"]}
    except (ValueError, KeyError, TypeError):
        return None


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
