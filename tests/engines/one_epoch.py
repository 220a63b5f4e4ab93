"""Passes over the rows, on any engine, at the optimizer's learning rate."""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

import handgrad as hg
from handgrad.engines.compiled import machine_code
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.config import TrainingConfig
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import Engine, EngineRows, Epoch
from handgrad.engines.fingerprint import TRACES

E = TypeVar("E", bound=Engine)
KINDS: tuple[Any, ...] = (EagerEngine, CompiledEngine)


def run_epochs(engine: Any, orders: Any) -> Iterator[Any]:
    """A pass for each of the orders, as the engine hands them out."""
    batches = -(-len(engine.y) // engine.batch_size)
    rates = np.full((len(orders), batches), engine.optimizer.learning_rate)
    found: Iterator[Any] = engine.run_epochs(orders, rates)
    return found


def run_epoch(engine: Any, order: Any) -> Epoch:
    """One pass in that order."""
    (epoch,) = run_epochs(engine, order[None])
    assert isinstance(epoch, Epoch)
    return epoch


def engine_of(
    kind: type[E],
    net: hg.Net,
    loss: hg.Loss,
    optimizer: hg.optimizers.Optimizer,
    x: Any,
    y: Any,
    batch_size: int,
    held_out: Any = (),
    w: Any = None,
    penalty: hg.penalties.Penalty | None = None,
) -> E:
    """An engine of that kind for the training of a net on some rows."""
    config = TrainingConfig(
        net=net,
        data=(x, y),
        loss=loss,
        optimizer=optimizer,
        epochs=1,
        batch_size=batch_size,
        penalty=penalty,
    )
    of_kind: Any = kind  # whose kinds are made of the same three
    return of_kind(config, EngineRows(x, y, w), held_out)


def weights_after_an_epoch(seed: int) -> bytes:
    """Of a net that is recorded and compiled anew, or taken from the cache of machine code."""
    TRACES.entries.clear()
    machine_code.in_memory.clear()
    net = hg.Net(hg.Linear(3, 4, rng=seed), hg.Tanh(), hg.Linear(4, 2, rng=seed), hg.Softmax())
    x = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    y = np.arange(9) % 2
    engine = engine_of(CompiledEngine, net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 4)
    run_epoch(engine, np.arange(9))
    return net.parameters.tobytes()
