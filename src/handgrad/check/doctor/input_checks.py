"""Checks of rows and weights: NaN and infinity, leakage."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from handgrad.check.doctor.findings import Finding
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, number_of_rows, take
from handgrad.textbook.net.watch import named_layers

MOST_TRAINING_ROWS = 100_000  # searched for rows of the validation set
DEVIATIONS = 3.0  # from the expectation: a false alarm in one of a thousand sets
ROWS_COMPARED = 1000  # to estimate how often two rows have the same value in a column
SELDOM = 0.05  # expected pairs, or their probability: below that it is no coincidence


def sampled(x: Inputs, most: int) -> Array:
    """Indices of all rows of `x`, or of `most` of them, evenly spaced.

    >>> sampled(np.zeros((9, 1)), 3)
    array([0, 4, 8])
    """
    n = number_of_rows(x)
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)


def finite(x: Array | tuple[Array | None, ...]) -> bool:
    """Check that all numbers in an array, or a tuple of arrays, are finite."""
    parts = x if isinstance(x, tuple) else (x,)
    return all(bool(np.isfinite(part).all()) for part in parts if part is not None)


def parts_of(x: Inputs) -> tuple[Array, ...]:
    """Convert one array, or several, to a tuple."""
    return x if isinstance(x, tuple) else (x,)


def per_row(x: Array) -> Array:
    """Reshape (n, …) to (n, k)."""
    return x.reshape(len(x), -1)


def leakage(x: Inputs, held: Inputs) -> Iterator[Finding]:
    """Leakage: validation rows that are also training rows, more than repetitions explain."""
    n, m = number_of_rows(x), number_of_rows(held)
    counts = Counter(_keys(take(x, sampled(x, MOST_TRAINING_ROWS))))
    held_counts = Counter(_keys(held))
    shared = sum(n for key, n in held_counts.items() if key in counts)
    repeated = sum(count for count in counts.values() if count > 1) / counts.total()
    by_chance = m * repeated
    if shared <= by_chance + DEVIATIONS * np.sqrt(by_chance * (1 - repeated)) + 1:
        return
    if n * m * _alike(x) > SELDOM and _by_dealing(shared, counts, held_counts) > SELDOM:
        return
    looked = "" if counts.total() == n else f" (of which {counts.total()} were looked at)"
    yield Finding(
        "leakage",
        "the validation rows",
        f"{shared} of {m} are also among the {n} training rows{looked}; of the training rows "
        f"{repeated:.1%} are there twice or more",
        "split before rows are repeated or changed, and repeat only those to train on",
    )


def _alike(x: Inputs) -> float:
    """Probability that two rows are equal if their columns are independent."""
    some = [per_row(part) for part in parts_of(take(x, sampled(x, ROWS_COMPARED)))]
    n, columns = len(some[0]), np.unique(np.concatenate(some, axis=1), axis=1).T
    counts = (np.unique(column, return_counts=True)[1] for column in columns)
    return float(np.prod([(c * (c - 1)).sum() / max(1, n * (n - 1)) for c in counts]))


def _by_dealing(shared: int, counts: Counter[int], held_counts: Counter[int]) -> float:
    """Probability of so many equal pairs across a random split of all rows."""
    n, m = counts.total(), held_counts.total()
    pairs = shared + (n - len(counts)) + (m - len(held_counts))
    return at_least(shared, pairs, 2 * n * m / ((n + m) * (n + m - 1)))


def at_least(successes: int, trials: int, chance: float) -> float:
    """Upper tail of a binomial distribution: probability of at least so many successes.

    >>> round(at_least(2, 3, 0.5), 3)             # of 8 outcomes 4 have 2 or 3 successes
    0.5
    """
    if chance == 1:
        return float(successes <= trials)
    failures = trials - successes
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(failures + 1)
    first = ways + successes * math.log(chance) + failures * math.log1p(-chance)
    more = np.arange(successes, trials)
    ratios = np.log((trials - more) / (more + 1) * chance / (1 - chance))
    return float(np.exp(first + np.append(0, np.cumsum(ratios))).sum())


def _keys(x: Inputs) -> Iterator[int]:
    """Hash of each row; equal rows have equal hashes."""
    parts = [np.ascontiguousarray(part + 0) for part in parts_of(x)]
    for row in zip(*parts, strict=True):
        yield hash(b"".join(part.tobytes() for part in row))


def not_finite_rows(rows: Inputs, what: str) -> Finding | None:
    """Finding for NaN or infinity in inputs or targets."""
    for part in parts_of(rows):
        if part.dtype.kind != "f" or finite(part):
            continue
        bad = ~np.isfinite(per_row(part) if part.ndim else part.reshape(1, 1))
        row, column = np.argwhere(bad)[0]
        return Finding(
            "not finite",
            what,
            f"NaN or infinity in {bad.any(axis=1).sum()} of {len(bad)} rows, first in row {row}, "
            f"column {column}, counted from 0",
            "drop those rows, x[np.isfinite(x).all(axis=1)], or fill in the mean of the column",
        )
    return None


def not_finite_weights(net: Net) -> Finding | None:
    """Finding for a parameter or a running state that is not finite."""
    for where, layer in (*named_layers(net), (type(net).__name__, net)):
        for name in (*layer.param_names, *layer.state_names):
            array = getattr(layer, name)
            if bad := int((~np.isfinite(array)).sum()):
                return Finding(
                    "not finite",
                    where,
                    f"{bad} of {array.size} numbers in {name} are NaN or infinite before "
                    "anything is computed",
                    "create the net again; after an error hg.train leaves the weights of the last "
                    "complete epoch",
                )
    return None
