"""What comes in at the border of a picture: tables, labels, names, and what a net makes of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.errors import DataError, SettingError, ShapeError
from handgrad.layers import Array, Softmax
from handgrad.net import Net
from handgrad.net.minibatches import array_of


def table_of(x: Any) -> Array:
    """`x` as a table of finite numbers, (rows, features)."""
    x = array_of(x, "x")
    if x.dtype.kind not in "fiub" or x.ndim != 2 or 0 in x.shape:
        raise ShapeError(
            f"x of shape {x.shape} and type {x.dtype}",
            "numbers of shape (rows, features), one row at least",
            "x[:, None], for a single feature"
            if x.ndim == 1 and x.size
            else "hg.data.make_moons()",
        )
    if not np.isfinite(x).all():
        raise DataError(
            f"x: NaN or infinity in {(~np.isfinite(x)).any(axis=1).sum()} of {len(x)} rows",
            "finite numbers",
            "drop those rows, x[np.isfinite(x).all(axis=1)]",
        )
    return x


def targets_of(y: Any, x: Array) -> Array:
    """`y` as finite numbers, one a row of `x` or one row a row."""
    y = array_of(y, "y")
    if y.ndim == 0 or len(y) != len(x):
        raise DataError(
            f"{len(x)} rows of x and {len(y) if y.ndim else 'no'} targets",
            "as many targets as rows",
            "check that x and y come from the same rows",
        )
    if y.dtype.kind not in "fiub" or not np.isfinite(y).all():
        raise DataError(
            f"targets of type {y.dtype}"
            + (", some of them NaN or infinite" if y.dtype.kind == "f" else ""),
            "finite numbers",
            "names, y = np.unique(y, return_inverse=True) turns names into 0, 1, 2 …",
        )
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def classes_of(y: Any, x: Array, n_classes: int | None = None) -> Array:
    """`y` as classes 0, 1, 2 …, (n,) int64; below `n_classes`, where a net says how many."""
    y = targets_of(y, x)
    if y.ndim != 1:
        raise ShapeError(
            f"targets of shape {y.shape}",
            "one class a row",
            "y.argmax(axis=1), if the targets are one-hot",
        )
    odd = y[(y < 0) | (y != np.floor(y)) | (y >= (np.inf if n_classes is None else n_classes))]
    if odd.size:
        below = "" if n_classes is None else f", below the net's {n_classes}"
        raise DataError(
            f"a target of {odd[0]:g}",
            f"classes 0, 1, 2 …{below}",
            "names, y = np.unique(y, return_inverse=True) numbers them; "
            "plot_predictions(net, x, y), for numbers",
        )
    return y.astype(np.int64)


def names_of(names: Sequence[str] | None, n: int, what: str) -> list[str]:
    """The names of `n` features or classes; without any, numbered ones.

    Features are counted from 1, as in words; classes by their labels, from 0.
    """
    if names is None:
        return [f"{what} {i + (what == 'feature')}" for i in range(n)]
    if isinstance(names, str) or len(names) < n:
        raise SettingError(
            f"{what}_names = {names!r}",
            f"{n} names, one for each {what}",
            "names in the order of the columns" if what == "feature" else "('no', 'yes')",
        )
    return [str(name) for name in names]


def probabilities(net: Net, x: Array) -> Array:
    """The probability of each class, (n, n_classes), that `net` gives the rows of `x`."""
    return as_probabilities(net, np.asarray(net.predict(x)))


def as_probabilities(net: Net, p: Array) -> Array:
    """What `net` put out, `p`, as the probability of each class, (n, n_classes).

    One column is the probability of class 1; numbers that are no probabilities are taken for
    logits, and go through the softmax.
    """
    shape, known = p.shape, net.produces == "probabilities"
    p = p[:, None] if p.ndim == 1 else p
    if p.ndim == 2 and p.shape[1] == 1 and (known or (p.min() >= 0 and p.max() <= 1)):
        return np.hstack([1 - p, p])
    if p.ndim != 2 or p.shape[1] < 2:
        raise SettingError(
            f"a net whose predictions, of shape {shape}, are no probabilities of classes",
            "a column for each class, or one column with the probability of class 1",
            "plot_predictions(net, x, y), for a net that predicts a number",
        )
    if known or (p.min() >= 0 and np.allclose(p.sum(axis=1), 1, atol=1e-3)):
        return p
    return Softmax().forward(p)
