"""What a model answers over the plane of two columns: where it begins, and its numbers apart."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from handgrad.tables.reporting.surface import Axis, draw_surface

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
