"""A training by machine code of a processor, or by plain Python: the programs as they stand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.engines.compiled.python import PythonCallSequence
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.compiled.statement_writer import WORD_BUFFERS
from handgrad.engines.loops.program import FINISHED, Program
from handgrad.engines.loops.random_streams import words_of
from handgrad.engines.portable.machine_code import portable_function
from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.printing.specialize import without_early_returns
from handgrad.engines.portable.python import PortablePythonRunner
from handgrad.textbook.layers import Array
from handgrad.textbook.net.predictor import EngineName
from tests.bits.emulated import EmulatedCalls, portable_object_file
from tests.bits.everywhere.programs import SEED, Training, odd_rows, shuffling

PORTABLE: EngineName = "portable"
Found = Mapping[str, Array]
TYPES: dict[str, Any] = {"double": np.float64, "int": np.int64, "bool": np.bool_}


class Native(Runner):
    """Runs a program that is written out, as machine code of this processor."""

    load: Callable[[Program], Any] = staticmethod(portable_function)


class Plain(Runner):
    """Runs a program that is written out, as plain Python."""

    load: Callable[[Program], Any] = staticmethod(PortablePythonRunner.load)
    sequence = PythonCallSequence


class OnArm(Runner):
    """Runs a program that is written out, by QEMU."""

    load: Callable[[Program], Any] = staticmethod(portable_object_file)
    sequence = EmulatedCalls


def kept(model: PortableModel) -> list[str]:
    """What of a training's memory is compared: all that stays from epoch to epoch."""
    assert model.training is not None
    names = [p.name for p in model.training.parameters]
    fixed = ("parameters", "state", "streams", "steps")
    return [name for name in names if name in fixed or name.startswith("memory")]


def trained(case: Training, runner: type[Runner] = Native) -> Found:
    """All that a training leaves, and the predictions before it, of odd rows, and after."""
    model = case.model()
    assert model.training is not None
    n, given = len(case.x), _buffers(model, len(case.x))
    given |= {
        "x": np.ascontiguousarray(case.x),
        "y": np.ascontiguousarray(case.y),
        "parameters": model.parameters.copy(),
        "state": model.state.copy(),
        "streams": model.streams.copy(),
        "order": np.arange(n),
    }
    given.get("learning_rates", np.empty(0))[...] = model.learning_rate
    body = without_early_returns(model.prediction.body)
    predict, epoch = runner(replace(model.prediction, body=body)), runner(model.training)

    def predicted(x: Array) -> Array:
        p = np.zeros((n, *model.output_shape), model.dtype)
        weights = {name: given[name] for name in ("parameters", "state")}
        predict(n_rows=n, x=np.ascontiguousarray(x), **weights, predictions=p)
        return p

    before, rng = predicted(odd_rows(model, case.x)), shuffling(model)
    returned, totals = [], []
    own = {name for name in given if name not in epoch.scratch}
    for _ in range(case.epochs):
        rng.shuffle(given["order"])
        returned.append(epoch(n_rows=n, **{name: given[name] for name in own}))
        totals.append(given["loss_total"].item())
    return {
        **{name: given[name] for name in kept(model)},
        "before": before,
        "after": predicted(case.x),
        "returned": np.array(returned),
        "finished": np.array(returned) == FINISHED,
        "loss totals": np.array(totals),
        "losses": np.array(totals) / n,
        "order": given["order"],
        "shuffling": np.array(words_of(rng), np.uint64),
    }


def fitted(case: Training) -> Found:
    """The results of `hg.fit`; of an optimizer that averages weights, the averaged weights."""
    net = case.net
    history = hg.fit(
        net,
        (case.x, case.y),
        loss=case.loss,
        optimizer=case.optimizer,
        penalty=case.penalty,
        batch_size=case.batch_size,
        epochs=case.epochs,
        rng=SEED,
        engine=PORTABLE,
        progress=False,
    )
    found = {"state": net.running_state, "losses": np.array(history["train_loss"])}
    if (average := case.optimizer.predicts_with) is not None:
        return found | {f"memory_{average}": net.parameters}
    predictions = net.predict(case.x, engine=PORTABLE)
    return found | {"after": predictions, "parameters": net.parameters}


def buffer_types(model: PortableModel) -> dict[str, Any]:
    """The types of the buffers that a training is called with."""
    assert model.training is not None
    types = {p.name: TYPES.get(p.type, model.dtype) for p in model.training.parameters}
    return types | dict.fromkeys(WORD_BUFFERS, np.uint64)


def _buffers(model: PortableModel, n: int) -> dict[str, Array]:
    assert model.training is not None
    sizes, types = model.sizes(model.training, n), buffer_types(model)
    return {name: np.zeros(size, types[name]) for name, size in sizes.items()}
