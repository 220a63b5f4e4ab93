"""Data validation: data checked once against net, loss and metrics, and weighted."""

import copy
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from handgrad.engines.config import check_kinds
from handgrad.engines.engine import EngineRows
from handgrad.textbook.errors import DataError, HandgradError, SettingError, ShapeError
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.checks import checked_result
from handgrad.textbook.layers.random_stream import RandomStream
from handgrad.textbook.losses import Loss
from handgrad.textbook.losses.weighting import spread
from handgrad.textbook.metrics.registry import Metric
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import (
    Inputs,
    array_of,
    check_consistent_length,
    named_parts,
    number_of_rows,
    take,
    target_positions,
)
from handgrad.textbook.net.shared_rows import SharedRows
from handgrad.textbook.net.sparse_rows import SparseRows, checked_sparse
from handgrad.training.metric_functions import Measure, measures
from handgrad.training.sample_weights import (
    check_takes_weights,
    checked_weights,
    class_weights,
    without_padding,
)

TRAINING, VALIDATION = "training data", "validation data"
MOST_ROWS_TRIED = 256
MOST_DENSE = 2**27  # bytes of sparse rows as a dense array
# Of these, fewer of long rows; the others are tried with the same predictions.
ROWS_PREDICTED, NUMBERS_PREDICTED = 4, 2**16


@dataclass(frozen=True)
class CheckedData(EngineRows):
    """Data in the form that net and loss take; what takes a pair (x, y) takes it unchecked.

    `p` has the predictions of some of the rows. Once they are weighted, all weights are above 0:
    `w` weighs the rows in the loss, in the net's dtype; `sample_weight` in the metrics, without the
    class weights `of_class` (n_classes,). Both are divided by the largest weight.
    """

    sample_weight: Array | None = None
    of_class: Array | None = None
    p: Any = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.x, self.y))

    def part(self, rows: Array, sample_weight: Array | None) -> Self:
        """Some of the rows, by index, of which these are the weights of all."""
        w = None if sample_weight is None else sample_weight[rows]
        return replace(self, x=_selected(self.x, rows), y=self.y[rows], sample_weight=w)

    def checksum(self) -> str:
        """Checksum of the rows."""
        x, others = self.x, (self.y, self.w, self.sample_weight)
        of_x = x.arrays if isinstance(x, SparseRows) else named_parts("x", x).values()
        parts = (*of_x, *others)
        return checksum(("", part) for part in parts if part is not None)


def _selected(x: Inputs | SparseRows, rows: Array) -> Any:
    """Rows of `x`, which stay sparse if they are."""
    return x.select(rows) if isinstance(x, SparseRows) else take(x, rows)


def dense_if_small(rows: CheckedData) -> CheckedData:
    """The same rows as a dense array, unless they are sparse and take too much memory."""
    small = isinstance(rows.x, SparseRows) and len(rows.x) <= dense_at_once(rows.x)
    return replace(rows, x=rows.x[:]) if small else rows


def dense_at_once(x: SparseRows) -> int:
    """Number of rows that are made dense at once."""
    return MOST_DENSE // x.row_bytes


