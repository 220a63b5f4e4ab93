"""What comes in at the border of training: refused with a reason, or ready for the engine."""

from typing import Any

import numpy as np

from handgrad.engines.minibatches import number_of_rows, take
from handgrad.errors import DataError, SettingError, ShapeError
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.net import Net


def checked_rows(net: Net, loss: Loss, data: Any, what: str, *, learn: bool) -> tuple[Any, Array]:
    """The inputs and targets in `data`, fit for `net` and `loss`; `learn`: to be trained on."""
    x, y = checked_pair(data, what)
    x = (
        tuple(_inputs(net, part, what) for part in x)
        if isinstance(x, tuple)
        else _inputs(net, x, what)
    )
    y = np.asarray(y)
    if y.ndim == 0 or number_of_rows(x) != len(y):
        raise DataError(
            f"{what}: {number_of_rows(x)} rows of x and {'no' if y.ndim == 0 else len(y)} targets",
            "as many targets as rows",
            "check that x and y come from the same rows",
        )
    if len(y) == 0:
        raise DataError(f"{what}: no rows", "at least one row", "check the filter or split before")
    check_fit(net, loss)
    p = net.predict(take(x, slice(0, 2)))
    _check_predictions(net, loss, p)
    return x, _targets(loss, y, p, what, learn)


def check_fit(net: Net, loss: Loss) -> None:
    """Refuse a net whose last layer gives what the loss does not take."""
    if not net.layers:
        raise SettingError(
            "a net without layers", "at least one layer", "hg.Net(hg.Linear(2, 10), …)"
        )
    if loss.takes == "logits" and net.produces == "probabilities":
        last = net.layers[-1]
        raise SettingError(
            f"{last!r} hands probabilities to {loss!r}",
            f"logits, any numbers: {type(loss).__name__} contains the softmax",
            f"remove {last!r}, or use CrossEntropyLoss()",
            net.position(len(net.layers) - 1),
        )


def checked_pair(data: Any, what: str) -> tuple[Any, Any]:
    """`data` as inputs and targets."""
    try:
        x, y = data
    except (TypeError, ValueError):
        raise DataError(
            f"{what} of type {type(data).__name__}", "a pair (x, y)", "hg.train(net, (x, y), …)"
        ) from None
    return x, y


def _inputs(net: Net, x: Any, what: str) -> Array:
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise DataError(
            f"{what}: rows of different lengths",
            "the same number of features in every row",
            "check the row that is shorter or longer",
        ) from error
    cast: Array = net.cast(x)
    if cast.dtype.kind == "f" and not np.isfinite(cast).all():
        bad = np.argwhere(~np.isfinite(cast))
        places = "all finite before, too large now" if np.isfinite(x).all() else "the first"
        raise DataError(
            f"{what}: {len(bad)} numbers are NaN or infinite as {cast.dtype}, {places} at row "
            f"{bad[0][0]}, feature {bad[0][-1]}",
            "finite numbers",
            "drop those rows, x[np.isfinite(x).all(axis=1)], or fill in the column's mean",
        )
    return cast


def _check_predictions(net: Net, loss: Loss, p: Array) -> None:
    where = net.position(len(net.layers) - 1)
    wrong = loss.takes == "probabilities" and bool((p < 0).any() or (p > 1 + 1e-5).any())
    if wrong:
        ending = "Softmax()" if loss.targets == "classes" else "Sigmoid()"
        raise SettingError(
            f"{loss!r} was handed numbers from {p.min():.3g} to {p.max():.3g}",
            "probabilities, between 0 and 1",
            f"{ending} as the last layer"
            + (", or SoftmaxCrossEntropyLoss()" if loss.targets == "classes" else ""),
            where,
        )
    if loss.targets == "classes" and (p.ndim != 2 or p.shape[1] < 2):
        raise ShapeError(
            f"{loss!r} was handed predictions of shape (n, {', '.join(map(str, p.shape[1:]))})",
            "one column a class, at least two",
            "Linear(…, n_classes) before the end, or BinaryCrossEntropyLoss() for one column",
            where,
        )


def _targets(loss: Loss, y: Array, p: Array, what: str, learn: bool) -> Array:
    if y.dtype.kind in "OUS" or y.dtype.kind not in "fiub":
        raise DataError(
            f"{what}: targets of type {y.dtype}, such as {y.flat[0]!r}",
            "numbers",
            "names, y = np.unique(y, return_inverse=True) turns names into 0, 1, 2 …",
        )
    if not np.isfinite(y).all():
        raise DataError(
            f"{what}: NaN or infinity among the targets",
            "finite numbers",
            "drop those rows, keep = np.isfinite(y)",
        )
    if loss.targets == "classes":
        return _classes(y, p.shape[1], what, learn)
    expected = (len(y), *p.shape[1:])
    if y.size != np.prod(expected):
        raise ShapeError(
            f"{what}: targets of shape {y.shape}",
            f"shape {expected}, as the predictions",
            f"Linear(…, {y.size // len(y)}) as the last layer with weights",
        )
    y = y.reshape(expected)
    if loss.targets == "binary":
        if not np.isin(y, (0, 1)).all():
            odd = y[~np.isin(y, (0, 1))].flat[0]
            raise DataError(
                f"{what}: a target of {odd:g}",
                "0 or 1 in every target",
                "(y == yes).astype(int); CrossEntropyLoss() for more classes",
            )
        _check_varied(y, what, learn)
    return y.astype(p.dtype)


def _classes(y: Array, n_classes: int, what: str, learn: bool) -> Array:
    expected = f"whole numbers from 0 to {n_classes - 1}, one a row"
    if y.ndim != 1:
        raise ShapeError(
            f"{what}: targets of shape {y.shape}",
            expected,
            "y.ravel()" if y.size == len(y) else "y.argmax(axis=1), if the targets are one-hot",
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
        first = int(np.flatnonzero(y == odd)[0])
        raise DataError(
            f"{what}: label {odd} in row {first}, for {n_classes} classes",
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
