"""`plot_activations`: values and slopes are what the pages give."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import handgrad as hg
from handgrad.textbook.layers import activations
from tests.bad_input.refused import refused


def test_each_activation_of_the_textbook_has_its_axes() -> None:
    axes = hg.plots.plot_activations()
    names = [panel.get_title().split("(")[0] for panel in axes]
    classes = {
        name
        for name, kind in vars(activations).items()
        if isinstance(kind, type) and kind.__module__ == activations.__name__
    }
    assert set(names) == classes
    assert len(names) == len(classes)


@pytest.mark.parametrize(
    "layer", [hg.Tanh(), hg.ReLU(), hg.layers.LeakyReLU(0.2), hg.Sigmoid(), hg.GELU()]
)
def test_the_slope_is_that_of_the_curve(layer: hg.Layer) -> None:
    (axes,) = hg.plots.plot_activations([layer])
    (x, y), (_, slope) = (np.array(line.get_data()) for line in axes.lines[:2])
    np.testing.assert_allclose(y, layer.forward(x))
    measured = np.diff(y) / np.diff(x)
    np.testing.assert_allclose((slope[1:] + slope[:-1])[x[:-1] > 0] / 2,
                               measured[x[:-1] > 0], atol=1e-3)  # fmt: skip
    np.testing.assert_allclose((slope[1:] + slope[:-1])[x[1:] < 0] / 2,
                               measured[x[1:] < 0], atol=1e-3)  # fmt: skip
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()
    assert axes.get_title() == repr(layer)


def test_the_layer_is_left_as_it_was() -> None:
    layer = hg.Tanh()
    layer.forward(np.ones((2, 3)))
    before = layer.y.copy()
    hg.plots.plot_activations([layer])
    np.testing.assert_array_equal(layer.y, before)


def test_it_draws_on_the_axes_it_is_given() -> None:
    axes = Figure().subplots(2, 2)
    drawn = hg.plots.plot_activations([hg.Tanh(), hg.ReLU(), hg.Sigmoid()], axes)
    assert list(drawn) == [*axes.ravel()[:3]]
    assert not axes[1, 1].lines


class Scale(hg.Layer):
    """y = s x"""

    param_names = ("s",)

    def __init__(self) -> None:
        super().__init__()
        self.s = np.ones(3)

    def forward(self, x: Any) -> Any:
        return x * self.s

    def backward(self, dy: Any) -> Any:
        return dy * self.s


@pytest.mark.parametrize("layer", [hg.Softmax(), hg.Linear(1, 1), hg.Linear(3, 2), Scale()])
def test_what_works_on_whole_rows_is_refused(layer: hg.Layer) -> None:
    with refused(hg.errors.SettingError, repr(layer), "elementwise"):
        hg.plots.plot_activations([layer])


def test_too_few_axes_and_other_things_are_refused() -> None:
    with refused(hg.errors.SettingError, "1 axes", "2 axes"):
        hg.plots.plot_activations([hg.Tanh(), hg.ReLU()], [Figure().subplots()])
    other: Any = [np.tanh]
    with refused(hg.errors.SettingError, "ufunc", "hg.Tanh()"):
        hg.plots.plot_activations(other)
    with refused(hg.errors.SettingError, "no layers"):
        hg.plots.plot_activations([])
