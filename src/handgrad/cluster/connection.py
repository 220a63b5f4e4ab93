"""Connection to Ray: what is installed, where the cluster is, and whether it has enough cores."""

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

# Ray's settings unless they are set: health checks 5 times a second instead of every 2 s, 5 s
# instead of 60 to wait for cores that may be gone, and no usage statistics.
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "5",
    "RAY_USAGE_STATS_ENABLED": "0",
}
RAY = (2, 60), (2, 70)  # first supported version, first unsupported one: as in pyproject.toml
# Ray with its dependencies, xgboost for the collective, and joblib.
MODULES = "ray", "xgboost", "joblib", "fsspec", "pandas", "pyarrow", "pydantic", "requests"
ANSWERS = 20.0  # seconds until a cluster must answer
INSTEAD = "workers=0, for this process"
START = "ray start --head there, ray start --address=HOST:6379 on the other nodes"


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to Ray for the block; an existing connection is used and stays."""
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
    """Refuse workers if the packages they need are not installed."""
    # hide the note in notebooks that Ray's widgets need another package
    logging.getLogger("ray.widgets.util").setLevel(logging.WARNING)
    require("workers", INSTEAD, cluster=MODULES)
    try:
        installed = version("ray")
    except PackageNotFoundError:
        return
    first, after = RAY
    if not first <= tuple(map(int, re.findall(r"\d+", installed)[:2])) < after:
        raise SettingError(
            f"Ray {installed}",
            f"Ray {_dotted(first)} or later, before {_dotted(after)}: others are not tested",
            f"{install_hint('cluster')}; or {INSTEAD}",
        )


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def check_same(address: str | None, connected_to: str) -> None:
    """Refuse a cluster other than the connected one."""
    if address not in (None, "auto") and not _are_one(address, connected_to):
        raise SettingError(
            f"address={address!r}, but this process is connected to Ray at {connected_to}",
            "one cluster per process",
            "ray.shutdown() first; or no address, for the connected cluster",
        )


def _are_one(address: str, connected_to: str) -> bool:
    """Check whether an address, also by host name or loopback, is the connected one."""
    (host, _, port), (host_there, _, port_there) = (
        one.rpartition(":") for one in (address, connected_to)
    )
    try:
        resolved = socket.gethostbyname(host.strip("[]"))
    except OSError:
        return address == connected_to
    return port == port_there and (resolved == host_there or resolved.startswith("127."))


def _connect(address: str) -> None:
    import ray

    if "://" in address:
        raise SettingError(
            f"address={address!r}",
            "the address of the head node, HOST:6379, from a machine in its network",
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
    """Refuse an address where nothing listens, before Ray tries for minutes."""
    try:
        socket.create_connection((host, port), timeout=ANSWERS / 2).close()
    except OSError as error:
        raise refusal(address, error) from error


def _check_answers(address: str) -> None:
    """Query the cluster in another process, which can be killed, and raise its error."""
    ask = f"from ray._raylet import GcsClient; GcsClient(address={address!r})"
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, timeout=ANSWERS
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"no answer from Ray within {ANSWERS:g} s") from error
    if asked.returncode:  # Ray's log lines precede the error
        errors = re.findall(r"^[\w.]+(?:Error|Exception)\b.*", asked.stderr, re.M | re.S)
        raise RuntimeError(errors[-1] if errors else asked.stderr)


def refusal(address: str, error: Exception) -> WorkersError:
    """Explain why Ray cannot be connected."""
    text = str(error)
    if "Version mismatch" in text:
        versions = re.findall(r"Ray: (\S+)\s+Python: (\S+)", text)
        there, here = [f"Ray {ray} and Python {python}" for ray, python in versions][:2]
        return WorkersError(
            f"this process has {here}, but the cluster at {address} has {there}",
            "the same Ray and the same Python on this machine and on all nodes",
            f"python{there.split()[-1].rpartition('.')[0]} here, or the other one there",
        )
    if re.search(r"token|[Uu]nauthenticated", text):
        return WorkersError(
            f"the cluster at {address} asks for a token, which this process does not have",
            "the same token on this machine and on all nodes",
            "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or the head's ~/.ray/auth_token copied here",
        )
    if address == "local":
        return WorkersError(
            f"Ray has not started: {last_line(error)}",
            "a machine on which Ray may start processes, with space in /tmp and /dev/shm",
            "ray start --head, to see its messages; workers=0, for this process",
        )
    return WorkersError(
        f"no Ray cluster at {address}: {last_line(error)}",
        "the address of a running head node, HOST:6379",
        f"{START}; or no address, for this machine alone",
    )


@dataclass(frozen=True)
class ClusterNode:
    """A machine of the cluster."""

    id: str
    address: str
    cores: float


def nodes_alive() -> list[ClusterNode]:
    """Alive nodes of the connected cluster."""
    import ray

    return [
        ClusterNode(node["NodeID"], node["NodeManagerAddress"], node["Resources"].get("CPU", 0.0))
        for node in ray.nodes()
        if node["Alive"]
    ]


def check_room(workers: int | tuple[int, int], cores: int, nodes: list[float]) -> None:
    """Refuse more workers than the nodes have cores for; warn if nodes may be added."""
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
        "cores= cores for each worker on one node",
        f"{fits}; more nodes; or workers=({least}, {least}), which waits for them",
    )


@contextmanager
def cluster(address: str | None = None) -> Iterator[None]:
    """Context manager that runs parallel jobs on all cores of a Ray cluster, one thread each.

    It applies to `hg.fit_many`, `hg.training.capacity_curve` and `hg.training.learning_curve`; to
    scikit-learn's searches, cross-validation and ensembles with their default `n_jobs`; and to all
    other uses of joblib. Results are the same to the bit. A job whose worker or node dies is
    retried elsewhere; large arrays are sent once to each node. `hg.cluster.fit` uses the cluster
    too.

    Nodes need the same versions of handgrad and NumPy, and your installed modules; classes and
    functions of a script or a notebook are sent along. An existing connection to Ray is used, and
    stays. On one machine `fit_many` gains nothing over threads; searches have a process per core.

    Parameters
    ----------
    address : str, optional
        "HOST:6379"; by default the environment variable RAY_ADDRESS, else "local", this machine.

    Raises
    ------
    SettingError
        Ray is not installed.
    WorkersError
        No Ray answers at the address.

    Examples
    --------
    >>> def search():
    ...     with cluster("head:6379"):
    ...         return GridSearchCV(hg.TabularClassifier(), grid).fit(X, y)
    """
    with connected(address):
        from joblib import parallel_config

        from handgrad.cluster.ray_tasks import RayTasks

        with parallel_config(RayTasks(), n_jobs=-1):
            yield
