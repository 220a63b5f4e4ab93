"""Random generator of an estimator, from scikit-learn's `random_state`."""

import numpy as np
from sklearn.utils import check_random_state

from handgrad.textbook.errors import SettingError


def generator_of(random_state: object) -> np.random.Generator:
    """Generator for a seed, a RandomState or None."""
    try:
        return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    except ValueError as error:
        raise SettingError(
            f"random_state={random_state!r}",
            "a whole number from 0 to 4294967295, a RandomState or None",
            "random_state=0",
        ) from error
