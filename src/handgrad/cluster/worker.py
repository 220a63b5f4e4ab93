"""Worker of a training: computes its shards of each batch, and all else as every other worker."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from handgrad.cluster.failures import is_transient, last_line, located, permanent
from handgrad.cluster.report_actor import Board, Failure, MessageBuffer
from handgrad.engines.config import FitConfig
from handgrad.engines.sharding import Exchange, Shardable, Sharding
from handgrad.engines.streams import RowSource
from handgrad.graph.threads import cores_at_most
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.training import Checkpoints, EpochReport, History
from handgrad.training.fit import Fitting
from handgrad.training.workers import versions

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from ray import ObjectRef
    from ray.actor import ActorHandle
    from ray.train import Checkpoint

VERSION_BYTES = 64
ROWS = "data", "validation", "sample_weight"


class Rabit:
    """Exchange of the workers over TCP, by xgboost's collective, which Ray Train has connected."""

    def __init__(self) -> None:
        from xgboost import collective

        self.collective = collective
        self.rank, self.workers = collective.get_rank(), collective.get_world_size()

    def add(self, array: Array) -> None:
        """Sum `array` over all workers in place."""
        array[...] = self.collective.allreduce(array, self.collective.Op.SUM)

    def maximum(self, array: Array) -> None:
        """Maximum of `array` over all workers in place."""
        array[...] = self.collective.allreduce(array, self.collective.Op.MAX)

    def keep(self, folder: Path) -> None:
        """Report the first worker's newest checkpoint to Ray Train, which copies it to its storage.

        Ray Train keeps the previous one too.
        """
        import ray.train

        for before in sorted(folder.glob("epoch-*"))[:-1]:
            before.unlink()
        kept = ray.train.Checkpoint.from_directory(folder) if self.rank == 0 else None
        ray.train.report({}, checkpoint=kept)


@dataclass(frozen=True)
class NetJob:
    """Training of a net; with `with_weights` each report comes with the weights of its epoch."""

    config: FitConfig
    with_weights: bool = False

    def parts(self) -> dict[str, object]:
        """Settings that must be picklable, by name; arrays always are."""
        settings = {field.name: getattr(self.config, field.name) for field in fields(self.config)}
        return {
            name: value
            for name, value in settings.items()
            if name not in ROWS or isinstance(value, RowSource)
        }

    def state(self) -> dict[str, Array]:
        """State of the net after the last complete epoch."""
        return self.config.net.state()

    def run(
        self, exchange: Exchange, folder: Path, messages: MessageBuffer
    ) -> tuple[dict[str, Array], History, object]:
        """Train; returns the net's state, the history, and the Generator's final state."""
        sharding, first = replace(self.config.sharding, exchange=exchange), exchange.rank == 0
        config = replace(self.config, sharding=sharding, checkpoint=folder, resume=True)
        try:
            with messages.with_bars_and_warnings(first=first):
                fitting = Fitting(config)
                history = fitting.history(self._reported(fitting, messages))
        finally:
            if first:
                messages.flush()
        return self.state(), history, self.config.rng

    def _reported(self, fitting: Fitting, messages: MessageBuffer) -> Iterator[EpochReport]:
        """Send the reports to the caller until it asks all workers to stop."""
        net, sharding = fitting.config.net, fitting.config.sharding
        first = sharding.exchange.rank == 0

        def stop_if_asked(_: float = 1.0) -> None:
            if sharding.agree(first and messages.asked_to_stop()):
                if isinstance(fitting.stream, Checkpoints):
                    fitting.stream.write()
                raise KeyboardInterrupt

        fitting.training.loop.within_epoch.append(stop_if_asked)
        if first:
            messages.tell([])
        for report in fitting.reports():
            if first:
                messages.add((report, net.state() if self.with_weights else None))
            yield report
            stop_if_asked()