def checked_data(
    net: Net,
    loss: Loss,
    data: object,
    what: str,
    *,
    learn: bool,
    metrics: Mapping[str, Metric] = {},
) -> CheckedData:
    """Check and convert the inputs and targets in `data` for `net`, `loss` and the metrics.

    Data that has been checked before is returned as it is.

    Parameters
    ----------
    net : Net
        Predicts some of the rows.
    loss : Loss
        Checks the targets.
    data : pair of arrays
        Inputs x and targets y.
    what : str
        Name of the rows in errors.
    learn : bool
        The rows are for training.
    metrics : dict of str to function
        Tried on some of the rows.
    """
    check_kinds(net=(net, Net), loss=(loss, Loss))
    if isinstance(data, CheckedData):  # its predictions are of other rows, but of the same form
        p, y = data.p, data.y[_some(data.y, metrics)]
        if p is not None:
            _try_metrics(measures(metrics, loss), np.resize(p, (len(y), *p.shape[1:])), y)
        return data
    x, y = checked_pair(data, what)
    if isinstance(x, tuple):
        x = checked_parts(net, x, what)
    elif isinstance(x, SharedRows):
        x = x.of(checked_inputs(net, x.values, what))
    elif isinstance(x, SparseRows):
        x = checked_sparse(net, x, what)
    else:
        x = checked_inputs(net, x, what)
    if not isinstance(y, SharedRows):
        y = array_of(y, f"{what}, targets")
    check_consistent_length(y, *(x if isinstance(x, tuple) else (x,)), where=what)
    if len(y) == 0:
        raise DataError(f"{what}: no rows", "at least one row", "check the filter or split before")
    check_fit(net, loss)
    own = x.each_once if isinstance(x, SharedRows) else x
    if not isinstance(own, tuple | SparseRows):  # sparse rows are no indices
        net.check_input(own)
    tried = _some(y, metrics)
    predicted = tried[: _rows_predicted(own)]
    with np.errstate(all="ignore"), _with_streams(net):
        p = net.predict(take(x, predicted), engine="eager")
    _check_type(net, x, p, what)
    _check_predictions(net, loss, p, len(predicted))
    p = np.resize(p, (len(tried), *p.shape[1:]))
    if isinstance(y, SharedRows):
        y = y.of(loss.target_kind.checked(y.each_once, p[:, :1], what, learn)[:, 0])
    else:
        y = _checked_targets(loss, y, p, what, learn)
    _try_loss(loss, p, y[tried], learn)
    _try_metrics(measures(metrics, loss), p, y[tried])
    return CheckedData(x, y, p=p)


