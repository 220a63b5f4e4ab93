"""Engine dispatch: chooses an engine by shapes, rows and epochs, never by a clock."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pkgutil import resolve_name
from typing import Any, Literal, Protocol

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.cost_model import (
    Work,
    is_worth_compiling,
    is_worth_compiling_to_predict,
    work_of,
)
from handgrad.engines.data_parallel import ShardedEngine
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import Engine, EngineRows
from handgrad.engines.streams import BATCH
from handgrad.textbook.errors import (
    CannotLowerError,
    RecordingError,
    SettingError,
    did_you_mean,
    positive,
)
from handgrad.textbook.install import MissingPackageError, require
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import closed
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import (
    Inputs,
    batches,
    form_of,
    number_of_rows,
)
from handgrad.textbook.net.predictor import BACKEND, EagerPredictor, LayerCost
from handgrad.textbook.net.predictor import EngineName as EngineName
from handgrad.textbook.net.sparse_rows import SparseRows
from handgrad.textbook.net.watch import is_watched
from handgrad.textbook.version import VARIABLE_PREFIX


@dataclass(frozen=True)
class EngineClasses:
    """The classes of an engine as `module:class`, imported on first use, and the extra they need.

    Parameters
    ----------
    engine : str
        Its `Engine`.
    predictor : str, optional
        Its `EnginePredictor`; without one the layers predict.
    extra : str, optional
        The extra of handgrad that brings the package of the same name.
    """

    engine: str
    predictor: str = ""
    extra: str = ""


ENGINES: Mapping[EngineName, EngineClasses] = {
    "eager": EngineClasses("eager:EagerEngine"),
    "compiled": EngineClasses(
        "compiled.engine:CompiledEngine", "compiled.predictor:CompiledPredictor"
    ),
    "portable": EngineClasses(
        "portable.engine:PortableEngine", "portable.engine:PortablePredictor"
    ),
    "jax": EngineClasses("jax.engine:JaxEngine", "jax.predictor:JaxPredictor", extra="jax"),
}
NAMES: tuple[EngineName, ...] = ("auto", *ENGINES)
VARIABLE = f"{VARIABLE_PREFIX}ENGINE"


def _imported(name: EngineName, part: Literal["engine", "predictor"]) -> Callable[..., Any]:
    """Import a class of an engine; raises MissingPackageError without its extra."""
    if extra := ENGINES[name].extra:
        require(f"engine={name!r}", "engine='compiled'", **{extra: [extra]})
    imported: Callable[..., Any] = resolve_name(f"{__package__}.{getattr(ENGINES[name], part)}")
    return imported


def engine_for(
    config: TrainingConfig, rows: EngineRows, held_out: Sequence[Inputs] = (), *, passes: int = 1
) -> Engine:
    """Create the engine of a training; `auto` is `compiled` if that saves time, else `eager`.

    With sharding the engine trains the shards of this worker. The environment variable
    HANDGRAD_ENGINE replaces `auto`. A net that cannot be compiled trains eagerly under `auto`,
    with one warning.

    Parameters
    ----------
    config : TrainingConfig
        Net, loss, optimizer and settings.
    rows : EngineRows
        Training rows.
    held_out : Sequence of inputs
        Predicted after each epoch.
    passes : int, default 1
        Passes over `rows` in one epoch.

    Returns
    -------
    Engine
        Ready to train.

    Raises
    ------
    SettingError
        The requested engine cannot train the net.
    """
    alone = partial(_engine_for, passes=passes)
    if config.sharding.shards == 1:
        return alone(config, rows, held_out)
    return ShardedEngine(config, rows, held_out, alone)


def _engine_for(
    config: TrainingConfig, rows: EngineRows, held_out: Sequence[Inputs] = (), *, passes: int
) -> Engine:
    name = choice = resolve_engine(config.engine)
    if is_watched(config.net):
        if choice not in ("auto", "eager"):
            raise SettingError(
                f"engine={choice!r} for a net that is watched",
                "engine='eager': compiled code has no arrays between the layers",
                "engine='auto', which trains eagerly while net.watch() is active",
            )
        name = "eager"
    elif choice == "auto":
        epochs = config.epochs * passes
        pays_off = is_worth_compiling(config.net, rows.x, config.batch_size, epochs)
        name = "compiled" if pays_off else "eager"
    try:
        engine: Engine = _imported(name, "engine")(config, rows, held_out)
        return engine
    except (RecordingError, CannotLowerError, ImportError) as error:
        if choice != "auto":
            if isinstance(error, MissingPackageError):
                raise
            raise cannot_compile("training", choice, error) from error
        hint = f"; try {error.hint}" if isinstance(error, CannotLowerError) and error.hint else ""
        reason = str(error).replace("\n", " ") + hint
        warnings.warn(f"training eagerly, not compiled: {reason}", stacklevel=4)
        return EagerEngine(config, rows, held_out)


def resolve_engine(choice: EngineName) -> EngineName:
    """Check an engine's name; HANDGRAD_ENGINE in the environment replaces `auto`."""
    name = os.environ.get(VARIABLE, choice) if choice == "auto" else choice
    for valid in NAMES:
        if name == valid:
            return valid
    came, hint = f"engine={choice!r}", did_you_mean(choice, NAMES, "engine='auto'")
    if choice == "auto":
        came = f"{VARIABLE}={name!r} in the environment"
        hint = did_you_mean(name, NAMES, f"unset it, or {VARIABLE}=auto")
    raise SettingError(came, f"one of {', '.join(NAMES)}", hint)


