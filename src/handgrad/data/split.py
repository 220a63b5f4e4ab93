"""Random splits into rows to train on and rows to test on."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.base.errors import DataError, SettingError
from handgrad.layers import Array
from handgrad.layers.initializers import spawning_generator
from handgrad.net.minibatches import array_of, check_as_many


def train_test_split(
    x: npt.ArrayLike | tuple[npt.ArrayLike, ...],
    y: npt.ArrayLike,
    *,
    test_size: float = 0.2,
    stratify: bool = False,
    rng: int | np.random.Generator | None = None,
) -> tuple[Any, Any, Array, Array]:
    """Split the rows at random: `x_train, x_test, y_train, y_test`.

    `test_size` is the share that is set aside; `stratify=True` keeps the shares of the classes
    in `y`. `x` may be a tuple of arrays. Scikit-learn does the splitting.

    >>> x_train, x_test, y_train, y_test = train_test_split([[1], [2], [3], [4]], [0, 0, 1, 1],
    ...     test_size=0.5, stratify=True, rng=0)
    >>> sorted(y_test.tolist())
    [0, 1]
    """
    from sklearn.model_selection import train_test_split as split

    if isinstance(test_size, bool) or not isinstance(test_size, Real) or not 0 < test_size < 1:
        raise SettingError(
            f"a share of {test_size!r} set aside", "a share between 0 and 1", "0.2, for a fifth"
        )
    parts = [array_of(part, "x") for part in (x if isinstance(x, tuple) else (x,))]
    y = array_of(y, "y")
    check_as_many(y, *parts)
    if stratify:
        _check_classes(y)
    seed = int(spawning_generator(rng).integers(2**31))
    try:
        pieces = split(
            *parts, y, test_size=test_size, stratify=y if stratify else None, random_state=seed
        )
    except ValueError as error:
        raise DataError(
            f"{len(y)} rows cannot be split with {test_size:g} of them set aside: {error}",
            "enough rows for both sides, one of each class on each side if stratified",
            "more rows, or another share",
        ) from error
    train, test = pieces[0::2], pieces[1::2]
    if isinstance(x, tuple):
        return tuple(train[:-1]), tuple(test[:-1]), train[-1], test[-1]
    return train[0], test[0], train[1], test[1]


def _check_classes(y: Array) -> None:
    classes, counts = np.unique(y, return_counts=True, axis=0 if y.ndim > 1 else None)
    if (counts < 2).any():
        raise DataError(
            f"{(counts < 2).sum()} of {len(classes)} classes have a single row, "
            f"{classes[counts < 2].tolist()[0]!r} for one",
            "two rows or more of each class, so that both sides have one",
            "leave those rows out, or check that these are classes and not measured numbers",
        )
