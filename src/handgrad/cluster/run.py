"""Jobs on Ray workers: settings, start, reports and end; Ctrl-C ends them with a checkpoint."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from handgrad.cluster.connection import check_installed, check_room, connected, nodes_alive
from handgrad.cluster.failures import GO_ON, RESTARTS, explain, last_line, ran_out_of_memory
from handgrad.cluster.report_actor import Board, News, Notices
from handgrad.cluster.serialization import check_picklable, put
from handgrad.cluster.storage import check_folder, is_remote, recovered_checkpoint, storage_path
from handgrad.cluster.worker import EstimatorJob, NetJob, WorkerArguments, work
from handgrad.textbook.errors import SettingError, positive
from handgrad.textbook.net import Net
from handgrad.training import EpochReport
from handgrad.training.workers import WorkersError

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

POLL = 0.1  # seconds between two fetches from the board
RESIZE = 60.0  # seconds between two checks for more nodes, if there may be more workers
GRACE = 3.0  # seconds for the other workers to end after one has failed
PATIENCE = 20.0  # seconds until a warning that workers wait for cores
SHUTDOWN = 5.0  # seconds for Ray Train to end by itself
ANY = "PENDING", "PREPARED", "CREATED", "RESCHEDULING"  # states of placement groups with cores


@dataclass(frozen=True)
class Cluster:
    """Settings of the workers: how many, their cores, address and storage."""

    workers: int | tuple[int, int]
    cores: int
    storage: str | Path | None
    name: str | None
    address: str | None
    resize: float = field(default_factory=lambda: RESIZE)

    def __post_init__(self) -> None:
        object.__setattr__(self, "workers", _checked(self.workers))
        positive("cores", self.cores, whole=True)
        if self.workers == 0 and self.address is not None:
            raise SettingError(
                f"address={self.address!r} with workers=0, which trains in this process",
                "workers on the cluster, or no address",
                "workers=2",
            )
        if self.name is not None and self.storage is None:
            raise SettingError(
                f"name={self.name!r} without storage",
                "a folder that all nodes can access, in which a training of that name resumes",
                "storage='/shared/runs'",
            )
        if self.storage is not None:
            object.__setattr__(self, "storage", storage_path(self.storage))
        if self.workers == 0 and is_remote(str(self.storage)):
            raise SettingError(
                f"storage={self.storage!r} with workers=0",
                "a folder",
                "storage='runs'; or workers=1, which starts Ray",
            )

    def for_shards(self, shards: int) -> Cluster:
        """Copy with at most one worker per shard."""
        if not isinstance(self.workers, tuple):
            if self.workers <= shards:
                return self
            warnings.warn(
                f"workers={self.workers} with shards={shards}, the parts of each batch: {shards} "
                f"worker{'s start' if shards > 1 else ' starts'}; shards={self.workers} has one "
                "for each, with other bits",
                stacklevel=3,
            )
            return replace(self, workers=shards)
        least, most = (min(number, shards) for number in self.workers)
        return replace(self, workers=(least, most))

    @property
    def folder(self) -> Path:
        """Folder for the checkpoints of a training in this process."""
        return Path(self.storage or ".") / (self.name or "training")

    def run(self, job: NetJob | EstimatorJob) -> ClusterRun:
        """Check a job for workers; iterating over its reports starts it."""
        check_installed()
        check_picklable(job.parts())
        return ClusterRun(self, job)


def _checked(workers: object) -> int | tuple[int, int]:
    """Number of workers, or the fewest and the most, as Python ints."""
    pair = workers if isinstance(workers, tuple) else (workers, workers)
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) for n in pair)
    if len(pair) == 2 and whole and 0 <= pair[0] <= pair[1] and (pair[0] or pair is not workers):
        least, most = map(int, pair)
        return (least, most) if pair is workers else least
    swapped = len(pair) == 2 and whole and pair[0] > pair[1] > 0
    raise SettingError(
        f"workers={workers!r}",
        "an integer, 0 for this process alone; or the fewest and the most, (2, 8)",
        f"workers={pair[::-1]}" if swapped else "workers=2",
    )


class ClusterRun:
    """Job on workers: an iterator of its reports, then its result."""

    def __init__(self, cluster: Cluster, job: NetJob | EstimatorJob) -> None:
        self.cluster, self.job = cluster, job
        self.value: Any = None

    def reports(self, net: Net | None) -> Iterator[EpochReport]:
        """Iterate over the first worker's reports; `net` gets the weights sent with them.

        At the end `net` has the final weights. An error of a worker is raised here; `net` then has
        the weights of the last complete epoch.
        """
        from ray.exceptions import RayError

        try:
            yield from self._reports(net)
        except RayError as error:
            if ran_out_of_memory(error):
                raise explain(error) from error
            raise WorkersError(
                f"Ray has ended the training: {last_line(error)}",
                "a Ray cluster with free memory that runs as long as the training",
                f"ray status, for its resources; {GO_ON}",
            ) from error

    def _reports(self, net: Net | None) -> Iterator[EpochReport]:
        import ray

        with ExitStack() as stack:
            board, training = self._begin(stack)
            interrupts = stack.enter_context(Interrupts(at_once=not isinstance(self.job, NetJob)))
            notices, epoch, over, waiting_since = Notices(), 0, False, time.monotonic()
            stack.callback(notices.bar.close)
            while not over:
                over = bool(ray.wait([training], timeout=POLL)[0])
                news: News = ray.get(board.fetch.remote())
                if news.failure is not None and not over:
                    over, _ = True, ray.wait([training], timeout=GRACE)
                    news = news.and_then(ray.get(board.fetch.remote()))
                for message in news.messages:
                    if not isinstance(message, tuple):
                        notices.show(message)
                        continue
                    report, weights = message
                    if report.epoch <= epoch:  # an epoch that was run again after a restart
                        continue
                    epoch = report.epoch
                    if net is not None and weights is not None:
                        net.load_state(weights)
                    yield report
                if interrupts.are_new() and not over:
                    if not news.begun:
                        raise KeyboardInterrupt
                    board.stop.remote()
                    sys.stderr.write("stopping with a checkpoint; press Ctrl-C again to stop now\n")
                if not news.begun and time.monotonic() - waiting_since > PATIENCE:
                    waiting_since = time.monotonic()
                    _warn_of_waiting(self.cluster)
            if news.failure is not None:
                if net is not None and news.failure.state is not None:
                    net.load_state(news.failure.state)
                raise news.failure.error
            try:
                ended: Ended = ray.get(training)
            except Exception as error:  # its process has died
                raise explain(error) from error
            if ended.error is not None:
                raise explain(ended.error) from ended.error
            self.value = ended.value
            if net is not None:  # the final weights, before the last report is used
                net.load_state(self.value[0])

    def result(self) -> Any:
        """Result of the job."""
        return self.value

    def _begin(self, stack: ExitStack) -> tuple[ActorHandle[Board], ObjectRef[Ended]]:
        cluster = self.cluster
        stack.enter_context(connected(cluster.address))
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = nodes_alive()
        check_room(cluster.workers, cluster.cores, [node.cores for node in nodes])
        if cluster.storage is None:
            if len(nodes) > 1 and isinstance(self.job, NetJob):  # others write no checkpoints
                raise SettingError(
                    f"no storage, on a cluster of {len(nodes)} nodes",
                    "a folder that all nodes can access: a shared file system, or s3://…",
                    "storage='/shared/runs'",
                )
            storage = stack.enter_context(tempfile.TemporaryDirectory())
            cluster = replace(cluster, storage=storage)
        elif not is_remote(str(cluster.storage)):
            with_room = [node for node in nodes if node.cores >= cluster.cores]
            check_folder(Path(cluster.storage), with_room)
        place = str(cluster.storage)
        # on this process's node: the loss of another node does not end them
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        beside = ray.remote(num_cpus=0, scheduling_strategy=here)
        board = beside(Board).remote()
        settings: WorkerArguments = {
            "board": board,
            "job": [put(self.job)],
            "cores": cluster.cores,
            "storage": place,
            "left": recovered_checkpoint(place, cluster.name) if cluster.name else None,
        }
        environment = {k: v for k, v in os.environ.items() if k.startswith("RAY_TRAIN_")}
        before = groups(*ANY)
        training = beside(train).options(max_retries=0).remote(settings, cluster, environment)
        stack.callback(leave, training, before)
        return board, training


@dataclass(frozen=True)
class Ended:
    """Value of a training on workers, or the error with which Ray Train gave it up."""

    value: Any = None
    error: Exception | None = None


def train(settings: WorkerArguments, cluster: Cluster, environment: dict[str, str]) -> Ended:
    """Train in a separate process, whose end also ends its workers."""
    os.environ.update(environment)
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig

    from handgrad.cluster.collective import RabitConfig, Trainer

    try:
        trainer = Trainer(
            work,
            train_loop_config=settings,
            backend_config=RabitConfig(),
            scaling_config=ScalingConfig(
                num_workers=cluster.workers,
                resources_per_worker={"CPU": cluster.cores},
                elastic_resize_monitor_interval_s=cluster.resize,
            ),
            run_config=RunConfig(
                storage_path=str(cluster.storage),
                name=cluster.name,
                failure_config=FailureConfig(max_failures=RESTARTS),
                checkpoint_config=CheckpointConfig(num_to_keep=2),
            ),
        )
        return Ended(trainer.fit().return_value)
    except Exception as error:
        return Ended(error=error)


def _warn_of_waiting(cluster: Cluster) -> None:
    """Warn that no worker has started because other jobs have the cores."""
    import ray

    if groups("PENDING"):
        free = ray.available_resources().get("CPU", 0)
        warnings.warn(
            f"workers={cluster.workers!r} of {cluster.cores} core{'s' * (cluster.cores > 1)} each "
            f"wait for cores: {free:g} of {ray.cluster_resources().get('CPU', 0):g} are free",
            stacklevel=3,
        )


class Interrupts:
    """Ctrl-C in two steps within the block: the first asks for an end, the second raises.

    With `at_once` the first raises too. Nothing changes if another handler is installed, or in
    a thread other than the main one, which gets no signals.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self.at_once, self.came, self.known = at_once, 0, 0

    def __enter__(self) -> Self:
        if self._of_main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._of_main_thread() and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def are_new(self) -> bool:
        """True if a Ctrl-C has come since the last call."""
        before, self.known = self.known, self.came
        return self.came > before

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came += 1
        if self.at_once or self.came > 1:
            raise KeyboardInterrupt

    @staticmethod
    def _of_main_thread() -> bool:
        return threading.current_thread() is threading.main_thread()


def leave(training: ObjectRef[object], groups_before: set[str]) -> None:
    """End a training that is still running, with its workers, and release their cores."""
    import ray

    if ray.wait([training], timeout=0)[0]:
        return
    ray.cancel(training)  # an interrupt in its process, at which Ray Train ends the workers
    ended = bool(ray.wait([training], timeout=SHUTDOWN)[0])
    if not ended:
        ray.cancel(training, force=True)
    # Ray Train removes groups with workers; its cleaner of other groups needs a dashboard
    _remove(groups(*(("PENDING",) if ended else ANY)) - groups_before)


def groups(*states: str) -> set[str]:
    """Placement groups in these states of this process's trainings."""
    import ray
    from ray.util.placement_group import placement_group_table

    job = ray.get_runtime_context().get_job_id()
    table = placement_group_table()
    return {name for name, group in table.items() if group["state"] in states and job in name[-8:]}


def _remove(names: set[str]) -> None:
    import ray
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    for name in names:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(bytes.fromhex(name))))
