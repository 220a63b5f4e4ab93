"""Levels of the quantiles that a net has an output for each of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from handgrad.textbook.errors import SettingError, is_number

MEDIAN = 0.5
MOST_LEVELS = 99


def checked_quantiles(quantiles: object) -> tuple[float, ...] | None:
    """Levels of quantiles as a tuple, None for None; refused unless between 0 and 1, ascending."""
    if quantiles is None:
        return None
    levels = quantiles if isinstance(quantiles, Sequence | np.ndarray) else ()
    numbers = tuple(float(q) for q in levels if is_number(q))
    if (
        not 0 < len(numbers) <= MOST_LEVELS
        or len(numbers) != len(levels)
        or not 0 < numbers[0] <= numbers[-1] < 1
        or not all(a < b for a, b in pairwise(numbers))
    ):
        raise SettingError(
            f"quantiles={quantiles!r}",
            f"up to {MOST_LEVELS} levels between 0 and 1, in ascending order",
            "quantiles=(0.1, 0.5, 0.9)",
        )
    return numbers


def levels_of_net(quantiles: tuple[float, ...] | None) -> tuple[float, ...]:
    """Levels of the outputs of a net: the quantiles and the median, which is the prediction."""
    return tuple(sorted({*(quantiles or ()), MEDIAN}))
