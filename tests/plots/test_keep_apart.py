"""Numbers along an axis stand apart."""

from itertools import pairwise
from typing import Any

import pytest
from matplotlib.figure import Figure

from handgrad.plots.style import keep_apart


@pytest.mark.parametrize("width", [2.0, 3.0, 6.0])
def test_numbers_along_an_axis_stand_apart(width: float) -> None:
    axes: Any = Figure(figsize=(width, 2)).add_subplot()
    axes.plot([160_000, 1_160_000], [0, 1])
    axes.ticklabel_format(useOffset=False, style="plain")
    keep_apart(axes)
    axes.figure.draw_without_rendering()
    left, right = axes.get_xlim()
    places = axes.get_xticks()
    inside = [
        label.get_window_extent()
        for label, place in zip(axes.get_xticklabels(), places, strict=True)
        if left <= place <= right
    ]
    assert len(inside) >= 2
    assert all(a.x1 + 10 < b.x0 for a, b in pairwise(inside))
