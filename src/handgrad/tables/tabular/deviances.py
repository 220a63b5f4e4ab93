"""Losses of a regressor: the squared error, or a deviance with a log link; and exposure."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

from handgrad.textbook.errors import DataError, SettingError, did_you_mean, is_number
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import GammaDevianceLoss, Loss, PoissonNLLLoss, TweedieDevianceLoss

SQUARED_ERROR, TWEEDIE = "squared_error", "tweedie"
# Losses of log means, by name; the metric of each is a mean deviance.
DEVIANCES: dict[str, type[Loss]] = {
    "poisson": PoissonNLLLoss,
    "gamma": GammaDevianceLoss,
    TWEEDIE: TweedieDevianceLoss,
}
LOSSES = (SQUARED_ERROR, *DEVIANCES)


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
    if loss == TWEEDIE:
        return TweedieDevianceLoss(float(power))  # type: ignore[arg-type]
    return None if loss == SQUARED_ERROR else DEVIANCES[loss]()


def mean_deviance(loss: str) -> str:
    """Name of the metric of a deviance."""
    return f"mean_{loss}_deviance"


def per_exposure(y: Array, sample_weight: object, exposure: object) -> tuple[Array, Array]:
    """Rates y / exposure, and the weights times the exposure.

    The exposure of a row is how many units it covers, such as years of insurance, or claims.

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
