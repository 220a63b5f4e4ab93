"""Rows and batches of rows, of one array or a tuple of arrays; example rows for any layer."""

import copy
from collections.abc import Callable, Hashable, Iterator, Sized
from typing import Any

import numpy as np

from handgrad.textbook.errors import DataError, SettingError, ShapeError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import closed
from handgrad.textbook.losses import Loss

# What a net takes: rows of one array, or of several.
Inputs = Array | tuple[Array, ...]


def number_of_rows(x: Inputs) -> int:
    """How many rows `x` has."""
    return len(x[0]) if isinstance(x, tuple) else len(x)


def take(x: Inputs, rows: Array | slice) -> Any:
    """Those rows of `x`."""
    return tuple(part[rows] for part in x) if isinstance(x, tuple) else x[rows]


def named_parts(name: str, x: Inputs) -> dict[str, Array]:
    """The arrays of `x` by name: `x`, or `x[0]`, `x[1]`, … where it has several."""
    return {f"{name}[{i}]": p for i, p in enumerate(x)} if isinstance(x, tuple) else {name: x}


def form_of(x: Inputs) -> Hashable:
    """What a recording follows from, of rows: what one is like, of each of the arrays."""
    return tuple((name, p.shape[1:], p.dtype) for name, p in named_parts("x", x).items())


def batches(n_rows: int, batch_size: int, begin: int = 0) -> Iterator[slice]:
    """Consecutive slices of `batch_size` rows, from `begin` on; the last may be shorter.

    >>> list(batches(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(begin, n_rows, batch_size):
        yield slice(start, min(start + batch_size, n_rows))


def array_of(rows: object, what: str) -> Array:
    """`rows` as an array; rows of different lengths are refused."""
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise DataError(
            f"{what}: rows of different lengths",
            "as many numbers in every row",
            "look for a row that is shorter or longer: sorted({len(row) for row in x})",
        ) from error


def check_as_many(y: Array, *inputs: Sized, where: str = "") -> None:
    """Refuse targets of which there are not as many as rows of each of the inputs."""
    lengths = {len(x) if getattr(x, "ndim", 1) else 0 for x in inputs}
    if y.ndim == 0 or lengths != {len(y)}:
        rows = " and ".join(map(str, sorted(lengths))) or "no"
        raise DataError(
            f"{rows} rows of x and {len(y) if y.ndim else 'no'} targets",
            "as many targets as rows",
            "check that x and y come from the same rows",
            where,
        )


def check_several(parts: tuple[Array, ...], where: str) -> None:
    """Refuse inputs of several arrays, if there is none, or not as many rows in each."""
    if not parts:
        raise ShapeError("an empty tuple came in", "arrays of rows", "(a, b)", where)
    if len({part.shape[:1] for part in parts}) > 1 or not parts[0].shape:
        shapes = " and ".join(str(part.shape) for part in parts)
        raise ShapeError(
            f"a tuple of arrays of shapes {shapes} came in",
            "as many rows in each: a row of the net is one of each array",
            "check that all come from the same rows; x[None], for a single row",
            where,
        )


def array_of_numbers(x: Any, where: Callable[[], str]) -> Any:
    """`x` as an array of numbers of any type; what is none is refused, with `where` it came in."""
    if not hasattr(x, "__array_function__"):
        x = array_of(x, where())
    if x.dtype.kind not in "fiub":
        raise DataError(
            f"an array of type {x.dtype} came in",
            "numbers",
            "encode text as numbers first, one column a category",
            where(),
        )
    return x


def example_input(layer: Layer, n_rows: int, seed: int = 0) -> Array:
    """Random rows that `layer` takes, (n_rows, *shape_in), of 0 and 1 where it takes codes.

    Where that is open, (..., k), rows of (k,) if it takes them, else of 4 places, (4, k). A layer
    that does not say what it takes is given such rows of 4 features, if it takes them.
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
        f"{layer!r} does not say what it takes, and fails with rows of {of_shape}, "
        f"for example: {failures[0]}",
        "an example, or a layer that states n_in, the number of its features",
        "x=..., a few rows of what the layer is made for; or self.n_in = … in its __init__",
    ) from failures[0]


def _drawn(layer: Layer, shape: tuple[int, ...], seed: int) -> Array:
    rng = np.random.default_rng(seed)
    if layer.integer_input:
        codes: Array = rng.integers(0, 2, shape)
        return codes
    return rng.standard_normal(shape).astype(layer.dtype or np.float32)


def _failure(layer: Layer, x: Array) -> Exception | None:
    """What a layer says against these rows; None if it takes them."""
    trial = copy.deepcopy(layer)
    trial.seed(0)
    try:
        with np.errstate(all="ignore"):
            trial.check_input(x)
            trial.forward(x)
    except Exception as failure:
        return failure
    return None


def places_of(loss: Loss, y: Array) -> tuple[int, ...]:
    """The shape of the places that have a target each: (n,) or (n, t)."""
    return y.shape if loss.target_kind.indices else y.shape[: max(y.ndim - 1, 1)]


def places_there(layer: Layer, loss: Loss, x: Inputs, y: Array, what: str) -> Array | None:
    """Which places with a target each are there, (n, t), and no padding; None where all are.

    Rows of which none is there are refused, as `what` they are.
    """
    given: Any = x
    there = layer.mask_out(given, None)
    if there is None or there.shape != places_of(loss, y) or there.all():
        return None
    if not there.any():
        raise DataError(
            f"{what}: nothing but padding in all {len(y)} rows",
            "a target at one place at least that is there",
            "rows with something in them; or an Embedding without padding=",
        )
    return there


def example_targets(loss: Loss, p: Array, seed: int = 0) -> Array:
    """Random targets of the kind that `loss` expects, fitting the predictions `p`, (n, …, k)."""
    return loss.target_kind.examples(p, np.random.default_rng(seed))
