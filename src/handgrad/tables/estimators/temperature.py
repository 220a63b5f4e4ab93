"""Temperature of logits, fitted to validation rows."""

import numpy as np

from handgrad.engines.deterministic_ufuncs import deterministic
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import SoftTargetCrossEntropyLoss
from handgrad.textbook.special_functions import power

TEMPERATURES = power(np.e, np.linspace(-2, 2, 161))


def log_loss(z: Array, t: Array, *weights: Array) -> float:
    """Log loss of logits and targets (n, n_classes), and weights (n,) of the rows, if any."""
    return float(SoftTargetCrossEntropyLoss().forward(deterministic(z), t, *weights))


def fitted_temperature(z: Array, t: Array, *weights: Array) -> float:
    """Temperature that minimizes the log loss of logits divided by it; 1 without rows.

    As in Platt scaling (1999), targets are smoothed by one further row of any class: n correct rows
    do not make certain.

    Parameters
    ----------
    z : array, (n, n_classes)
        Logits of validation rows.
    t : array, (n, n_classes)
        One-hot targets.
    *weights : array, (n,), optional
        Weight of each row.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", 2017.
    """
    if not len(z):
        return 1.0
    t = t + (1 / t.shape[1] - t) / len(t)
    losses = [log_loss(z / temperature, t, *weights) for temperature in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def is_temperature(value: object) -> bool:
    """Return True if a model file may have this temperature."""
    return type(value) is float and 1e-3 < value < 1e3
