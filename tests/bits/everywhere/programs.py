"""The trainings that are compared: any two of page, loss, optimizer, dtype, rows, penalty meet.

Every page is trained with every loss; the rest goes round so that each pair of two occurs. Behind
the page there is dropout. A few larger nets have products that are cut into blocks.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.engines.loops.random_streams import set_stream
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.layer import features
from tests.bits.nets import DTYPES, LARGE, LAST, numbers, targets
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, PENALTIES, rows_for

OUTPUTS, EPOCHS, SEED = 4, 3, 5
# LBFGS has no program: it goes by the loss of all rows, in Python.
STEPPING = [name for name in OPTIMIZERS if OPTIMIZERS[name]().minimizer is None]
# How many rows there are, and in a batch.
ROWS = {"ragged": (11, 4), "one row": (1, 4), "batches of one": (5, 1), "NaN": (11, 4)}
PENALIZED: dict[str, Callable[[], hg.penalties.Penalty | None]] = {
    "no penalty": lambda: None,
    **PENALTIES,
}
FACTORS: Sequence[Iterable[str]] = (LAYERS, LOSSES, STEPPING, DTYPES, ROWS, PENALIZED)
SMALL = (
    *("T", "normalized", "deep sums", "clipped", "single rows", "decayed"),
    *("pictures", "sequences"),
)


@dataclass(frozen=True)
class Training:
    """A net that has not been trained, what it is trained with, and rows that have odd numbers."""

    net: hg.Net
    loss: hg.Loss
    optimizer: hg.optimizers.Optimizer
    x: Array
    y: Array
    batch_size: int
    penalty: hg.penalties.Penalty | None = None
    epochs: int = EPOCHS

    def model(self, *, copies: bool = True, predicted_at_once: int = 5) -> PortableModel:
        """What is exported of it."""
        return portable_model(
            self.net,
            loss=self.loss,
            optimizer=self.optimizer,
            penalty=self.penalty,
            x=self.x,
            y=self.y,
            batch_size=self.batch_size,
            predicted_at_once=predicted_at_once,
            copies=copies,
            rng=SEED,
        )


def shuffling(model: PortableModel) -> np.random.Generator:
    """The stream that shuffles a model's rows, where it begins."""
    rng = np.random.default_rng()
    set_stream(rng, model.shuffling)
    return rng


def odd_rows(model: PortableModel, x: Array) -> Array:
    """The rows, with NaN, infinities and -0.0 where a row may have them: an index is none."""
    if x.dtype.kind != "f":
        return x
    width = x[0].size
    places = set(range(width))
    for bound in model.prediction.bounds.get("x", ()):
        columns = bound.columns
        places -= {*(range(width)[columns] if isinstance(columns, slice) else columns)}
    found, odd = x.reshape(len(x), width).copy(), (np.nan, np.inf, -np.inf, -0.0, 1e30, 1e-40)
    for i, place in enumerate(sorted(places)):
        found[i % len(x), place] = odd[i % len(odd)]
    if places:
        for i, number in enumerate(odd[: len(x)]):
            found[-1 - i, min(places)] = number
    return found.reshape(x.shape)


def combinations() -> Iterator[tuple[str, ...]]:
    """A name of each factor: every pair of two names is among them."""
    optimizers, dtypes, rows, penalties = (list(names) for names in FACTORS[2:])
    for i, page in enumerate(LAYERS):
        for k, loss in enumerate(LOSSES):
            yield (
                page,
                loss,
                optimizers[(i + k) % len(optimizers)],
                dtypes[(i // 2 + k) % 2],
                rows[(i + k // 2 + i // 5) % len(rows)],
                penalties[(i // 3 + 3 * k + i // 7) % len(penalties)],
            )


def training(page: str, loss: str, optimizer: str, dtype: str, rows: str, penalty: str) -> Training:
    """The page between linear layers, or first where it takes codes; then what suits the loss."""
    layer, number, (n, batch_size) = LAYERS[page](), DTYPES[dtype], ROWS[rows]
    x = rows_for(layer, n)
    before = [] if layer.integer_input else [hg.Linear(3, x.shape[-1], rng=1)]
    n_out = features(layer.shape_out(x.shape[1:])) or 1
    last = [LAST[loss]()] if loss in LAST else []
    behind = [hg.Dropout(0.2), hg.Linear(n_out, OUTPUTS, rng=2), *last]
    net = hg.Net(*before, layer, *behind, dtype=number)
    if before:
        x = numbers((*x.shape[:-1], 3), 0, number)
    elif x.dtype.kind == "f":
        x = x.astype(number)
    y = targets(LOSSES[loss](), net.predict(x).shape, number)
    if rows == "NaN" and x.dtype.kind == "f":
        x.reshape(n, -1)[6, 0] = np.nan  # the first column is no code
    how = LOSSES[loss](), OPTIMIZERS[optimizer](), x, y, batch_size
    return Training(net, *how, PENALIZED[penalty]())


def large(name: str, dtype: Any) -> Training:
    case = LARGE[name](dtype)
    net, loss, optimizer = case.net, case.loss, case.optimizer
    return Training(net, loss, optimizer, case.x, case.y, case.batch_size, None, case.epochs)


TRAININGS: dict[str, Callable[[], Training]] = {
    **{", ".join(names): functools.partial(training, *names) for names in combinations()},
    **{
        f"net {name}, {dtype}": functools.partial(large, name, number)
        for name in SMALL
        for dtype, number in DTYPES.items()
    },
}
