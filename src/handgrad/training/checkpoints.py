"""Checkpoints: a training that was stopped goes on as if it had not been."""

import copy
import hashlib
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.base.errors import SettingError, described, positive
from handgrad.files import FileError, reason, write_whole
from handgrad.layers import Array
from handgrad.saving.parameters import write_weights
from handgrad.saving.tensors import shown
from handgrad.training.best_weights import BestWeights
from handgrad.training.history import History
from handgrad.training.report import EpochReport
from handgrad.training.state import (
    TrainingState,
    check_alike,
    check_arrays,
    environment_of,
    put_back,
    settings_of,
    state_of,
)
from handgrad.training.train import Training

FORMAT = "2"
BEST = "best.safetensors"
SECONDS, KEEP = 30.0, 2


def checkpoints(
    training: Training,
    folder: str | Path,
    *,
    seconds: float = SECONDS,
    keep: int = KEEP,
    resume: bool = False,
    monitor: str | None = None,
) -> "Checkpoints":
    """Pass the reports of `hg.train(…)` on and keep its state in `folder`, to be resumed from.

    Written are files such as `epoch-000012-000000000.safetensors`, named by the epochs that were
    whole and the rows of the next, with all that the rest of the training depends on: one at the
    start, one whenever `seconds` have passed since the last, and one at the end; the last `keep`
    stay. `best.safetensors` has the weights of the best epoch by `monitor` (the validation loss;
    without validation the training loss). Each file appears whole or not at all. With `resume`
    the training first goes to where the newest of them was written, if there is one, and ends
    with the same bits as one that was never stopped; where the engine, a version, the processor,
    BLAS or the number of cores is another, and may change the last digits, a warning says so.

    What comes back has the reports of all epochs, those before the stop too, as its `history`.

    Raises a SettingError for a folder with checkpoints where `resume` is not asked for, and for
    checkpoints of a training with other rows or settings; a FileError where a file cannot be
    read or written.

    >>> import handgrad as hg, tempfile
    >>> x, y = hg.data.make_moons(rng=0)
    >>> def training(epochs):
    ...     net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    ...     return hg.train(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1),
    ...         epochs=epochs, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     a = len([*hg.checkpoints(training(3), folder)])
    ...     resumed = hg.checkpoints(training(5), folder, resume=True)
    ...     a, [report.epoch for report in resumed], len(resumed.history)
    (3, [4, 5], 5)
    """
    if not isinstance(training, Training):
        raise SettingError(
            described(training),
            "a training, as hg.train(…) makes it",
            "hg.checkpoints(hg.train(…), folder) first, what else adapts the reports around it",
        )
    given = training, Path(folder), BestWeights(training.net), monitor or training.usual_monitor
    return Checkpoints(*given, seconds=seconds, keep=keep, resume=resume)


