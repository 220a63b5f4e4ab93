"""Fitted models, and tables of any library with access to rows and cells by index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from handgrad.files.features import Column
from handgrad.tables.data.frames import (
    columns_of_array,
    columns_of_frame,
    different,
    frame_of,
    read,
    records_in,
)
from handgrad.tables.packages import require_packages
from handgrad.textbook.errors import DataError, SettingError, described, did_you_mean
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    from narwhals.stable.v2 import DataFrame
    from narwhals.stable.v2.typing import IntoDataFrame
from typing import cast

from handgrad.training.results import Predictor, is_classifier


def by_frequency(column: Column) -> tuple[Array, Array, Array]:
    """Distinct values of a text or boolean column, most frequent first; counts, and first rows."""
    there = np.flatnonzero(~column.missing)
    words = column.values[there]
    if column.kind == "boolean":
        words = np.where(words > 0, "true", "false")
    values, places = different(words)
    first, counts = np.unique(places, return_index=True, return_counts=True)[1:]
    order = np.argsort(-counts, kind="stable")
    return values[order], counts[order], there[first[order]]


class IndexedTable:
    """Table with access to rows and cells by index, which keeps its library and types.

    So dates, categories and text of a frame keep their types when cells are shuffled.
    """

    def __init__(self, X: object) -> None:
        X = X.toarray() if hasattr(X, "toarray") else _frame_of_records(X)
        self.frame: DataFrame[IntoDataFrame] | None = frame_of(X)
        self.array: Array = np.empty((0, 0)) if self.frame is not None else np.asarray(X)
        shape = self.array.shape if self.frame is None else self.frame.shape
        if len(shape) != 2 or 0 in shape:
            raise DataError(
                f"X of shape {shape}",
                "a table with at least one row and one column",
                "X[:, None] for a single column; or check the filter or the file",
            )
        # Names of the columns; x0, x1 and so on for an array.
        self.names = (
            [f"x{i}" for i in range(self.array.shape[1])]
            if self.frame is None
            else [str(name) for name in self.frame.columns]
        )

    def __len__(self) -> int:
        return len(self.array if self.frame is None else self.frame)

    def columns(self) -> dict[str, Column]:
        """The columns; text that parses as numbers or dates is converted."""
        columns = (
            columns_of_array(self.array) if self.frame is None else columns_of_frame(self.frame)
        )
        return {
            name: column if column.categorical else read(column) for name, column in columns.items()
        }

    def place(self, column: object) -> int:
        """Index of a column, from its name or index."""
        names = self.names
        if isinstance(column, str) and column in names:
            return names.index(column)
        whole = isinstance(column, int | np.integer) and not isinstance(column, bool)
        if whole and self.frame is None and column in (places := [*range(len(names))]):
            return places.index(column)
        raise SettingError(
            f"column {described(column)}",
            f"one of {', '.join(map(repr, names[:20]))}{', …' if len(names) > 20 else ''}",
            did_you_mean(column, names, f"{names[0]!r}"),
        )

    def native(self) -> object:
        """The table in its original type."""
        return self.array if self.frame is None else self.frame.to_native()

    def holds_numbers(self, column: int) -> bool:
        """Return True if a column can hold any number; text that parses as numbers cannot."""
        if self.frame is None:
            return self.array.dtype.kind in "fiu"
        return self.frame[self.frame.columns[column]].dtype.is_numeric()

    def take(
        self,
        rows: Array,
        moved: Mapping[int, Array] | None = None,
        numbers: Mapping[int, Array] | None = None,
    ) -> object:
        """Table of the given rows, of the original type.

        Parameters
        ----------
        rows : array, (n,), int
            Rows to take.
        moved : dict of int to array (n,), optional
            Columns, by index, whose cells are those of other rows.
        numbers : dict of int to array (n,), optional
            Columns, by index, with replaced values.

        Returns
        -------
        data frame or array
        """
        numbers = numbers or {}
        moved = {j: others for j, others in (moved or {}).items() if j not in numbers}
        if self.frame is None:
            array = self.array[rows].astype(float if numbers else self.array.dtype, copy=False)
            for j, others in moved.items():
                array[:, j] = self.array[others, j]
            for j, values in numbers.items():
                array[:, j] = values
            return array
        import narwhals.stable.v2 as nw

        frame, names, backend = self.frame, self.frame.columns, self.frame.implementation
        series = [frame[names[j]][rows.tolist()].alias(names[j]) for j, rows in moved.items()]
        series += [
            nw.new_series(names[j], values, nw.Float64, backend=backend)
            for j, values in numbers.items()
        ]
        taken = frame[rows.tolist(), :]
        return (taken.with_columns(series) if series else taken).to_native()


def _frame_of_records(X: object) -> object:
    """A dictionary of columns, or a list of dictionaries, as a table of pyarrow; else `X`."""
    records = records_in(X)
    if records is None:
        return X
    import pyarrow as pa

    try:
        return pa.table(records)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            "a dictionary with a column of several types", "one type for each column", str(error)
        ) from error


def stacked(first: object, second: object) -> IndexedTable:
    """One table of the rows of `first` and then those of `second`, with the columns of `first`."""
    upper, lower = IndexedTable(first), IndexedTable(second)
    if (upper.frame is None) != (lower.frame is None):
        raise DataError(
            f"rows as {described(second)}, and a background as {described(first)}"[:200],
            "both as data frames, or both as arrays",
            "X and background from the same table",
        )
    missing = [name for name in upper.names if name not in lower.names]
    if missing or (upper.frame is None and len(upper.names) != len(lower.names)):
        raise DataError(
            f"rows with {len(lower.names)} columns"
            + f", without {', '.join(map(repr, missing[:5]))}" * bool(missing),
            f"the {len(upper.names)} columns of the background",
            "X and background from the same table",
        )
    if upper.frame is None or lower.frame is None:
        return IndexedTable(np.concatenate([upper.array, lower.array]))
    import narwhals.stable.v2 as nw

    frame, other = upper.frame, lower.frame.select(upper.frame.columns)
    for name in frame.columns:
        kinds = frame[name].dtype, other[name].dtype
        if kinds[0] != kinds[1]:
            common = nw.Float64 if all(kind.is_numeric() for kind in kinds) else nw.String
            frame, other = (part.with_columns(nw.col(name).cast(common)) for part in (frame, other))
    if frame.implementation == other.implementation and not frame.implementation.is_pyarrow():
        return IndexedTable(nw.concat([frame, other]).to_native())
    import pyarrow as pa

    tables = [frame.to_arrow(), other.to_arrow()]
    return IndexedTable(pa.concat_tables(tables, promote_options="permissive"))


def cell_value(column: Column, row: int) -> float | str | None:
    """Value of a column in a row, dates as text; None where it is missing."""
    if column.missing[row]:
        return None
    if column.kind == "date":
        moment = np.datetime64(0, "s") + np.timedelta64(round(86400 * column.values[row]), "s")
        return str(moment).removesuffix("T00:00:00")
    if column.kind == "boolean":
        return "true" if column.values[row] > 0 else "false"
    value = column.values[row]
    return value.item() if column.kind == "number" else str(value)


def fitted(model: object) -> Predictor:
    """The model; refused unless it is a fitted estimator that predicts."""
    require_packages("how a model uses its columns")
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    expected = "a fitted estimator, such as TabularClassifier, or a Pipeline that ends in one"
    if not hasattr(model, "fit") or not hasattr(model, "predict") or isinstance(model, type):
        raise SettingError(f"model = {described(model)}", expected, "call model.fit(X, y) first")
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise SettingError(
            f"a {type(model).__name__} that is not fitted", expected, "model.fit(X, y) first"
        ) from error
    return cast(Predictor, model)


def outputs_of(model: Predictor, table: object) -> Array:
    """Probabilities (n, n_classes), one-hot if only classes are predicted; or numbers (n, 1)."""
    if is_classifier(model):
        return np.asarray(model.predict_proba(table))
    predicted, classes = np.asarray(model.predict(table)), getattr(model, "classes_", None)
    if classes is None:
        return predicted.astype(float).reshape(len(predicted), -1)
    return (predicted[:, None] == classes).astype(float)
