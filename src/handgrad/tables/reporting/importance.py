"""Permutation importances of a report, from a sample of the held-out rows."""

from __future__ import annotations

from functools import partial

import numpy as np

from handgrad.tables.inspection import permutation_importance
from handgrad.tables.inspection.importance import scores_shuffled
from handgrad.tables.inspection.tables import outputs_of
from handgrad.tables.reporting.scores import ScoredRows
from handgrad.tables.tabular.deviances import mean_deviance
from handgrad.textbook import metrics
from handgrad.textbook.layers import Array
from handgrad.textbook.metrics.registry import Metric
from handgrad.training.results import PermutationImportance, Predictor

# Rows predicted for all importances together, and rows shuffled at most for one column.
ROWS_SHUFFLED, MOST_SHUFFLED, REPEATS = 60_000, 600, 5
# Of more columns only the most important ones are shuffled, estimated from a few rows.
MOST_COLUMNS, LIKELY, ROWS_TRIED, CELLS_AT_ONCE = 64, 20, 16, 4_000_000


def importance_of(model: Predictor, held: ScoredRows) -> PermutationImportance:
    """Permutation importance by log loss, accuracy, or an error of numbers, on a sample."""
    names = held.table.names
    columns = names if len(names) <= MOST_COLUMNS else _likely(model, held)
    n = min(len(held), MOST_SHUFFLED, ROWS_SHUFFLED // (len(columns) * REPEATS))
    if held.class_names and n < len(held):
        return _by_class(model, held, columns, n)
    (metric, sign), w = _metric_of(held), held.rate_weights

    def scoring(model: Predictor, X: object, rows: Array) -> float:
        answers = outputs_of(model, X)
        p = answers if held.class_names else answers.ravel()
        weights = {} if w is None else {"sample_weight": w[rows]}
        return sign * float(metric(p, held.y[rows], **weights))

    scoring.__name__ = metric.__name__ if held.censored else held.deviance or metric.__name__
    rows = np.sort(np.random.default_rng(0).permutation(len(held))[:n])
    return permutation_importance(
        model,
        held.table.take(rows),
        rows,
        columns=None if columns is names else columns,
        scoring=scoring,
        n_repeats=REPEATS,
        rng=0,
    )


def _metric_of(held: ScoredRows) -> tuple[Metric, int]:
    """The metric, and its sign as a score: larger is better."""
    if held.p is not None:
        return metrics.log_loss, -1
    if held.censored:
        return metrics.concordance_index, 1
    if held.deviance:
        return partial(mean_deviance, held.deviance), -1
    return (metrics.accuracy, 1) if held.class_names else (metrics.root_mean_squared_error, -1)


def _by_class(
    model: Predictor, held: ScoredRows, columns: list[str], n: int
) -> PermutationImportance:
    """Permutation importance on `n` rows sampled by class, weighted for all held-out rows.

    The shuffled cells are those of rows drawn from all: among the sampled rows those of rare
    classes would be too frequent.
    """
    metric, sign = _metric_of(held)
    rng = np.random.default_rng(0)
    rows, weights = sampled_by_class(held.y, n, rng)
    if held.w is not None and held.w[rows].any():
        weights = weights * held.w[rows]

    def score(X: object, rows: Array) -> float:
        return sign * float(metric(outputs_of(model, X), held.y[rows], sample_weight=weights))

    usual = score(held.table.take(rows), rows)
    shuffles = [(rows, rng.permutation(len(held))[:n]) for _ in range(REPEATS)]
    places = [held.table.place(name) for name in columns]
    worse = scores_shuffled(score, held.table, places, shuffles)
    return PermutationImportance(tuple(columns), usual - worse, usual, metric.__name__, n)


def sampled_by_class(y: Array, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Rows of a sample, ascending, and their weights: those of rare classes are drawn more often.

    Half of the sample is shared equally by the classes, the other half by their frequency, and a
    class has no more than all its rows. The weights are the inverse probabilities to be drawn
    (Horvitz and Thompson, 1952), so that weighted sums are unbiased estimates of those of all rows.

    Parameters
    ----------
    y : array (n_rows,), int
        Class of each row.
    n : int
        Rows to draw, fewer than there are.
    rng : Generator
        Source of random numbers.

    Returns
    -------
    rows : array (n,), int
    weights : array (n,)
    """
    counts = np.bincount(y)
    there = counts > 0
    drawn = n * (counts / len(y) + there / there.sum()) / 2
    while (over := drawn > counts).any():
        drawn = np.where(over, counts, drawn)
        rest = drawn < counts
        drawn[rest] *= (n - drawn[~rest].sum()) / drawn[rest].sum()
    p = (drawn / np.maximum(counts, 1))[y]
    # systematic: in the order of the classes, so that each has its share up to one row
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    places = np.floor(np.cumsum(p[order]) + rng.random())
    rows = np.sort(order[np.diff(places, prepend=0) > 0])
    return rows, 1 / p[rows]


def _likely(model: Predictor, held: ScoredRows) -> list[str]:
    """Of many columns those whose permutation in a few rows changes the predictions most."""
    names, table = held.table.names, held.table
    rows = np.random.default_rng(0).permutation(len(held))[:ROWS_TRIED]
    usual = outputs_of(model, table.take(rows))
    at_once = max(1, CELLS_AT_ONCE // (len(rows) * len(names)))
    changes = list[float]()
    for start in range(0, len(names), at_once):
        part = range(start, min(start + at_once, len(names)))
        cells = np.tile(rows, (len(part), len(part), 1))
        cells[range(len(part)), range(len(part))] = np.roll(rows, 1)
        moved = {j: cells[i].ravel() for i, j in enumerate(part)}
        answers = outputs_of(model, table.take(np.tile(rows, len(part)), moved))
        off = np.abs(answers.reshape(len(part), *usual.shape) - usual)
        changes += off.reshape(len(part), -1).mean(axis=1).tolist()
    likely = np.sort(np.argsort(-np.array(changes), kind="stable")[:LIKELY])
    return [names[j] for j in likely]
