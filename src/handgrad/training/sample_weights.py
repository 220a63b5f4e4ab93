"""Sample weights and class weights: checked, and 0 at padding."""

from collections.abc import Mapping

import numpy as np

from handgrad.textbook.errors import DataError, SettingError, ShapeError, not_negative
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.losses.weighting import spread
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, array_of, target_mask, target_positions
from handgrad.textbook.net.shared_rows import SharedRows
from handgrad.textbook.net.sparse_rows import SparseRows


def without_padding(
    net: Net, loss: Loss, x: Inputs, y: Array, sample_weight: object, what: str
) -> object:
    """`sample_weight` of the checked rows (x, y), with 0 at padding."""
    there = None if isinstance(x, SharedRows | SparseRows) else target_mask(net, loss, x, y, what)
    if there is None:
        return sample_weight
    places = there.shape
    w = np.ones(len(y)) if sample_weight is None else checked_weights(sample_weight, places, what)
    return spread(w, places) * there


def aims_at_padding(net: Net, loss: Loss, x: Array, y: Array) -> bool:
    """Check whether there is a target per step, and steps of such rows may be padding."""
    there = net.mask_out(x, None)
    return there is not None and there.shape == target_positions(loss, y)


def refuse_padding(net: Net, loss: Loss, x: Array, y: Array, what: str) -> None:
    """Refuse streamed rows, which have no weights, whose targets may be at padding."""
    if aims_at_padding(net, loss, x, y):
        raise SettingError(
            f"{what}: streamed sequences with padding, and a target for each step",
            "rows in memory, whose weights mask the padding in the loss",
            "hg.train(net, (x, y), …); or an Embedding without padding=",
        )


def check_takes_weights(loss: Loss) -> None:
    """Refuse a loss whose forward takes no sample weights."""
    if not loss.takes_weights:
        raise SettingError(
            f"weights with {loss!r}, whose forward does not take them",
            "a loss whose forward has the argument sample_weight",
            "forward(self, p, y, sample_weight=None), which returns losses.weighted_mean(l, w) of "
            "the rows' losses l; backward with losses.mean_weights(w, l)",
        )


def checked_weights(sample_weight: object, places: tuple[int, ...], what: str) -> Array:
    """Sample weights of 0 or more, one per row, (n,), or per step, (n, …), as float64.

    Parameters
    ----------
    sample_weight : array-like
        The weights to check.
    places : tuple of int
        Shape of the positions that may have weights, (n, …).
    what : str
        Name of the rows in errors.
    """
    what, rows = f"{what}, sample_weight", places[0]
    w = array_of(sample_weight, what)
    if w.dtype.kind not in "fiub":
        raise DataError(
            f"{what}: values of type {w.dtype}", "a number for each row", "np.ones(len(y))"
        )
    if w.ndim == 0 or w.shape != places[: w.ndim]:
        of_places = f"; or for each step of it, shape {places}" if len(places) > 1 else ""
        raise ShapeError(
            f"{what}: shape {w.shape}, for {rows} rows",
            f"a weight for each row, shape ({rows},)" + of_places,
            "sample_weight.ravel()" if w.size == rows else "the weights of these rows",
        )
    w = w.astype(float)
    if not (np.isfinite(w) & (w >= 0)).all():
        bad = np.argwhere(~(np.isfinite(w) & (w >= 0)))[0]
        raise DataError(
            f"{what}: {w[tuple(bad)]:g} in row {bad[0]}, counted from 0",
            "finite weights, 0 or more",
            "0 for a row to ignore",
        )
    return w


def class_weights(
    class_weight: object, loss: Loss, p: Array, y: Array, sample_weight: object, what: str
) -> Array | None:
    """Weight of each class, (n_classes,), for checked targets `y` and some predictions `p`.

    Classes that a dictionary does not name have weight 1. "balanced" gives n / (k n_c), as in
    scikit-learn, with n_c the total weight of the rows of class c.
    """
    if class_weight is None:
        return None
    k = loss.target_kind.n_classes(p.shape[-1] if p.ndim > 1 else 1)
    if k is None:
        raise SettingError(
            f"class_weight = {class_weight!r} with {loss!r}, whose targets are "
            + ("not classes" if loss.target_kind.n_classes(1) is None else "several per row"),
            "one class per row",
            "sample_weight=..., a weight for each row",
        )
    if isinstance(class_weight, str) and class_weight == "balanced":
        w = np.ones(y.shape)
        if sample_weight is not None:
            w = spread(checked_weights(sample_weight, y.shape, what), y.shape)
        of_class = np.bincount(y.ravel().astype(int), w.ravel(), k)
        present = of_class > 0
        return np.where(present, w.sum() / (present.sum() * np.where(present, of_class, 1)), 1.0)
    if not isinstance(class_weight, Mapping):
        raise SettingError(
            f"class_weight = {class_weight!r}",
            "a dictionary of classes and their weights, or 'balanced'",
            "class_weight={0: 1.0, 1: 5.0}",
        )
    weights = np.ones(k)
    for c, weight in class_weight.items():
        if not isinstance(c, int | np.integer) or not 0 <= c < k:
            raise SettingError(
                f"class_weight for the class {c!r}",
                f"classes from 0 to {k - 1}",
                "the class numbers of the targets",
            )
        not_negative(f"class_weight of the class {c}", weight)
        weights[int(c)] = float(weight)
    return weights
