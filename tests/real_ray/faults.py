"""Workers, nodes and drivers that die at moments that chance names: the bits stay the same.

`make cluster-faults`, or `SEED=7 make cluster-faults` for the moments of an earlier run.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from handgrad.cluster import run as workers_on_ray
from tests.real_ray.processes import descends, own_workers, until
from tests.real_ray.training import table, train

pytestmark = pytest.mark.cluster
SEED = int(os.environ.get("SEED") or time.time())
SECONDS, CALLS = 0.03, 500  # a call of the loss takes so long; a training calls it so often


@pytest.fixture(scope="module")
def undisturbed() -> str:
    return train(0)


@pytest.fixture(scope="module")
def rows_in_a_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table(tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def undisturbed_stream(rows_in_a_file: Path) -> str:
    return train(0, streamed=rows_in_a_file)


@pytest.fixture
def moments(request: pytest.FixtureRequest, capsys: Any) -> random.Random:
    """What names the moments of a test."""
    with capsys.disabled():
        print(f"\n{request.node.name}: SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


class Watched:
    """A training in a thread of its own; Ray starts nodes for the main thread only."""

    def __init__(
        self, folder: Path, workers: Any, seconds: float = SECONDS, streamed: Path | None = None
    ) -> None:
        self.log, self.folder = folder / "calls", folder
        own: dict[str, Any] = {"storage": folder / "storage", "name": "a", "checkpoint_seconds": 1}
        own["streamed"] = streamed
        self.result: Future[str] = Future()

        def run() -> None:
            try:
                self.result.set_result(train(workers, seconds, self.log, **own))
            except BaseException as error:
                self.result.set_exception(error)

        threading.Thread(target=run, daemon=True).start()

    def calls(self) -> list[tuple[float, int]]:
        """The moment of each call of the loss in a worker, and its process."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        calls = [(float(when), int(pid)) for when, pid in map(str.split, lines)]
        return [(when, pid) for when, pid in calls if pid != os.getpid()]

    def until_further(self, calls: int) -> None:
        """Wait until the loss was called so many times more."""
        begun = len(self.calls())
        until(lambda: self.result.done() or len(self.calls()) >= begun + calls)
        assert not self.result.done(), self.result.result()

    def groups(self) -> list[tuple[float, float, set[int]]]:
        """The workers that were there at the same time: since when, until when, which."""
        spans: dict[int, tuple[float, float]] = {}
        for when, pid in self.calls():
            spans[pid] = spans.get(pid, (when, when))[0], when
        found: list[tuple[float, float, set[int]]] = []
        for pid, (first, last) in sorted(spans.items(), key=lambda item: item[1]):
            if found and first < found[-1][1]:
                begin, end, pids = found[-1]
                found[-1] = begin, max(end, last), pids | {pid}
            else:
                found.append((first, last, {pid}))
        return found

    def until_groups(self, count: int) -> None:
        """Wait until there were so many groups of workers."""
        until(lambda: self.result.done() or len(self.groups()) >= count)
        assert not self.result.done(), self.result.result()

    def lost(self) -> list[str]:
        """The seconds from the last call of some workers to the first of those after them."""
        return [f"{after[0] - before[1]:.1f} s" for before, after in pairwise(self.groups())]


@pytest.fixture
def tell(capsys: Any) -> Any:
    def told(what: str) -> None:
        with capsys.disabled():
            print(what)

    return told


@pytest.fixture
def one_node() -> Iterator[None]:
    """A Ray with two cores, which is gone before the next test has another."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def nodes() -> Iterator[Cluster]:
    """A head without cores, to which a test adds nodes."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def node_of(cluster: Cluster, pid: int) -> Any:
    """The node on which a worker runs."""
    return next(
        node
        for node in cluster.worker_nodes
        if descends(pid, node.all_processes["raylet"][0].process.pid)
    )


