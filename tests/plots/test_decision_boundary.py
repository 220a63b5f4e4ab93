"""`plot_decision_boundary`: shading, lines and rows say what the net says."""

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import handgrad as hg
from handgrad.plots.planes import PALE
from handgrad.plots.style import COLOURS
from tests.bad_input.refused import refused
from tests.plots.pictures import contour, legend, pixel, rows

X, Y = hg.data.make_moons(40, rng=0)


def linear(W: Any, b: Any, *after: hg.Layer) -> hg.Net:
    layer = hg.Linear(len(W[0]), len(W))
    layer.W, layer.b = W, b
    return hg.Net(layer, *after)


def two_classes() -> hg.Net:
    """Class 1 above the line x₁ = ½ x₀ + ¼."""
    return linear([[0, 0], [-4, 8]], [0, -2], hg.Softmax())


def on_the_line(points: Any) -> bool:
    return len(points) > 10 and np.allclose(points[:, 1], points[:, 0] / 2 + 0.25, atol=1e-4)


def test_two_classes_have_their_line_at_one_half() -> None:
    axes: Any = hg.plot_decision_boundary(two_classes(), X, Y, class_names=["no", "yes"])
    assert on_the_line(contour(axes, 0.5))
    found = rows(axes)
    assert list(found) == legend(axes) == ["no", "yes"]
    np.testing.assert_allclose(found["yes"], X[Y == 1])
    (bar,) = (other for other in axes.figure.axes if other is not axes)
    assert bar.get_ylabel() == "probability of yes"
    assert axes.get_title() == ""


def test_the_shading_is_the_probability_of_class_1() -> None:
    axes = hg.plot_decision_boundary(two_classes(), X, Y)
    ends = [1 - PALE * (1 - np.array(to_rgb(colour))) for colour in COLOURS[:2]]
    corners = (-0.9, -0.6), (-1.1, 1.05)  # sure of class 0, sure of class 1
    for (x, y), expected in zip(corners, ends, strict=True):
        np.testing.assert_allclose(pixel(axes, x, y), expected, atol=0.06)
    undecided = pixel(axes, 2.2, 0.5 * 2.2 + 0.25 - 0.12)
    assert undecided.min() > 0.75


@pytest.mark.parametrize(
    "net",
    [
        linear([[-4, 8]], [-2], hg.Sigmoid()),
        linear([[0, 0], [-4, 8]], [0, -2]),
    ],
    ids=["one column", "logits"],
)
def test_one_column_and_logits_are_understood(net: hg.Net) -> None:
    assert on_the_line(contour(hg.plot_decision_boundary(net, X, Y), 0.5))


def test_many_classes_blend_by_their_probabilities() -> None:
    W = np.array([[4.0, 0], [-4, 0], [0, 4], [0, -4]])
    net = linear(W, np.zeros(4), hg.Softmax())
    x = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    axes: Any = hg.plot_decision_boundary(net, x, [0, 1, 2, 3])
    (image,) = axes.images
    left, right, bottom, top = image.get_extent()
    drawn = np.asarray(image.get_array())
    n = len(drawn)
    points = np.array([
        [left + (right - left) * j / (n - 1), bottom + (top - bottom) * i / (n - 1)]
        for i in range(n) for j in range(n)
    ])  # fmt: skip
    z = points @ W.T
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    blended = p @ np.array([to_rgb(colour) for colour in COLOURS[:4]])
    expected = (1 - PALE * (1 - blended)).reshape(n, n, 3)
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
    assert axes.figure.axes == [axes]
    edges = contour(axes, 0.0)  # the likeliest changes on the diagonals
    np.testing.assert_allclose(np.abs(edges[:, 0]), np.abs(edges[:, 1]), atol=0.01)


def test_a_net_that_is_sure_everywhere_has_no_line() -> None:
    net = linear([[0, 0], [0, 0]], [9, -9], hg.Softmax())
    assert not len(contour(hg.plot_decision_boundary(net, X, Y), 0.5))


