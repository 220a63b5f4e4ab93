"""Rows of the validation set that are trained on."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.engines.minibatches import number_of_rows, take
from handgrad.proof.doctor.findings import Finding
from handgrad.proof.doctor.sampling import sampled

MOST_TRAINING_ROWS = 100_000  # are looked through for rows of the validation set
DEVIATIONS = 3.0  # from what chance alone would give: once in a thousand healthy sets


def leakage(x: Any, held: Any) -> Iterator[Finding]:
    """Rows of the validation set that are also trained on, more than rows repeat by themselves."""
    n, m = number_of_rows(x), number_of_rows(held)
    counts = Counter(_keys(take(x, sampled(x, MOST_TRAINING_ROWS))))
    shared = sum(key in counts for key in _keys(held))
    repeated = sum(count for count in counts.values() if count > 1) / counts.total()
    by_chance = m * repeated
    if shared <= by_chance + DEVIATIONS * np.sqrt(by_chance * (1 - repeated)) + 1:
        return
    looked = "" if counts.total() == n else f" (of which {counts.total()} were looked at)"
    yield Finding(
        "leakage",
        "the validation rows",
        f"{shared} of {m} are also among the {n} training rows{looked}; of the training rows "
        f"{repeated:.1%} are there twice or more",
        "split before rows are repeated or changed, and repeat only those to train on",
    )


def _keys(x: Any) -> Iterator[int]:
    """A number for each row, the same for rows that are the same."""
    parts = [np.ascontiguousarray(part + 0) for part in (x if isinstance(x, tuple) else (x,))]
    for row in zip(*parts, strict=True):
        yield hash(b"".join(part.tobytes() for part in row))
