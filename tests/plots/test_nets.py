"""`plot_net` and `plot_neurons`: weights, activations, gradients and maps are those of the net."""

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

import handgrad as hg
from handgrad.plots.style import FIRST, SECOND
from tests.bad_input.refused import refused

X, Y = hg.data.make_circles(40, rng=0)
LOSS = hg.CrossEntropyLoss()


def net() -> hg.Net:
    return hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh(), hg.Linear(3, 2, rng=1), hg.Softmax())


def lines(axes: Any) -> list[Any]:
    return [found for found in axes.collections if isinstance(found, LineCollection)]


def words(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_lines_are_the_weights_by_width_colour_and_dashes() -> None:
    small = net()
    first, second = lines(hg.plots.plot_net(small, X[:1]))
    for drawn, layer in ((first, small.layers[0]), (second, small.layers[2])):
        W = layer.W.ravel()
        widths = np.array(drawn.get_linewidths())
        np.testing.assert_allclose((widths - 0.3) / 3.7, np.abs(W) / np.abs(W).max(), atol=1e-6)
        expected = [to_rgb(SECOND if w > 0 else FIRST) for w in W]
        np.testing.assert_allclose(np.array(drawn.get_colors())[:, :3], expected, atol=1e-6)
        assert [dashes is None for _, dashes in drawn.get_linestyles()] == [w > 0 for w in W]


def test_numbers_are_activations_and_gradients_of_the_row() -> None:
    small, row, target = net(), X[3:4], Y[3:4]
    axes = hg.plots.plot_net(small, row, target, loss=LOSS)
    z = row @ small.layers[0].W.T + small.layers[0].b
    hidden = np.tanh(z)
    p = small.predict(row)
    dz = p - np.eye(2)[target]
    dh = dz @ small.layers[2].W
    dx = (dh * (1 - hidden**2)) @ small.layers[0].W
    dp = 0 - np.eye(2)[target] / p
    for values, gradients in ((row, dx), (hidden, dh), (p, dp)):
        for value, gradient in zip(values[0], gradients[0], strict=True):
            assert f"{value:.3g}\nd {gradient:.2g}" in words(axes)


def test_lines_can_be_the_gradients_of_the_weights() -> None:
    small = net()
    first, _ = lines(hg.plots.plot_net(small, X, Y, loss=LOSS, lines="gradients"))
    small.forward(X)
    LOSS.forward(small.predict(X), Y)
    small.backward(LOSS.backward())
    dW = np.abs(small.layers[0].dW).ravel()
    widths = np.array(first.get_linewidths())
    np.testing.assert_allclose((widths - 0.3) / 3.7, dW / dW.max(), atol=1e-5)


def test_of_many_units_some_are_drawn_and_it_says_of_how_many() -> None:
    wide = hg.Net(hg.Linear(2, 40, rng=0), hg.ReLU(), hg.Linear(40, 1, rng=1))
    axes: Any = hg.plots.plot_net(wide, X[:1])
    assert "40 units" in words(axes)
    assert len(axes.collections[2].get_offsets()) == 2  # the inputs
    assert len(axes.collections[3].get_offsets()) == 16


@pytest.mark.parametrize("kind", ["perceptron", "tabular"])
def test_estimators_are_drawn_by_their_nets(kind: str) -> None:
    model: Any
    if kind == "perceptron":
        model = hg.MLPClassifier((5,), tol=1e9, random_state=0).fit(X, np.array(["in", "out"])[Y])
    else:
        model = hg.TabularClassifier(random_state=0, epochs=2).fit(X, np.array(["in", "out"])[Y])
    axes = hg.plots.plot_net(model, X[:1], ["in"])
    assert lines(axes)
    assert any("\nd " in text for text in words(axes))
    assert hg.plots.plot_net(model, X[:1]).texts


def test_the_layers_that_keep_their_units_are_named_with_those_before_them() -> None:
    deep = hg.Net(
        hg.Linear(2, 4, rng=0), hg.BatchNorm(4), hg.ReLU(), hg.Dropout(0.5), hg.Linear(4, 2, rng=1)
    )
    texts = words(hg.plots.plot_net(deep, X[:1]))
    assert "Linear, BatchNorm, ReLU…, Dropout"[:10] in "".join(texts)
    assert "Linear" in texts


def test_what_cannot_be_drawn_is_refused() -> None:
    small, other = net(), object()
    with refused(hg.errors.SettingError, "a net, or a fitted estimator that has one"):
        hg.plots.plot_net(other, X)  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "a loss without y"):
        hg.plots.plot_net(small, X[:1], loss=LOSS)
    with refused(hg.errors.SettingError, "lines = 'gradients' without a loss"):
        hg.plots.plot_net(small, X[:1], lines="gradients")
    with refused(hg.errors.ShapeError, "2 features"):
        hg.plots.plot_net(small, X[:, :1])


def test_each_unit_has_a_map_of_what_it_says() -> None:
    small = net()
    panels = hg.plots.plot_neurons(small, X)
    assert len(panels) == 5
    shown = panels[1].images[0]
    left, right, bottom, top = shown.get_extent()
    across, up = np.linspace(left, right, 60), np.linspace(bottom, top, 60)
    for i, j in ((0, 0), (10, 50), (59, 59)):
        hidden = np.tanh(np.array([across[j], up[i]]) @ small.layers[0].W.T + small.layers[0].b)
        assert shown.get_array()[i, j] == pytest.approx(hidden[1], abs=1e-6)
    assert shown.get_clim()[1] == -shown.get_clim()[0]


def test_maps_hold_other_features_at_a_filler() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    wide = hg.Net(hg.Linear(3, 2, rng=0))
    shown = hg.plots.plot_neurons(wide, x, features=(0, 2), filler=[9.0, 2.0, 9.0])[0].images[0]
    left, _, bottom, _ = shown.get_extent()
    linear = wide.layers[0]
    expected = np.array([left, 2.0, bottom]) @ linear.W[0] + linear.b[0]
    assert shown.get_array()[0, 0] == pytest.approx(expected, abs=1e-5)
