"""Permutation importance: decrease of a model's score when a column is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.inspection.tables import IndexedTable, fitted
from handgrad.textbook.errors import DataError, SettingError, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import check_consistent_length
from handgrad.training.results import PermutationImportance, Predictor

Scorer = Callable[[Predictor, object, Array], float]


@no_unseen_warnings()
def permutation_importance(
    model: Predictor,
    X: object,
    y: object,
    *,
    columns: Sequence[str | int] | None = None,
    scoring: str | Scorer | None = None,
    n_repeats: int = 5,
    max_samples: float = 1.0,
    rng: int | np.random.Generator | None = None,
) -> PermutationImportance:
    """Permutation importance: decrease of a model's score when one column is shuffled.

    Correlated columns share their importance.

    Parameters
    ----------
    model : fitted estimator
        Model with `predict`.
    X : data frame or array-like, (n, n_columns)
        Rows; best those that the model was not trained on.
    y : array-like, (n,)
        Targets.
    columns : sequence of str or int, optional
        Columns to shuffle, by name or index; all if not given.
    scoring : str or callable, optional
        Scorer of scikit-learn, or a function of (model, X, y); the model's own score if not given.
    n_repeats : int, default 5
        Shuffles of each column.
    max_samples : float or int, default 1.0
        Fraction or number of the rows used in each repeat.
    rng : int or Generator, optional
        Seed, or source of random numbers.

    Returns
    -------
    PermutationImportance

    References
    ----------
    Breiman, "Random forests", 2001; `sklearn.inspection.permutation_importance`

    Examples
    --------
    >>> import handgrad as hg
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = hg.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(x, 3 * x[:, 1])
    >>> hg.tables.permutation_importance(model, x, 3 * x[:, 1], rng=0).strongest
    ['x1', 'x0']
    """
    model = fitted(model)
    positive("n_repeats", n_repeats, whole=True)
    table = IndexedTable(X)
    n, target = len(table), checked_target(y, len(table))
    n_rows = int(max_samples * n) if isinstance(max_samples, float) else int(max_samples)
    if not 1 <= n_rows <= n:
        raise SettingError(
            f"max_samples = {max_samples!r}", f"a fraction, or a number of the {n} rows", "0.5"
        )
    chosen = [*range(len(table.names))] if columns is None else [*map(table.place, columns)]
    scorer = _scorer(model, scoring)
    score = float(scorer(model, table.native(), target))
    # drawn as scikit-learn draws, so that its figures are the same; the same for each column
    first = np.random.RandomState(np.random.default_rng(rng).integers(2**31 - 1))
    seed = first.randint(np.iinfo(np.int32).max + 1)
    shuffles = [*_shuffled(n, n_rows, n_repeats, seed)]
    worse = scores_shuffled(lambda X, rows: scorer(model, X, target[rows]), table, chosen, shuffles)
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    return PermutationImportance(
        tuple(table.names[j] for j in chosen), score - worse, score, name, n_rows
    )


def scores_shuffled(
    score: Callable[[object, Array], float],
    table: IndexedTable,
    columns: Sequence[int],
    shuffles: Sequence[tuple[Array, Array]],
) -> Array:
    """Scores of rows where one column has the cells of other rows.

    Parameters
    ----------
    score : callable
        Score of rows (n, n_columns), and of their indices (n,).
    table : IndexedTable
        The table.
    columns : sequence of int
        Indices of the columns, one shuffled at a time.
    shuffles : sequence of pairs of arrays (n,), int
        Rows, and those whose cells they get.

    Returns
    -------
    array (n_columns, n_shuffles)
    """
    return np.array(
        [[score(table.take(rows, {j: cells}), rows) for rows, cells in shuffles] for j in columns]
    )


def _shuffled(n: int, n_rows: int, n_repeats: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Sampled rows of `n`, and the same shuffled, for each repeat."""
    from sklearn.utils.random import sample_without_replacement

    draws, rows = np.random.RandomState(seed), np.arange(n)
    if n_rows < n:
        rows = sample_without_replacement(n, n_rows, random_state=draws)
    order, shuffled = np.arange(n_rows), rows
    for _ in range(n_repeats):
        draws.shuffle(order)
        shuffled = shuffled[order]
        yield rows, shuffled


def _scorer(model: Predictor, scoring: str | Scorer | None) -> Scorer:
    from sklearn.metrics import check_scoring

    if callable(scoring):
        return scoring
    try:
        scorer: Scorer = check_scoring(model, scoring)
        return scorer
    except ValueError as error:
        raise SettingError(
            f"scoring = {scoring!r}",
            "a name that scikit-learn knows, or a function of (model, X, y)",
            "scoring='neg_log_loss'; sklearn.metrics.get_scorer_names() lists all",
        ) from error


def checked_target(y: object, n_rows: int) -> Array:
    """The target as an array of one value for each row."""
    if y is None:
        raise DataError("y is None", "the true value of each row", "the column to be predicted")
    target = np.asarray(y)
    check_consistent_length(target, range(n_rows))
    return target
