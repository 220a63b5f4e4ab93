"""Losses of a regressor: the squared error, or a deviance with a log link; mean deviances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from handgrad.tables.estimators.losses import HalfPoissonDeviance
from handgrad.tables.tabular.censored import CENSORED_ERROR, censored_errors
from handgrad.textbook.errors import DataError, SettingError, did_you_mean, is_number
from handgrad.textbook.kinds import Amounts
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import GammaDevianceLoss, Loss, PoissonNLLLoss, TweedieDevianceLoss

LossName = Literal["squared_error", "poisson", "gamma", "tweedie"]
LOSSES: tuple[LossName, ...] = get_args(LossName)
SQUARED_ERROR, *DEVIANCES = LOSSES
CENSORED = "censored"  # the loss of survival times, which no regressor has
# Losses of log means: that of a training, and that whose value is so many times the mean deviance.
OF_TRAINING: dict[str, Callable[[], Loss]] = {
    "poisson": PoissonNLLLoss,
    "gamma": GammaDevianceLoss,
    "tweedie": TweedieDevianceLoss,
}
OF_METRIC: dict[str, tuple[Callable[[], Loss], float]] = {
    "mean_poisson_deviance": (HalfPoissonDeviance, 2.0),
    "mean_gamma_deviance": (GammaDevianceLoss, 1.0),
    "mean_tweedie_deviance": (TweedieDevianceLoss, 1.0),
}


def deviance_of(loss: object, power: object) -> Loss | None:
    """The loss of that name, whose predictions are logarithms of means; None for squared error.

    Parameters
    ----------
    loss : str
        One of `LOSSES`.
    power : float
        Power of the variance, for "tweedie".
    """
    if not isinstance(loss, str) or loss not in LOSSES:
        raise SettingError(
            f"loss={loss!r}",
            f"one of {', '.join(LOSSES)}",
            did_you_mean(str(loss), LOSSES, f"loss={SQUARED_ERROR!r}"),
        )
    if not is_number(power) or not 1 < float(power) < 2:  # type: ignore[arg-type]
        raise SettingError(
            f"power={power!r}",
            "a number between 1 and 2, the power of the variance for loss='tweedie'",
            "power=1.5; or loss='poisson' for 1, loss='gamma' for 2",
        )
    if loss == "tweedie":
        return TweedieDevianceLoss(float(power))  # type: ignore[arg-type]
    return None if loss == SQUARED_ERROR else OF_TRAINING[loss]()


def metric_of(loss: object) -> str:
    """Name of the mean deviance of a loss by its name, or of the censored error; else ""."""
    if loss == CENSORED:
        return CENSORED_ERROR
    return f"mean_{loss}_deviance" if isinstance(loss, str) and loss in DEVIANCES else ""


def mean_deviance(name: str, mean: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Mean deviance of predictions; that of Tweedie has the power 1.5.

    Parameters
    ----------
    name : str
        A name of `OF_METRIC`, or that of the censored error.
    mean : array, (n,)
        Predictions, above 0.
    y : array, (n,)
        Targets.
    sample_weight : array, (n,), optional
        Weight of each row.

    Raises
    ------
    DataError
        For predictions or targets that have no such deviance.
    """
    if name == CENSORED_ERROR:
        return float(np.average(censored_errors(mean, y), weights=sample_weight))
    loss, factor = _checked(name, mean, y)
    w = () if sample_weight is None else (sample_weight,)
    return factor * float(loss.forward(np.log(mean)[:, None], y, *w))


def unit_deviances(name: str, mean: Array, y: Array) -> Array:
    """Deviance of each row, (n,), the mean of which is `mean_deviance`."""
    if name == CENSORED_ERROR:
        return censored_errors(mean, y)
    loss, factor = _checked(name, mean, y)
    rows = zip(np.log(mean)[:, None, None], y[:, None], strict=True)
    return factor * np.array([float(loss.forward(z, t)) for z, t in rows])


def _checked(name: str, mean: Array, y: Array) -> tuple[Loss, float]:
    """The loss of a mean deviance, and the factor of its value."""
    make, factor = OF_METRIC[name]
    loss = make()
    kind = loss.target_kind
    if not isinstance(kind, Amounts):
        raise AssertionError(kind)
    for what, values, fits, expected in (
        ("prediction", mean, mean.min(initial=1) > 0, "predictions above 0"),
        ("target", y, kind.allows(y.min(initial=1)), f"{kind.name}, {kind.least}"),
    ):
        if not fits:
            raise DataError(f"a {what} of {values.min():g}, for {name}", expected, "another metric")
    return loss, factor
