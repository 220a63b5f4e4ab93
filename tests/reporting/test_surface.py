"""What a model answers over the plane of two columns: where it begins, and its numbers apart."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from handgrad.plots.style import keep_apart
from handgrad.reporting.surface import Axis, draw_surface

RNG = np.random.default_rng(0)


def drawn(across: Axis, up: Axis, classes: tuple[str, ...] = ()) -> Any:
    axes = Figure().add_subplot()
    y = np.arange(len(across.at)) % 2

    def answers_at(points: Any) -> Any:
        share = np.linspace(0, 1, len(points))
        return np.stack([share, 1 - share], axis=1) if classes else share

    draw_surface(axes, across, up, answers_at, y, classes)
    return axes


@pytest.mark.parametrize("classes", [(), ("no", "yes")])
def test_the_plane_of_numbers_that_are_never_below_zero_does_not_begin_below_it(
    classes: tuple[str, ...],
) -> None:
    area, change = Axis("area", 100 * RNG.random(40)), Axis("change", RNG.normal(size=40))
    axes = drawn(area, change, classes)
    assert axes.get_xlim()[0] == 0
    assert axes.get_ylim()[0] < change.at.min()
    kind = Axis("kind", np.arange(40.0) % 2, ("a", "b"))
    axes = drawn(kind, Axis("nothing", np.zeros(40)), classes)
    assert axes.get_xlim()[0] < 0
    assert axes.get_ylim()[0] < 0


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
