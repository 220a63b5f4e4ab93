"""Trains nets in one of the ways there are, and tells their bits apart by checksums."""

import copy
import hashlib
import tempfile
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.net.predictor import EngineName
from tests.bits.estimators import ESTIMATORS
from tests.bits.nets import CASES, Case, Held, rows_held_out

Digests = dict[str, str]
THREADS = 2


def digest(*arrays: Any) -> str:
    """A checksum of the bits of some arrays; all that are no number count as the same."""
    found = hashlib.sha256()
    for array in arrays:
        kept = np.array(array, order="C")
        if kept.dtype.kind == "f":
            kept[np.isnan(kept)] = np.nan
        found.update(f"{kept.dtype} {kept.shape}".encode())
        found.update(kept.tobytes())
    return found.hexdigest()[:16]


class Seen:
    """A metric that keeps the predictions it is handed."""

    __name__ = "seen"

    def __init__(self) -> None:
        self.predictions: list[Any] = []

    def __call__(self, p: Any, y: Any) -> float:
        self.predictions.append(p.copy())
        return 0.0


def whole(case: Case, settings: Mapping[str, Any]) -> hg.training.History:
    return hg.fit(case.net, (case.x, case.y), epochs=case.epochs, **settings)


def streamed(case: Case, settings: Mapping[str, Any]) -> hg.training.History:
    if case.w is not None or isinstance(case.x, tuple):  # of which a stream has none
        return whole(case, settings)
    return hg.fit(case.net, Held(case.x, case.y), epochs=case.epochs, **settings)


def resumed(case: Case, settings: Mapping[str, Any]) -> hg.training.History:
    """Stopped after the first epoch, and gone on with."""
    with tempfile.TemporaryDirectory() as folder:
        for epochs in (1, case.epochs):
            history = hg.fit(
                case.net,
                (case.x, case.y),
                epochs=epochs,
                checkpoint=folder,
                resume=True,
                **settings,
            )
    return history


def side_by_side(case: Case, settings: Mapping[str, Any]) -> hg.training.History:
    """The last of three that are trained at once."""
    nets = [*(copy.deepcopy(case.net) for _ in range(2)), case.net]
    runs = [{"net": net, "metrics": [Seen()]} for net in nets]
    runs[-1] |= {"metrics": settings["metrics"]}
    shared = {name: value for name, value in settings.items() if name != "metrics"}
    data = (case.x, case.y)
    histories = hg.fit_many(runs, data=data, epochs=case.epochs, threads=THREADS, **shared)
    first, *others = ((net.parameters, net.running_state) for net in nets)
    assert all(digest(*other) == digest(*first) for other in others)
    return histories[-1]


WAYS: dict[str, Callable[[Case, Mapping[str, Any]], hg.training.History]] = {
    "whole": whole,
    "streamed": streamed,
    "resumed": resumed,
    "side by side": side_by_side,
}


def digests_of(name: str, way: str = "whole", engine: EngineName = "compiled") -> Digests:
    """The checksums of what a net begins with, and of all that training it comes to."""
    if name in ESTIMATORS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {what: digest(*arrays) for what, arrays in ESTIMATORS[name](engine).items()}
    case = CASES[name]()
    begun = digest(case.net.parameters, case.x, case.y)
    seen, held_out = Seen(), rows_held_out(case)
    settings: dict[str, Any] = {
        "loss": case.loss,
        "optimizer": case.optimizer,
        "batch_size": case.batch_size,
        "penalty": case.penalty,
        "validation": held_out,
        "metrics": [seen],
        "rng": 0,
        "engine": engine,
        "progress": False,
    }
    if case.w is not None:
        settings["sample_weight"] = case.w
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        history = WAYS[way](case, settings)
    net = case.net
    predicted = [net.predict(part, engine=engine) for part in (case.x, case.x[:1], case.x[:5])]
    return {
        "begun": begun,
        "parameters": digest(net.parameters, net.running_state),
        "losses": digest(history["train_loss"]),
        "validation losses": digest(history["validation_loss"]),
        "predictions": digest(*predicted, *seen.predictions[-2:]),
    }
