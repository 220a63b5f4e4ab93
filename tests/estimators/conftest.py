"""What the fits of one test have asked for decides nothing in another."""

import pytest

from handgrad.estimators.engines import KEPT


@pytest.fixture(autouse=True)
def no_fits_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Auto counts the fits of a form: the last digits would depend on the order of the tests."""
    monkeypatch.setattr(KEPT, "gains", {})
