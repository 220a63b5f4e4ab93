"""`plot_loss_functions`, `plot_cross_entropy`: the curves are the losses."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import handgrad as hg
from tests.bad_input.refused import refused


def curve(axes: Any, i: int = 0) -> tuple[Any, Any]:
    line = axes.lines[i]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def test_regression_has_the_absolute_and_the_squared_loss() -> None:
    absolute, squared = hg.plot_loss_functions("regression")
    x, y = curve(absolute)
    np.testing.assert_allclose(y, np.abs(x))
    assert (x.min(), x.max()) == (-2, 2)
    x, y = curve(squared)
    np.testing.assert_allclose(y, x**2)
    assert {absolute.get_xlabel(), squared.get_xlabel()} == {"y − f(x)"}


def test_classification_has_the_0_1_and_the_logistic_loss() -> None:
    zero_one, logistic = hg.plot_loss_functions("classification")
    p, y = curve(zero_one)
    np.testing.assert_array_equal(y, np.where(p < 0.5, 1, 0))
    assert zero_one.lines[0].get_drawstyle() == "steps-post"
    p, y = curve(logistic)
    np.testing.assert_allclose(y, -np.log(p), atol=1e-12)
    assert "true class" in logistic.get_xlabel()


def test_cross_entropy_has_a_curve_for_each_class() -> None:
    axes: Any = hg.plot_cross_entropy()
    p, y = curve(axes)
    np.testing.assert_allclose(y, -np.log(p))
    p, y = curve(axes, 1)
    np.testing.assert_allclose(y, -np.log(1 - p))
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()
    assert axes.lines[0].get_label().startswith("y = 1")


def test_they_draw_on_the_axes_they_are_given() -> None:
    first, second, third = Figure().subplots(1, 3)
    assert list(hg.plot_loss_functions("regression", axes=[first, second])) == [first, second]
    assert hg.plot_cross_entropy(third) is third
    assert [len(axes.lines) for axes in (first, second, third)] == [1, 1, 2]


def test_other_tasks_and_numbers_of_axes_are_refused() -> None:
    task: Any = "classfication"
    with refused(hg.errors.SettingError, "without functions", "did you mean 'classification'?"):
        hg.plot_loss_functions(task)
    with refused(hg.errors.SettingError, "3 axes", "2 axes"):
        hg.plot_loss_functions("regression", axes=Figure().subplots(1, 3))


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_all_is_finite(task: Any) -> None:
    for axes in hg.plot_loss_functions(task):
        assert np.isfinite(curve(axes)[1]).all()


def test_any_functions_or_their_values_are_drawn_with_labels_and_a_title() -> None:
    x = np.linspace(0, 3, 7)
    functions: Any = [np.abs, x**2, lambda e: np.maximum(e - 1, 0)]
    axes = hg.plot_loss_functions("Three losses", functions, ["|e|", "e²"], "e", x=x)
    for ax, y in zip(axes, (np.abs(x), x**2, np.maximum(x - 1, 0)), strict=True):
        found = curve(ax)
        np.testing.assert_array_equal(found[0], x)
        np.testing.assert_array_equal(found[1], y)
        assert ax.get_xlabel() == "e"
    assert [ax.get_ylabel() for ax in axes] == ["|e|", "e²", ""]
    assert axes[0].figure.get_suptitle() == "Three losses"
    (alone,) = hg.plot_loss_functions("One", [np.square], xlabel="e")
    assert (curve(alone)[0].min(), curve(alone)[0].max()) == (-2, 2)


def test_functions_that_cannot_be_drawn_are_refused() -> None:
    with refused(hg.errors.SettingError, "without their x", "x=x"):
        hg.plot_loss_functions("Values", [np.ones(5)])
    with refused(hg.errors.ShapeError, "shape (4,) for 5 numbers", "np.vectorize"):
        hg.plot_loss_functions("Values", [np.ones(4)], x=np.arange(5))
    alone: Any = np.abs
    with refused(hg.errors.SettingError, "functions = <ufunc", "a list of functions"):
        hg.plot_loss_functions("One", alone)
    with refused(hg.errors.SettingError, "functions = []", "at least one"):
        hg.plot_loss_functions("None", [])
    with refused(hg.errors.SettingError, "2 axes", "1 axes"):
        hg.plot_loss_functions("One", [np.abs], axes=Figure().subplots(1, 2))
