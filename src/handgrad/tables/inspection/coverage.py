"""Coverage of the intervals, sets or quantiles of a model, for rows with known targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from handgrad.tables.data.predictions import has_intervals, has_quantiles, has_sets
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import QuantileLoss

NOMINAL = 0.9


class CoverageRecord(TypedDict):
    """Mean coverage and size of intervals or sets, as JSON."""

    of: str
    nominal: float
    observed: float
    mean_size: float
    rows: int


class QuantileRecord(TypedDict):
    """Fraction of the targets below a quantile of this level, and its pinball loss, as JSON."""

    level: float
    below: float
    pinball_loss: float


@dataclass(frozen=True)
class Coverage:
    """Rows whose true value is `inside` (n,) their interval or set of classes.

    `sizes` (n,) are the widths, or the numbers of classes; `ends` (n, 2) are None for sets.
    """

    inside: Array
    sizes: Array
    ends: Array | None = None
    nominal: float = NOMINAL

    @property
    def kind(self) -> str:
        """Name of what covers: interval or set."""
        return "set" if self.ends is None else "interval"

    def recorded(self) -> CoverageRecord:
        """The mean coverage and size, for JSON."""
        return {
            "of": self.kind,
            "nominal": self.nominal,
            "observed": float(self.inside.mean()),
            "mean_size": float(self.sizes.mean()),
            "rows": len(self.inside),
        }


def coverage_of(model: object, X: object, y: Array, classes: Sequence[object]) -> Coverage | None:
    """Coverage for rows with numbers or class indices y (n,).

    None for a model that has neither intervals nor sets, or too few held-out rows for them.
    """
    if not len(y):
        return None
    try:
        with no_unseen_warnings():
            if classes and has_sets(model):
                sets = model.predict_sets(X, NOMINAL)
                return Coverage(sets[np.arange(len(y)), y], sets.sum(axis=1))
            if classes or not has_intervals(model):
                return None
            ends = model.predict(X, interval=NOMINAL)[1]
    except SettingError:
        return None
    inside = (ends[:, 0] <= y) & (y <= ends[:, 1])
    return Coverage(inside, np.diff(ends)[:, 0], ends)


def quantiles_of(model: object, X: object, y: Array) -> list[QuantileRecord]:
    """Record of each quantile for rows with numbers y (n,); empty for a model without quantiles."""
    if not has_quantiles(model) or not len(y):
        return []
    with no_unseen_warnings():
        p = model.predict_quantiles(X)
    return [
        {
            "level": level,
            "below": float((y < column).mean()),
            "pinball_loss": float(QuantileLoss(level).forward(column, y)),
        }
        for level, column in zip(model.quantiles_, p.T, strict=True)
    ]
