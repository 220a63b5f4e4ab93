"""Workers on Ray: how many, where they keep checkpoints, what starts and ends them."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.cluster.connection import check_installed, check_room, connected, nodes_alive
from handgrad.cluster.failures import GO_ON, RESTARTS, explained, last_line, ran_out_of_memory
from handgrad.cluster.report_actor import Board, News, Remarks
from handgrad.cluster.serialization import check_that_it_travels, put
from handgrad.cluster.shared_folder import check_folder
from handgrad.cluster.signals import Interrupts
from handgrad.cluster.storage import is_remote, left_by_earlier_runs, place_of
from handgrad.cluster.teardown import ANY, groups, leave
from handgrad.cluster.worker import EstimatorJob, NetJob, Work, work
from handgrad.textbook.errors import SettingError, positive
from handgrad.textbook.net import Net
from handgrad.training import EpochReport
from handgrad.training.workers import WorkersError

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

POLL = 0.1  # seconds between two looks at the board
RESIZE = 60.0  # seconds between two looks for more nodes, where there may be more workers
GRACE = 3.0  # seconds for the others to end by themselves, once a worker has failed
PATIENCE = 20.0  # seconds, after which it is told that workers wait for cores


@dataclass(frozen=True)
class Cluster:
    """How many workers train, where, and where their checkpoints are kept."""

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
                f"address={self.address!r} with workers=0, which is this process",
                "workers on the cluster, or no address",
                "workers=2",
            )
        if self.name is not None and self.storage is None:
            raise SettingError(
                f"name={self.name!r} without storage",
                "a folder that all nodes see, where a training of that name goes on",
                "storage='/shared/runs'",
            )
        if self.storage is not None:
            object.__setattr__(self, "storage", place_of(self.storage))
        if self.workers == 0 and is_remote(str(self.storage)):
            raise SettingError(
                f"storage={self.storage!r} with workers=0",
                "a folder",
                "storage='runs'; or workers=1, which starts Ray",
            )

    def for_shards(self, shards: int) -> Cluster:
        """The same with no more workers than there are shards."""
        if not isinstance(self.workers, tuple):
            if self.workers <= shards:
                return self
            warnings.warn(
                f"workers={self.workers} with shards={shards}, the parts of each batch: {shards} "
                f"worker{'s begin' if shards > 1 else ' begins'}; shards={self.workers} has one "
                "for each, and bits of its own",
                stacklevel=3,
            )
            return replace(self, workers=shards)
        least, most = (min(number, shards) for number in self.workers)
        return replace(self, workers=(least, most))

    @property
    def folder(self) -> Path:
        """Where a training in this process keeps its checkpoints."""
        return Path(self.storage or ".") / (self.name or "training")

    def run(self, job: NetJob | EstimatorJob) -> Run:
        """The job on workers of Ray, begun."""
        check_installed()
        check_that_it_travels(job.parts())
        return Run(self, job)


def _checked(workers: object) -> int | tuple[int, int]:
    """How many workers, in Python's own whole numbers."""
    pair = workers if isinstance(workers, tuple) else (workers, workers)
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) for n in pair)
    if len(pair) == 2 and whole and 0 <= pair[0] <= pair[1] and (pair[0] or pair is not workers):
        least, most = map(int, pair)
        return (least, most) if pair is workers else least
    swapped = len(pair) == 2 and whole and pair[0] > pair[1] > 0
    raise SettingError(
        f"workers={workers!r}",
        "a whole number, 0 for this process alone; or the fewest and the most, (2, 8)",
        f"workers={pair[::-1]}" if swapped else "workers=2",
    )


