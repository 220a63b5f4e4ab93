"""A table of any kind whose cells come from rows that are chosen column by column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

from handgrad.errors import DataError, SettingError, described, did_you_mean
from handgrad.layers import Array
from handgrad.tabular.features import read
from handgrad.tabular.tables import Column, columns_of_array, columns_of_frame, frame_of


class Patchwork:
    """A table that new ones are put together from, of its own kind and types.

    scikit-learn shuffles and replaces cells of arrays of numbers. Here these numbers are those of
    the rows that the cells are taken from, so a frame's dates, categories and text stay what they
    are.
    """

    def __init__(self, X: Any) -> None:
        X = X.toarray() if hasattr(X, "toarray") else X
        self.frame = frame_of(X)
        self.array = None if self.frame is not None else np.asarray(X)
        if self.array is not None and (self.array.ndim != 2 or 0 in self.array.shape):
            raise DataError(
                f"X of shape {self.array.shape}",
                "a table of one row and one column at least",
                "X[:, None], for a single column",
            )
        if self.frame is not None and not (len(self.frame) and len(self.frame.columns)):
            raise DataError(
                f"a table of {len(self.frame)} rows and {len(self.frame.columns)} columns",
                "one row and one column at least",
                "check the filter or the file before",
            )

    def __len__(self) -> int:
        return len(self.array if self.array is not None else self.frame)

    @property
    def names(self) -> list[str]:
        """What the columns are called; those of an array x0, x1 and so on."""
        if self.array is not None:
            return [f"x{i}" for i in range(self.array.shape[1])]
        return [str(name) for name in self.frame.columns]

    def columns(self) -> dict[str, Column]:
        """The columns, each read as what it is; text that reads as numbers or dates as those."""
        found = (
            columns_of_array(self.array) if self.array is not None else columns_of_frame(self.frame)
        )
        return {
            name: column if column.categorical else read(column) for name, column in found.items()
        }

    def place(self, column: Any) -> int:
        """The number of a column that is given by its name or its number."""
        names = self.names
        if column in names:
            return names.index(column)
        whole = isinstance(column, int | np.integer) and not isinstance(column, bool)
        if whole and self.array is not None and 0 <= column < len(names):
            return int(column)
        raise SettingError(
            f"column {described(column)}",
            f"one of {', '.join(map(repr, names[:20]))}{', …' if len(names) > 20 else ''}",
            did_you_mean(column, names, f"{names[0]!r}"),
        )

    def native(self) -> Any:
        """The table as it came."""
        return self.array if self.array is not None else self.frame.to_native()

    def rows(self, chosen: Array) -> Any:
        """The table of these rows, (n,) whole numbers."""
        return self.cells(np.repeat(chosen[:, None], len(self.names), axis=1))

    def holds_numbers(self, column: int) -> bool:
        """Whether any number may stand in a column: in text, those that read as numbers may not."""
        if self.array is not None:
            return self.array.dtype.kind in "fiu"
        return bool(self.frame[self.frame.columns[column]].dtype.is_numeric())

    def cells(self, rows: Array, numbers: Mapping[int, Array] | None = None) -> Any:
        """A table whose cell (i, j) is that of row `rows[i, j]`, (n, n_columns) whole numbers.

        `numbers` (n,) stand in a column in place of them.
        """
        numbers = numbers or {}
        if self.array is not None:
            table = self.array[rows, np.arange(self.array.shape[1])]
            table = table.astype(float) if numbers else table
            for j, values in numbers.items():
                table[:, j] = values
            return table
        import narwhals.stable.v2 as nw

        usual = rows[:, np.argmin((rows != rows[:, :1]).sum(axis=0))]
        others = [j for j in range(rows.shape[1]) if (rows[:, j] != usual).any()]
        names = self.frame.columns
        table = self.frame[usual.tolist(), :]
        moved = [self.frame[names[j]][rows[:, j].tolist()].alias(names[j]) for j in others]
        backend = self.frame.implementation
        moved += [
            nw.new_series(names[j], values, nw.Float64, backend=backend)
            for j, values in numbers.items()
        ]
        return (table.with_columns(moved) if moved else table).to_native()


class OfCells(BaseEstimator):  # type: ignore[misc]
    """A fitted model, as scikit-learn asks it: of numbers of rows in place of cells.

    With `columns`, numbers are given of these only, and last of all others together.
    """

    def __init__(self, model: Any, table: Patchwork, columns: Any = None) -> None:
        self.model = model
        self.table = table
        self.columns = columns

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.model)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> Any:
        """Those of the model."""
        return self.model.classes_

    def fit(self, X: Any, y: Any) -> OfCells:
        """What scikit-learn asks for, and never calls."""
        return self

    def predict(self, X: Array) -> Array:
        """What the model predicts for a table of those cells."""
        return np.asarray(self.model.predict(self._table(X)))

    def predict_proba(self, X: Array) -> Array:
        """The probabilities the model gives the classes."""
        return np.asarray(self.model.predict_proba(self._table(X)))

    def score(self, X: Array, y: Any) -> float:
        """The model's own score of a table of those cells."""
        return float(self.model.score(self._table(X), y))

    def _table(self, X: Array) -> Any:
        rows = X.astype(np.intp)
        if self.columns is not None:
            given, rows = rows, np.repeat(rows[:, -1:], len(self.table.names), axis=1)
            rows[:, self.columns] = given[:, :-1]
        return self.table.cells(rows)


def cells_of(n_rows: int, n_columns: int) -> Array:
    """The table as it is: each cell from its own row, (n_rows, n_columns).

    In float64, since scikit-learn refuses whole numbers.
    """
    return np.repeat(np.arange(n_rows, dtype=np.float64)[:, None], n_columns, axis=1)


def check_fitted(model: Any) -> None:
    """Refuse what does not predict, or has not learned."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    expected = "a fitted estimator, such as TabularClassifier, or a Pipeline that ends in one"
    if not hasattr(model, "fit") or not hasattr(model, "predict") or isinstance(model, type):
        raise SettingError(f"model = {described(model)}", expected, "model.fit(X, y), and then it")
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise SettingError(
            f"a {type(model).__name__} that has not learned yet", expected, "model.fit(X, y) first"
        ) from error
