"""Which engine trains: chosen from shapes, rows and epochs alone, never from a clock."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence

from handgrad.base.errors import CannotLowerError, RecordingError, SettingError
from handgrad.config import TrainingConfig
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import Engine, EngineRows
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.net.minibatches import Inputs, number_of_rows
from handgrad.net.net import EngineName as EngineName
from handgrad.net.watch import is_watched

# Seconds, measured on a laptop-like machine; only their proportions matter.
COMPILING, COMPILING_A_LAYER = 0.15, 0.03
GAIN_A_LAYER, GAIN_A_NUMBER, GAIN_A_MULTIPLICATION = 8e-6, 2e-9, 1.6e-12


def _compiled(config: TrainingConfig, rows: EngineRows, held_out: Sequence[Array]) -> Engine:
    from handgrad.engines.compiled.engine import CompiledEngine  # llvmlite, where it is installed

    return CompiledEngine(config, rows, held_out)


ENGINES: Mapping[EngineName, Callable[..., Engine]] = {"eager": EagerEngine, "compiled": _compiled}
NAMES: tuple[EngineName, ...] = ("auto", *ENGINES)


def engine_for(
    config: TrainingConfig, rows: EngineRows, held_out: Sequence[Inputs] = (), *, passes: int = 1
) -> Engine:
    """The engine asked for; for `auto`, compiled code where it will have paid for its making.

    An epoch makes so many `passes` over rows of the number of these. The environment variable
    HANDGRAD_ENGINE replaces `auto`. What cannot be compiled trains
    eagerly under `auto`, with one warning, and is refused under `compiled`.
    """
    name = choice = chosen(config.engine)
    if is_watched(config.net):
        if choice == "compiled":
            raise SettingError(
                "engine='compiled' for a net that is watched",
                "engine='eager': what passes the layers is no array in compiled code",
                "engine='auto', which trains eagerly while net.watch() notes what passes",
            )
        name = "eager"
    elif choice == "auto":
        epochs = config.epochs * passes
        pays_off = pays(config.net, rows.x, config.batch_size, epochs)
        name = "compiled" if pays_off else "eager"
    try:
        return ENGINES[name](config, rows, held_out)
    except (RecordingError, CannotLowerError, ImportError) as error:
        if choice != "auto":
            raise cannot_compile("training", choice, error) from error
        reason = str(error).replace("\n", " ")
        warnings.warn(f"training eagerly, not compiled: {reason}", stacklevel=4)
        return EagerEngine(config, rows, held_out)


def chosen(choice: EngineName) -> EngineName:
    """The engine asked for, checked; the environment may replace `auto`."""
    name = os.environ.get("HANDGRAD_ENGINE", choice) if choice == "auto" else choice
    for known in NAMES:
        if name == known:
            return known
    told, hint = f"engine={choice!r}", "engine='auto'"
    if choice == "auto":
        told = f"HANDGRAD_ENGINE={name!r} in the environment"
        hint = "unset it, or HANDGRAD_ENGINE=auto"
    raise SettingError(told, f"one of {', '.join(NAMES)}", hint)


def cannot_compile(what: str, engine: EngineName, error: Exception) -> SettingError:
    """Says that `what` has no machine code, where that was asked for."""
    return SettingError(
        f"engine={engine!r}, but this {what} cannot be compiled: {error}",
        "pages that record, in operations that have a loop",
        "engine='auto', which runs eagerly then",
    )


def pays(net: Net, x: Inputs, batch_size: int, epochs: int) -> bool:
    """Whether the steps of a training gain more from compiled code than its making costs."""
    rows = number_of_rows(x)
    numbers = epochs * -(-rows // batch_size) * min(batch_size, rows) * _numbers(net)
    gain = gain_of_training(net, x, batch_size, epochs) + GAIN_A_NUMBER * numbers
    return gain > cost_of_compiling(net)


def gain_of_training(net: Net, x: Inputs, batch_size: int, epochs: int) -> float:
    """What compiled code gains in so many epochs of a net whose layers put out few numbers."""
    rows = number_of_rows(x)
    steps = epochs * -(-rows // batch_size)
    multiplications = 6 * min(batch_size, rows) * net.parameters.size
    gain = GAIN_A_LAYER * _layers(net) + GAIN_A_MULTIPLICATION * multiplications
    return steps * gain


def gain_of_predicting(net: Net, rows: int) -> float:
    """What compiled code gains where so many rows are predicted at once: a third of a step.

    A batch is 1024 rows.
    """
    multiplications, steps = 2 * rows * net.parameters.size, -(-rows // 1024)
    return steps * GAIN_A_LAYER * _layers(net) / 3 + GAIN_A_MULTIPLICATION * multiplications


def cost_of_compiling(net: Net) -> float:
    """What the making of machine code for a net costs."""
    return COMPILING + COMPILING_A_LAYER * _layers(net)


def _layers(net: Net) -> int:
    return sum(1 for _ in net.walk())


def _numbers(net: Net) -> int:
    """How many numbers the layers put out for a row, as far as they say their sizes."""
    total, width = 0, net.n_in or 0
    for _, layer in net.walk():
        if not layer.layers:
            width = layer.n_out or width
            total += width
    return total