class Run:
    """A job on workers: its reports as they come, and then its result."""

    def __init__(self, cluster: Cluster, job: NetJob | EstimatorJob) -> None:
        self.cluster, self.job = cluster, job
        self.found: Any = None

    def reports(self, net: Net | None) -> Iterator[EpochReport]:
        """The reports of the first worker; `net` has the weights of each, where they are told.

        At their end it has those that the training leaves. An error of a worker is raised here,
        and `net` has the weights of the last whole epoch then.
        """
        from ray.exceptions import RayError

        try:
            yield from self._reports(net)
        except RayError as error:
            if ran_out_of_memory(error):
                raise explained(error) from error
            raise WorkersError(
                f"Ray has ended the training: {last_line(error)}",
                "a Ray with room on this machine, which lives as long as the training",
                f"ray status, for what it has; {GO_ON}",
            ) from error

    def _reports(self, net: Net | None) -> Iterator[EpochReport]:
        import ray

        with ExitStack() as stack:
            board, training = self._begin(stack)
            interrupts = stack.enter_context(Interrupts(at_once=not isinstance(self.job, NetJob)))
            remarks, epoch, over, waiting_since = Remarks(), 0, False, time.monotonic()
            stack.callback(remarks.bar.close)
            while not over:
                over = bool(ray.wait([training], timeout=POLL)[0])
                news: News = ray.get(board.fetch.remote())
                if news.failure is not None and not over:
                    over, _ = True, ray.wait([training], timeout=GRACE)
                    news = news.and_then(ray.get(board.fetch.remote()))
                for told in news.told:
                    if not isinstance(told, tuple):
                        remarks.show(told)
                        continue
                    report, weights = told
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
                    sys.stderr.write("stopping with a checkpoint; Ctrl-C again: at once\n")
                if not news.begun and time.monotonic() - waiting_since > PATIENCE:
                    waiting_since = time.monotonic()
                    _tell_what_is_waited_for(self.cluster)
            if news.failure is not None:
                if net is not None and news.failure.state is not None:
                    net.load_state(news.failure.state)
                raise news.failure.error
            try:
                ended: Ended = ray.get(training)
            except Exception as error:  # its process has died: Ray's word on it
                raise explained(error) from error
            if ended.error is not None:
                raise explained(ended.error) from ended.error
            self.found = ended.value
            if net is not None:  # as it is to stay, before the last look at it
                net.load_state(self.found[0])

    def result(self) -> Any:
        """What the job came to."""
        return self.found

    def _begin(self, stack: ExitStack) -> tuple[ActorHandle[Board], ObjectRef[Ended]]:
        cluster = self.cluster
        stack.enter_context(connected(cluster.address))
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = nodes_alive()
        check_room(cluster.workers, cluster.cores, [node.cores for node in nodes])
        if cluster.storage is None:
            if len(nodes) > 1 and isinstance(self.job, NetJob):  # others keep no checkpoints
                raise SettingError(
                    f"no storage, on a cluster of {len(nodes)} nodes",
                    "a folder that all nodes see: a shared file system, or s3://…",
                    "storage='/shared/runs'",
                )
            storage = stack.enter_context(tempfile.TemporaryDirectory())
            cluster = replace(cluster, storage=storage)
        elif not is_remote(str(cluster.storage)):
            with_room = [node for node in nodes if node.cores >= cluster.cores]
            check_folder(Path(cluster.storage), with_room)
        place = str(cluster.storage)
        # beside this process: where a node is lost that this one is not on, they go on
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        beside = ray.remote(num_cpus=0, scheduling_strategy=here)
        board = beside(Board).remote()
        settings: Work = {
            "board": board,
            "job": [put(self.job)],
            "cores": cluster.cores,
            "storage": place,
            "left": left_by_earlier_runs(place, cluster.name) if cluster.name else None,
        }
        environment = {k: v for k, v in os.environ.items() if k.startswith("RAY_TRAIN_")}
        before = groups(*ANY)
        training = beside(train).options(max_retries=0).remote(settings, cluster, environment)
        stack.callback(leave, training, before)
        return board, training


@dataclass(frozen=True)
class Ended:
    """What a training on workers came to, or what Ray Train has given it up for."""

    value: Any = None
    error: Exception | None = None


def train(settings: Work, cluster: Cluster, environment: dict[str, str]) -> Ended:
    """The training, in a process of its own: ended, it takes all of its workers along."""
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


def _tell_what_is_waited_for(cluster: Cluster) -> None:
    """Warn where no worker has begun, as others have the cores."""
    import ray

    if groups("PENDING"):
        free = ray.available_resources().get("CPU", 0)
        warnings.warn(
            f"workers={cluster.workers!r} of {cluster.cores} core{'s' * (cluster.cores > 1)} each "
            f"wait for cores: {free:g} of {ray.cluster_resources().get('CPU', 0):g} are free",
            stacklevel=3,
        )
