"""A folder of checkpoints: that it can be written to, and that every node sees it."""

from __future__ import annotations

import secrets
from pathlib import Path

from handgrad.cluster.connection import Node
from handgrad.cluster.failures import last_line
from handgrad.files.paths import reason
from handgrad.textbook.errors import SettingError
from handgrad.textbook.install import install_hint

PATIENCE = 60.0  # seconds, in which a node says whether it sees a file


def check_folder(folder: Path, nodes: list[Node]) -> None:
    """Refuse a folder that cannot be written to, or that one of the nodes does not see."""
    mark = folder / f".seen-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        raise SettingError(
            f"storage={str(folder)!r}: {reason(error)}",
            "a folder that can be written to, from here and from all nodes",
            "storage='/shared/runs'",
        ) from error
    try:
        if len(nodes) > 1:
            _check_seen(folder, mark, nodes)
    finally:
        mark.unlink(missing_ok=True)


def _check_seen(folder: Path, mark: Path, nodes: list[Node]) -> None:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node.id, soft=False)
        look = ray.remote(num_cpus=0, scheduling_strategy=there, max_retries=0)(sees)
        asked.append((node.address, look.remote(str(mark))))
    for address, answer in asked:
        try:
            seen = ray.get(answer, timeout=PATIENCE)
        except Exception as error:
            if "No module named" not in str(error):
                continue  # it is busy, or dies: Ray Train sees to that
            raise SettingError(
                f"node {address}: {last_line(error)}",
                "the same packages on every node",
                f"{install_hint('cluster')}, on that node, of the same versions",
            ) from error
        if not seen:
            raise SettingError(
                f"storage={str(folder)!r}, which node {address} does not see",
                "a folder that all nodes see: a shared file system, or s3://…",
                "storage='/shared/runs'",
            )


def sees(mark: str) -> bool:
    """Whether a file is there, on the node where this is asked."""
    return Path(mark).exists()
