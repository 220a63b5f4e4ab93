"""Partial dependence: mean prediction as a function of one column."""

from __future__ import annotations

import numpy as np

from handgrad.files.cells import DAY
from handgrad.files.features import Column
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.inspection.tables import IndexedTable, by_frequency, fitted, outputs_of
from handgrad.textbook.errors import DataError, positive
from handgrad.textbook.layers import Array
from handgrad.training.results import Kind, PartialDependence, Predictor

# Most values of a text column, the most frequent ones.
MOST_TEXTS = 12


@no_unseen_warnings()
def partial_dependence(
    model: Predictor,
    X: object,
    column: str | int,
    *,
    n_values: int = 20,
    max_samples: int = 500,
    rng: int | np.random.Generator | None = None,
) -> PartialDependence:
    """Partial dependence: mean prediction of a model, as a function of one column.

    The column is set to one value in all rows, value by value. Only values that occur are used. For
    classes the means are those of their probabilities, or, without probabilities, the fractions of
    rows predicted as each class. If columns are correlated, some of the resulting rows are
    unrealistic.

    Parameters
    ----------
    model : fitted estimator
        Model with `predict`, or `predict_proba`.
    X : data frame or array-like, (n, n_columns)
        Rows to average over.
    column : str or int
        Name of the column; its index if the columns have no names.
    n_values : int, default 20
        Values at most: quantiles from 5 % to 95 %; of text the 12 most frequent values.
    max_samples : int, default 500
        Rows to average at most.
    rng : int or Generator, optional
        Seed, or source of random numbers, for the choice of the rows.

    Returns
    -------
    PartialDependence

    References
    ----------
    Friedman, "Greedy function approximation", 2001

    Examples
    --------
    >>> import handgrad as hg
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = hg.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(x, 3 * x[:, 1])
    >>> dependence = hg.tables.partial_dependence(model, x, 1)
    >>> slopes = np.diff(dependence.average[:, 0]) / np.diff(dependence.values)
    >>> bool(np.allclose(slopes, 3, atol=0.01))
    True
    """
    model = fitted(model)
    positive("n_values", n_values, whole=True)
    positive("max_samples", max_samples, whole=True)
    table = IndexedTable(X)
    j = table.place(column)
    name = table.names[j]
    kind, values, rows, shares = _tried(table.columns()[name], name, n_values)
    chosen, most = np.arange(len(table)), max(max_samples, len(rows))
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(rng).choice(chosen, most, replace=False))
    classes = getattr(model, "classes_", None)
    outputs = ("prediction",) if classes is None else (*map(str, classes),)
    moved = (table.take(chosen, {j: np.full(len(chosen), row)}) for row in rows)
    averages = np.stack([outputs_of(model, each).mean(axis=0) for each in moved])
    return PartialDependence(name, kind, values, averages, outputs, shares, len(chosen))


def _tried(column: Column, name: str, n_values: int) -> tuple[Kind, Array, Array, Array]:
    """Values of a column to evaluate, a row that has each, and the fraction of rows with it."""
    there = np.flatnonzero(~column.missing)
    if not len(there):
        raise DataError(
            f"column {name!r} without a single value",
            "a column with values",
            "another column, or more rows",
        )
    if column.kind in ("text", "boolean"):
        words, counts, rows = (each[:MOST_TEXTS] for each in by_frequency(column))
        return "category", words, rows, counts / len(column.values)
    values, first = np.unique(column.values[there], return_index=True)
    if len(values) > n_values:
        fractions = np.linspace(0.05, 0.95, n_values)
        chosen = np.quantile(column.values[there], fractions, method="nearest")
        places = np.unique(np.searchsorted(values, chosen))
        values, first = values[places], first[places]
    rows = there[first]
    if is_date := column.kind == "date":
        values = (values * DAY).round().astype("datetime64[s]")
    return "date" if is_date else "number", values, rows, np.full(len(rows), np.nan)
