"""Inputs of an explanation: the net of a model, its checked rows, and the loss."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from handgrad.engines.config import check_kinds
from handgrad.files.features import Column, Features
from handgrad.tables.data.frames import columns_of_records, records_in
from handgrad.tables.inspection import contributions
from handgrad.tables.inspection.tables import IndexedTable, cell_value
from handgrad.textbook.errors import DataError, SettingError, described
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.losses.default_loss import default_loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, array_of, number_of_rows
from handgrad.training.results import Contributions, HasNet, Predictor
from handgrad.training.validate_data import checked_data, checked_inputs, checked_parts

MOST_ROWS = 1000
WHAT = "the rows"
EXAMPLE = "hg.explain(net, x[:1], y[:1], loss=hg.CrossEntropyLoss())"


@dataclass(frozen=True)
class EncodedCell:
    """A cell of a table, and the numbers that a feature of that `kind` encodes it as.

    `value` is None where it is missing.
    """

    column: str
    value: float | str | None
    kind: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class ExplainedRows:
    """A net, rows as it takes them, their targets and loss, if it is to learn from them.

    `names` are those of the columns of x, `read` what the columns of a table said in its first
    row, where there is a table, and `contributions` are theirs to its prediction.
    """

    net: Net
    x: Inputs
    y: Array | None = None
    loss: Loss | None = None
    names: tuple[str, ...] = ()
    read: tuple[EncodedCell, ...] = ()
    contributions: Contributions | None = None


def subject_of(
    model: object, x: object, y: object, loss: object, background: object = None
) -> ExplainedRows:
    """The net, rows and loss of a net or a fitted estimator, and contributions of its columns."""
    if loss is not None:
        check_kinds(loss=(loss, Loss))
        if y is None:
            raise SettingError(f"{loss!r} without y", "the targets of the rows too", EXAMPLE)
    if isinstance(model, Net):
        if background is not None:
            raise SettingError(
                "background for a net, which takes numbers without columns",
                "a fitted estimator of tables",
                "hg.explain(net, x, y), without background",
            )
        return _of_net(model, x, y, loss if isinstance(loss, Loss) else None)
    rows = _of_estimator(model, x, y, loss)
    if background is None:
        return rows
    first = IndexedTable(x).take(np.zeros(1, int))
    result = contributions(cast("Predictor", model), first, background)
    return replace(rows, contributions=result)


def _of_net(net: Net, x: object, y: object, loss: Loss | None) -> ExplainedRows:
    if not net.layers:
        raise SettingError("a net without layers", "at least one layer", "hg.Net(hg.Linear(2, 3))")
    if y is None:
        rows: Any = x
        rows = checked_parts(net, x, WHAT) if isinstance(x, tuple) else checked_inputs(net, x, WHAT)
        _check_number(rows)
        net.check_input(rows)
        return ExplainedRows(net, rows)
    targets = array_of(y, f"{WHAT}, targets")
    loss = loss or default_loss(net.output_kind, net.n_out, targets)
    if loss is None:
        raise SettingError(
            f"targets of type {targets.dtype} and shape {targets.shape} for a net that may have "
            "any of several losses",
            "the loss that they are judged by",
            "loss=hg.MSELoss(), for example",
        )
    rows, targets = checked_data(net, loss, (x, targets), WHAT, learn=False)
    _check_number(rows)
    with net.mode(training=True):
        net.check_rows(
            number_of_rows(rows),
            f"a batch of {number_of_rows(rows)} row",
            "some rows more, x[17:25]; or without y, which explains the prediction",
        )
    return ExplainedRows(net, rows, targets, loss)


def _check_number(x: Inputs) -> None:
    n = number_of_rows(x)
    if not n:
        raise DataError("no row", "at least one", "x[17:18], with a number below len(x)", WHAT)
    if n > MOST_ROWS:
        raise DataError(
            f"{n:,} rows", f"a row or a batch, up to {MOST_ROWS}", "x[17:18], for one row", WHAT
        )


def _of_estimator(model: object, x: object, y: object, loss: object) -> ExplainedRows:
    before, estimator = parts_of(model)
    if not isinstance(estimator, HasNet):
        known = hasattr(type(estimator), "net_rows")
        raise SettingError(
            f"{described(model)[:200]}" + (", which is not fitted" if known else ""),
            "a net, or a fitted estimator of handgrad's, alone or last in a Pipeline",
            "fit it first" if known else EXAMPLE,
        )
    if loss is not None:
        raise SettingError(
            f"loss={loss!r} beside an estimator, which has one",
            "the rows and their targets alone",
            "hg.explain(model, X[:1], y[:1])",
        )
    rows: Any = x if before is None else before.transform(x)
    targets = np.zeros(_length(x), int) if y is None else _targets(model, y)
    net_rows = estimator.net_rows(rows, targets)
    names = tuple(map(str, net_rows.feature_names))
    if not names and before is not None and hasattr(before, "get_feature_names_out"):
        names = tuple(map(str, before.get_feature_names_out()))
    if not names and hasattr(estimator, "feature_names_in_"):
        names = tuple(map(str, estimator.feature_names_in_))
    if y is None:
        own = _of_net(estimator.net_, net_rows.x, None, None)
    else:
        own = _of_net(estimator.net_, net_rows.x, net_rows.y, net_rows.loss)
    return ExplainedRows(
        own.net, own.x, own.y, own.loss, names, _cells(before, estimator, x, own.x)
    )


def _cells(before: object, estimator: object, x: object, rows: Inputs) -> tuple[EncodedCell, ...]:
    """The first row of a table, as read and as the net takes it; nothing where there is none."""
    encoders = [part for part in (parts_of(before)[1], estimator) if hasattr(part, "features_")]
    features = getattr(encoders[0], "features_", None) if encoders else None
    if not isinstance(features, Features) or isinstance(rows, tuple):
        return ()
    columns = _columns(x)
    named = [columns.get(name) for name in features.features]
    known = named if None not in named else [*columns.values()]
    encoded = dict(zip(features.names(), rows[0].reshape(-1).tolist(), strict=False))
    return tuple(
        EncodedCell(
            name,
            cell_value(column, 0),
            type(feature).__name__,
            {own: encoded[own] for own in feature.names(name)},
        )
        for (name, feature), column in zip(features.features.items(), known, strict=False)
        if column is not None
    )


def _columns(x: object) -> dict[str, Column]:
    """The columns of a table, each read as what it is."""
    records = records_in(x)
    return IndexedTable(x).columns() if records is None else {**columns_of_records(records)}


def _length(x: object) -> int:
    return len(next(iter(_columns(x).values())).values)


def parts_of(model: object) -> tuple[Any, object]:
    """The steps before the last of a Pipeline, if it is one, and the last."""
    steps = getattr(model, "steps", None)
    whole: Any = model
    return (whole[:-1], whole[-1]) if steps else (None, model)


def _targets(model: object, y: object) -> Array:
    """Targets as numbers of classes, or as numbers."""
    values = np.asarray(y)
    known = getattr(model, "classes_", None)
    if known is None:
        try:
            return values.astype(float)
        except (TypeError, ValueError) as error:
            came = values.ravel()[0]
            raise DataError(
                f"a target of {came!r}", "numbers", "the column it was trained on"
            ) from error
    place = {value: i for i, value in enumerate(np.asarray(known).tolist())}
    for value in values.ravel().tolist():
        if value not in place:
            raise DataError(
                f"a target of {value!r}, no class of the model",
                ", ".join(map(repr, [*place][:8])),
                "the column it was trained on, with values of the same type",
            )
    return np.array([place[value] for value in values.ravel().tolist()]).reshape(values.shape)
