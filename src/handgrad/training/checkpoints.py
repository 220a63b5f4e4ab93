"""Checkpoints: a stopped training resumes with the same bits."""

import copy
import json
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.engines.environment import processor
from handgrad.files.paths import as_path, write_whole
from handgrad.files.tensors import refused_as_damaged, shown
from handgrad.files.weights import write_weights
from handgrad.textbook.errors import FileError, SettingError, described, positive
from handgrad.textbook.layers import Array
from handgrad.training.early_stopping import BestWeights
from handgrad.training.history import EpochReport, History
from handgrad.training.resumable import Resumable
from handgrad.training.train import Training
from handgrad.training.validate_data import TRAINING, VALIDATION, checksum

FORMAT = "2"
BEST = "best.safetensors"
SECONDS, KEEP = 30.0, 2
SEARCH = "search."  # prefix of L-BFGS's state
BEFORE = "before.parameters", "before.running_state"  # weights and state of the last epoch


def checkpoints(
    training: Training,
    folder: str | Path,
    *,
    seconds: float = SECONDS,
    keep: int = KEEP,
    resume: bool = False,
    monitor: str | None = None,
) -> "Checkpoints":
    """Pass the reports of `hg.train(…)` on and save checkpoints of its state in `folder`.

    The files, such as `epoch-000012-000000000.safetensors`, are named by the number of complete
    epochs and the rows of the next. One is written at the start, one every `seconds` and one at the
    end. `best.safetensors` has the weights of the best epoch. Each file is written atomically. A
    resumed training ends with the same bits as one that was never stopped; a warning names what
    differs: the engine, a version or, if BLAS multiplies, the processor or the number of cores.

    Parameters
    ----------
    training : Training
        From `hg.train`, without adapters between.
    folder : path
        Created if it does not exist.
    seconds : float, default 30
        Time between two checkpoints.
    keep : int, default 2
        Number of checkpoints kept.
    resume : bool, default False
        Continue from the newest checkpoint in the folder, if there is one.
    monitor : str, optional
        Selects the best epoch; by default the validation loss, else the training loss.

    Returns
    -------
    Checkpoints
        Iterator of EpochReport; its `history` also has the epochs before the stop.

    Raises
    ------
    SettingError
        The folder has checkpoints but `resume` is False, or they are of other rows or settings.
    FileError
        A file cannot be read or written.

    Examples
    --------
    >>> import handgrad as hg, tempfile
    >>> x, y = hg.data.make_moons(rng=0)
    >>> def training(epochs):
    ...     net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    ...     return hg.train(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1),
    ...         epochs=epochs, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     a = len([*hg.training.checkpoints(training(3), folder)])
    ...     resumed = hg.training.checkpoints(training(5), folder, resume=True)
    ...     a, [report.epoch for report in resumed], len(resumed.history)
    (3, [4, 5], 5)
    """
    if not isinstance(training, Training):
        raise SettingError(
            described(training),
            "a training, as hg.train(…) returns it",
            "hg.training.checkpoints(hg.train(…), folder) first, other adapters around it",
        )
    arguments = (
        training,
        as_path(folder),
        BestWeights(training.net),
        monitor or training.usual_monitor,
    )
    return Checkpoints(*arguments, seconds=seconds, keep=keep, resume=resume)


