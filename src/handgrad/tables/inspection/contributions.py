"""Contributions: how much each column of a row moves its prediction (Shapley values)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb

import numpy as np

from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.inspection.tables import IndexedTable, cell_value, fitted, outputs_of, stacked
from handgrad.textbook.errors import DataError, SettingError, positive
from handgrad.textbook.layers import Array
from handgrad.training.replacement_ranks import replacement_ranks
from handgrad.training.results import Contributions, Predictor

# Most columns whose subsets are all predicted; rows predicted at once, and background rows tried.
MOST_EXACT, AT_ONCE, MOST_TRIED = 10, 16_384, 2000


def contributions(
    model: Predictor,
    X: object,
    background: object = None,
    *,
    max_samples: int = 16,
    max_exact: int = MOST_EXACT,
    n_repeats: int = 4,
    rng: int | np.random.Generator | None = 0,
) -> Contributions:
    """Contributions of the columns of each row to its prediction: Shapley values.

    They add up to the difference between the prediction of the row and the mean prediction of the
    background rows. The value of a set of columns is the mean prediction of the background rows
    with the cells of these columns replaced by those of the row; the contribution of a column is
    its mean effect over all orders in which the columns can be replaced. Up to `max_exact` columns
    that is computed exactly, by predicting all sets; of more columns orders are sampled, each with
    its reverse, and `errors` has their standard errors. If columns are correlated, some of the
    predicted rows are unrealistic.

    Parameters
    ----------
    model : fitted estimator
        Model with `predict`, or `predict_proba`.
    X : data frame or array-like, (n, n_columns)
        Rows to explain.
    background : data frame or array-like, (n_background, n_columns), optional
        Rows to compare with, such as training rows; X itself if not given.
    max_samples : int, default 16
        Background rows at most, evenly spaced in the order of their predictions.
    max_exact : int, default 10
        Columns at most for the exact computation, whose cost doubles with each column.
    n_repeats : int, default 4
        Orders for each background row, if there are more columns; at least 2.
    rng : int or Generator, default 0
        Seed, or source of random numbers, of the orders.

    Returns
    -------
    Contributions

    References
    ----------
    Shapley, "A value for n-person games", 1953; Strumbelj and Kononenko, "Explaining prediction
    models and individual predictions with feature contributions", 2014; Lundberg and Lee, "A
    unified approach to interpreting model predictions", 2017

    Examples
    --------
    >>> import handgrad as hg
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = hg.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(x, 3 * x[:, 1])
    >>> result = hg.tables.contributions(model, [[1.0, 2.0]], x)
    >>> bool(np.allclose(result.base + result.values.sum(axis=1), result.predictions))
    True
    >>> bool(np.abs(result.values[0, 0]).max() < 0.01)  # the column x0 does not matter
    True
    """
    model = fitted(model)
    positive("max_samples", max_samples, whole=True)
    positive("max_exact", max_exact, whole=True)
    positive("n_repeats", n_repeats, whole=True)
    if n_repeats < 2:
        raise SettingError("n_repeats = 1", "at least 2, for a standard error", "n_repeats=4")
    table = IndexedTable(X) if background is None else stacked(background, X)
    n = len(IndexedTable(X))
    rows = np.arange(len(table) - n, len(table))
    if len(table) < 2:
        raise DataError(
            "one row, and no background",
            "rows to compare it with",
            "background=X_train, the rows of the training",
        )
    pool = rows if background is None else np.arange(len(table) - n)
    with no_unseen_warnings():
        game = _Game(model, table, _spaced(model, table, pool, max_samples))
        solve = game.exact if len(table.names) <= max_exact else game.sampled
        orders = np.random.default_rng(rng)
        solved = [*solve(rows, n_repeats, orders)]
        predictions = game.predicted(np.repeat(rows[:, None], game.n_columns, axis=1))
        base = game.predicted(np.repeat(game.background[:, None], game.n_columns, axis=1))
    values, errors = (np.stack(part) for part in zip(*solved, strict=True))
    classes = getattr(model, "classes_", None)
    columns = table.columns()
    return Contributions(
        columns=tuple(table.names),
        outputs=("prediction",) if classes is None else tuple(map(str, classes)),
        values=values,
        errors=errors,
        base=base.mean(axis=0),
        predictions=predictions,
        cells=tuple(
            tuple(cell_value(columns[name], i) for name in table.names) for i in rows.tolist()
        ),
        n_background=len(game.background),
    )


def _spaced(model: Predictor, table: IndexedTable, pool: Array, most: int) -> Array:
    """At most `most` rows of a pool, evenly spaced in the order of their predictions.

    So their mean prediction is close to that of the pool.
    """
    pool = pool[np.linspace(0, len(pool) - 1, min(len(pool), MOST_TRIED)).round().astype(int)]
    if len(pool) <= most:
        return pool
    outputs = outputs_of(model, table.take(pool))
    order = np.argsort(outputs[:, outputs.var(axis=0).argmax()], kind="stable")
    middles = (np.arange(most) + 0.5) * len(pool) / most
    return np.sort(pool[order[middles.astype(int)]])


@dataclass(frozen=True)
class _Game:
    """Predictions of background rows with the cells of some columns replaced."""

    model: Predictor
    table: IndexedTable
    background: Array

    @property
    def n_columns(self) -> int:
        return len(self.table.names)

    def predicted(self, cells: Array) -> Array:
        """Outputs (m, n_outputs) of rows whose cell of each column is that of the row `cells`.

        Parameters
        ----------
        cells : array (m, n_columns), int
            Indices of rows.
        """
        parts = [
            outputs_of(
                self.model,
                self.table.take(part[:, 0], {j: part[:, j] for j in range(self.n_columns)}),
            )
            for part in np.split(cells, range(AT_ONCE, len(cells), AT_ONCE))
        ]
        return np.concatenate(parts)

    def exact(self, rows: Array, *_: object) -> Iterator[tuple[Array, Array]]:
        """Contributions (n_columns, n_outputs) of each row, from all sets of columns."""
        d = self.n_columns
        sets = np.arange(2**d)[:, None] >> np.arange(d) & 1 == 1
        sizes = sets.sum(axis=1)
        weights = np.array([1 / (d * comb(d - 1, size)) for size in range(d)])
        for row in rows:
            cells = np.where(sets[:, None, :], row, self.background[None, :, None])
            outputs = self.predicted(cells.reshape(-1, d))
            worth = outputs.reshape(len(sets), len(self.background), -1).mean(axis=1)
            values = []
            for j in range(d):
                without = np.flatnonzero(~sets[:, j])
                gains = worth[without + 2**j] - worth[without]
                values.append(weights[sizes[without]] @ gains)
            yield np.stack(values), np.zeros((d, worth.shape[1]))

    def sampled(
        self, rows: Array, n_repeats: int, rng: np.random.Generator
    ) -> Iterator[tuple[Array, Array]]:
        """Contributions of each row from sampled orders, and their standard errors."""
        d, n_background = self.n_columns, len(self.background)
        ranks = replacement_ranks(n_background, d, n_repeats, rng).reshape(-1, d)
        sets = ranks[:, None, :] < np.arange(d + 1)[:, None]
        others = np.repeat(self.background, 2 * n_repeats)[:, None, None]
        for row in rows:
            outputs = self.predicted(np.where(sets, row, others).reshape(-1, d))
            gains = np.diff(outputs.reshape(len(ranks), d + 1, -1), axis=1)
            of_columns = np.take_along_axis(gains, ranks[:, :, None], axis=1)
            pairs = of_columns.reshape(n_background, n_repeats, 2, d, -1).mean(axis=2)
            variance = pairs.var(axis=1, ddof=1).mean(axis=0) / (n_repeats * n_background)
            yield pairs.mean(axis=(0, 1)), np.sqrt(variance)
