"""What one way leaves of a training beside what another does, number by number."""

from typing import Any

import numpy as np

from handgrad.textbook.layers import Array
from tests.bits.everywhere.machine_code import Found

# Every way tells the weights; of averaged ones `hg.fit` has only the average.
WEIGHTS = {"parameters", "memory_average"}


def bits(array: Array) -> Any:
    """The bits of each number, in one row; all that are no number have the same."""
    flat = np.ravel(array)
    if flat.dtype.kind == "f":
        return np.where(np.isnan(flat), flat.dtype.type(np.nan), flat).view(f"u{flat.itemsize}")
    return flat if flat.dtype == np.uint64 else flat.astype(np.int64)


def compared(found: Found, expected: Found) -> tuple[int, list[str]]:
    """How many numbers were compared; and what differs, a line for each array."""
    assert not WEIGHTS.isdisjoint(found), found.keys()
    count, lines = 0, []
    for name, array in found.items():
        one, other = bits(array), bits(expected[name])
        if one.shape != other.shape or one.dtype != other.dtype:
            lines.append(f"{name}: {array.size} of {array.dtype}, not {expected[name].size}")
            continue
        count += one.size
        if (odd := np.flatnonzero(one != other)).size:
            i = odd[0]
            values = array.ravel()[i], expected[name].ravel()[i]
            lines.append(f"{name}: {odd.size} of {one.size}, [{i}] is {values[0]}, not {values[1]}")
    return count, lines
