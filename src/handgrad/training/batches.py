"""Batches as rows: a DataLoader, or any iterable that yields pairs (x, y) anew in each epoch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TypeVar

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.engine import EngineRows
from handgrad.engines.streams import RowSource
from handgrad.textbook.errors import DataError, HandgradError, SettingError, ShapeError, described
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import array_of, named_parts
from handgrad.textbook.net.sparse_rows import SparseRows, is_sparse
from handgrad.training.validate_data import TRAINING

MEMORY = 10**9  # bytes, as for `hg.data.open_table`
FUNCTION = "a function that returns it, hg.train(net, batches, …), which is called in each epoch"
Batches = Iterable[object] | Callable[[], object]
Config = TypeVar("Config", bound=TrainingConfig)


class BatchRows(RowSource):
    """Rows of an iterable of batches (x, y), in its order; one pass counts and checks them.

    Each epoch is a pass of its own, so that batches may be shuffled or augmented anew.

    Parameters
    ----------
    batches : iterable, or function that returns one
        Yields pairs (x, y) of arrays, or of tensors of the CPU.
    what : str
        Name of the rows in errors.
    first_pass : iterator
        The batches of the pass that counts.
    """

    memory, repeated = MEMORY, False

    def __init__(self, batches: Batches, what: str, first_pass: Iterator[object]) -> None:
        self.batches, self.what, self.n_rows = batches, what, 0
        for x, y in self._checked(first_pass):
            if self.n_rows == 0:
                self.first, self.batch_size = (x, y), len(y)
            self.n_rows += len(y)
            for name, part in (*named_parts("x", x).items(), ("y", y)):
                self._check_finite(part, f"{name} of the batch that ends with row {self.n_rows}")
        if self.n_rows == 0:
            raise DataError(
                f"{what}: no batches",
                "at least one batch (x, y)",
                "len([*batches]), to see what the iterable yields; or drop_last=False",
            )

    def first_chunk(self) -> tuple[Array, Array]:
        """The first batch, without the start of another pass."""
        return self.first

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """Iterate over the batches of one pass; their order is that of the iterable."""
        rows = 0
        for x, y in self._checked(_iterator_of(self.batches, self.what)):
            if (rows := rows + len(y)) > self.n_rows:
                break
            yield x, y
        if rows != self.n_rows:
            more = "more than" if rows > self.n_rows else f"{rows} rows, where there were"
            raise DataError(
                f"{self.what}: a pass of {more} {self.n_rows} in the first",
                "the same number of rows in each epoch",
                "a function that returns a new iterator each time",
            )

    def _checked(self, batches: Iterator[object]) -> Iterator[tuple[Array, Array]]:
        """The arrays of the batches of one pass, each of the same shape."""
        first: tuple[Array, Array] | None = None
        for number, batch in enumerate(batches, 1):
            x, y = _arrays_of(batch, f"{self.what}, batch {number}")
            first = first or (x, y)
            for name, part, before in (("x", x, first[0]), ("y", y, first[1])):
                if isinstance(part, np.ndarray) and part.shape[1:] != before.shape[1:]:
                    raise ShapeError(
                        f"{self.what}, batch {number}: {name} with rows of shape {part.shape[1:]} "
                        f"after rows of {before.shape[1:]}",
                        "rows of one shape in all batches",
                        "a collate_fn, or padding, that gives all rows one shape",
                    )
            if len(y):
                yield x, y

    def _check_finite(self, part: Array, where: str) -> None:
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            row = int(np.argwhere(~np.isfinite(part))[0][0])
            raise DataError(
                f"{self.what}: NaN or infinity in row {row} of {where}",
                "finite numbers",
                "the dataset without these rows, or with the column's mean in their place",
            )


def _iterator_of(batches: Batches, what: str) -> Iterator[object]:
    """A new iterator over the batches."""
    made = batches() if callable(batches) else batches
    if isinstance(made, Iterable):
        return iter(made)
    raise DataError(
        f"{what}: a function that returned {described(made)}",
        "an iterable of batches (x, y)",
        "def batches(): yield x, y",
    )


def _arrays_of(batch: object, where: str) -> tuple[Array, Array]:
    """The arrays of one batch; inputs may be a tuple of arrays."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        parts = len(batch) if isinstance(batch, tuple | list) else 0
        came = f"{parts} parts" if parts else f"one {type(batch).__name__}"
        hint = "collate_fn=lambda rows: …, which returns inputs and targets; for several inputs "
        raise DataError(where + f": {came}", "a pair (x, y)", hint + "one array with all of them")
    x, y = batch
    arrays = tuple(_array_of(part, where) for part in (x if isinstance(x, tuple) else (x,)))
    targets = _array_of(y, where)
    if targets.ndim == 0 or any(a.ndim == 0 or len(a) != len(targets) for a in arrays):
        shapes = " and ".join(str(a.shape) for a in arrays)
        raise ShapeError(
            f"{where}: x of shape {shapes}, y of shape {targets.shape}",
            "as many rows in x as in y",
            "DataLoader(dataset, batch_size=32), if these are single rows",
        )
    return (arrays if isinstance(x, tuple) else arrays[0]), targets  # type: ignore[return-value]


