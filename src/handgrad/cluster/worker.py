"""A worker of a training: the same training as on every other, of its shards of each batch."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from handgrad.cluster.failures import at_its_place, last_line, lasting, passes
from handgrad.cluster.report_actor import Board, Failure, Messages
from handgrad.engines.config import FitConfig
from handgrad.engines.sharding import Exchange, Sharding
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
    """The workers that Ray Train has connected by xgboost's collective, over TCP."""

    def __init__(self) -> None:
        from xgboost import collective

        self.collective = collective
        self.rank, self.workers = collective.get_rank(), collective.get_world_size()

    def add(self, array: Array) -> None:
        """Give every worker the sum."""
        array[...] = self.collective.allreduce(array, self.collective.Op.SUM)

    def maximum(self, array: Array) -> None:
        """Give every worker the largest."""
        array[...] = self.collective.allreduce(array, self.collective.Op.MAX)

    def keep(self, folder: Path) -> None:
        """Hand the first worker's newest checkpoint to Ray Train, which brings it to its storage.

        Ray Train keeps the one before too.
        """
        import ray.train

        for before in sorted(folder.glob("epoch-*"))[:-1]:
            before.unlink()
        kept = ray.train.Checkpoint.from_directory(folder) if self.rank == 0 else None
        ray.train.report({}, checkpoint=kept)


@dataclass(frozen=True)
class NetJob:
    """The training of a net; `with_weights`: each report is told with the weights of its epoch."""

    config: FitConfig
    sharding: Sharding
    with_weights: bool = False

    def parts(self) -> dict[str, object]:
        """What is sent to workers, by name; arrays always can be."""
        given = {field.name: getattr(self.config, field.name) for field in fields(self.config)}
        return {
            name: value
            for name, value in given.items()
            if name not in ROWS or isinstance(value, RowSource)
        }

    def state(self) -> dict[str, Array]:
        """That of the net: of the last whole epoch, whatever has ended the training."""
        return self.config.net.state()

    def run(
        self, exchange: Exchange, folder: Path, messages: Messages
    ) -> tuple[dict[str, Array], History, object]:
        """The state of the trained net, the history, and what was drawn from, as it stands."""
        sharding, first = replace(self.sharding, exchange=exchange), exchange.rank == 0
        try:
            with messages.with_bars_and_warnings(first=first), sharding.in_force():
                fitting = Fitting(replace(self.config, checkpoint=folder, resume=True))
                history = fitting.history(self._told(fitting, sharding, messages))
        finally:
            if first:
                messages.flush()
        return self.state(), history, self.config.rng

    def _told(
        self, fitting: Fitting, sharding: Sharding, messages: Messages
    ) -> Iterator[EpochReport]:
        """The reports, told to whoever called, until they ask all workers to stop."""
        first, net = sharding.exchange.rank == 0, fitting.config.net

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
    """The fit of an estimator to data, by its own `settings` of a fit; its trainings in shards."""

    estimator: Any
    data: tuple[Any, ...]
    sharding: Sharding
    settings: Mapping[str, object]

    def parts(self) -> dict[str, object]:
        """What is sent to workers, by name."""
        return {"estimator": self.estimator}

    def state(self) -> None:
        """What it has come to is nothing before its end."""

    def here(self) -> Any:
        """The estimator, fitted in this process."""
        with self.sharding.in_force():
            return self.estimator.fit(*self.data, **self.settings)

    def run(self, exchange: Exchange, folder: Path, messages: Messages) -> Any:
        """The fitted estimator."""
        first = exchange.rank == 0
        with messages.with_bars_and_warnings(first=first):
            fitted = replace(self, sharding=replace(self.sharding, exchange=exchange)).here()
        if first:
            messages.flush()
        return fitted


class Work(TypedDict):
    """What a worker is handed; in a list, so that Ray hands on where the job is, not the job."""

    board: ActorHandle[Board]
    job: list[Any]
    cores: int
    storage: str
    left: tuple[str, FileSystem] | None


def work(settings: Work) -> Any:
    """What Ray Train runs in each worker: the job, from its last checkpoint on."""
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
                return job.run(exchange, Path(folder), Messages(board))
    except Exception as raised:
        error = lasting(raised, settings["storage"])
        if passes(error):
            raise
        failure = Failure(at_its_place(error, where), job.state() if job else None)
        ray.get(board.fail.remote(failure))
        return failure


def _copy(checkpoint: Checkpoint, folder: str) -> None:
    """The files of a checkpoint, into a folder of this worker's.

    Nodes may see late what another has written on a shared file system: that passes.
    """
    try:
        with checkpoint.as_directory() as kept:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
    except FileNotFoundError as error:
        raise OSError(f"{checkpoint}: not seen yet") from error


def _read(job: ObjectRef[NetJob | EstimatorJob]) -> NetJob | EstimatorJob:
    """The job, where all that it is made of is installed."""
    import ray
    from ray.exceptions import RaySystemError

    try:
        return ray.get(job)
    except RaySystemError as error:
        raise SettingError(
            f"a training that cannot be read here: {last_line(error)}",
            "the same packages on every node; modules that are no package are sent along",
            "install on this node what is missing",
        ) from error


def check_versions(exchange: Exchange) -> None:
    """Refuse workers whose handgrad or NumPy is another than the first one's."""
    own = versions()
    said = np.zeros((exchange.workers, VERSION_BYTES), np.uint8)
    said[exchange.rank, : len(own)] = list(own.encode())
    exchange.add(said.reshape(-1).view(np.uint32))
    found = [bytes(row).rstrip(b"\0").decode() for row in said]
    for rank, other in enumerate(found):
        if other != found[0]:
            raise SettingError(
                f"worker {rank + 1} has {other}, and worker 1 has {found[0]}",
                "the same versions on every node, for the same bits",
                "install the same versions on all nodes",
            )
