"""Setting rows aside for testing."""

from typing import Any

import numpy as np

from handgrad.errors import DataError, SettingError
from handgrad.layers import Array


def train_test_split(
    x: Any,
    y: Any,
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

    if not 0 < test_size < 1:
        raise SettingError(
            f"a share of {test_size!r} set aside", "a share between 0 and 1", "0.2, for a fifth"
        )
    parts = [np.asarray(part) for part in (x if isinstance(x, tuple) else (x,))]
    y = np.asarray(y)
    if any(len(part) != len(y) for part in parts):
        raise DataError(
            f"{len(parts[0])} rows of x and {len(y)} targets",
            "as many targets as rows",
            "check that x and y come from the same rows",
        )
    seed = int(np.random.default_rng(rng).integers(2**31))
    try:
        pieces = split(
            *parts, y, test_size=test_size, stratify=y if stratify else None, random_state=seed
        )
    except ValueError as error:
        counts = np.unique(y, return_counts=True)[1] if stratify else np.array([len(y)])
        raise DataError(
            f"{len(y)} rows, the rarest class with {counts.min()}, cannot be split: {error}",
            "enough rows for both sides, two of each class if stratified",
            "more rows, another share, or your own split: validation=(x_val, y_val)",
        ) from error
    train, test = pieces[0::2], pieces[1::2]
    if isinstance(x, tuple):
        return tuple(train[:-1]), tuple(test[:-1]), train[-1], test[-1]
    return train[0], test[0], train[1], test[1]