def _array_of(part: object, where: str) -> Array:
    """An array, or a tensor of the CPU as an array."""
    try:
        return array_of(part, where)
    except HandgradError:
        raise
    except Exception as error:  # PyTorch's own kinds, for tensors elsewhere or with gradients
        raise DataError(
            f"{where}: {type(part).__name__} that is no array: {error}",
            "arrays, or tensors of the CPU without gradients",
            "part.detach().cpu().float(), in the collate_fn",
        ) from error


def rows_in(data: object, what: str, net: Net) -> object:
    """The rows of `data`: those of its batches if it is an iterable or a function, else itself.

    Inputs that are a sparse array become SparseRows.

    Parameters
    ----------
    data : object
        As in `hg.train`.
    what : str
        Name of the rows in errors.
    net : Net
        Its dtype is that of dense rows.
    """
    if isinstance(data, tuple | list) and data and is_sparse(data[0]):
        return SparseRows(data[0], net.dtype), *data[1:]
    whole = RowSource, EngineRows, tuple, list, Mapping, str, type
    if isinstance(data, whole) or hasattr(data, "__array__"):
        return data
    if isinstance(data, Iterator):
        raise DataError(
            f"{what}: a {type(data).__name__}, which is used up after one epoch",
            "batches (x, y) that can be read again, or a pair (x, y)",
            FUNCTION,
        )
    if not callable(data) and not isinstance(data, Iterable):
        return data
    items = _iterator_of(data, what)
    if hasattr(first := next(items, None), "__array__"):
        return data  # a `Dataset`, which unpacks to x and y
    return BatchRows(data, what, items if first is None else chain([first], items))


def with_rows(config: Config) -> Config:
    """The configuration with sparse rows, or rows of batches, which have their size and order."""
    data = rows_in(config.data, TRAINING, config.net)
    if not isinstance(data, BatchRows):
        return config if data is config.data else replace(config, data=data)
    if config.sharding.shards > 1:
        raise SettingError(
            f"{TRAINING}: batches of an iterable, with {config.sharding.shards} shards",
            "rows of which each worker can read its own",
            "arrays, or hg.data.open_table(…).rows(…)",
        )
    usual, size = TrainingConfig.batch_size, data.batch_size
    if config.batch_size not in (usual, size):
        raise SettingError(
            f"batch_size={config.batch_size} with batches of {size} rows",
            "the size that the batches have",
            f"leave batch_size out; or DataLoader(…, batch_size={config.batch_size})",
        )
    return replace(config, data=data, batch_size=size, shuffle=False)
