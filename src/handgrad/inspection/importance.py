"""Permutation importance: how much worse a model is without knowing a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.errors import DataError, SettingError, positive
from handgrad.inspection.patchwork import OfCells, Patchwork, cells_of, check_fitted
from handgrad.results import PermutationImportance


def permutation_importance(
    model: Any,
    X: Any,
    y: Any,
    *,
    columns: Sequence[Any] | None = None,
    scoring: Any = None,
    n_repeats: int = 5,
    max_samples: float = 1.0,
    rng: Any = None,
) -> PermutationImportance:
    """How much worse a fitted `model` scores on `X`, `y` when one column after another is shuffled.

    `X` is a frame or an array (n, n_columns), best of rows the model did not learn from; `columns`,
    by name or number, are those to be shuffled, without them all. `scoring`
    is a name of scikit-learn's or a function of (model, X, y); without one it is the model's own
    score: accuracy, or R². A column is shuffled `n_repeats` times, in `max_samples` of the rows,
    a share or a number. Of two columns that say the same, each alone seems to matter little.

    source      Breiman, "Random forests", 2001; `sklearn.inspection.permutation_importance`

    >>> import handgrad as hg
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = hg.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(x, 3 * x[:, 1])
    >>> hg.permutation_importance(model, x, 3 * x[:, 1], rng=0).strongest
    ['x1', 'x0']
    """
    from sklearn import inspection

    check_fitted(model)
    positive("n_repeats", n_repeats, whole=True)
    table = Patchwork(X)
    y = checked_target(y, len(table))
    chosen = [*range(len(table.names))] if columns is None else [*map(table.place, columns)]
    adapted = OfCells(model, table, None if columns is None else chosen)
    scorer = _scorer(adapted, scoring)
    cells = cells_of(len(table), len(chosen) + (columns is not None))
    found = inspection.permutation_importance(
        adapted,
        cells,
        y,
        scoring=scorer,
        n_repeats=n_repeats,
        random_state=_seed(rng),
        max_samples=max_samples,
    )
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    n_rows = len(table) if max_samples == 1.0 else max_samples
    n_rows = int(n_rows * len(table)) if isinstance(n_rows, float) else int(n_rows)
    return PermutationImportance(
        tuple(table.names[j] for j in chosen),
        found.importances[: len(chosen)],
        float(scorer(adapted, cells, y)),
        name,
        n_rows,
    )


def _seed(rng: Any) -> int:
    """A whole number drawn from a generator or a seed, as scikit-learn takes it."""
    return int(np.random.default_rng(rng).integers(2**31 - 1))


def _scorer(adapted: OfCells, scoring: Any) -> Any:
    from sklearn.metrics import check_scoring

    if callable(scoring):
        return lambda model, X, y: scoring(model, X, y)
    try:
        return check_scoring(adapted, scoring)
    except ValueError as error:
        raise SettingError(
            f"scoring = {scoring!r}",
            "a name that scikit-learn knows, or a function of (model, X, y)",
            "scoring='neg_log_loss'; sklearn.metrics.get_scorer_names() lists all",
        ) from error


def checked_target(y: Any, n_rows: int) -> Any:
    """The target as an array, one value a row."""
    if y is None:
        raise DataError("y is None", "the true value of each row", "the column to be predicted")
    to_numpy = getattr(y, "to_numpy", None)
    y = np.asarray(to_numpy() if to_numpy else y)
    if y.ndim == 0 or len(y) != n_rows:
        raise DataError(
            f"{n_rows} rows of X and {len(y) if y.ndim else 'no'} targets",
            "as many targets as rows",
            "check that X and y come from the same rows",
        )
    return y