def five_features(n: int = 60) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(0, [1, 2, 3, 4, 5], (n, 5))
    x[:, 4] = 7.0
    return x, (x[:, 1] > 0).astype(int)


def test_other_features_are_held_at_their_means() -> None:
    x, y = five_features()
    x[:, 3] += 10
    net = linear([[0.0] * 5, [0, 1, 0, 1, 0]], [0, -10], hg.Softmax())
    axes = hg.plot_decision_boundary(net, x, y, features=(2, 1), feature_names=[*"abcde"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("c", "b")
    assert axes.get_title().splitlines()[0] == "3 other features at their means"
    heights = contour(axes, 0.5)[:, 1]
    np.testing.assert_allclose(heights, 10 - x[:, 3].mean(), atol=1e-3)


def test_other_features_are_held_at_the_filler() -> None:
    x, y = five_features()
    net = linear([[0.0] * 5, [0, 1, 0, 1, 0]], [0, 0], hg.Softmax())
    axes = hg.plot_decision_boundary(net, x, y, filler=[9, 9, 0, 0.5, 7])
    np.testing.assert_allclose(contour(axes, 0.5)[:, 1], -0.5, atol=1e-3)
    assert "3 other features at the given filler" in axes.get_title()


def test_one_other_feature_has_its_mean() -> None:
    x, y = five_features()
    net = linear([[0.0] * 3, [0, 1, 0]], [0, 0], hg.Softmax())
    axes = hg.plot_decision_boundary(net, x[:, :3], y)
    assert axes.get_title().startswith("1 other feature at its mean\n")


def test_rows_off_the_slice_are_faint_and_far_ones_left_out() -> None:
    x, y = five_features()
    net = linear([[0.0] * 5, [0, 1, 0, 0, 0]], [0, 0], hg.Softmax())
    axes: Any = hg.plot_decision_boundary(net, x, y)
    others = x[:, 2:4]
    away = (others - others.mean(axis=0)) / others.std(axis=0)
    d = np.sqrt((np.hstack([away, np.zeros((len(x), 1))]) ** 2).mean(axis=1))
    assert (d > 2).sum() > 0 or d.max() > 1.5
    found = rows(axes)
    for k in (0, 1):
        near = (y == k) & (d <= 2)
        np.testing.assert_allclose(found[f"class {k}"], x[near][:, :2])
        dots = next(c for c in axes.collections if c.get_label() == f"class {k}")
        np.testing.assert_allclose(dots.get_facecolor()[:, 3], np.exp(-(d[near] ** 2) / 2))
    assert f"{(d <= 2).sum()} of 60 rows shown" in axes.get_title()
    x[0, 2:4] = 100
    title = hg.plot_decision_boundary(net, x, y).get_title()
    assert "59 of 60 rows" in title


def in_a_plane(n: int = 80) -> tuple[Any, Any]:
    """Rows of four features that lie in a plane, of very different units, and their classes."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, [3, 1], (n, 2)).T
    x = np.stack([a + b, 1000 * (a - b), a / 100 + 5, b], axis=1)
    return x, (x[:, 0] > 0).astype(int)


def test_the_principal_plane_of_rows_in_a_plane_shows_all_of_them_in_their_class() -> None:
    x, y = in_a_plane()
    net = linear([[0.0] * 4, [4, 0, 0, 0]], [0, 0], hg.Softmax())
    axes: Any = hg.plot_decision_boundary(net, x, y, features="pca")
    assert axes.get_title().splitlines()[0] == "principal plane of 4 features"
    assert "80 of 80 rows shown" in axes.get_title()
    first, second = (int(name.split("component, ")[1].split("%")[0]) for name in (
        axes.get_xlabel(), axes.get_ylabel()
    ))  # fmt: skip
    assert first + second == 100 > first > second
    lengths, directions = np.linalg.eigh(np.corrcoef(x.T))  # by another way: of the correlations
    assert first == round(100 * lengths[-1] / 4)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    shown = rows(axes)
    for k in (0, 1):
        expected = z[y == k] @ directions[:, [-1, -2]]
        np.testing.assert_allclose(np.abs(shown[f"class {k}"]), np.abs(expected), atol=1e-9)
        dots = next(c for c in axes.collections if c.get_label() == f"class {k}")
        np.testing.assert_allclose(dots.get_facecolor()[:, 3], 1, atol=1e-9)
    start, *_, end = contour(axes, 0.5)  # the plane is computed back into features
    across = np.array([start[1] - end[1], end[0] - start[0]])
    sides = [np.sign((shown[f"class {k}"] - start) @ across).tolist() for k in (0, 1)]
    assert [len({*side}) for side in sides] == [1, 1]
    assert sides[0][0] != sides[1][0]


def test_rows_off_the_principal_plane_are_faint() -> None:
    x, y = in_a_plane()
    x = np.hstack([x, np.zeros((len(x), 3))])
    x[[0, 1, 2], [4, 5, 6]] = 1.0  # each 9 standard deviations off
    net = linear([[0.0] * 7, [4, 0, 0, 0, 0, 0, 0]], [0, 0], hg.Softmax())
    title = hg.plot_decision_boundary(net, x, y, features="pca").get_title()
    assert "77 of 80 rows shown" in title


def test_a_principal_plane_takes_no_filler_and_no_other_name() -> None:
    x, y = in_a_plane()
    net = linear([[0.0] * 4, [4, 0, 0, 0]], [0, 0], hg.Softmax())
    other: Any = "tsne"
    with refused(hg.errors.SettingError, "features = 'tsne'", "or 'pca'"):
        hg.plot_decision_boundary(net, x, y, features=other)
    with refused(hg.errors.SettingError, "a filler for features='pca'", "no filler"):
        hg.plot_decision_boundary(net, x, y, features="pca", filler=x[0])


def test_drawing_changes_nothing_of_the_net() -> None:
    net = two_classes()
    before, mode = net.state(), net.training
    hg.plot_decision_boundary(net, X, Y)
    assert net.training == mode
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, before[path])


@pytest.mark.parametrize("features", [(0, 0), (0, 2), (-1, 0), (0,), 1, (0, 1.5), None])
def test_other_features_are_refused(features: Any) -> None:
    with refused(hg.errors.SettingError, "features", "two different numbers from 0 to 1"):
        hg.plot_decision_boundary(two_classes(), X, Y, features=features)


def test_nets_and_rows_that_have_no_boundary_are_refused() -> None:
    with refused(hg.errors.SettingError, "not probabilities", "plot_predictions"):
        hg.plot_decision_boundary(linear([[3, 3]], [5]), X, Y)
    with refused(hg.errors.ShapeError, "a single feature", "plot_dataset"):
        hg.plot_decision_boundary(two_classes(), X[:, :1], Y)
    with refused(hg.errors.ShapeError, "3 features", "2 features"):
        hg.plot_decision_boundary(two_classes(), np.zeros((4, 3)), [0, 1, 0, 1])
    with refused(hg.errors.DataError, "a target of 2", "below the net's 2"):
        hg.plot_decision_boundary(two_classes(), X[:2], [0, 2])
    with refused(hg.errors.ShapeError, "a filler of shape (3,)", "np.median"):
        hg.plot_decision_boundary(two_classes(), X, Y, filler=[1, 2, 3])
    other: Any = two_classes
    with refused(hg.errors.SettingError, "net ="):
        hg.plot_decision_boundary(other, X, Y)


def test_the_call_of_the_notes_is_answered_with_that_of_here() -> None:
    figure = Figure()
    for given in (figure, figure.subplots()):
        with refused(
            hg.errors.SettingError,
            f"a {type(given).__name__} instead of the rows",
            "net, x, y, ax=ax",
        ):
            hg.plot_decision_boundary(two_classes(), given, given)
