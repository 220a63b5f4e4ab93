"""`plot_saliency`: the derivatives of the predicted class's score, by differences too."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import handgrad as hg
from handgrad.plots.saliency import saliency
from tests.bad_input.refused import refused

ROWS = np.random.default_rng(0).random((3, 32))


def net(*last: hg.Layer) -> hg.Net:
    return hg.Net(
        hg.layers.Reshape(2, 4, 4),
        hg.layers.RandomShift(1),
        hg.Conv2d(2, 3, 3, padding=1, rng=0),
        hg.Tanh(),
        hg.Flatten(),
        hg.Dropout(0.5),
        hg.Linear(48, 4, rng=2),
        *last,
        dtype=np.float64,
    )


def shown(panel: Any) -> Any:
    return np.asarray(panel.images[0].get_array())


def test_derivatives_are_those_of_the_largest_score() -> None:
    looks = net()
    before = looks.state()
    dx, places = saliency(looks, ROWS)
    scores = looks.predict(ROWS)
    np.testing.assert_array_equal(places, scores.argmax(axis=1))
    for i in (0, 7, 31):
        moved = np.repeat(ROWS[None], 2, axis=0)
        moved[:, :, i] += np.array([[1e-5], [-1e-5]])
        above, below = (looks.predict(x)[np.arange(3), places] for x in moved)
        np.testing.assert_allclose(dx[:, i], (above - below) / 2e-5, rtol=1e-6, atol=1e-9)
    assert looks.training
    for name, values in looks.state().items():
        np.testing.assert_array_equal(values, before[name])


def test_of_probabilities_the_score_before_the_softmax_is_taken() -> None:
    np.testing.assert_array_equal(saliency(net(hg.Softmax()), ROWS)[0], saliency(net(), ROWS)[0])


def test_images_stand_above_the_largest_derivative_of_their_channels() -> None:
    grey = hg.Net(hg.layers.Reshape(1, 8, 4), hg.Flatten(), hg.Linear(32, 2, rng=0))
    panels = hg.plots.plot_saliency(grey, ROWS)
    assert len(panels) == 6
    np.testing.assert_array_equal(shown(panels[1]), ROWS[1].reshape(8, 4))
    place = grey.predict(ROWS)[1].argmax()
    np.testing.assert_allclose(
        shown(panels[4]), np.abs(grey.layers[2].W[place]).reshape(8, 4), rtol=1e-6
    )
    assert panels[1].get_title() == f"class {place}"
    colours = hg.Net(hg.Conv2d(3, 2, 3, rng=0), hg.Flatten(), hg.Linear(8, 2, rng=0))
    images = np.random.default_rng(1).random((1, 3, 4, 4))
    panels = hg.plots.plot_saliency(colours, images, axes=Figure().subplots(2, 1))
    assert shown(panels[0]).shape == (4, 4, 3)
    expected = np.abs(saliency(colours, images)[0][0]).max(axis=0)
    np.testing.assert_array_equal(shown(panels[1]), expected)


def test_of_an_estimator_the_classes_are_named() -> None:
    digits = hg.data.load("digits")
    x, y = digits.x[:60] / 16, np.array([f"digit {digit}" for digit in digits.y[:60]])
    model = hg.PictureClassifier((5,), tol=1e9, random_state=0, engine="eager").fit(x, y)
    panels = hg.plots.plot_saliency(model, x[:2])
    assert [panel.get_title() for panel in panels[:2]] == [
        f"class {name}" for name in model.predict(x[:2])
    ]


def test_what_has_no_images_or_no_classes_is_refused() -> None:
    with refused(hg.errors.ShapeError, "x of shape (11, 32)", "x[:10]"):
        hg.plots.plot_saliency(net(), np.zeros((11, 32)))
    with refused(hg.errors.SettingError, "for x of shape (3, 32)", "a net of images"):
        hg.plots.plot_saliency(hg.Net(hg.Linear(32, 2, rng=0)), ROWS)
    one = hg.Net(hg.layers.Reshape(2, 4, 4), hg.Flatten(), hg.Linear(32, 1, rng=0))
    with refused(hg.errors.SettingError, "whose output has the shape (3, 1)", "a score for each"):
        hg.plots.plot_saliency(one, ROWS)
    with refused(hg.errors.SettingError, "a net, or a fitted estimator that has one"):
        hg.plots.plot_saliency(object(), ROWS)  # type: ignore[arg-type]
