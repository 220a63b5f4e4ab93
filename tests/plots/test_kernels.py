"""`plot_kernels` and `plot_feature_maps`: the pictures are the weights and maps of the net."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import handgrad as hg
from tests.bad_input.refused import refused

ROW = np.random.default_rng(0).normal(size=(1, 64))


def net() -> hg.Net:
    return hg.Net(
        hg.layers.Reshape(1, 8, 8),
        hg.Conv2d(1, 3, 3, rng=0),
        hg.ReLU(),
        hg.Residual(hg.Conv2d(3, 3, (3, 1), padding=(1, 0), rng=1)),
        hg.Flatten(),
        hg.Linear(108, 2, rng=2),
    )


def values(image: Any) -> Any:
    return np.asarray(image.get_array())


def places(axes: Any) -> list[tuple[int, int]]:
    """Which picture from the left and from above each is, by its corner."""
    corners = [image.get_extent() for image in axes.images]
    across = sorted({left for left, _, _, _ in corners})
    down = sorted({top for _, _, _, top in corners})
    return [(across.index(left), down.index(top)) for left, _, _, top in corners]


def test_a_picture_is_the_weights_from_one_channel_to_another() -> None:
    looks = net()
    axes: Any = hg.plots.plot_kernels(looks, layer="3.0")
    W = looks.layers[3].layers[0].W
    assert sorted(places(axes)) == [(o, c) for o in range(3) for c in range(3)]
    for image, (o, c) in zip(axes.images, places(axes), strict=True):
        np.testing.assert_array_equal(values(image), W[o, c])
        left, right, bottom, top = image.get_extent()
        assert (bottom - top) / (right - left) == pytest.approx(3)  # three lines, one column
    assert axes.get_xlabel() == "output channel"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1", "2", "3"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first line is on top


def test_all_kernels_have_one_scale_with_zero_in_its_middle() -> None:
    looks = net()
    axes = hg.plots.plot_kernels(looks)
    most = np.abs(looks.layers[1].W).max()
    assert [image.get_clim() for image in axes.images] == [(-most, most)] * 3
    assert axes.images[0].cmap(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)
    looks.layers[1].W = np.zeros((3, 1, 3, 3))
    assert hg.plots.plot_kernels(looks).images[0].get_clim() == (-1, 1)


def test_by_default_it_is_the_first_convolution_and_a_number_names_one() -> None:
    looks = net()
    first, named = hg.plots.plot_kernels(looks), hg.plots.plot_kernels(looks, layer=1)
    for axes in (first, named):
        assert axes.get_title() == "kernels of Conv2d(1, 3, 3)"
        for image, kernel in zip(axes.images, looks.layers[1].W[:, 0], strict=True):
            np.testing.assert_array_equal(values(image), kernel)


def test_of_sequences_a_line_is_a_channel_of_the_input() -> None:
    convolution = hg.layers.Conv1d(4, 5, 3, rng=0)
    axes: Any = hg.plots.plot_kernels(hg.Net(convolution))
    assert places(axes) == [(o, 0) for o in range(5)]
    for image, kernel in zip(axes.images, convolution.W, strict=True):
        np.testing.assert_array_equal(values(image), kernel)


def test_of_many_channels_the_first_are_drawn_and_it_says_of_how_many() -> None:
    axes = hg.plots.plot_kernels(hg.Net(hg.Conv2d(17, 40, 1, rng=0)))
    assert len(axes.images) == 16 * 16
    assert axes.get_xlabel() == "output channel, 16 of 40"
    assert axes.get_ylabel() == "input channel, 16 of 17"
    looks = hg.Net(hg.Conv2d(1, 40, 3, rng=0))
    maps = hg.plots.plot_feature_maps(looks, ROW.reshape(1, 1, 8, 8))[1]
    assert len(maps.images) == 16
    assert maps.get_title(loc="left").endswith(": 16 of 40 maps of 6 × 6")


def test_each_layer_has_its_maps_of_the_row() -> None:
    looks = net()
    panels = hg.plots.plot_feature_maps(looks, ROW)
    outputs = looks.outputs(ROW)
    assert len(panels) == 7
    np.testing.assert_allclose(values(panels[0].images[0]), ROW)
    for i, panel in enumerate(panels[1:5]):
        maps = outputs[str(i)][0]
        for image, channel in zip(panel.images, maps, strict=True):
            np.testing.assert_array_equal(values(image), channel)
            assert image.get_clim() == (-np.abs(maps).max(), np.abs(maps).max())
    np.testing.assert_array_equal(values(panels[6].images[0])[0], looks.predict(ROW)[0])
    titles = [panel.get_title(loc="left") for panel in panels]
    assert titles[0] == "input: 64 numbers"
    assert titles[3] == "layer 3 of 6, ReLU(): 3 maps of 6 × 6"
    assert titles[6] == "layer 6 of 6, Linear(108, 2): 2 numbers"


def test_a_sequence_is_one_map_with_a_line_for_each_place() -> None:
    looks = hg.Net(hg.Embedding(5, 4, rng=0), hg.GRU(4, 2, rng=1))
    panels = hg.plots.plot_feature_maps(looks, [[3, 1, 4]])
    embedded = values(panels[1].images[0])
    np.testing.assert_array_equal(embedded, looks.layers[0].E[[3, 1, 4]])
    assert panels[1].get_title(loc="left").endswith(": 3 × 4")


def test_axes_of_ones_own_are_taken_and_a_net_in_training_is_left_as_it_is() -> None:
    looks = net()
    own: Any = Figure().subplots(2, 1)
    assert hg.plots.plot_kernels(looks, ax=own[0]) is own[0]
    noisy = hg.Net(hg.Conv2d(1, 2, 3, rng=0), hg.Dropout(0.5))
    panels: Any = Figure().subplots(3, 1)
    assert [*hg.plots.plot_feature_maps(noisy, ROW.reshape(1, 1, 8, 8), axes=panels)] == [*panels]
    convolved, dropped = (values(panel.images[0]) for panel in panels[1:])
    np.testing.assert_array_equal(convolved, dropped)
    assert noisy.training
    with refused(hg.errors.SettingError, "2 axes", "7 axes"):
        hg.plots.plot_feature_maps(looks, ROW, axes=own)


def test_estimators_are_drawn_by_their_nets() -> None:
    digits = hg.data.load("digits")
    x, y = digits.x[:60] / 16, np.array([f"digit {digit}" for digit in digits.y[:60]])
    model = hg.PictureClassifier((5,), tol=1e9, random_state=0, engine="eager").fit(x, y)
    axes = hg.plots.plot_kernels(model, layer=4)
    assert len(axes.images) == 16 * 16
    np.testing.assert_array_equal(values(axes.images[0]), model.net_.layers[4].W[0, 0])
    panels = hg.plots.plot_feature_maps(model, x[:1])
    np.testing.assert_allclose(values(panels[1].images[0]), x[0].reshape(8, 8))
    assert len(panels) == len(model.net_.layers) + 1


def test_what_cannot_be_drawn_is_refused() -> None:
    looks, other = net(), object()
    plain = hg.Net(hg.Linear(64, 2, rng=0))
    with refused(hg.errors.SettingError, "a net, or a fitted estimator that has one"):
        hg.plots.plot_kernels(other)  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "has no convolution", "plot_neurons"):
        hg.plots.plot_kernels(plain)
    wrong: Any
    for wrong in (0, 7, "3", True, 1.0):
        with refused(hg.errors.SettingError, f"layer = {wrong!r}", "1, '3.0'"):
            hg.plots.plot_kernels(looks, layer=wrong)
    with refused(hg.errors.SettingError, "output vectors", "plot_net(net, x)"):
        hg.plots.plot_feature_maps(plain, ROW)
    tabular = hg.TabularClassifier(random_state=0, epochs=1).fit(np.eye(4), [0, 1, 0, 1])
    with refused(hg.errors.SettingError, "output vectors", "plot_net(net, x)"):
        hg.plots.plot_feature_maps(tabular, np.eye(4)[:1])
    with refused(hg.errors.ShapeError, "x of shape (64,)", "x[None]"):
        hg.plots.plot_feature_maps(looks, ROW[0])
    with refused(hg.errors.ShapeError, "x of shape (2, 64)", "x[:1]"):
        hg.plots.plot_feature_maps(looks, np.vstack([ROW, ROW]))
    with refused(hg.errors.ShapeError, "63"):
        hg.plots.plot_feature_maps(looks, ROW[:, :63])
