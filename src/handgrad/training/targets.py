"""What targets may be: classes, answers of 0 and 1, counts or numbers, as the loss says."""

import numpy as np

from handgrad.errors import DataError, ShapeError
from handgrad.layers import Array
from handgrad.losses import Loss


def checked_targets(loss: Loss, y: Array, p: Array, what: str, learn: bool) -> Array:
    """`y` in the shape and type that `loss` takes beside `p`, the predictions of a few rows."""
    if y.dtype.kind not in "fiub":
        raise DataError(
            f"{what}: targets of type {y.dtype}, such as {y.ravel()[:1].tolist()[0]!r}",
            "numbers",
            "names, y = np.unique(y, return_inverse=True) turns names into 0, 1, 2 …",
        )
    if not np.isfinite(y).all():
        raise DataError(
            f"{what}: NaN or infinity among the targets, first in row "
            f"{np.argwhere(~np.isfinite(y))[0][0]}, counted from 0",
            "finite numbers",
            "drop those rows, keep = np.isfinite(y)",
        )
    if loss.targets == "classes":
        return _classes(y, p.shape[1:], what, learn)
    expected = (len(y), *p.shape[1:])
    if y.shape not in (expected, (*expected, 1)) and (*y.shape, 1) != expected:
        columns = y.size // len(y)
        raise ShapeError(
            f"{what}: targets of shape {y.shape}",
            f"shape {expected}, as the predictions",
            f"y.reshape{expected}"
            if y.size == np.prod(expected)
            else f"Linear(…, {columns}) as the last layer with weights",
        )
    y = y.reshape(expected)
    _check_range(loss, y, what)
    if loss.targets == "binary":
        _check_varied(y, what, learn)
    with np.errstate(over="ignore"):
        cast = y.astype(p.dtype)
    if not np.isfinite(cast).all():
        raise DataError(
            f"{what}: a target of {y[~np.isfinite(cast)].flat[0]:g} is too large for {p.dtype}",
            "numbers that the net's type can hold",
            "targets in another unit, or hg.Net(…, dtype=np.float64)",
        )
    return cast


def _check_range(loss: Loss, y: Array, what: str) -> None:
    """Refuse answers other than 0 and 1, and counts below 0."""
    if loss.targets == "binary" and not np.isin(y, (0, 1)).all():
        odd = y[~np.isin(y, (0, 1))].flat[0]
        raise DataError(
            f"{what}: a target of {odd:g}",
            "0 or 1 in every target",
            "(y == yes).astype(int); CrossEntropyLoss() for more classes",
        )
    if loss.targets == "counts" and y.min() < 0:
        raise DataError(
            f"{what}: a target of {y.min():g}",
            "counts, from 0 on",
            "MSELoss() or HuberLoss(), for numbers below 0 too",
        )


def _classes(y: Array, shape: tuple[int, ...], what: str, learn: bool) -> Array:
    """The classes of each row or place, for predictions of that `shape` a row."""
    *places, n_classes = shape
    of_one = f"a row of {' × '.join(map(str, places))} places" if places else "a row"
    expected = (
        f"whole numbers from 0 to {n_classes - 1}, one {'a place of ' if places else ''}{of_one}"
    )
    wanted = (len(y), *places)
    if y.shape != wanted:
        raise ShapeError(
            f"{what}: targets of shape {y.shape}",
            expected,
            f"y.{'reshape' + str(wanted) if places else 'ravel()'}"
            if y.size == np.prod(wanted)
            else "y.argmax(axis=-1), if the targets are one-hot"
            if y.ndim == len(wanted) + 1
            else f"one whole number each, in an array of shape {('rows', *places)}".replace(
                "'", ""
            ),
        )
    if y.dtype.kind == "f":
        raise DataError(
            f"{what}: labels of type {y.dtype}, such as {y.flat[0]:g}",
            expected,
            "y.astype(int), if they are classes; MSELoss() if they are measured",
        )
    y = y.astype(np.int64)
    if y.min() < 0 or y.max() >= n_classes:
        odd = int(y.min() if y.min() < 0 else y.max())
        first = int(np.argwhere(y == odd)[0][0])
        raise DataError(
            f"{what}: label {odd} in row {first}, counted from 0, for {n_classes} classes",
            expected,
            "names, y = np.unique(y, return_inverse=True) numbers them from 0"
            if odd < 0
            else f"Linear(…, {odd + 1}) before the end for {odd + 1} classes, or labels from 0",
        )
    _check_varied(y, what, learn)
    return y


def _check_varied(y: Array, what: str, learn: bool) -> None:
    if learn and (y == y.flat[0]).all():
        raise DataError(
            f"{what}: all {len(y)} rows have the label {y.flat[0]:g}",
            "at least two classes to tell apart",
            "rows of another class, or check the column the labels come from",
        )
