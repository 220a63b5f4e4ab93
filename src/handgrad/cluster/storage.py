"""Storage of a training on workers: its location, access from all nodes, newest checkpoint."""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.cluster.connection import ClusterNode
from handgrad.cluster.failures import last_line
from handgrad.files.paths import reason
from handgrad.textbook.errors import FileError, SettingError
from handgrad.textbook.install import install_hint
from handgrad.training import read_checkpoint

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

RECORD = "checkpoint_manager_snapshot.json"  # Ray Train's list of its checkpoints
URI = re.compile(r"([a-z][a-z0-9+.-]+):/(?!/)|([a-z][a-z0-9+.-]+)://")
ANSWER = 60.0  # seconds until a node must answer whether it sees a file


def storage_path(storage: str | Path) -> str:
    """Storage in the form that Ray takes: a URI, even one that went through Path, or a full path.

    >>> storage_path("s3://bucket/runs"), storage_path(Path("s3://bucket/runs"))
    ('s3://bucket/runs', 's3://bucket/runs')
    """
    text = re.sub("^file:/+", "/", str(storage))
    if (uri := URI.match(text)) is None:
        return str(Path(text).expanduser().absolute())
    return f"{uri[1]}://{text[uri.end() :]}" if uri[1] else text


def is_remote(place: str) -> bool:
    """Check whether a storage is not on this machine's file system."""
    return "://" in place


def recovered_checkpoint(place: str, name: str) -> tuple[str, FileSystem] | None:
    """Newest complete checkpoint of a training whose list of checkpoints is damaged.

    Ray Train overwrites that file in place: a crash or a full disk leaves half of it, and Ray would
    refuse the training for good. Then it is moved aside. If it can be read, it names all complete
    checkpoints, and other folders, of writers that died, are deleted.
    """
    from handgrad.files.remote_files import errors_of

    with errors_of(place):
        return _left(place, name)


def _left(place: str, name: str) -> tuple[str, FileSystem] | None:
    from pyarrow.fs import FileSelector, FileSystem, FileType

    files, root = FileSystem.from_uri(place)
    entries = files.get_file_info(FileSelector(f"{root}/{name}", allow_not_found=True))
    folders = {
        info.base_name: info.path
        for info in sorted(entries, key=lambda info: info.base_name, reverse=True)
        if info.type == FileType.Directory and info.base_name.startswith("checkpoint_")
    }
    record = f"{root}/{name}/{RECORD}"
    if RECORD not in [info.base_name for info in entries]:
        return None
    names = _named_in(files, record)
    if names is not None and names <= folders.keys():
        for unnamed in folders.keys() - names:
            files.delete_dir(folders[unnamed])
        return None
    files.move(record, f"{record}.damaged")
    return next(((path, files) for path in folders.values() if _is_whole(files, path)), None)


def _named_in(files: FileSystem, record: str) -> set[str] | None:
    """Checkpoints that a list names; None if it cannot be read."""
    with files.open_input_stream(record) as stream:
        content = stream.read()
    try:
        return {kept["checkpoint_dir_name"] for kept in json.loads(content)["checkpoint_results"]}
    except (ValueError, KeyError, TypeError):
        return None


def _is_whole(files: FileSystem, folder: str) -> bool:
    """Check whether the newest state in a folder of checkpoints is undamaged."""
    from pyarrow.fs import LocalFileSystem, copy_files

    with tempfile.TemporaryDirectory() as here:
        copy_files(folder, here, source_filesystem=files, destination_filesystem=LocalFileSystem())
        states = sorted(Path(here).glob("epoch-*.safetensors"))
        try:
            read_checkpoint(states[-1])
        except (FileError, IndexError):
            return False
        return True


def check_folder(folder: Path, nodes: list[ClusterNode]) -> None:
    """Refuse a folder that is not writable, or that a node cannot access."""
    mark = folder / f".seen-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        raise SettingError(
            f"storage={str(folder)!r}: {reason(error)}",
            "a folder that is writable from here and from all nodes",
            "storage='/shared/runs'",
        ) from error
    try:
        if len(nodes) > 1:
            _check_seen(folder, mark, nodes)
    finally:
        mark.unlink(missing_ok=True)


def _check_seen(folder: Path, mark: Path, nodes: list[ClusterNode]) -> None:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node.id, soft=False)
        look = ray.remote(num_cpus=0, scheduling_strategy=there, max_retries=0)(sees)
        asked.append((node.address, look.remote(str(mark))))
    for address, answer in asked:
        try:
            seen = ray.get(answer, timeout=ANSWER)
        except Exception as error:
            if "No module named" not in str(error):
                continue  # the node is busy or dying: Ray Train handles that
            raise SettingError(
                f"node {address}: {last_line(error)}",
                "the same packages on every node",
                f"{install_hint('cluster')}, on that node, of the same versions",
            ) from error
        if not seen:
            raise SettingError(
                f"storage={str(folder)!r}, which node {address} cannot access",
                "a folder that all nodes can access: a shared file system, or s3://…",
                "storage='/shared/runs'",
            )


def sees(mark: str) -> bool:
    """Check whether a file exists on this node."""
    return Path(mark).exists()