@dataclass(frozen=True)
class EstimatorJob:
    """Fit of an estimator with the `settings` of its `fit`; its trainings are in shards."""

    estimator: Any
    data: tuple[Any, ...]
    sharding: Sharding
    settings: Mapping[str, object]

    def parts(self) -> dict[str, object]:
        """Settings that must be picklable, by name."""
        return {"estimator": self.estimator}

    def state(self) -> None:
        """None: an estimator has no state before its fit ends."""

    def here(self) -> Any:
        """Fit the estimator in this process."""
        with _sharded(self.estimator, self.sharding):
            return self.estimator.fit(*self.data, **self.settings)

    def run(self, exchange: Exchange, folder: Path, messages: MessageBuffer) -> Any:
        """Fit; returns the estimator."""
        first = exchange.rank == 0
        with messages.with_bars_and_warnings(first=first):
            fitted = replace(self, sharding=replace(self.sharding, exchange=exchange)).here()
        if first:
            messages.flush()
        return fitted


@contextmanager
def _sharded(model: object, sharding: Sharding) -> Iterator[None]:
    """Context manager: an estimator, and those among its parameters, train in these shards."""
    among: Mapping[str, Any] = getattr(model, "get_params", dict)()
    parts = [part for part in (model, *among.values()) if isinstance(part, Shardable)]
    for part in parts:
        part.sharding = sharding
    try:
        yield
    finally:
        for part in parts:
            vars(part).pop("sharding", None)


class WorkerArguments(TypedDict):
    """Arguments of a worker; the job's reference is in a list so that Ray does not resolve it."""

    board: ActorHandle[Board]
    job: list[Any]
    cores: int
    storage: str
    left: tuple[str, FileSystem] | None


def work(settings: WorkerArguments) -> Any:
    """Run the job from its last checkpoint; Ray Train calls this in each worker."""
    import ray
    import ray.train

    board = settings["board"]
    if (earlier := ray.get(board.failure.remote())) is not None:
        return earlier
    exchange, job = Rabit(), None
    where = f"worker {exchange.rank + 1} of {exchange.workers}, {ray.util.get_node_ip_address()}"
    try:
        check_versions(exchange)
        job = _read(settings["job"][0])
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = ray.train.get_checkpoint()
            if checkpoint is None and settings["left"] is not None:
                checkpoint = ray.train.Checkpoint(*settings["left"])
            if checkpoint is not None:
                _copy(checkpoint, folder)
            with cores_at_most(settings["cores"]):
                return job.run(exchange, Path(folder), MessageBuffer(board))
    except Exception as raised:
        error = permanent(raised, settings["storage"])
        if is_transient(error):
            raise
        failure = Failure(located(error, where), job.state() if job else None)
        ray.get(board.fail.remote(failure))
        return failure


def _copy(checkpoint: Checkpoint, folder: str) -> None:
    """Copy the files of a checkpoint into a folder of this worker.

    On a shared file system a node may see late what another has written: a transient error.
    """
    try:
        with checkpoint.as_directory() as kept:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
    except FileNotFoundError as error:
        raise OSError(f"{checkpoint}: not seen yet") from error


def _read(job: ObjectRef[NetJob | EstimatorJob]) -> NetJob | EstimatorJob:
    """Unpickle the job; refuses a node without the packages it needs."""
    import ray
    from ray.exceptions import RaySystemError

    try:
        return ray.get(job)
    except RaySystemError as error:
        raise SettingError(
            f"a training that cannot be read here: {last_line(error)}",
            "the same packages on every node; modules that are not installed are sent along",
            "install the missing package on this node",
        ) from error


def check_versions(exchange: Exchange) -> None:
    """Refuse workers whose handgrad or NumPy version differs from the first one's."""
    own = versions()
    table = np.zeros((exchange.workers, VERSION_BYTES), np.uint8)
    table[exchange.rank, : len(own)] = list(own.encode())
    exchange.add(table.reshape(-1).view(np.uint32))
    versions_of = [bytes(row).rstrip(b"\0").decode() for row in table]
    for rank, other in enumerate(versions_of):
        if other != versions_of[0]:
            raise SettingError(
                f"worker {rank + 1} has {other}, but worker 1 has {versions_of[0]}",
                "the same versions on every node, for the same bits",
                "install the same versions on all nodes",
            )
