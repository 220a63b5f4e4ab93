"""The nets whose bits are compared: every page of the contracts, and nets with large products.

Rows and weights are drawn as whole numbers and fractions of them, which are the same everywhere.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.engines.streams import RowSource
from handgrad.textbook.layers.layer import features
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, PENALTIES, rows_for

DTYPES = {"float32": np.float32, "float64": np.float64}
LAST = {"CrossEntropyLoss": hg.Softmax, "BinaryCrossEntropyLoss": hg.Sigmoid}
BITS = 12


@dataclass
class Case:
    """A net that has not been trained, and what it is trained with and on."""

    net: hg.Net
    x: Any
    y: Any
    loss: hg.Loss = field(default_factory=hg.MSELoss)
    optimizer: hg.optimizers.Optimizer = field(default_factory=lambda: hg.SGD(0.05))
    batch_size: int = 3
    w: Any = None
    penalty: hg.penalties.Penalty | None = None
    epochs: int = 3


class Held(RowSource):
    """Rows in memory, handed out in chunks as if they were read from somewhere."""

    memory = 2**30

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y, self.n_rows = x, y, len(y)

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Any, Any]]:
        for start in range(0, self.n_rows, 5):
            yield self.x[start : start + 5], self.y[start : start + 5]


def numbers(shape: Sequence[int], seed: int, dtype: Any = np.float32) -> Any:
    """Fractions between -2 and 2, which float32 holds."""
    drawn = np.random.default_rng(seed).integers(-(2**BITS), 2**BITS, tuple(shape))
    return (drawn / 2 ** (BITS - 1)).astype(dtype)


def targets(loss: hg.Loss, shape: Sequence[int], dtype: Any) -> Any:
    """Targets (n, ..., k) of the kind that the loss takes; or (n, ...), where these are classes."""
    rng = np.random.default_rng(1)
    match loss.target_kind:
        case hg.losses.kinds.ClassLabels():
            return rng.integers(0, shape[-1], shape[:-1])
        case hg.losses.kinds.BinaryLabels():
            return rng.integers(0, 2, shape).astype(dtype)
        case hg.losses.kinds.RiskLabels():
            return rng.integers(-1, 2, shape).astype(dtype)
        case hg.losses.kinds.PositiveAmounts():
            return rng.integers(1, 6, shape).astype(dtype)
        case hg.losses.kinds.Amounts():
            return rng.integers(0, 5, shape).astype(dtype)
    return numbers(shape, 2, dtype)


def of_layer(name: str, dtype: Any) -> Case:
    """The layer between two linear ones, or first where it takes codes."""
    layer = LAYERS[name]()
    x = rows_for(layer, 11)
    before = [] if layer.integer_input else [hg.Linear(3, x.shape[-1], rng=1)]
    n_out = features(layer.shape_out(x.shape[1:]))
    net = hg.Net(*before, layer, hg.Linear(n_out or 1, 2, rng=2), dtype=dtype)
    net.seed(0)
    if before:
        x = numbers((*x.shape[:-1], 3), 0, dtype)
    elif x.dtype.kind == "f":
        x = x.astype(dtype)
    return Case(net, x, numbers(net.predict(x).shape, 2, dtype), batch_size=4)


def of_loss(name: str, dtype: Any) -> Case:
    loss = LOSSES[name]()
    net = hg.Net(hg.Linear(3, 4, rng=0), LAST.get(name, hg.Tanh)(), dtype=dtype)
    x = numbers((11, 3), 0, dtype)
    w = np.random.default_rng(3).integers(1, 9, 11) / 8
    return Case(net, x, targets(loss, (11, 4), dtype), loss, w=w)


def of_optimizer(name: str, dtype: Any) -> Case:
    net = hg.Net(hg.Linear(3, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), dtype=dtype)
    x, y = numbers((11, 3), 0, dtype), numbers((11, 2), 1, dtype)
    return Case(net, x, y, optimizer=OPTIMIZERS[name](), epochs=5)


def of_penalty(name: str, dtype: Any) -> Case:
    case = of_optimizer("SGD", dtype)
    case.penalty = PENALTIES[name]()
    return case


def perceptron(
    widths: Sequence[int],
    rows: int,
    batch_size: int,
    dtype: Any,
    *,
    between: Callable[[int], hg.Layer] = lambda width: hg.Tanh(),
    optimizer: hg.optimizers.Optimizer | None = None,
    weighted: bool = False,
) -> Case:
    """A net of linear layers, with what `between` makes of a width after all but the last."""
    layers: list[hg.Layer] = []
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        layers += [hg.Linear(n_in, n_out, rng=i), between(n_out)]
    net = hg.Net(*layers[:-1], hg.Softmax(), dtype=dtype)
    net.seed(0)
    rng = np.random.default_rng(4)
    y = rng.integers(0, widths[-1], rows)
    w = rng.integers(1, 9, rows) / 8 if weighted else None
    return Case(
        net,
        numbers((rows, widths[0]), 5, dtype),
        y,
        hg.CrossEntropyLoss(),
        optimizer or hg.SGD(0.05, momentum=0.9),
        batch_size,
        w,
        epochs=2,
    )


def pictures(layers: Sequence[hg.Layer], shape: Sequence[int], dtype: Any) -> Case:
    """Layers of windows over 60 rows of a shape, 24 at a time, and a linear one."""
    front = hg.Net(*layers, hg.Flatten(), dtype=dtype)
    x = numbers((60, *shape), 5, dtype)
    net = hg.Net(front, hg.Linear(front.predict(x[:1]).size, 3, rng=7), dtype=dtype)
    net.seed(0)
    y = np.random.default_rng(4).integers(0, 3, 60)
    return Case(net, x, y, hg.SoftmaxCrossEntropyLoss(), hg.Adam(0.01), 24, epochs=2)


def of_pictures(dtype: Any) -> Case:
    layers = (
        *(
            hg.Conv2d(2, 6, 5, padding=2, rng=0),
            hg.layers.BatchNorm2d(6),
            hg.ReLU(),
            hg.MaxPool2d(2),
        ),
        *(
            hg.Dropout(0.25),
            hg.Conv2d(6, 7, 3, stride=(1, 2), rng=1),
            hg.GELU(),
            hg.layers.AvgPool2d(2),
        ),
    )
    return pictures(layers, (2, 15, 14), dtype)


def of_sequences(dtype: Any) -> Case:
    layers = (
        hg.layers.Conv1d(3, 5, 3, padding=1, rng=0),
        hg.Tanh(),
        hg.layers.Conv1d(5, 4, 2, rng=1),
    )
    return pictures(layers, (3, 17), dtype)


def normalized(width: int) -> hg.Layer:
    return hg.Net(hg.BatchNorm(width), hg.ReLU(), hg.Dropout(0.25))


# A hundred rows of 1500 numbers are summed in three blocks; 1024 rows in two.
LARGE: dict[str, Callable[[Any], Case]] = {
    "T": lambda dtype: perceptron((2, 10, 2), 200, 4, dtype),
    "S": lambda dtype: perceptron((64, 64, 10), 500, 32, dtype, optimizer=hg.Adam(0.01)),
    "M": lambda dtype: perceptron((784, 256, 10), 300, 128, dtype, between=lambda _: hg.ReLU()),
    "L": lambda dtype: perceptron((784, 512, 512, 10), 700, 512, dtype, optimizer=hg.Adam(0.001)),
    "deep sums": lambda dtype: perceptron((1500, 70, 3), 250, 100, dtype, weighted=True),
    "many rows": lambda dtype: perceptron((33, 65, 5), 1500, 1024, dtype),
    "normalized": lambda dtype: perceptron(
        (50, 130, 70, 7), 333, 100, dtype, between=normalized, weighted=True
    ),
    "clipped": lambda dtype: perceptron(
        (300, 200, 10), 257, 64, dtype, optimizer=hg.Adam(0.01, clip_norm=0.1)
    ),
    "single rows": lambda dtype: perceptron((1030, 40, 3), 12, 1, dtype),
    "decayed": lambda dtype: perceptron(
        (200, 150, 4), 200, 64, dtype, optimizer=hg.AdamW(0.01, weight_decay=0.1)
    ),
    "pictures": of_pictures,
    "sequences": of_sequences,
}


def _cases() -> Iterator[tuple[str, Callable[[], Case]]]:
    tables: list[tuple[str, Callable[[str, Any], Case], Sequence[str]]] = [
        ("layer", of_layer, [*LAYERS]),
        ("loss", of_loss, [*LOSSES]),
        ("optimizer", of_optimizer, [name for name in OPTIMIZERS if name != "LBFGS"]),
        ("penalty", of_penalty, [*PENALTIES]),
        ("net", lambda name, dtype: LARGE[name](dtype), [*LARGE]),
    ]
    for kind, make, names in tables:
        for name in names:
            for of_type, dtype in DTYPES.items():
                yield f"{kind} {name} {of_type}", functools.partial(make, name, dtype)


CASES: dict[str, Callable[[], Case]] = dict(_cases())


def rows_held_out(case: Case) -> tuple[Any, Any]:
    """A third of the rows, which a training may as well be watched on."""
    count = math.ceil(len(case.y) / 3)
    return case.x[:count], case.y[:count]
