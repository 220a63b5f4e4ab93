"""Workers on Ray: where they run, what starts them, what comes back, and what may go wrong."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from handgrad.base.errors import SettingError, positive
from handgrad.distributed.board import Board, Remarks, Told
from handgrad.distributed.failures import RESTARTS, WorkersError, explained, last_line
from handgrad.distributed.storage import is_remote, left_by_an_interrupted_record, place_of
from handgrad.distributed.worker import EstimatorJob, Failure, NetJob, Work, work
from handgrad.net import Net
from handgrad.training import EpochReport

if TYPE_CHECKING:
    from ray.actor import ActorHandle

POLL = 0.1  # seconds between two looks at the board
RESIZE = 60.0  # seconds between two looks for more nodes, where there may be more workers
# Ray's own settings, where they are not set: it looks after workers 5 times a second, not every
# 2 s, goes on with fewer nodes after 15 s, not after 60, and sends nobody word of its use.
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "15",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@dataclass(frozen=True)
class Cluster:
    """How many workers train, where, and where their checkpoints are kept."""

    workers: int | tuple[int, int]
    cores: int
    storage: str | Path | None
    name: str | None
    address: str | None

    def __post_init__(self) -> None:
        positive("cores", self.cores, whole=True)
        least, most = self.workers if isinstance(self.workers, tuple) else (self.workers,) * 2
        if self.workers != 0:
            positive("workers", least, whole=True)
            positive("workers", most, whole=True)
        if least > most:
            raise SettingError(
                f"workers={self.workers!r}", "the fewest and the most", f"workers={(most, least)}"
            )
        if self.name is not None and self.storage is None:
            raise SettingError(
                f"name={self.name!r} without storage",
                "a folder that all nodes see, where a training of that name goes on",
                "storage='/shared/runs'",
            )

    @property
    def folder(self) -> Path:
        """Where a training in this process keeps its checkpoints."""
        place = place_of(self.storage or ".")
        if is_remote(place):
            raise SettingError(
                f"storage={place!r} with workers=0", "a folder", "storage='runs', or workers=1"
            )
        return Path(place) / (self.name or "training")

    def run(self, job: NetJob | EstimatorJob) -> Run:
        """The job on workers of Ray, begun."""
        check_installed()
        _check_that_it_travels(job)
        return Run(self, job)


class Run:
    """A job on workers: its reports as they come, and then its result."""

    def __init__(self, cluster: Cluster, job: NetJob | EstimatorJob) -> None:
        self.cluster, self.job = cluster, job
        self.found: Any = None
        self.error: BaseException | None = None

    def reports(self, net: Net | None) -> Iterator[EpochReport]:
        """The reports of the first worker; `net` has the weights of each, where they are told."""
        with ExitStack() as stack:
            board, thread = self._begin(stack)
            epoch, asked, remarks = 0, not isinstance(self.job, NetJob), Remarks()
            stack.callback(remarks.bar.close)
            while True:
                over = not thread.is_alive()
                try:
                    for told in self._fetched(board):
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
                    if over:
                        break
                    thread.join(POLL)
                except KeyboardInterrupt:
                    if asked:
                        raise
                    asked = True
                    board.stop.remote()

    def result(self) -> Any:
        """What the job came to; an error of a worker is raised here."""
        if isinstance(self.found, Failure):
            raise self.found.error
        if self.error is not None:
            raise explained(self.error) from self.error
        return self.found

    def _begin(self, stack: ExitStack) -> tuple[ActorHandle[Board], Thread]:
        cluster = self.cluster
        stack.enter_context(connected(cluster.address))
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        storage = None if cluster.storage is None else place_of(cluster.storage)
        nodes = sum(node["Alive"] for node in ray.nodes())
        if storage is None:
            if nodes > 1 and isinstance(self.job, NetJob):  # others keep no checkpoints
                raise SettingError(
                    f"no storage, on a cluster of {nodes} nodes",
                    "a folder that all nodes see: a shared file system, or s3://…",
                    "storage='/shared/runs'",
                )
            storage = stack.enter_context(tempfile.TemporaryDirectory())
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        board = ray.remote(num_cpus=0, scheduling_strategy=here)(Board).remote()
        settings: Work = {
            "board": board,
            "job": [ray.put(self.job)],
            "cores": cluster.cores,
            "storage": storage,
            "left": left_by_an_interrupted_record(storage, cluster.name) if cluster.name else None,
        }
        thread = Thread(target=self._train, args=(settings, storage), daemon=True)
        thread.start()
        return board, thread

    def _train(self, settings: Work, storage: str) -> None:
        from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
        from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
        from ray.train.xgboost import XGBoostConfig

        cluster = self.cluster
        try:
            trainer = DataParallelTrainer(
                work,
                train_loop_config=settings,
                backend_config=XGBoostConfig(),
                scaling_config=ScalingConfig(
                    num_workers=cluster.workers,
                    resources_per_worker={"CPU": cluster.cores},
                    elastic_resize_monitor_interval_s=RESIZE,
                ),
                run_config=RunConfig(
                    storage_path=storage,
                    name=cluster.name,
                    failure_config=FailureConfig(max_failures=RESTARTS),
                    checkpoint_config=CheckpointConfig(num_to_keep=2),
                ),
            )
            self.found = trainer.fit().return_value
        except BaseException as error:
            self.error = error

    def _fetched(self, board: ActorHandle[Board]) -> list[Told]:
        import ray

        told: list[Told] = ray.get(board.fetch.remote())
        return told


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Ray, connected to as long as the block lasts, or for longer if it was already."""
    check_installed()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    _connect(address)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    import ray

    where = address or os.environ.get("RAY_ADDRESS", "local")
    try:
        ray.init(
            address=where,
            log_to_driver=False,
            include_dashboard=False if where == "local" else None,
        )
    except Exception as error:
        raise WorkersError(
            f"no Ray cluster at {where}: {last_line(error)}",
            "the address of a head node that runs, HOST:6379, with the same token",
            "ray start --head there, ray start --address=HOST:6379 on the other nodes; or no "
            "address, for this machine alone",
        ) from error


def check_installed() -> None:
    """Refuse workers where what they need is not installed."""
    missing = [name for name in ("ray", "xgboost") if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingError(
            f"workers, where {' and '.join(missing)} is not installed",
            "Ray, and xgboost, by whose collective the workers add up",
            "pip install 'handgrad[ray]'; or workers=0, for this process",
        )


def _check_that_it_travels(job: NetJob | EstimatorJob) -> None:
    """Refuse what cannot be sent to workers; classes of a script or a notebook go along."""
    from ray import cloudpickle

    if isinstance(job, NetJob):
        job = replace(job, config=replace(job.config, data=None, validation=None))
    try:
        cloudpickle.dumps(job)
    except Exception as error:
        raise SettingError(
            f"something that cannot be sent to workers: {last_line(error)}",
            "nets, losses, metrics and schedules that can be pickled",
            "functions and classes without open files, locks or generators in them",
        ) from error
