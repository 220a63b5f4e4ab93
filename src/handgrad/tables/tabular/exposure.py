"""Exposure: how many units a row covers, such as years of insurance, or claims."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array


def per_exposure(y: Array, sample_weight: object, exposure: object) -> tuple[Array, Array]:
    """Rates y / exposure, and the weights times the exposure.

    Parameters
    ----------
    y : array, (n,)
        Totals of the rows.
    sample_weight : array-like (n,) or None
        Weight of each row.
    exposure : array-like (n,)
        Exposure of each row.
    """
    try:
        e = np.asarray(column_or_1d(np.asarray(exposure)), float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"exposure: {error}", "a number above 0 for each row", "exposure=table['column']"
        ) from error
    check_consistent_length(y, e)
    unusable = ~(np.isfinite(e) & (e > 0))
    if unusable.any():
        row = int(unusable.argmax())
        raise DataError(
            f"exposure: {e[row]:g} in row {row}, counted from 0",
            "a number above 0 in every row",
            "without the rows that have no exposure",
        )
    w = np.ones(len(e)) if sample_weight is None else np.asarray(sample_weight, float)
    check_consistent_length(w, e)
    return y / e, w * e
