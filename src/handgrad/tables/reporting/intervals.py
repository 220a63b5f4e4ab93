"""Confidence intervals of scores from rows that may depend on each other.

The delete-one jackknife leaves out each row, each group or each block of time in turn (Efron,
Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 11).
"""

from __future__ import annotations

import numpy as np

from handgrad.tables.data.dependent_rows import RowRoles
from handgrad.tables.tabular.censored import CENSORED_ERROR
from handgrad.tables.tabular.deviances import OF_METRIC, unit_deviances
from handgrad.textbook.layers import Array

CONFIDENCE, SURE = 0.95, 1.96  # and its standard deviations
SMALLEST = 1e-300  # lower bound of probabilities under a logarithm
# Autocorrelation of the errors that is small, and fewest and most blocks of time.
SMALL, FEWEST_BLOCKS, MOST_BLOCKS = 0.2, 4, 100


def losses_of(
    y: Array, predicted: Array, p: Array | None, classes: bool, deviance: str = ""
) -> Array:
    """Loss of each row, (n,): −ln p of the true class, or 1 for a mistake; of a number the error.

    That is the absolute one, or the `deviance` of that name.
    """
    if deviance:
        return unit_deviances(deviance, predicted, y)
    if not classes:
        return np.asarray(np.abs(predicted - y))
    if p is None:
        return np.asarray(1.0 * (predicted != y))
    return np.asarray(-np.log(np.maximum(p[np.arange(len(y)), y].astype(float), SMALLEST)))


def units_in(roles: RowRoles, losses: Array) -> Array | None:
    """Independent unit of each row, (n,): its group, or a block of time; None if rows are.

    Blocks of time are as long as the losses are autocorrelated, but at least four.
    """
    units = roles.units
    if units is None or not units.ordered:
        return None if units is None else units.codes
    n = len(units)
    sizes = np.bincount(units.codes)
    means = np.bincount(units.codes, losses) / sizes
    length = max(n ** (1 / 3), n / MOST_BLOCKS, 2 * _correlated(means))
    n_blocks = min(n, max(FEWEST_BLOCKS, int(n / length)))
    return np.asarray(units.codes * n_blocks // n)


def _correlated(series: Array) -> int:
    """First lag at which the autocorrelation is small; at most a quarter of the series."""
    apart = series - series.mean()
    total = float(apart @ apart)
    most = len(series) // FEWEST_BLOCKS
    for lag in range(1, most):
        if not total or float(apart[lag:] @ apart[:-lag]) <= SMALL * total:
            return lag
    return max(most, 1)


def half_width(values: Array, codes: Array | None) -> float:
    """Half the width of the confidence interval of a mean of independent units."""
    if codes is None:
        return float(SURE * values.std() / np.sqrt(len(values)))
    sums = np.stack([values, np.ones(len(values))], axis=1)
    return _quantile(codes) * _deviation(_without_each(sums, codes, "Mean absolute error"))


def interval_of(name: str, sums: Array | None, codes: Array | None) -> tuple[float, float] | None:
    """Confidence interval of a score, from the `sums` of its rows; None if it has none.

    The interval is computed for the logarithm of an error, and for R² that of 1 − R². Accuracy has
    Wilson's interval, with the number of rows that would have the same deviation.
    """
    if sums is None:
        return None
    codes = np.arange(len(sums)) if codes is None else codes
    value, n_units = float(_value(name, sums.sum(axis=0))), int(codes.max()) + 1
    if n_units < 2 or not np.isfinite(value):
        return None
    each, sure = _without_each(sums, codes, name), _quantile(codes)
    if name == "Accuracy":
        deviation = _deviation(each)
        n = value * (1 - value) / deviation**2 if deviation else n_units
        return wilson(value, min(n, len(sums)) * (SURE / sure) ** 2)
    if value <= 0 or not (np.isfinite(each).all() and (each > 0).all()):
        return None
    half = sure * _deviation(np.log(each))
    low, high = (value * float(np.exp(np.clip(end, -700, 700))) for end in (-half, half))
    return (1 - high, 1 - low) if name in ("R²", "Concordance index") else (low, high)


def sums_of(
    name: str, y: Array, predicted: Array, p: Array | None, w: Array | None
) -> Array | None:
    """Sums over rows from which a score is computed, one for each row: (n, n_sums); or None."""
    w = np.ones(len(y)) if w is None else w
    if name == "Accuracy":
        parts = [predicted == y, np.ones(len(y))]
    elif name == "Log loss" and p is not None:
        parts = [losses_of(y, predicted, p, True), np.ones(len(y))]
    elif name == "Mean absolute error":
        parts = [np.abs(predicted - y), np.ones(len(y))]
    elif name == "Concordance index":
        return pair_sums(predicted, y, w)
    elif (metric := name.lower().replace(" ", "_")) in (*OF_METRIC, CENSORED_ERROR):
        parts = [unit_deviances(metric, predicted, y), np.ones(len(y))]
    elif name == "Root mean squared error":
        parts = [(predicted - y) ** 2, np.ones(len(y))]
    elif name == "R²":
        apart = y - np.average(y, weights=w)
        parts = [(predicted - y) ** 2, np.ones(len(y)), apart**2, apart]
    else:
        return None
    return np.stack(parts, axis=1) * w[:, None]


def pair_sums(predicted: Array, y: Array, w: Array) -> Array:
    """Sums of discordant and of known pairs for the concordance index, (n, 2).

    A pair is left out with either of its rows: each counts twice in the sums of its rows, and the
    mean is subtracted, so that the total counts it twice only.
    """
    time, event, sums = np.abs(y), y > 0, np.zeros((len(y), 2))
    for i in np.flatnonzero(event):
        later = (time > time[i]) | ((time == time[i]) & ~event)
        pairs = w[i] * w * later
        wrong = pairs * ((predicted < predicted[i]) + 0.5 * (predicted == predicted[i]))
        sums += np.stack([wrong, pairs], axis=1)
        sums[i] += wrong.sum(), pairs.sum()
    return np.asarray(2 * sums - sums.mean(axis=0))


def wilson(fraction: float, n: float) -> tuple[float, float]:
    """Wilson score interval of a fraction of `n` rows, which need not be whole (Wilson, 1927)."""
    square = SURE**2
    middle = (fraction + square / (2 * n)) / (1 + square / n)
    half = SURE * np.sqrt(fraction * (1 - fraction) / n + square / (4 * n**2)) / (1 + square / n)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def _value(name: str, sums: Array) -> Array:
    """The error whose sums are in the last axis; for R² 1 − R²; the accuracy."""
    with np.errstate(all="ignore"):
        if name == "R²":
            return np.asarray(sums[..., 0] / (sums[..., 2] - sums[..., 3] ** 2 / sums[..., 1]))
        mean = sums[..., 0] / sums[..., 1]
        return np.asarray(np.sqrt(mean) if name == "Root mean squared error" else mean)


def _without_each(sums: Array, codes: Array, name: str) -> Array:
    """The score without each unit in turn, (n_units,)."""
    of_units = np.stack([np.bincount(codes, part) for part in sums.T], axis=1)
    return _value(name, sums.sum(axis=0) - of_units)


def _deviation(each: Array) -> float:
    n = len(each)
    return float(np.sqrt((n - 1) / n * ((each - each.mean()) ** 2).sum()))


def _quantile(codes: Array) -> float:
    """Quantile of Student's t-distribution for the number of units."""
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, max(int(codes.max()), 1)))