@pytest.mark.usefixtures("one_node")
@pytest.mark.parametrize("streamed", [False, True])
def test_workers_that_die(
    streamed: bool,
    tmp_path: Path,
    undisturbed: str,
    undisturbed_stream: str,
    rows_in_a_file: Path,
    moments: random.Random,
    tell: Any,
) -> None:
    training = Watched(tmp_path, 2, streamed=rows_in_a_file if streamed else None)
    until(training.calls)
    for groups in (1, 2):
        training.until_further(moments.randrange(1, CALLS // 3))
        os.kill(moments.choice(own_workers()), signal.SIGKILL)
        training.until_groups(groups + 1)
    assert training.result.result() == (undisturbed_stream if streamed else undisturbed)
    assert len(training.groups()) == 3
    tell(f"lost by a worker each: {', '.join(training.lost())}")


def test_nodes_that_are_lost_with_spare_ones(
    nodes: Cluster,
    tmp_path: Path,
    undisturbed_stream: str,
    rows_in_a_file: Path,
    moments: random.Random,
    tell: Any,
) -> None:
    for _ in range(4):
        nodes.add_node(num_cpus=1)
    training = Watched(tmp_path, 2, streamed=rows_in_a_file)
    until(training.calls)
    for groups in (1, 2):
        training.until_further(moments.randrange(1, CALLS // 3))
        nodes.remove_node(node_of(nodes, moments.choice(own_workers())), allow_graceful=False)
        training.until_groups(groups + 1)
    assert training.result.result() == undisturbed_stream
    assert [len(pids) for *_, pids in training.groups()] == [2, 2, 2]
    tell(f"lost by a node each: {', '.join(training.lost())}")


def test_a_node_is_lost_and_another_comes(
    nodes: Cluster,
    tmp_path: Path,
    undisturbed: str,
    moments: random.Random,
    tell: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers_on_ray, "RESIZE", 3.0)
    nodes.add_node(num_cpus=1)
    nodes.add_node(num_cpus=1)
    training = Watched(tmp_path, (1, 2), seconds=0.08)
    until(lambda: len({pid for _, pid in training.calls()}) == 2)
    training.until_further(moments.randrange(1, CALLS // 3))
    nodes.remove_node(node_of(nodes, moments.choice(own_workers())), allow_graceful=False)
    training.until_groups(2)
    training.until_further(moments.randrange(1, CALLS // 6))
    nodes.add_node(num_cpus=1)
    assert training.result.result() == undisturbed
    assert [len(pids) for *_, pids in training.groups()] == [2, 1, 2]
    tell(f"lost by a node, and by one more: {', '.join(training.lost())}")


def pids_in(log: Path) -> list[str]:
    """The process of each call of the loss."""
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def until_called(log: Path, calls: int, *, but_by: list[str]) -> None:
    """Wait until the loss was called so often, by other processes than those."""
    until(lambda: sum(pid not in but_by for pid in pids_in(log)) >= calls)


def test_drivers_that_die(
    tmp_path: Path, undisturbed: str, moments: random.Random, tell: Any
) -> None:
    command = [sys.executable, "-m", "tests.real_ray.training", str(tmp_path), "2", "2"]
    log, before = tmp_path / "calls", list[str]()
    for _ in range(3):
        driver, started = subprocess.Popen(command), time.monotonic()
        before.append(str(driver.pid))
        until_called(log, 1, but_by=before)
        tell(f"until a driver's first call of the loss: {time.monotonic() - started:.1f} s")
        until_called(log, moments.randrange(1, CALLS // 4), but_by=before)
        driver.kill()
        driver.wait()
        assert not (tmp_path / "done").exists()
        before = pids_in(log)
    subprocess.run(command, check=True, timeout=240)
    assert (tmp_path / "done").read_text() == undisturbed


HOSTS = {"hga": "10.77.0.1", "hgb": "10.77.0.2"}  # network namespaces, and their addresses
IMPATIENT = {  # how long Ray waits for a node that does not answer
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def on_host(name: str, *words: str, **settings: Any) -> Any:
    """A Python program on one of the hosts, begun."""
    command = ["ip", "netns", "exec", name, sys.executable, *words]
    return subprocess.Popen(command, env=os.environ | IMPATIENT, **settings)


@pytest.fixture
def two_hosts() -> Iterator[str]:
    """Two hosts with a Ray of a core each, and a link between them; the address of the first."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces need root and ip")
    try:
        for name in HOSTS:
            ip(f"netns add {name}")
    except subprocess.CalledProcessError:
        pytest.skip("no network namespaces are allowed here")
    with tempfile.TemporaryDirectory(prefix="hg", ignore_cleanup_errors=True) as folder:
        try:
            ip("link add va netns hga type veth peer name vb netns hgb")
            for name, address in HOSTS.items():
                ip(f"-n {name} link set lo up")
                ip(f"-n {name} addr add {address}/24 dev v{name[-1]}")
                ip(f"-n {name} link set v{name[-1]} up")
            time.sleep(3)  # a link that has just come up drops what it is given first
            start, first = ["-m", "ray.scripts.scripts", "start"], HOSTS["hga"]
            own = ["--num-cpus=1", "--disable-usage-stats"]
            head = ["--head", "--port=6379", "--include-dashboard=false", f"--temp-dir={folder}"]
            for name, words in (("hga", head), ("hgb", [f"--address={first}:6379"])):
                words = [*start, *words, *own, f"--node-ip-address={HOSTS[name]}"]
                assert on_host(name, *words, stdout=subprocess.DEVNULL).wait(60) == 0
            yield f"{first}:6379"
        finally:
            for name in HOSTS:
                found = subprocess.run(["ip", "netns", "pids", name], capture_output=True)
                for pid in map(int, found.stdout.split()):
                    os.kill(pid, signal.SIGKILL)
                ip(f"netns del {name}")


def test_a_host_whose_link_goes_down(
    two_hosts: str,
    tmp_path: Path,
    undisturbed_stream: str,
    rows_in_a_file: Path,
    moments: random.Random,
    tell: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", two_hosts)
    log, words = tmp_path / "calls", ["-m", "tests.real_ray.training", str(tmp_path), "1", "2"]
    driver = on_host("hga", *words, str(rows_in_a_file))
    until(lambda: driver.poll() or len({*pids_in(log)} - {str(driver.pid)}) == 2)
    assert driver.poll() is None
    until_called(log, moments.randrange(1, CALLS // 2), but_by=[])
    ip("-n hgb link set vb down")
    down, before = time.monotonic(), pids_in(log)
    until_called(log, 1, but_by=before)
    tell(f"lost by a link: {time.monotonic() - down:.1f} s")
    assert driver.wait(240) == 0
    assert (tmp_path / "done").read_text() == undisturbed_stream