def cannot_compile(what: str, engine: EngineName, error: Exception) -> SettingError:
    """The error for a training or prediction (`what`) that the requested engine cannot compile."""
    if isinstance(error, ModuleNotFoundError) and error.name == "llvmlite":
        return SettingError(
            f"engine={engine!r} without llvmlite, not installed here",
            "llvmlite, which has no build for browsers and some other systems",
            "engine='auto', which falls back to eager",
        )
    hint = f"{error.hint}; or " if isinstance(error, CannotLowerError) and error.hint else ""
    return SettingError(
        f"engine={engine!r}, but this {what} cannot be compiled: {error}",
        "layers that can be traced, using operations the compiler supports",
        f"{hint}engine='auto', which falls back to eager",
    )


def engine_for_chunks(net: Net, first: Callable[[], Array], rows: int) -> EngineName:
    """The engine that `auto` stands for if `rows` rows are predicted in chunks.

    Parameters
    ----------
    net : Net
        Predicts.
    first : callable
        Returns the first rows.
    rows : int
        All rows together.
    """
    engine = resolve_engine("auto")
    if engine != "auto" or not is_worth_compiling_to_predict(
        net, rows, lambda: work_of(net, _row(net, first))
    ):
        return engine
    try:
        net.predict(first()[:1], engine="compiled")
    except SettingError:  # it cannot be compiled
        return "eager"
    return "compiled"


def _row(net: Net, first: Callable[[], Array]) -> Array:
    """An input row: zeros if the net knows its input shape."""
    if net.shape_in is None:
        return first()[:1]
    return np.zeros((1, *closed(net.shape_in)), np.int64 if net.integer_input else net.dtype)


class EnginePredictor(Protocol):
    """A compiled predictor of a net; returns None for rows it was not compiled for."""

    def __call__(self, x: object) -> Array | None:
        """Predict `x`; None for rows of another kind, or predictions that are not finite."""

    def accepts(self, x: object) -> bool:
        """Return True if it was compiled for rows like these."""

    def is_current(self) -> bool:
        """Return True if the net still has the layers and settings that this was compiled from."""


class DispatchingPredictor(EagerPredictor):
    """Predicts for a net, eagerly or by compiled predictors, which it caches.

    The choice depends on the size of the net and the number of rows in the call, never on a clock
    or on earlier calls: the last digits would depend on them.
    """

    net: Net

    def __init__(self, net: Net) -> None:
        super().__init__(net)
        self.made: Mapping[EngineName, EnginePredictor] = {}
        self.refused = False
        self.known_work: tuple[object, Work] | None = None

    def quickly(self, x: object, engine: EngineName) -> Array | None:
        """Predict if this engine has a compiled predictor for such rows; else None."""
        made = self.made.get(engine)  # another thread may remove it
        return None if made is None else made(x)

    def __call__(self, x: Inputs, batch_size: int, engine: EngineName) -> Array:
        """Predict `x` by an engine, or eagerly, `batch_size` rows at a time."""
        positive("batch_size", batch_size, whole=True)
        if isinstance(x, SparseRows):
            return self._by_batches(x, batch_size, resolve_engine(engine))
        p = self._by_engine(x, resolve_engine(engine))
        return self.eagerly(x, batch_size) if p is None else p

    def _by_batches(self, sparse: SparseRows, batch_size: int, engine: EngineName) -> Array:
        """Predict sparse rows, dense a batch at a time, with the bits of dense rows."""
        x: Any = sparse
        if engine == "auto":
            engine = engine_for_chunks(self.net, lambda: x[:1], len(x))
        if engine == "eager" or len(x) == 0:
            return self.eagerly(x, batch_size)
        parts = [self(x[rows], batch_size, engine) for rows in batches(len(x), BATCH)]
        return np.concatenate(parts)

    def _work(self, x: Inputs) -> Work:
        """The work per row, cached by the shape of the rows and the net's settings."""
        like = form_of(x), self.net._changes.count
        if self.known_work is None or self.known_work[0] != like:
            self.known_work = like, work_of(self.net, x)
        return self.known_work[1]

    def _by_engine(self, x: Inputs, engine: EngineName) -> Array | None:
        """Predict `x` by a compiled engine; None to run the layers eagerly."""
        if engine == "eager" or (n := number_of_rows(x)) == 0:
            return None
        if engine == "auto" and not is_worth_compiling_to_predict(
            self.net, n, lambda: self._work(x)
        ):
            return None
        name: EngineName = "compiled" if engine == "auto" else engine
        if (made := self.made.get(name)) is not None:
            if (p := made(x)) is not None:
                return p
            if not made.is_current():
                self.made = {other: m for other, m in self.made.items() if other != name}
                self.refused = False
            elif made.accepts(x):  # but the predictions are not finite
                return None
        if engine == "auto" and self.refused:
            return None
        try:
            made = _imported(name, "predictor")(self.net, x)
        except (RecordingError, CannotLowerError, ImportError) as error:
            self.refused = True
            if engine != "auto":
                if isinstance(error, MissingPackageError):
                    raise
                raise cannot_compile("prediction", engine, error) from error
            return None
        self.made = {**self.made, name: made}
        return made(x)


def _layer_costs(net: Layer, x: object) -> Mapping[str, LayerCost]:
    from handgrad.graph.costs import layer_costs  # the passes load slowly

    return layer_costs(net, x)


BACKEND.predictor, BACKEND.layer_costs = DispatchingPredictor, _layer_costs
