"""Trainings that cover every pair of page, loss, optimizer and dtype, and portable machine code."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.engines.portable.fitting import unchecked
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.engines.portable.runner import PortableRunner
from handgrad.layers.shape_inference import features
from tests.bits.nets import DTYPES, LAST, numbers, targets
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, rows_for

ROWS, BATCH, EPOCHS, OUTPUTS = 11, 4, 2, 4  # the last batch is ragged
STEPPING = [name for name in OPTIMIZERS if OPTIMIZERS[name]().minimizer is None]


@dataclass(frozen=True)
class Trained:
    """What a training leaves, whatever ran it: all numbers are compared to the bit."""

    returned: Sequence[int]
    totals: Any
    parameters: Any
    state: Any
    predictions: Any


def assert_same(found: Trained, expected: Trained) -> None:
    """Fail unless all numbers are the same; NaN is one number."""
    for one, other in zip(astuple(found), astuple(expected), strict=True):
        np.testing.assert_array_equal(one, other)
        zero = np.equal(one, 0)
        np.testing.assert_array_equal(np.signbit(one)[zero], np.signbit(other)[zero])


@dataclass(frozen=True)
class Training:
    """A portable model with the rows it is trained on, and their order in each epoch."""

    model: PortableModel
    x: Any
    y: Any
    orders: Any

    def here(self) -> Trained:
        """By machine code of this processor."""
        model, state = self.model, self.model.state.copy()
        assert model.training is not None
        n, parameters = len(self.x), model.parameters.copy()
        given = _buffers(model, model.training, n) | {
            "x": self.x,
            "y": self.y,
            "parameters": parameters,
            "state": state,
            "streams": model.streams.copy(),
        }
        given.get("learning_rates", np.empty(0))[...] = model.learning_rate
        unhindered = replace(model.prediction, body=unchecked(model.prediction.body))
        epoch, predict = PortableRunner(model.training), PortableRunner(unhindered)
        returned, totals = [], []
        for order in self.orders:
            given["order"] = order
            known = {p.name: given[p.name] for p in model.training.parameters if p.name in given}
            returned.append(epoch(n_rows=n, **known))
            totals.append(given["loss_total"].item())
        predictions = np.zeros((n, *model.output_shape), model.dtype)
        given = {"x": self.x, "parameters": parameters, "state": state, "predictions": predictions}
        returned.append(predict(n_rows=n, **given))
        return Trained(returned, np.array(totals), parameters, state, predictions)


def _buffers(model: PortableModel, program: Any, n: int) -> dict[str, Any]:
    kinds = {"float": model.dtype, "double": np.float64, "int": np.int64, "bool": np.bool_}
    types = {p.name: kinds[p.type] for p in program.parameters}
    sizes = model.sizes(program, n)
    own = ("tables", "scratch", "scratch_int", "scratch_bool")
    return {name: np.zeros(size, types[name]) for name, size in sizes.items() if name not in own}


def training(page: str, loss: str, optimizer: str, dtype: str) -> Training:
    """The page between linear layers, or first where it takes codes; then what suits the loss."""
    layer, number = LAYERS[page](), DTYPES[dtype]
    x = rows_for(layer, ROWS)
    before = [] if layer.integer_input else [hg.Linear(3, x.shape[-1], rng=1)]
    n_out = features(layer.shape_out(x.shape[1:])) or 1
    last = [LAST[loss]()] if loss in LAST else []
    net = hg.Net(*before, layer, hg.Linear(n_out, OUTPUTS, rng=2), *last, dtype=number)
    if before:
        x = numbers((*x.shape[:-1], 3), 0, number)
    elif x.dtype.kind == "f":
        x = x.astype(number)
    y = targets(LOSSES[loss](), net.predict(x).shape, number)
    return training_of(net, x, y, LOSSES[loss](), OPTIMIZERS[optimizer]())


def training_of(
    net: hg.Net,
    x: Any,
    y: Any,
    loss: hg.Loss,
    optimizer: hg.Optimizer,
    *,
    batch_size: int = BATCH,
    epochs: int = EPOCHS,
) -> Training:
    rng = np.random.default_rng(3)
    model = portable_model(
        net, loss=loss, optimizer=optimizer, x=x, y=y, batch_size=batch_size, predicted_at_once=5
    )
    orders = np.array([rng.permutation(len(x)) for _ in range(epochs)])
    return Training(model, x, y, orders)


def cases() -> Iterator[tuple[str, str, str, str]]:
    """Each page with each loss; optimizers and dtypes so that every pair of two occurs."""
    dtypes = [*DTYPES]
    for i, page in enumerate(LAYERS):
        for k, loss in enumerate(LOSSES):
            optimizer = STEPPING[(i + k) % len(STEPPING)]
            yield page, loss, optimizer, dtypes[(i // 2 + k) % 2]
