"""Rows of the validation set that are trained on."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from handgrad.doctor.calls import per_row, sampled
from handgrad.doctor.findings import Finding
from handgrad.layers import Array
from handgrad.net.minibatches import Inputs, number_of_rows, take

MOST_TRAINING_ROWS = 100_000  # are looked through for rows of the validation set
DEVIATIONS = 3.0  # from what chance alone would give: once in a thousand healthy sets
ROWS_COMPARED = 1000  # tell how often two rows have the same value in a column
SELDOM = 0.05  # pairs expected, or the chance of so many: below that it was no accident


def leakage(x: Inputs, held: Inputs) -> Iterator[Finding]:
    """Rows of the validation set that are also trained on, more than rows repeat by themselves."""
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
    """How likely two rows are the same, were their columns independent."""
    some = take(x, sampled(x, ROWS_COMPARED))
    parts = [per_row(part) for part in (some if isinstance(some, tuple) else (some,))]
    columns = np.unique(np.concatenate(parts, axis=1), axis=1).T
    return float(np.prod([_pairs(column) for column in columns]))


def _pairs(column: Array) -> float:
    """The share of the pairs of two rows that have the same value."""
    counts = np.unique(column, return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / max(1, len(column) * (len(column) - 1)))


def _by_dealing(shared: int, counts: Counter[int], held_counts: Counter[int]) -> float:
    """The chance that so many pairs of equal rows come apart, were all rows dealt out anew."""
    from scipy.stats import binom

    n, m = counts.total(), held_counts.total()
    pairs = shared + (n - len(counts)) + (m - len(held_counts))
    return float(binom.sf(shared - 1, pairs, 2 * n * m / ((n + m) * (n + m - 1))))


def _keys(x: Inputs) -> Iterator[int]:
    """A number for each row, the same for rows that are the same."""
    parts = [np.ascontiguousarray(part + 0) for part in (x if isinstance(x, tuple) else (x,))]
    for row in zip(*parts, strict=True):
        yield hash(b"".join(part.tobytes() for part in row))