class Checkpoints(Iterator[EpochReport]):
    """The reports of a training whose state is kept; `history` has those of all epochs."""

    def __init__(
        self,
        training: Training,
        folder: Path,
        best: BestWeights,
        monitor: str,
        *,
        seconds: float = SECONDS,
        keep: int = KEEP,
        resume: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        positive("keep", keep, whole=True)
        self.training, self.folder, self.best, self.monitor = training, folder, best, monitor
        self.seconds, self.keep, self.clock = seconds, keep, clock
        self.history, self.best_written = History(), -1
        self.settings, self.environment = settings_of(training), environment_of(training)
        kept = _kept(folder)
        if kept and not resume:
            raise SettingError(
                f"{folder}, where checkpoints of a training are",
                "a new or empty folder",
                "resume=True to go on with that training, or another folder",
            )
        for left_over in folder.glob(".*.safetensors.*"):
            left_over.unlink(missing_ok=True)
        if kept:
            self._go_to(kept[-1])
        else:
            self._write()
        training.loop.within_epoch.append(lambda _: self._write_in_time())

    def __next__(self) -> EpochReport:
        """The report of the next epoch."""
        training = self.training
        report = next(training)
        self.best.note(report.epoch, [report.badness(self.monitor)])
        self.history.reports.append(report)
        if training.loop.epoch == training.epochs:
            self._write()
        elif training.loop.between_calls:
            self._write_in_time()
        return report

    def _write_in_time(self) -> None:
        """Write a checkpoint, if the last one is old enough."""
        if self.clock() - self.written >= self.seconds:
            self._write()

    def _write(self) -> None:
        best = self.best
        rows = 0 if self.training.loop.so_far is None else self.training.loop.so_far.rows
        path = self.folder / f"epoch-{self.training.loop.epoch:06d}-{rows:09d}.safetensors"
        write_whole(path, lambda file: file.write(self._content()), "wb")
        if best.epochs[0] not in (self.best_written, 0):
            net = copy.deepcopy(self.training.net)
            net.load_state(best.weights)
            write_weights(net, self.folder / BEST)
            self.best_written = best.epochs[0]
        for old in _kept(self.folder)[: -self.keep]:
            old.unlink(missing_ok=True)
        self.written = self.clock()

    def _content(self) -> bytes:
        from safetensors.numpy import save

        best, state = self.best, state_of(self.training)
        told = {
            "values": state.values,
            "settings": self.settings,
            "environment": self.environment,
            "best": [*best.badness, *best.epochs, best.latest],
            "reports": [asdict(report) for report in self.history],
        }
        arrays = state.arrays | {f"best.{name}": array for name, array in best.weights.items()}
        words = json.dumps(told)
        about = {"handgrad.checkpoint": FORMAT, "state": words, "digest": _digest(words, arrays)}
        return bytes(save(arrays, about))

    def _go_to(self, path: Path) -> None:
        """Read and check all that is in the file, and only then let the training go on from it."""
        state, told = _read(path)
        check_alike(self.settings, told["settings"])
        with _told_as_damaged(path):
            badness, epoch, latest = map(float, told["best"])
            weights = {
                name.removeprefix("best."): array
                for name, array in state.arrays.items()
                if name.startswith("best.")
            }
            check_arrays(self.training.net.state(), weights)
            reports = [EpochReport.of(report) for report in told["reports"]]
            of = [report.epoch for report in reports]
            if len(of) != state.values["epoch"] or of != [*range(1, len(of) + 1)]:
                raise ValueError("without a report of each epoch")
            put_back(self.training, state)
        best = self.best
        best.badness, best.epochs, best.latest = [badness], [int(epoch)], int(latest)
        best.weights, self.history.reports = weights, reports
        now, before = self.environment, told["environment"]
        changed = [
            f"{name} {now.get(name, 'none')}, where it was {before.get(name, 'none')}"
            for name in sorted({*now, *before})
            if now.get(name) != before.get(name)
        ]
        if changed:
            warnings.warn(
                f"{path}: resumed with {'; '.join(changed)}: the last digits may differ from "
                "those of a training that was never stopped",
                stacklevel=4,
            )
        self.written = self.clock()


def _kept(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest last."""
    return sorted(folder.glob("epoch-*.safetensors"))


def _read(path: Path) -> tuple[TrainingState, dict[str, Any]]:
    """The state in a file that is whole, to the bit, and what else is told there."""
    from safetensors import safe_open

    with _told_as_damaged(path):
        with safe_open(path, "numpy") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if (version := about.get("handgrad.checkpoint")) != FORMAT:
            what = f"a checkpoint of format {shown(version)}" if version else "not a checkpoint"
            raise FileError(
                f"{path}: {what}",
                f"a checkpoint of format {FORMAT}, which this handgrad writes and reads",
                "the handgrad that wrote it; or another folder, to begin anew",
            )
        if about["digest"] != _digest(about["state"], arrays):
            raise ValueError("not what was written: its checksum is another")
        told = json.loads(about["state"])
        if not all(isinstance(told[name], dict) for name in ("values", "settings", "environment")):
            raise ValueError("without what it should tell")
        return TrainingState(arrays, told["values"]), told


def _digest(words: str, arrays: Mapping[str, Array]) -> str:
    """A checksum of all that a checkpoint holds."""
    digest = hashlib.blake2b(words.encode(), digest_size=16)
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@contextmanager
def _told_as_damaged(path: Path) -> Iterator[None]:
    """Whatever is raised by what a file holds becomes a FileError that names it."""
    try:
        yield
    except (FileError, MemoryError):
        raise
    except Exception as error:
        raise FileError(
            f"{path}: {shown(reason(error))}",
            "a checkpoint, as a training leaves it",
            "take that file away, to resume from the one before",
        ) from error
