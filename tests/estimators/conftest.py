"""What the fits of one test have asked for decides nothing in another."""

import pytest

from handgrad.estimators import engines


@pytest.fixture(autouse=True)
def no_fits_before() -> None:
    """Auto counts the fits of a form: the last digits would depend on the order of the tests."""
    engines._gain_so_far.cache_clear()
