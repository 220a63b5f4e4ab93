"""`plot_hidden_space`: rows as a layer sees them, and the straight line of what follows."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.plots.pictures import contour, legend, rows

X, Y = hg.data.make_circles(40, rng=0)


def net(units: int) -> hg.Net:
    return hg.Net(hg.Linear(2, units, rng=0), hg.Tanh(), hg.Linear(units, 2, rng=1), hg.Softmax())


def hidden(net: hg.Net) -> Any:
    return np.tanh(X @ net.layers[0].W.T + net.layers[0].b)


def test_two_units_are_the_axes_and_the_last_linear_is_a_straight_line() -> None:
    small = net(2)
    axes = hg.plots.plot_hidden_space(small, X, Y, class_names=["out", "in"])
    found = rows(axes)
    assert list(found) == legend(axes) == ["out", "in"]
    np.testing.assert_allclose(found["in"], hidden(small)[Y == 1], atol=1e-6)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("unit 1", "unit 2")
    assert axes.get_title() == "after layer 2 of 4, Tanh()"
    W, b = small.layers[2].W, small.layers[2].b
    line = contour(axes, 0.5)
    assert len(line) > 10
    np.testing.assert_allclose(line @ (W[1] - W[0]) + (b[1] - b[0]), 0, atol=1e-5)


def test_more_units_are_shown_by_their_principal_components() -> None:
    large = net(6)
    axes = hg.plots.plot_hidden_space(large, X, Y)
    found = rows(axes)
    from sklearn.decomposition import PCA

    pca = PCA(2).fit(hidden(large))
    expected = pca.transform(hidden(large))
    for k in (0, 1):
        np.testing.assert_allclose(np.abs(found[f"class {k}"]), np.abs(expected[k == Y]), atol=1e-5)
    first, second = pca.explained_variance_ratio_
    assert axes.get_xlabel() == f"first principal component, {first:.0%} of the variance"
    assert axes.get_ylabel() == f"second principal component, {second:.0%} of the variance"


def test_another_layer_can_be_asked_for() -> None:
    small = net(2)
    axes = hg.plots.plot_hidden_space(small, X, Y, layer=0)
    z = X @ small.layers[0].W.T + small.layers[0].b
    np.testing.assert_allclose(rows(axes)["class 0"], z[Y == 0], atol=1e-6)
    assert axes.get_title() == "after layer 1 of 4, Linear(2, 2)"
    assert len(contour(axes, 0.5))  # bent now, by the Tanh that follows


def test_one_row_and_rows_all_alike_can_be_drawn() -> None:
    for x in (X[:1], np.ones((5, 2))):
        axes = hg.plots.plot_hidden_space(net(4), x, [0] * len(x))
        assert np.isfinite(rows(axes)["class 0"]).all()
    assert axes.get_xlabel() == "first principal component, 0% of the variance"


def test_the_net_is_left_as_it_was() -> None:
    small = net(2)
    before = small.state()
    hg.plots.plot_hidden_space(small, X, Y)
    for path, array in small.state().items():
        np.testing.assert_array_equal(array, before[path])


def test_nets_without_a_hidden_layer_and_other_layers_are_refused() -> None:
    with refused(hg.errors.SettingError, "no hidden layer"):
        hg.plots.plot_hidden_space(hg.Net(hg.Linear(2, 2), hg.Softmax()), X, Y)
    with refused(hg.errors.ShapeError, "shape (40, 1)", "two units or more"):
        hg.plots.plot_hidden_space(net(1), X, Y)
    for layer in (-1, 3, True, 1.0):
        with refused(hg.errors.SettingError, f"layer = {layer!r}", "from 0 to 2"):
            hg.plots.plot_hidden_space(net(2), X, Y, layer=layer)  # type: ignore[arg-type]


@pytest.mark.parametrize("units", [2, 5])
def test_many_classes_are_drawn_too(units: int) -> None:
    x, y = hg.data.make_blobs(30, rng=0)
    deep = hg.Net(hg.Linear(2, units, rng=0), hg.Linear(units, 3, rng=1), hg.Softmax())
    axes: Any = hg.plots.plot_hidden_space(deep, x, y)
    assert len(rows(axes)) == 3
    assert len(axes.images) == (units == 2)
