"""Errors of predicted times of which some are censored, and the best guess of all."""

from __future__ import annotations

import numpy as np

from handgrad.textbook.layers import Array

CENSORED_ERROR = "mean_censored_error"


def censored_errors(predicted: Array, y: Array) -> Array:
    """Absolute error of each time, (n,); of a censored one by how much it exceeds the prediction.

    Source: Qi et al., "An effective meaningful way to evaluate survival models", 2023, where it is
    the hinge error.

    Parameters
    ----------
    predicted : array, (n,)
        Predicted times.
    y : array, (n,)
        Times: of an event, or minus the time of censoring.
    """
    late = np.abs(y) - predicted
    return np.asarray(np.where(y < 0, np.maximum(late, 0), np.abs(late)))


def survival_curve(y: Array, w: Array | None = None) -> tuple[Array, Array]:
    """Kaplan-Meier estimate: times of events (n_times,), and the survival after each.

    Parameters
    ----------
    y : array, (n,)
        Times: of an event, or minus the time of censoring.
    w : array, (n,), optional
        Weight of each row.

    References
    ----------
    Kaplan, Meier, "Nonparametric estimation from incomplete observations", 1958.

    Examples
    --------
    >>> survival_curve(np.array([1.0, -2.0, 3.0, 4.0]))            # 3/4, and half of that
    (array([1., 3., 4.]), array([0.75 , 0.375, 0.   ]))
    """
    w = np.ones(len(y)) if w is None else w
    times, place = np.unique(y[y > 0], return_inverse=True)
    died = np.bincount(place, w[y > 0], len(times))
    order = np.argsort(np.abs(y))
    before = np.searchsorted(np.abs(y)[order], times)
    at_risk = np.cumsum(w[order][::-1])[::-1][before]
    return times, np.cumprod(1 - died / at_risk)


def restricted_mean(y: Array, w: Array | None = None) -> float:
    """Restricted mean time of all rows: the area of their survival curve to the last event."""
    times, survived = survival_curve(y, w)
    return float(np.diff(times, prepend=0.0) @ np.append(1.0, survived)[: len(times)])
