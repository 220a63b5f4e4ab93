"""Checks of a net, a loss and rows before a training."""

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from handgrad.base.errors import DataError, HandgradError, SettingError, ShapeError, did_you_mean
from handgrad.config import check_kinds
from handgrad.layers import Array
from handgrad.layers.mistakes import returned
from handgrad.losses import Loss
from handgrad.metrics.choice import Metric
from handgrad.net import Net
from handgrad.net.minibatches import array_of, check_as_many, number_of_rows, take
from handgrad.optimizers import Optimizer
from handgrad.training.metric_functions import Measure, measures

TRAINING, VALIDATION = "training data", "validation data"
MOST_ROWS_TRIED = 256


def checked_rows(
    net: Net,
    loss: Loss,
    data: object,
    what: str,
    *,
    learn: bool,
    metrics: Mapping[str, Metric] = {},
) -> tuple[Any, Array]:
    """The inputs and targets in `data`, fit for `net`, `loss` and the metrics.

    `learn`: the rows are to be trained on.
    """
    check_kinds(net=(net, Net), loss=(loss, Loss))
    x, y = checked_pair(data, what)
    x = (
        tuple(checked_inputs(net, part, f"{what}, input {i + 1}") for i, part in enumerate(x))
        if isinstance(x, tuple)
        else checked_inputs(net, x, what)
    )
    y = array_of(y, f"{what}, targets")
    check_as_many(y, *(x if isinstance(x, tuple) else (x,)), where=what)
    if len(y) == 0:
        raise DataError(f"{what}: no rows", "at least one row", "check the filter or split before")
    check_fit(net, loss)
    tried = _some(y, metrics)
    with np.errstate(all="ignore"):
        p = net.predict(take(x, tried))
    _check_predictions(net, loss, p, len(tried))
    if not isinstance(x, tuple):
        net.check_input(x)
    y = loss.target_kind.checked(y, p, what, learn)
    _try_loss(loss, p, y[tried], learn)
    _try_metrics(measures(metrics, loss), p, y[tried])
    return x, y


def _try_loss(loss: Loss, p: Array, y: Array, learn: bool) -> None:
    """Refuse a loss that gives no number, or nothing to learn from, before it is needed."""
    twin = copy.deepcopy(loss)
    with np.errstate(all="ignore"):
        value = returned(twin, "forward", twin.forward(p, y))
        if learn:
            returned(twin, "backward", twin.backward(value))


def _some(y: Array, metrics: Mapping[str, Metric]) -> Array:
    """The rows to try the net and the metrics on; of every class, if there is a metric for that."""
    tried = np.linspace(0, len(y) - 1, min(len(y), MOST_ROWS_TRIED)).astype(int)
    if "roc_auc" not in metrics or len(y) <= MOST_ROWS_TRIED or y.dtype.kind not in "iubf":
        return tried
    columns = y.reshape(len(y), -1).T
    firsts = [np.unique(column, return_index=True)[1] for column in columns]
    return np.unique(np.concatenate([tried, *(first[:MOST_ROWS_TRIED] for first in firsts)]))


def check_fit(net: Net, loss: Loss) -> None:
    """Refuse a net whose last layer gives what the loss does not take, or whose weights are NaN."""
    if not net.layers:
        raise SettingError(
            "a net without layers", "at least one layer", "hg.Net(hg.Linear(2, 10), …)"
        )
    produced, expected = net.output_kind, loss.input_kind
    if produced is not None and not expected.accepts(produced):
        last, instead = net.layers[-1], loss.target_kind.probability_loss
        inside = f": {type(loss).__name__} contains the {expected.activation}"
        raise SettingError(
            f"{last!r} hands {produced} to {loss!r}",
            f"{expected}, any numbers" + (inside if expected.activation else ""),
            f"remove {last!r}" + (f", or use {instead}" if instead else ""),
            net.position(len(net.layers) - 1),
        )
    for path, array in net.state().items():
        if not np.isfinite(array).all():
            raise SettingError(
                f"{path} of the net holds NaN or infinity before anything was computed",
                "finite weights",
                "make the net anew, or load weights that are finite",
            )


def refuse_full_batch(optimizer: Optimizer, what: str) -> None:
    """Refuse an optimizer that takes all rows at once, and finds its steps by itself."""
    if optimizer.minimizer is not None:
        raise SettingError(
            f"{what} beside {optimizer!r}, which searches for its steps",
            "an optimizer that takes a step for each batch",
            f"optimizer=hg.Adam(0.001); or {optimizer!r} without it",
        )


def check_batches(net: Net, rows: int, batch_size: int) -> None:
    """Refuse a batch, full or last, with fewer rows than a layer of the net can learn from."""
    size = min(rows, batch_size)
    for last in (size, rows % size or size):
        if last < net.min_batch_size:
            sizes = range(batch_size, rows + 1)
            fitting = (b for b in sizes if min(b, rows % b or b) >= net.min_batch_size)
            what = f"{rows} rows in batches of {size}, the last of {last}"
            hint = f"batch_size={next(fitting)}" if rows >= net.min_batch_size else "more rows"
            with net.mode(training=True):
                net.check_rows(last, what, hint)


def checked_pair(data: object, what: str) -> tuple[Any, Any]:
    """`data` as inputs and targets."""
    parts = [*data] if isinstance(data, Iterable) else []
    if len(parts) != 2:
        is_tuple = isinstance(data, tuple | list)
        raise DataError(
            f"{what}: {f'{len(parts)} parts' if is_tuple else f'one {type(data).__name__}'}",
            "a pair (x, y)",
            "hg.train(net, (x, y), …), with validation=(x_val, y_val)",
        )
    return parts[0], parts[1]


def check_monitor(
    monitor: str, usual: str, metrics: Collection[str], sets: Collection[str]
) -> None:
    """Refuse to monitor what no report of a training with these metrics and sets will hold."""
    known = ["train_loss", usual, *metrics]
    known += [f"{name}_{what}" for name in sets for what in ("loss", *metrics)]
    known = [*dict.fromkeys(known)]
    if monitor in known:
        return
    raise SettingError(
        f"monitor = {monitor!r}, which this training does not report",
        f"one of {', '.join(known)}",
        did_you_mean(
            monitor, known, "validation=..., for a validation loss; metrics=[...], for a metric"
        ),
    )


def checked_inputs(net: Net, x: object, what: str) -> Array:
    """`x` in the net's dtype, all of it finite."""
    x = array_of(x, what)
    if x.ndim == 0 and x.dtype.kind in "fiub":
        raise DataError(
            f"{what}: the single number {x}", "an array of rows", "x = [[1.0, 2.0]], for one row"
        )
    with np.errstate(over="ignore"):
        cast: Array = net.cast(x)
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
            f"{rows} rows went in and {number_of_rows(p)} came out",
            "one prediction for each row",
            "a layer that keeps the first axis: sum or average over the others",
            where,
        )
    loss.target_kind.check_predictions(p, loss, where)
    if net.output_kind is None:
        loss.input_kind.check(p, loss, where)


def _try_metrics(metrics: Mapping[str, Measure], p: Array, y: Array) -> None:
    """Refuse a metric that cannot be computed, before anything is trained for it."""
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
