"""Mini-batches of rows, of one array or a tuple of arrays; example rows for any layer."""

import copy
from collections.abc import Callable, Hashable, Iterator, Sized
from typing import Any

import numpy as np

from handgrad.textbook.errors import DataError, SettingError, ShapeError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import closed
from handgrad.textbook.losses import Loss

# Inputs of a net: rows of one array, or of several.
Inputs = Array | tuple[Array, ...]


def number_of_rows(x: Inputs) -> int:
    """Return the number of rows of `x`."""
    return len(x[0]) if isinstance(x, tuple) else len(x)


def take(x: Inputs, rows: Array | slice) -> Any:
    """Return rows of `x`, by index or slice."""
    return tuple(part[rows] for part in x) if isinstance(x, tuple) else x[rows]


def named_parts(name: str, x: Inputs) -> dict[str, Array]:
    """Return the arrays of `x` by name: `x`, or `x[0]`, `x[1]`, … for a tuple."""
    return {f"{name}[{i}]": p for i, p in enumerate(x)} if isinstance(x, tuple) else {name: x}


def form_of(x: Inputs) -> Hashable:
    """Return the form of rows that a trace depends on: row shape and dtype of each array."""
    return tuple((name, p.shape[1:], p.dtype) for name, p in named_parts("x", x).items())


def batches(n_rows: int, batch_size: int, begin: int = 0) -> Iterator[slice]:
    """Yield consecutive slices of `batch_size` rows, from row `begin`; the last may be shorter.

    >>> list(batches(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(begin, n_rows, batch_size):
        yield slice(start, min(start + batch_size, n_rows))


def array_of(rows: object, what: str) -> Array:
    """Return `rows` as an array; raises DataError for rows of different lengths."""
    if hasattr(rows, "toarray"):
        raise DataError(
            f"{what}: a sparse array", "an array with all its numbers", "x.toarray(), of its rows"
        )
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise DataError(
            f"{what}: rows of different lengths",
            "the same number of numbers in each row",
            "sorted({len(row) for row in x}), to find the lengths",
        ) from error


def check_consistent_length(y: Array, *inputs: Sized, where: str = "") -> None:
    """Raise DataError unless all inputs have as many rows as there are targets `y`."""
    lengths = {len(x) if getattr(x, "ndim", 1) else 0 for x in inputs}
    if y.ndim == 0 or lengths != {len(y)}:
        rows = " and ".join(map(str, sorted(lengths))) or "no"
        raise DataError(
            f"{rows} rows of x and {len(y) if y.ndim else 'no'} targets",
            "as many targets as rows",
            "x and y of the same rows",
            where,
        )


def check_several(parts: tuple[Array, ...], where: str) -> None:
    """Raise ShapeError for an empty tuple of arrays, or different numbers of rows."""
    if not parts:
        raise ShapeError("an empty tuple", "arrays of rows", "(a, b)", where)
    if len({part.shape[:1] for part in parts}) > 1 or not parts[0].shape:
        shapes = " and ".join(str(part.shape) for part in parts)
        raise ShapeError(
            f"a tuple of arrays of shapes {shapes}",
            "the same number of rows in each",
            "arrays of the same rows; x[None], for a single row",
            where,
        )


def check_finite(x: Inputs, where: str) -> None:
    """Raise DataError for NaN or infinity in rows to predict."""
    for part in named_parts("x", x).values():
        if not np.isfinite(part).all():
            row = int(np.argwhere(~np.isfinite(part))[0][0])
            raise DataError(
                f"NaN or infinity as {part.dtype}, the first in row {row}",
                "finite numbers",
                "the same imputation as in training, or without this row",
                where,
            )


def array_of_numbers(x: Any, where: Callable[[], str]) -> Any:
    """Return `x` as an array of numbers; raises DataError for other types, naming `where()`."""
    if not hasattr(x, "__array_function__"):
        x = array_of(x, where())
    if x.dtype.kind not in "fiub":
        raise DataError(
            f"an array of type {x.dtype}",
            "numbers",
            "encode text and categories as numbers, for example one column for each category",
            where(),
        )
    return x


def example_input(layer: Layer, n_rows: int, seed: int = 0) -> Array:
    """Return random rows that `layer` accepts, (n_rows, *shape_in); 0 and 1 if it takes codes.

    For an open shape, (..., k), rows of (k,) if the layer accepts them, else of 4 positions, (4,
    k). If its shape is unknown, k is 4.

    Parameters
    ----------
    layer : Layer
        The layer, or a net.
    n_rows : int
        Number of rows.
    seed : int, default 0
        Seed of the random numbers.

    Raises
    ------
    SettingError
        If the layer's input is unknown and it fails with 4 features.
    """
    stated = layer.shape_in
    known, open_shape = layer.example_shape, (..., 4) if stated is None else stated
    shapes = [closed(open_shape, between) for between in ((), (4,))]
    if stated is None and known is not None:
        shapes = [known]
    examples = [_drawn(layer, (n_rows, *shape), seed) for shape in dict.fromkeys(shapes)]
    if stated is not None and len(examples) == 1:
        return examples[0]
    failures = []
    for x in examples:
        if (failure := _failure(layer, x)) is None:
            return x
        failures.append(failure)
    if stated is not None:
        return examples[0]
    of_shape = "4 features" if known is None else f"shape {known}"
    raise SettingError(
        f"{layer!r}, of unknown input shape, fails with rows of {of_shape}: {failures[0]}",
        "example rows, or a layer with n_in, its number of features",
        "x=..., a few rows for the layer; or self.n_in = … in its __init__",
    ) from failures[0]


def _drawn(layer: Layer, shape: tuple[int, ...], seed: int) -> Array:
    rng = np.random.default_rng(seed)
    if layer.integer_input:
        codes: Array = rng.integers(0, 2, shape)
        return codes
    return rng.standard_normal(shape).astype(layer.dtype or np.float32)


def _failure(layer: Layer, x: Array) -> Exception | None:
    """The error of a layer for these rows; None if it accepts them."""
    trial = copy.deepcopy(layer)
    trial.seed(0)
    try:
        with np.errstate(all="ignore"):
            trial.check_input(x)
            trial.forward(x)
    except Exception as failure:
        return failure
    return None


def target_positions(loss: Loss, y: Array) -> tuple[int, ...]:
    """Return the shape of the positions with a target each: (n,) or (n, t)."""
    return y.shape if loss.target_kind.indices else y.shape[: max(y.ndim - 1, 1)]


def target_mask(layer: Layer, loss: Loss, x: Inputs, y: Array, what: str) -> Array | None:
    """Return the mask of the targets, (n, t), False at padding; None if there is no padding.

    Parameters
    ----------
    layer : Layer
        The net.
    loss : Loss
        Its target kind says which axes of `y` are positions.
    x : array or tuple of arrays
        The inputs.
    y : array
        The targets.
    what : str
        Name of the rows in the message.

    Raises
    ------
    DataError
        If all positions are padding.
    """
    inputs: Any = x
    mask = layer.mask_out(inputs, None)
    if mask is None or mask.shape != target_positions(loss, y) or mask.all():
        return None
    if not mask.any():
        raise DataError(
            f"{what}: only padding in all {len(y)} rows",
            "a target at one position or more that is not padding",
            "rows with values; or an Embedding without padding=",
        )
    return mask


def example_targets(loss: Loss, p: Array, seed: int = 0) -> Array:
    """Return random targets of the kind that `loss` takes, for the predictions `p` (n, …, k)."""
    return loss.target_kind.examples(p, np.random.default_rng(seed))
