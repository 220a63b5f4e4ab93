"""Nets that cover pages, losses, optimizers and types between them, and their portable answers."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.loops.program import FINISHED
from handgrad.engines.portable.machine_code import portable_function
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.engines.portable.printing.specialize import without_early_returns
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import example_targets
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, rows_for
from tests.graph.pages import Flatten

N_ROWS, BATCH_SIZE, EPOCHS = 23, 5, 2
LAST = {"CrossEntropyLoss": hg.Softmax, "BinaryCrossEntropyLoss": hg.Sigmoid}
OF_ONE = ("BinaryCrossEntropyLoss", "SigmoidBinaryCrossEntropyLoss", "FocalLoss", "HingeLoss")


class PortableRunner(Runner):
    """Runs a program of plain statements as machine code."""

    load = staticmethod(portable_function)


@dataclass
class Case:
    """A net with rows and targets, and how it is trained."""

    net: hg.Net
    loss: hg.Loss
    optimizer: hg.optimizers.Optimizer
    x: Array
    y: Array

    def model(self, **settings: Any) -> PortableModel:
        """What is exported of it, with its training."""
        given = {"loss": self.loss, "optimizer": self.optimizer, "batch_size": BATCH_SIZE}
        return portable_model(self.net, x=self.x, y=self.y, **{**given, **settings})


def names() -> Iterator[tuple[str, str, str, str]]:
    """A page, a loss, an optimizer and a type: every one of each at least once."""
    optimizers = itertools.cycle(
        name
        for name in OPTIMIZERS
        if name not in ("LBFGS", "Muon", "EMA", "SWA", "GradientAccumulation")
    )
    losses = itertools.cycle(LOSSES)
    for i, page in enumerate([name for name in LAYERS if name != "Net"]):
        yield page, next(losses), next(optimizers), ("float32", "float64")[i % 2]
    yield "Conv2d", "SoftmaxCrossEntropyLoss", "Muon", "float64"  # a rule that sees matrices
    yield "Tanh", "MSELoss", "GradientAccumulation", "float32"  # a rule that goes by the step


def case(page: str, loss: str, optimizer: str, dtype: str) -> Case:
    """A net with that page, and dropout behind it; its rows have some edges."""
    layer, ending = LAYERS[page](), LOSSES[loss]()
    x = rows_for(layer, N_ROWS)
    if x.dtype.kind == "f" and not hasattr(layer, "n_codes"):
        # Of large rows the exp of a rate is infinite, or the log of a probability of exactly 0.
        small = loss == "BinaryCrossEntropyLoss" or isinstance(
            ending.input_kind, hg.losses.kinds.LogRates
        )
        x[0], x[1] = 0, -x[1] * (1 if small else 100)
    x = x if layer.integer_input else x.astype(dtype)
    shape = hg.Net(copy.deepcopy(layer), dtype=dtype).predict(x).shape
    middle = [Flatten()] if len(shape) > 2 else []
    width = int(np.prod(shape[1:]))
    last = [LAST[loss]()] if loss in LAST else []
    linear = hg.Linear(width, 1 if loss in OF_ONE else 3, rng=3)
    net = hg.Net(layer, *middle, hg.Dropout(0.2), linear, *last, dtype=dtype)
    y = np.asarray(example_targets(ending, net.predict(x)))
    y = y.astype(dtype) if y.dtype.kind == "f" else y
    return Case(net, ending, OPTIMIZERS[optimizer](), x, y)


def predicted(model: PortableModel, x: Array, weights: Any = None) -> Array:
    """The predictions of the portable program, NaN where rows have it."""
    program = model.prediction
    program = type(program)(**{**vars(program), "body": without_early_returns(program.body)})
    p = np.zeros((len(x), *model.output_shape), model.dtype)
    parameters, state = weights or (model.parameters, model.state)
    (type_of_x,) = (p.type for p in program.parameters if p.name == "x")
    rows = np.ascontiguousarray(x, np.int64 if type_of_x == "int" else model.dtype)
    given = {"x": rows, "parameters": parameters, "state": state}
    PortableRunner(program)(n_rows=len(x), **given, predictions=p)
    return p


def with_nan(x: Array) -> Array:
    """Rows of which some have numbers that are not finite; those with codes are as before."""
    x = x.copy()
    if x.dtype.kind == "f" and not (x == np.round(x)).all(axis=0).any():
        flat = x.reshape(len(x), -1)
        flat[0, 0], flat[2, -1], flat[5, 0], flat[6, 0] = np.nan, np.inf, -np.inf, -0.0
    return x


def trained(
    model: PortableModel,
    x: Array,
    y: Array,
    epochs: int = EPOCHS,
    *,
    shuffle: bool = True,
    before: dict[str, Array] | None = None,
) -> dict[str, Array]:
    """What a training of the portable program leaves, and its losses; it may go on from another."""
    assert model.training is not None
    n = len(y)
    buffers: dict[str, Any] = {}
    types: dict[str, Any] = {
        "float": model.dtype,
        "double": np.float64,
        "int": np.int64,
        "bool": np.bool_,
    }
    for name, size in model.sizes(model.training, n).items():
        (type,) = (p.type for p in model.training.parameters if p.name == name)
        buffers[name] = np.zeros(size, np.dtype(types[type]))
    own = {"x": x, "y": y, "order": np.arange(n), "learning_rates": None, "predictions": None}
    start = {"parameters": model.parameters, "state": model.state, "streams": model.streams}
    for name, array in {**start, **(before or {}), **own}.items():
        if name in buffers and array is not None:
            buffers[name] = np.array(array, buffers[name].dtype, order="C")
    buffers["learning_rates"][:] = model.learning_rate
    run, losses = PortableRunner(model.training), []
    generator = np.random.default_rng(0)
    for _ in range(epochs):
        if shuffle:
            generator.shuffle(buffers["order"])
        given = {name: array for name, array in buffers.items() if name not in run.scratch}
        assert run(n_rows=n, **given) == FINISHED
        losses.append(buffers["loss_total"].item() / n)
    return buffers | {"losses": np.array(losses)}


def same_bits(found: Array, expected: Array) -> bool:
    """Whether two arrays have the same bits, where NaN is one number."""
    if found.dtype != expected.dtype or found.size != expected.size:
        return False
    found, expected = found.ravel(), expected.ravel()
    if found.dtype.kind != "f":
        return bool((found == expected).all())
    nan = np.isnan(found) & np.isnan(expected)
    words = f"u{found.itemsize}"
    return bool((nan | (found.view(words) == expected.view(words))).all())
