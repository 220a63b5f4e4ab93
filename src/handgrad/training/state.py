"""All that the rest of a training depends on, taken out and put back."""

import copy
import platform
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.base.errors import SettingError, positive
from handgrad.engines.engine import EpochProgress
from handgrad.engines.environment import processor
from handgrad.layers import Array
from handgrad.training.checks import TRAINING, VALIDATION
from handgrad.training.train import Training

SEARCH = "search."  # what an optimizer that searches over all rows goes on from
BEFORE = "before.parameters", "before.running_state"  # the weights, and state, of the last epoch


@dataclass(frozen=True)
class TrainingState:
    """A training between two epochs, or two parts of a long one.

    Its arrays, which are those that the training goes on to change, and its plain values. A
    training of the same settings that is given the state goes on as the one it was taken from
    would have: to the bit, where it runs in the same environment.
    """

    arrays: dict[str, Array]
    values: dict[str, Any]


def state_of(training: Training) -> TrainingState:
    """The state as it is now, between two calls of the engine."""
    net, engine, so_far = training.net, training.engine, training.loop.so_far
    names = training.optimizer.state_names
    memory = {f"optimizer.{n}": a for n, a in zip(names, engine.optimizer_state, strict=True)}
    arrays = {
        "parameters": net.parameters,
        "running_state": net.running_state,
        "order": training.rows.order,
        **memory,
    }
    if training.minimization is not None:
        searched = training.minimization.arrays()
        arrays |= {f"{SEARCH}{name}": array for name, array in searched.items()}
    if so_far is not None:
        arrays |= training.rows.arrays_of(so_far)
        arrays |= dict(zip(BEFORE, engine.before, strict=True))
    values = {
        "epoch": training.loop.epoch,
        "step": int(engine.step[0]),
        "so_far": None if so_far is None else (so_far.rows, so_far.total),
        "learning_rate": training.optimizer.learning_rate,
        "streams": [_plain(stream.bit_generator.state) for stream in _streams(training)],
    }
    return TrainingState(arrays, values)


def put_back(training: Training, state: TrainingState) -> None:
    """Let a training that has not begun go on from `state`.

    All of it is checked before anything is changed: an error says that it is damaged.
    """
    check_arrays(state_of(training).arrays, state.arrays)
    net, engine, values = training.net, training.engine, state.values
    if not np.array_equal(np.sort(state.arrays["order"]), np.sort(training.rows.order)):
        raise ValueError("with an order that is none")
    streams = [
        _gone_on(stream.bit_generator, saved)
        for stream, saved in zip(_streams(training), values["streams"], strict=True)
    ]
    epoch, step, so_far = _whole(values["epoch"]), _whole(values["step"]), _so_far(training, state)
    positive("learning_rate", values["learning_rate"])
    search, iterate = training.minimization, None
    if search is not None:
        found = {n: a for n, a in state.arrays.items() if n.startswith(SEARCH)}
        iterate = search.iterate_of({n.removeprefix(SEARCH): a for n, a in found.items()})
    net.parameters[...] = state.arrays["parameters"]
    net.running_state[...] = state.arrays["running_state"]
    training.rows.order[...] = state.arrays["order"]
    for name, array in zip(training.optimizer.state_names, engine.optimizer_state, strict=True):
        array[...] = state.arrays[f"optimizer.{name}"]
    if search is not None:
        search.go_on_from(iterate)
    engine.step[0], training.loop.epoch, training.loop.so_far = step, epoch, so_far
    training.optimizer.learning_rate = float(values["learning_rate"])
    for stream, saved in zip(_streams(training), streams, strict=True):
        stream.bit_generator.state = saved
    if so_far is not None:
        for now, before in zip(engine.before, BEFORE, strict=True):
            now[...] = state.arrays[before]


def _so_far(training: Training, state: TrainingState) -> EpochProgress | None:
    """How far an epoch had come, where it had begun."""
    if state.values["so_far"] is None:
        return None
    rows, total = state.values["so_far"]
    check_arrays(dict(zip(BEFORE, training.engine.before, strict=True)), state.arrays)
    return training.rows.gone_on(_whole(rows), float(total), state.arrays)


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"with {value!r} where a whole number from 0 on should be")
    return value


def _gone_on(source: np.random.BitGenerator, saved: object) -> Any:
    """The state of such a source of random numbers, as it has it once it was put into one."""
    other = copy.deepcopy(source)
    other.state = _with_arrays(saved)
    return other.state


def check_alike(now: dict[str, str], before: dict[str, str]) -> None:
    """Refuse to go on with a training of other settings."""
    for name, value in now.items():
        if before.get(name) == value:
            continue
        if name in (TRAINING, VALIDATION):
            raise SettingError(
                f"other {name} than those of the training to be resumed",
                "the same rows in the same order",
                "the same file; the same rng=, where rows are drawn or held out",
            )
        raise SettingError(
            f"{name} {value}, where the training to be resumed had {before.get(name)}",
            "the same settings, apart from the number of epochs",
            "resume=False and another folder, for a training of its own",
        )


def check_arrays(now: dict[str, Array], saved: dict[str, Array]) -> None:
    """Refuse arrays that are not such as those of now."""
    for name, array in now.items():
        found = saved.get(name)
        if found is None or (found.shape, found.dtype) != (array.shape, array.dtype):
            raise ValueError(f"without {name} of shape {array.shape}")


def settings_of(training: Training) -> dict[str, str]:
    """What a training must have in common with the one that it goes on with."""
    engine = training.engine
    return {
        "net": f"{training.net!r} of {training.net.dtype}",
        "frozen parameters": str(training.net.trainable_slices()),
        "loss": repr(training.loss),
        "optimizer": repr(training.optimizer),
        "penalty": repr(training.config.penalty),
        "schedule": str(training.learning_rates),
        "batch_size": str(engine.batch_size),
        "shuffle": str(training.config.shuffle),
        "metrics": ", ".join(training.metrics) or "none",
        TRAINING: training.rows.checksum(),
        VALIDATION: " ".join(f"{n} {r.checksum()}" for n, r in training.held_out.items()),
        "rows at a time": str(len(training.rows.order)),
    }


def environment_of(training: Training) -> dict[str, str]:
    """What else the last digits of the numbers depend on."""
    from handgrad._version import __version__

    return {
        "engine": training.engine.name,
        "handgrad": __version__,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "processor": processor(),
        **training.engine.environment(),
    }


def _streams(training: Training) -> list[np.random.Generator]:
    """All that numbers are drawn from: the order of the rows, and the layers' own."""
    layers = (layer.rng for _, layer in training.net.walk())
    return [training.generator, *training.rows.generators, *layers]


def _plain(state: object) -> Any:
    """A state of NumPy's in what JSON has: arrays as lists under their type's name."""
    if isinstance(state, dict):
        return {name: _plain(value) for name, value in state.items()}
    return {"array": state.tolist()} if isinstance(state, np.ndarray) else state


def _with_arrays(state: object) -> Any:
    if isinstance(state, dict):
        if set(state) == {"array"}:
            return np.array(state["array"], np.uint64)
        return {name: _with_arrays(value) for name, value in state.items()}
    return state
