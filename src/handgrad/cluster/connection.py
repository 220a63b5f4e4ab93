"""The connection to Ray: what is installed, where the cluster is, and whether it has the room."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from handgrad.cluster.failures import last_line
from handgrad.textbook.errors import SettingError
from handgrad.textbook.install import install_hint, require
from handgrad.training.workers import WorkersError

# Ray's own settings, where they are not set: it looks after workers 5 times a second, not every
# 2 s, waits 5 s for cores that may be gone, not 60, and sends nobody word of its use.
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "5",
    "RAY_USAGE_STATS_ENABLED": "0",
}
RAY = (2, 60), (2, 70)  # from the first version on, before the second: as in pyproject.toml
# Ray with what its trainings need, xgboost, by whose collective workers add up, and joblib.
MODULES = "ray", "xgboost", "joblib", "fsspec", "pandas", "pyarrow", "pydantic", "requests"
ANSWERS = 20.0  # seconds, in which a cluster does
INSTEAD = "workers=0, for this process"
START = "ray start --head there, ray start --address=HOST:6379 on the other nodes"


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Ray, connected to as long as the block lasts, or for longer if it was already."""
    check_installed()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        check_same(address, ray.get_runtime_context().gcs_address)
        yield
        return
    _connect(address or os.environ.get("RAY_ADDRESS", "local"))
    try:
        yield
    finally:
        ray.shutdown()


def check_installed() -> None:
    """Refuse workers where what they need is not installed."""
    # a remark, in notebooks, that Ray's own widgets need another package
    logging.getLogger("ray.widgets.util").setLevel(logging.WARNING)
    require("workers", INSTEAD, cluster=MODULES)
    try:
        found = version("ray")
    except PackageNotFoundError:
        return
    first, after = RAY
    if not first <= tuple(map(int, re.findall(r"\d+", found)[:2])) < after:
        raise SettingError(
            f"Ray {found}",
            f"from Ray {_dotted(first)} on, before {_dotted(after)}: others were not tried",
            f"{install_hint('cluster')}; or {INSTEAD}",
        )


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def check_same(address: str | None, connected_to: str) -> None:
    """Refuse another cluster than the one that this process is connected to."""
    if address not in (None, "auto") and not _are_one(address, connected_to):
        raise SettingError(
            f"address={address!r}, where this process is connected to Ray at {connected_to}",
            "one cluster a process",
            "ray.shutdown() first; or no address, for the cluster that is connected to",
        )


def _are_one(address: str, connected_to: str) -> bool:
    """Whether an address, by name or of this machine, is the one that Ray has made of it."""
    (host, _, port), (host_there, _, port_there) = (
        one.rpartition(":") for one in (address, connected_to)
    )
    try:
        found = socket.gethostbyname(host.strip("[]"))
    except OSError:
        return address == connected_to
    return port == port_there and (found == host_there or found.startswith("127."))


def _connect(address: str) -> None:
    import ray

    if "://" in address:
        raise SettingError(
            f"address={address!r}",
            "the address of the head node itself, HOST:6379, from a machine of its network",
            "ray job submit, to run the script on the cluster",
        )
    if host_and_port := re.fullmatch(r"\[?(.+?)\]?:(\d+)", address):
        _check_listens(address, host_and_port[1], int(host_and_port[2]))

    try:
        if host_and_port:
            _check_answers(address)
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level="error" if address == "local" else "warning",
            include_dashboard=False if address == "local" else None,
        )
    except Exception as error:
        raise refusal(address, error) from error


def _check_listens(address: str, host: str, port: int) -> None:
    """Refuse an address where nothing is, before Ray looks there for minutes."""
    try:
        socket.create_connection((host, port), timeout=ANSWERS / 2).close()
    except OSError as error:
        raise refusal(address, error) from error


def _check_answers(address: str) -> None:
    """Raise what a look at the cluster ends with: in another process, which can be ended."""
    ask = f"from ray._raylet import GcsClient; GcsClient(address={address!r})"
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, timeout=ANSWERS
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"nothing that answers as Ray does, in {ANSWERS:g} s") from error
    if asked.returncode:  # what stands before the error are Ray's own remarks
        told = re.findall(r"^[\w.]+(?:Error|Exception)\b.*", asked.stderr, re.M | re.S)
        raise RuntimeError(told[-1] if told else asked.stderr)


def refusal(address: str, error: Exception) -> WorkersError:
    """Why Ray cannot be connected to, in three parts."""
    text = str(error)
    if "Version mismatch" in text:
        versions = re.findall(r"Ray: (\S+)\s+Python: (\S+)", text)
        there, here = [f"Ray {ray} and Python {python}" for ray, python in versions][:2]
        return WorkersError(
            f"this process has {here}, and the cluster at {address} {there}",
            "the same Ray and the same Python on this machine and on all nodes",
            f"python{there.split()[-1].rpartition('.')[0]} here, or the other one there",
        )
    if re.search(r"token|[Uu]nauthenticated", text):
        return WorkersError(
            f"the cluster at {address} asks for a token, which this process has not",
            "the same token on this machine and on all nodes",
            "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or the head's ~/.ray/auth_token copied here",
        )
    if address == "local":
        return WorkersError(
            f"Ray has not started: {last_line(error)}",
            "a machine on which Ray may start processes, with room in /tmp and /dev/shm",
            "ray start --head, to see what it says; workers=0, for this process",
        )
    return WorkersError(
        f"no Ray cluster at {address}: {last_line(error)}",
        "the address of a head node that runs, HOST:6379",
        f"{START}; or no address, for this machine alone",
    )


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    id: str
    address: str
    cores: float


def nodes_alive() -> list[Node]:
    """Those of the cluster that is connected to."""
    import ray

    return [
        Node(node["NodeID"], node["NodeManagerAddress"], node["Resources"].get("CPU", 0.0))
        for node in ray.nodes()
        if node["Alive"]
    ]


def check_room(workers: int | tuple[int, int], cores: int, nodes: list[float]) -> None:
    """Refuse more workers than nodes of so many cores have room for; warn where nodes may come."""
    least = workers[0] if isinstance(workers, tuple) else workers
    room = sum(int(node // cores) for node in nodes)
    if room >= least:
        return
    has = " and ".join(f"{node:g}" for node in nodes) or "none"
    came = (
        f"{least} worker{'s' * (least > 1)} of {cores} core{'s' * (cores > 1)}, and the nodes of "
        f"the cluster have {has}"
    )
    if isinstance(workers, tuple):
        warnings.warn(f"{came}: the training waits for more nodes", stacklevel=2)
        return
    fits = f"workers={room}" if room else f"cores={max(1, int(max(nodes, default=1)))}"
    raise SettingError(
        came,
        "a core for each worker, or as many as cores= says, on one node",
        f"{fits}; more nodes; or workers=({least}, {least}), which waits for them",
    )