class Checkpoints(Iterator[EpochReport]):
    """Iterator of the reports of a training that writes checkpoints; `history` has all epochs.

    Parameters
    ----------
    training : Resumable
        From `hg.train`, or a fit.
    folder : Path
        For the checkpoints.
    best : BestWeights
        Updated by each report.
    monitor : str
        Selects the best epoch.
    seconds : float, default 30
        Time between two checkpoints.
    keep : int, default 2
        Number of checkpoints kept.
    resume : bool
        Continue from the newest checkpoint.
    clock : function
        Returns the time in seconds.
    """

    def __init__(
        self,
        training: Resumable,
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
        self.sharding = training.engine.sharding
        self.history, self.best_written = History(), -1
        self.settings, self.environment = settings_of(training), environment_of(training)
        kept = _kept(folder)
        if kept and not resume:
            raise SettingError(
                f"{folder} already has checkpoints of a training",
                "a new or empty folder",
                "resume=True to continue that training, or another folder",
            )
        for left_over in folder.glob(".*.safetensors.*"):
            left_over.unlink(missing_ok=True)
        if kept:
            self._go_to(kept[-1])
        else:
            self.write()
        training.loop.within_epoch.append(lambda _: self._write_in_time())

    def __next__(self) -> EpochReport:
        training = self.training
        report = next(training)
        self.note_best(report)
        self.history.reports.append(report)
        if training.loop.epoch == training.epochs:
            self.write()
        elif training.loop.between_calls:
            self._write_in_time()
        return report

    def note_best(self, report: EpochReport) -> None:
        """Compare an epoch with the best one."""
        self.best.note(report.epoch, [report.badness(self.monitor)])

    def _write_in_time(self) -> None:
        if self.sharding.agree(self.clock() - self.written >= self.seconds):
            self.write()

    def write(self) -> None:
        """Write a checkpoint now."""
        if self.sharding.exchange.rank == 0:
            self._write_files()
        self.sharding.exchange.keep(self.folder)
        self.written = self.clock()

    def _write_files(self) -> None:
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

    def _content(self) -> bytes:
        from safetensors.numpy import save

        best, (arrays, values) = self.best, state_of(self.training)
        content = {
            "values": values,
            "settings": self.settings,
            "environment": self.environment,
            "best": [*best.badness, *best.epochs, best.latest],
            "reports": [asdict(report) for report in self.history],
        }
        arrays |= {f"best.{name}": array for name, array in best.weights.items()}
        words = json.dumps(content, default=lambda array: {"array": array.tolist()})
        about = {"handgrad.checkpoint": FORMAT, "state": words, "digest": _digest(words, arrays)}
        return bytes(save(arrays, about))

    def _go_to(self, path: Path) -> None:
        """Read and check the whole file, then continue the training from it."""
        arrays, content = read_checkpoint(path)
        check_alike(self.settings, content["settings"])
        with _read_safely(path):
            badness, epoch, latest = map(float, content["best"])
            weights = _under("best.", arrays)
            check_arrays(self.training.net.state(), weights)
            reports = [EpochReport.of(report) for report in content["reports"]]
            of = [report.epoch for report in reports]
            if len(of) != content["values"]["epoch"] or of != [*range(1, len(of) + 1)]:
                raise ValueError("without a report of each epoch")
            put_back(self.training, arrays, content["values"])
        best = self.best
        best.badness, best.epochs, best.latest = [badness], [int(epoch)], int(latest)
        best.weights, self.history.reports = weights, reports
        now, before = self.environment, content["environment"]
        changed = [
            f"{name} {now.get(name, 'none')} instead of {before.get(name, 'none')}"
            for name in sorted({*now, *before})
            if now.get(name) != before.get(name)
        ]
        if changed:
            warnings.warn(
                f"{path}: resumed with {'; '.join(changed)}: the last digits may differ from "
                "those of an uninterrupted training",
                stacklevel=4,
            )
        self.written = self.clock()


def _kept(folder: Path) -> list[Path]:
    """Checkpoints in a folder, the newest last."""
    return sorted(folder.glob("epoch-*.safetensors"))


def read_checkpoint(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read a checkpoint whose checksum is right: its arrays, and its values and settings."""
    from safetensors import safe_open

    with _read_safely(path):
        with safe_open(path, "numpy") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if (version := about.get("handgrad.checkpoint")) != FORMAT:
            what = f"a checkpoint of format {shown(version)}" if version else "not a checkpoint"
            raise FileError(
                f"{path}: {what}",
                f"a checkpoint of format {FORMAT}, which this handgrad writes and reads",
                "the handgrad that wrote it; or another folder, to start again",
            )
        if about["digest"] != _digest(about["state"], arrays):
            raise ValueError("the checksum does not match")
        content = json.loads(about["state"], object_hook=_array_in)
        words = (*content["settings"].values(), *content["environment"].values())
        if not isinstance(content["values"], dict) or not all(isinstance(w, str) for w in words):
            raise ValueError("values or settings are missing")
        return arrays, content


def _digest(words: str, arrays: Mapping[str, Array]) -> str:
    """Checksum of a checkpoint's content."""
    return checksum(((f"{name} ", array) for name, array in sorted(arrays.items())), words)


def _read_safely(path: Path) -> AbstractContextManager[None]:
    """Turn errors about a file's content into a FileError that names it."""
    hint = "remove that file, to resume from the one before"
    return refused_as_damaged(str(path), "a checkpoint written by handgrad", hint)


def state_of(training: Resumable) -> tuple[dict[str, Array], dict[str, Any]]:
    """State of a training between two engine calls: arrays and plain values.

    The arrays are not copied. A training with the same settings continues from the state to the
    bit, if the environment is the same.
    """
    engine, so_far = training.engine, training.loop.so_far
    arrays = _kept_in_place(training, within=so_far is not None)
    if training.minimization is not None:
        searched = training.minimization.arrays()
        arrays |= {f"{SEARCH}{name}": array for name, array in searched.items()}
    if so_far is not None:
        arrays |= training.rows.progress_arrays(so_far)
    values = {
        "epoch": training.loop.epoch,
        "step": int(engine.step[0]),
        "so_far": None if so_far is None else (so_far.rows, so_far.total),
        "learning_rate": training.optimizer.learning_rate,
        "streams": [stream.bit_generator.state for stream in _streams(training)],
        **training.record(),
    }
    return arrays, values


def _kept_in_place(training: Resumable, *, within: bool) -> dict[str, Array]:
    """Arrays of every state, between epochs or `within` one, not copied."""
    net, engine = training.net, training.engine
    names = (f"optimizer.{name}" for name in training.optimizer.state_names)
    return {
        "parameters": net.parameters,
        "running_state": net.running_state,
        "order": training.rows.order,
        **dict(zip(names, engine.optimizer_state, strict=True)),
        **(dict(zip(BEFORE, engine.before, strict=True)) if within else {}),
    }


def put_back(training: Resumable, arrays: dict[str, Array], values: dict[str, Any]) -> None:
    """Restore a state into a training that has not started.

    All of it is checked before anything is changed; ValueError if it is damaged.
    """
    kept = _kept_in_place(training, within=values["so_far"] is not None)
    check_arrays(kept, arrays)
    if not np.array_equal(np.sort(arrays["order"]), np.sort(training.rows.order)):
        raise ValueError("the order is not a permutation of the rows")
    streams = [
        (stream.bit_generator, _gone_on(stream.bit_generator, saved))
        for stream, saved in zip(_streams(training), values["streams"], strict=True)
    ]
    epoch, step, so_far = _whole(values["epoch"]), _whole(values["step"]), None
    if values["so_far"] is not None:
        rows, total = values["so_far"]
        so_far = training.rows.progress_in(_whole(rows), float(total), arrays)
    if not 0 < (rate := float(values["learning_rate"])) < np.inf:
        raise ValueError(f"with the learning rate {rate}")
    if (search := training.minimization) is not None:
        iterate = search.iterate_of(_under(SEARCH, arrays))
    training.put_back_record(values)
    for name, array in kept.items():
        array[...] = arrays[name]
    if search is not None:
        search.go_on_from(iterate)
    training.engine.step[0], training.loop.epoch, training.loop.so_far = step, epoch, so_far
    training.optimizer.learning_rate = rate
    for generator, saved in streams:
        generator.state = saved


def _under(prefix: str, arrays: dict[str, Array]) -> dict[str, Array]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is not an integer of 0 or more")
    return value


def _gone_on(source: np.random.BitGenerator, saved: Mapping[str, object]) -> Any:
    """State of a bit generator, normalized by setting it on a copy."""
    other = copy.deepcopy(source)
    other.state = saved
    return other.state


def _array_in(value: dict[str, object]) -> object:
    """Decode an object of a checkpoint's JSON: `{"array": [...]}` is an array of integers.

    Some bit generators have such arrays in their state.
    """
    is_array = len(value) == 1 and isinstance(value.get("array"), list)
    return np.array(value["array"], np.uint64) if is_array else value


def check_alike(now: dict[str, str], before: dict[str, str]) -> None:
    """Refuse to resume a training with other settings."""
    for name, value in now.items():
        if before.get(name) == value:
            continue
        if name in (TRAINING, VALIDATION):
            raise SettingError(
                f"{name} differ from those of the training to resume",
                "the same rows in the same order",
                "the same file; the same rng=, if it draws or splits the rows",
            )
        raise SettingError(
            f"{name} {value}, but the training to resume had {before.get(name)}",
            "the same settings, except for the number of epochs",
            "resume=False and another folder, or another name= on workers: a training of its own",
        )


def check_arrays(now: dict[str, Array], saved: dict[str, Array]) -> None:
    """Refuse arrays whose names, shapes or dtypes differ from the current ones."""
    for name, array in now.items():
        other = saved.get(name)
        if other is None or (other.shape, other.dtype) != (array.shape, array.dtype):
            raise ValueError(f"without {name} of shape {array.shape}")


def settings_of(training: Resumable) -> dict[str, str]:
    """Settings that must not change when a training is resumed."""
    engine = training.engine
    return {
        "net": f"{training.net!r} of {training.net.dtype}",
        "frozen parameters": str(training.net.trainable_slices()),
        "loss": repr(training.loss),
        "optimizer": repr(training.optimizer),
        "penalty": repr(training.config.penalty),
        "schedule": str(training.learning_rates),
        "batch_size": str(engine.batch_size),
        "shards": f"{engine.sharding.shards}, averaged every {engine.sharding.sync_every} steps",
        "shuffle": str(training.config.shuffle),
        "metrics": ", ".join(training.metrics) or "none",
        TRAINING: training.rows.checksum(),
        VALIDATION: " ".join(f"{n} {r.checksum()}" for n, r in training.held_out.items()),
        "rows at a time": str(len(training.rows.order)),
    }


def environment_of(training: Resumable) -> dict[str, str]:
    """Environment that the last digits of the results depend on."""
    from handgrad.textbook.version import __version__

    of_engine = training.engine.environment()
    if any(name.startswith("BLAS") for name in of_engine):  # whose kernels follow the processor
        of_engine["processor"] = processor()
    return {
        "engine": training.engine.name,
        "handgrad": __version__,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        **of_engine,
    }


def _streams(training: Resumable) -> list[np.random.Generator]:
    """All random streams: of the row order, the loader, the layers and the shards."""
    layers = (layer.rng for _, layer in training.net.walk() if "rng" in vars(layer))
    return [training.generator, *training.rows.generators, *layers, *training.engine.shard_streams]