def _rows_predicted(x: Inputs) -> int:
    """The number of rows to predict: few long ones, as sequences may be, which take much memory."""
    first = take(x, slice(1))
    numbers = sum(np.size(part) for part in (first if isinstance(first, tuple) else (first,)))
    return max(1, min(ROWS_PREDICTED, NUMBERS_PREDICTED // max(1, numbers)))


@contextmanager
def _with_streams(net: Net) -> Iterator[None]:
    """Give random streams to layers without one; a training seeds them after the checks."""
    without = [vars(layer) for _, layer in net.walk() if "rng" not in vars(layer)]
    for attributes in without:
        attributes["rng"] = RandomStream(np.random.PCG64(0), net.dtype)
    try:
        yield
    finally:
        for attributes in without:
            attributes.pop("rng", None)


def _checked_targets(loss: Loss, y: Array, p: Array, what: str, learn: bool) -> Array:
    """Targets in the form the loss takes; for a custom loss the error explains `target_kind`."""
    try:
        return loss.target_kind.checked(y, p, what, learn)
    except HandgradError as error:
        own = not type(loss).__module__.startswith("handgrad.")
        if own and loss.target_kind is Loss.target_kind:
            error.hint += (
                f"; or, if {type(loss).__name__} takes other targets, "
                "target_kind = hg.losses.kinds.TargetKind() in its class"
            )
        raise


def _try_loss(loss: Loss, p: Array, y: Array, learn: bool) -> None:
    """Refuse a loss whose forward or backward returns nothing."""
    twin = copy.deepcopy(loss)
    with np.errstate(all="ignore"):
        value = checked_result(twin, "forward", twin.forward(p, y))
        if learn:
            checked_result(twin, "backward", twin.backward(value))


def _some(y: Array, metrics: Mapping[str, Metric]) -> Array:
    """Rows on which the net and the metrics are tried; of every class for `roc_auc`."""
    tried = np.linspace(0, len(y) - 1, min(len(y), MOST_ROWS_TRIED)).astype(int)
    if "roc_auc" not in metrics or len(y) <= MOST_ROWS_TRIED or y.dtype.kind not in "iubf":
        return tried
    columns = y.reshape(len(y), -1).T
    firsts = [np.unique(column, return_index=True)[1] for column in columns]
    return np.unique(np.concatenate([tried, *(first[:MOST_ROWS_TRIED] for first in firsts)]))


def check_fit(net: Net, loss: Loss) -> None:
    """Refuse a net whose output kind the loss does not take, or whose weights are not finite."""
    if not net.layers:
        raise SettingError(
            "a net without layers", "at least one layer", "hg.Net(hg.Linear(2, 10), …)"
        )
    produced, expected = net.output_kind, loss.input_kind
    if produced is not None and not expected.accepts(produced):
        last, instead = net.layers[-1], loss.target_kind.probability_loss
        inside = f": {type(loss).__name__} contains the {expected.activation}"
        raise SettingError(
            f"{last!r} passes {produced} to {loss!r}",
            f"{expected}, any numbers" + (inside if expected.activation else ""),
            f"remove {last!r}" + (f", or use {instead}" if instead else ""),
            net.position(len(net.layers) - 1),
        )
    for path, array in net.state().items():
        if not np.isfinite(array).all():
            raise SettingError(
                f"{path} of the net has NaN or infinity before any computation",
                "finite weights",
                "create the net again, or load finite weights",
            )


def checked_pair(data: object, what: str) -> tuple[Any, Any]:
    """Split `data` into inputs and targets.

    Parameters
    ----------
    data : pair of arrays
        Inputs x and targets y.
    what : str
        Name of the rows in errors.
    """
    parts = [*data] if isinstance(data, Iterable) else []
    if len(parts) != 2:
        is_tuple = isinstance(data, tuple | list)
        raise DataError(
            f"{what}: {f'{len(parts)} parts' if is_tuple else f'one {type(data).__name__}'}",
            "a pair (x, y)",
            "hg.train(net, (x, y), …), with validation=(x_val, y_val)",
        )
    return parts[0], parts[1]


def checked_parts(net: Net, x: tuple[object, ...], what: str) -> tuple[Array, ...]:
    """Check several arrays of inputs: finite, in the types the net takes."""
    return tuple(
        checked_inputs(net, part, f"{what}, input {i + 1}", one_of_several=True)
        for i, part in enumerate(x)
    )


def _check_type(net: Net, x: Inputs, p: Array, what: str) -> None:
    """Refuse integers among several inputs with which a layer computes in float64."""
    if isinstance(x, tuple) and p.dtype != net.dtype:
        types = " and ".join(str(part.dtype) for part in x)
        raise DataError(
            f"{what}: predictions of type {p.dtype} from inputs of types {types}",
            f"{net.dtype}, the net's dtype: integers among several inputs are indices and not "
            "converted",
            f"x.astype(np.{net.dtype}), for an input that is not an index",
            repr(net.layers[0]),
        )


def checked_inputs(net: Net, x: object, what: str, *, one_of_several: bool = False) -> Array:
    """Convert `x` to the net's dtype and check that it is finite; see `Net.cast`."""
    x = array_of(x, what)
    if x.ndim == 0 and x.dtype.kind in "fiub":
        raise DataError(
            f"{what}: the single number {x}", "an array of rows", "x = [[1.0, 2.0]], for one row"
        )
    with np.errstate(over="ignore"):
        cast: Array = net.cast(x, one_of_several=one_of_several)
    if cast.dtype.kind == "f" and not np.isfinite(cast).all():
        bad = np.argwhere(~np.isfinite(cast))
        column = f", feature {bad[0][-1]}" if cast.ndim > 1 else ""
        too_large = f" (too large for {cast.dtype})" if np.isfinite(x[tuple(bad[0])]) else ""
        count = "1 number is" if len(bad) == 1 else f"{len(bad)} numbers are"
        raise DataError(
            f"{what}: {count} NaN or infinite, the first {x[tuple(bad[0])]:g}{too_large} "
            f"at row {bad[0][0]}{column}, counted from 0",
            "finite numbers",
            "divide that feature, or hg.Net(…, dtype=np.float64)"
            if too_large
            else "drop those rows, x[np.isfinite(x).all(axis=1)], or fill in the column's mean",
        )
    return cast


def _check_predictions(net: Net, loss: Loss, p: Array, rows: int) -> None:
    where = net.position(len(net.layers) - 1)
    if number_of_rows(p) != rows:
        raise ShapeError(
            f"{number_of_rows(p)} predictions for {rows} of the rows",
            "one prediction for each row",
            "a layer that keeps the first axis: sum or average over the others",
            where,
        )
    loss.target_kind.check_predictions(p, loss, where)
    if net.output_kind is None:
        loss.input_kind.check(p, loss, where)


def _try_metrics(metrics: Mapping[str, Measure], p: Array, y: Array) -> None:
    """Refuse a metric that cannot be computed, before the training."""
    for name, metric in metrics.items():
        try:
            with np.errstate(all="ignore"):
                float(metric(p, y, None))
        except HandgradError as error:
            error.where = error.where or f"metric {name!r}"
            raise
        except Exception as error:
            raise SettingError(
                f"metric {name!r} failed on {len(y)} rows: {type(error).__name__}: {error}",
                f"a function of p, {p.shape} here, and y, {y.shape}, that returns a number",
                "call it by hand: metric(net.predict(x), y)",
            ) from error


def checksum(arrays: Iterable[tuple[str, Array]], words: str = "") -> str:
    """Checksum of `words` and of arrays: contents, names, dtypes and shapes."""
    digest = hashlib.blake2b(words.encode(), digest_size=16)
    for name, array in arrays:
        digest.update(f"{name}{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def weighted_rows(
    net: Net,
    loss: Loss,
    rows: CheckedData,
    sample_weight: object,
    of_class: Array | None,
    what: str,
) -> CheckedData:
    """Add weights to checked data, and drop the rows of weight 0.

    A row's weight is multiplied by that of its class in `of_class`.
    """
    x, y = rows
    if sample_weight is None and of_class is None:
        return rows
    check_takes_weights(loss)
    places = target_positions(loss, y)
    of_row = np.ones(len(y))
    if sample_weight is not None:
        of_row = checked_weights(sample_weight, places, what)
    in_loss = of_row
    if of_class is not None:
        in_loss = spread(of_row, places) * of_class[y.astype(int).reshape(places)]
    if not in_loss.any():
        raise DataError(
            f"{what}: all {len(y)} rows have weight 0",
            "a weight above 0 for at least one row",
            "omit the weights, for equal ones",
        )
    in_loss = (in_loss / in_loss.max()).astype(net.dtype)
    positive = (in_loss >= np.finfo(in_loss.dtype).tiny).reshape(len(y), -1).any(axis=1)
    if not positive.all():
        x, y = _selected(x, positive), y[positive]
        in_loss, of_row = in_loss[positive], of_row[positive]
    of_metrics = None if sample_weight is None else of_row / of_row.max()
    return CheckedData(x, y, in_loss, of_metrics, of_class, rows.p)


def training_rows(
    net: Net,
    loss: Loss,
    data: object,
    sample_weight: object,
    class_weight: object,
    metrics: Mapping[str, Metric] = {},
) -> CheckedData:
    """Check and weigh the rows to train on."""
    rows = checked_data(net, loss, data, TRAINING, learn=True, metrics=metrics)
    sample_weight = without_padding(net, loss, rows.x, rows.y, sample_weight, TRAINING)
    of_class = class_weights(class_weight, loss, rows.p, rows.y, sample_weight, TRAINING)
    return weighted_rows(net, loss, rows, sample_weight, of_class, TRAINING)


def pair_and_weights(validation: object) -> tuple[Any, Any]:
    """Split `(x, y)` or `(x, y, sample_weight)` into the pair and the weights, or None.

    Parameters
    ----------
    validation : pair or triple of arrays
        One set of rows.
    """
    if isinstance(validation, tuple | list) and len(validation) == 3:
        return (validation[0], validation[1]), validation[2]
    return validation, validation.sample_weight if isinstance(validation, CheckedData) else None


def held_out_rows(
    net: Net,
    loss: Loss,
    given: object,
    what: str,
    of_class: Array | None = None,
    metrics: Mapping[str, Metric] = {},
) -> CheckedData:
    """Check and weigh the held-out rows (x, y) or (x, y, sample_weight)."""
    pair, its_weight = pair_and_weights(given)
    rows = checked_data(net, loss, pair, what, learn=False, metrics=metrics)
    its_weight = without_padding(net, loss, rows.x, rows.y, its_weight, what)
    return weighted_rows(net, loss, rows, its_weight, of_class, what)
