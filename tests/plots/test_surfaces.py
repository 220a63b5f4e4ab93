"""`plot_regression_surface` and `plot_pairs`: predictions over planes of two features."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import handgrad as hg
from tests.bad_input.refused import refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 3.0]
CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 2)


def test_the_surface_is_what_the_regressor_says_there() -> None:
    model: Any = LinearRegression().fit(X, NUMBERS)
    axes: Any = hg.plots.plot_regression_surface(
        model, X, NUMBERS, features=(3, 1), filler=[1.0, 0, 2.0, 0]
    )
    shown = axes.images[0]
    left, right, bottom, _ = shown.get_extent()
    assert shown.get_array()[0, 0] == pytest.approx(1 + 1 + 3 * left - 2 * bottom)
    assert shown.get_array()[0, -1] == pytest.approx(1 + 1 + 3 * right - 2 * bottom)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("feature 4", "feature 2")
    dots = axes.collections[0]
    near = [np.flatnonzero((X[:, [3, 1]] == place).all(axis=1))[0] for place in dots.get_offsets()]
    np.testing.assert_allclose(dots.get_array(), NUMBERS[near])
    assert f"{len(near)} of 50 rows shown" in axes.get_title()
    assert "the given filler" in axes.get_title()


def test_a_net_with_one_output_and_two_features() -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    axes: Any = hg.plots.plot_regression_surface(net, X[:, :2], NUMBERS)
    assert axes.get_title() == ""
    assert len(axes.collections[0].get_offsets()) == 50


def test_a_net_of_classes_has_no_such_surface() -> None:
    net = hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())
    with refused(hg.errors.ShapeError, "one number per row", "plot_decision_boundary"):
        hg.plots.plot_regression_surface(net, X, NUMBERS)


def test_pairs_of_a_classifier_are_slices_and_histograms() -> None:
    model: Any = LogisticRegression().fit(X, CLASSES)
    grid = hg.plots.plot_pairs(model, X, CLASSES, features=(0, 3, 1))
    assert grid.shape == (3, 3)
    assert [panel.get_ylabel() for panel in grid[:, 0]] == ["feature 1", "feature 4", "feature 2"]
    assert [panel.get_xlabel() for panel in grid[2]] == ["feature 1", "feature 4", "feature 2"]
    for i in range(3):
        heights = sum(bar.get_height() for bar in grid[i, i].patches)
        assert heights == 50
    assert grid[0, 1].images
    left, right = grid[0, 1].get_xlim()
    assert left < X[:, 3].min() < X[:, 3].max() < right


def test_pairs_of_a_regressor_and_of_nets() -> None:
    model: Any = LinearRegression().fit(X, NUMBERS)
    grid = hg.plots.plot_pairs(model, X, NUMBERS)
    assert grid.shape == (4, 4)
    assert grid[0, 1].images[0].get_array()[0, 0] == pytest.approx(
        model.predict([[grid[0, 1].get_ylim()[0], grid[0, 1].get_xlim()[0], *X.mean(axis=0)[2:]]])[
            0
        ]
    )
    np.testing.assert_allclose(grid[2, 2].collections[0].get_offsets(), np.c_[X[:, 2], NUMBERS])
    numbers = hg.Net(hg.Linear(4, 1, rng=0))
    assert hg.plots.plot_pairs(numbers, X, NUMBERS, features=(0, 1))[0, 1].images
    classes = hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())
    assert hg.plots.plot_pairs(classes, X, CLASSES, features=(0, 1))[0, 0].patches


def test_features_that_cannot_be_paired_are_refused() -> None:
    model: Any = LinearRegression().fit(X, NUMBERS)
    for features in ((0,), (0, 0), (0, 9), (0, 1, 0)):
        with refused(hg.errors.SettingError, "features"):
            hg.plots.plot_pairs(model, X, NUMBERS, features=features)
    with refused(hg.errors.ShapeError, "a single feature"):
        hg.plots.plot_pairs(model, X[:, :1], NUMBERS)
