"""How close two computations of the same thing must be, and how close they were."""

from dataclasses import dataclass
from typing import Any

import numpy as np

# In float64. A number that is the difference of larger ones, as most gradients are, carries the
# rounding of those, about 1e-16 of them, however small it comes out itself. The terms here are
# of order 1, so that below the floor nothing is said of the relative error: within 1e-13 is
# equal. A wrong derivative is off by far more than either.
RELATIVE = 1e-10
FLOOR = 1e-3


@dataclass
class Largest:
    """The largest difference met so far, as a share of the number (no less than the floor)."""

    relative: float = 0.0
    absolute: float = 0.0
    numbers: int = 0

    def take(self, others: dict[str, Any]) -> None:
        """Count in what another process met, the fields of its own."""
        self.relative = max(self.relative, others["relative"])
        self.absolute = max(self.absolute, others["absolute"])
        self.numbers += others["numbers"]


LARGEST = Largest()


def assert_close(found: Any, expected: Any, what: str, relative: float = RELATIVE) -> None:
    """Equal shapes and types, and every number within `relative` of the expected one."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, what
    assert found.dtype == expected.dtype == np.float64, what
    difference = np.abs(found - expected)
    share = difference / (np.abs(expected) + FLOOR)
    most = float(share.max(initial=0)), float(difference.max(initial=0))
    LARGEST.take({"relative": most[0], "absolute": most[1], "numbers": found.size})
    assert (share <= relative).all(), f"{what}: {found} for {expected}"


def assert_all_close(found: dict[str, Any], expected: dict[str, Any], what: str) -> None:
    """The same names, and close numbers under each."""
    assert set(found) == set(expected), what
    for name, value in expected.items():
        assert_close(found[name], value, f"{what}: {name}")
