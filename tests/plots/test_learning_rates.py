"""`plot_schedule`, `plot_learning_rate_search`: the lines are the rates and the losses."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import handgrad as hg
from tests.bad_input.refused import refused
from tests.plots.pictures import legend


def curve(axes: Any, i: int = 0) -> tuple[Any, Any]:
    line = axes.lines[i]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def test_a_schedule_is_drawn_over_progress() -> None:
    axes: Any = hg.plots.plot_schedule(hg.schedules.cosine())
    progress, factors = curve(axes)
    assert (progress[0], axes.get_xlim()) == (0, (0, 1))
    np.testing.assert_allclose(factors, (1 + np.cos(np.pi * progress)) / 2)
    assert axes.get_ylabel() == "factor of the learning rate"
    assert axes.get_legend() is None


def test_several_have_their_names_and_the_learning_rate_is_a_factor() -> None:
    own: Any = Figure().subplots()
    schedules = {"straight": lambda p: 1 - p, "of numbers": lambda p: 1.0 if p < 0.5 else 0.5}
    axes: Any = hg.plots.plot_schedule(schedules, 0.2, ax=own)
    assert axes is own
    progress, rates = curve(axes)
    np.testing.assert_allclose(rates, 0.2 * (1 - progress))
    np.testing.assert_allclose(curve(axes, 1)[1], np.where(progress < 0.5, 0.2, 0.1))
    assert legend(axes) == ["straight", "of numbers"]
    assert axes.get_ylabel() == "learning rate"
    assert len({line.get_linestyle() for line in axes.lines}) == 2


def test_a_search_has_its_losses_and_marks_what_it_suggests() -> None:
    rates = np.geomspace(1e-3, 1, 20)
    found = hg.training.LearningRateSearch(rates, rates**2, rates, 0.025)
    axes: Any = hg.plots.plot_learning_rate_search(found)
    np.testing.assert_array_equal(curve(axes)[1], rates**2)
    np.testing.assert_array_equal(curve(axes, 1)[1], rates)
    assert set(curve(axes, 2)[0]) == {0.025}
    assert axes.get_xscale() == "log"
    assert legend(axes)[-1] == "suggested, 0.025"


@pytest.mark.parametrize("wrong", [0.1, "cosine", {}, {"a": 1}])
def test_what_is_no_schedule_is_refused(wrong: Any) -> None:
    with refused(hg.errors.SettingError, "schedule = "):
        hg.plots.plot_schedule(wrong)


def test_what_is_no_search_is_refused() -> None:
    with refused(hg.errors.SettingError, "the result of find_learning_rate"):
        hg.plots.plot_learning_rate_search([1, 2])  # type: ignore[arg-type]
