"""`plot_dataset`: each class with a colour and a marker of its own, numbers as a curve of dots."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import handgrad as hg
from handgrad.plots.style import COLOURS, MARKERS, colour_of, marker_of
from tests.bad_input.refused import refused
from tests.plots.pictures import legend, rows

X, Y = hg.data.make_blobs(30, rng=0)


def test_the_dots_are_the_rows_of_each_class() -> None:
    axes = hg.plot_dataset(X, Y, class_names=["a", "b", "c"], title="three")
    found = rows(axes)
    assert list(found) == legend(axes) == ["a", "b", "c"]
    for k, name in enumerate("abc"):
        np.testing.assert_allclose(found[name], X[k == Y])
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == (
        "three",
        "feature 1",
        "feature 2",
    )


def test_classes_differ_in_colour_and_in_marker() -> None:
    axes: Any = hg.plot_dataset(X, Y)
    drawn = axes.collections
    assert len({tuple(dots.get_facecolor()[0]) for dots in drawn}) == 3
    assert len({len(dots.get_paths()[0].vertices) for dots in drawn}) == 3
    assert len({(colour_of(k), marker_of(k)) for k in range(40)}) == 40
    assert len(set(COLOURS)) == len(COLOURS) == len(set(MARKERS))


def test_the_legend_covers_no_row_where_there_is_room() -> None:
    for seed in (0, 119, 143, 144, 159, 196):  # but for the first: a row beside its frame
        x, y = hg.make_classification(n_samples=80, n_features=2, rng=seed)
        axes: Any = hg.plot_dataset(x, y)
        axes.figure.canvas.draw()
        frame = axes.get_legend().get_frame().get_window_extent()
        radius = max(dots.get_sizes().max() for dots in axes.collections) ** 0.5 / 2
        near = frame.padded(radius * axes.figure.dpi / 72)
        centres = axes.transData.transform(x)
        inside = (centres >= (near.x0, near.y0)).all(axis=1) & (centres <= (near.x1, near.y1)).all(
            axis=1
        )
        assert not inside.any(), seed


def test_numbers_are_drawn_over_their_one_feature() -> None:
    x, y = hg.data.make_sine(20, rng=0)
    axes: Any = hg.plot_dataset(x, y, feature_names=["time"])
    (dots,) = axes.collections
    np.testing.assert_allclose(dots.get_offsets(), np.column_stack([x[:, 0], y]))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time", "y")
    assert axes.get_legend() is None


def test_it_draws_on_the_axes_it_is_given_and_names_stay_as_they_are() -> None:
    left, right = Figure().subplots(1, 2)
    names = ["$x", "price in $ and $"]
    assert hg.plot_dataset(X, Y, feature_names=names, title="$", ax=left) is left
    assert not right.collections
    left.figure.canvas.draw()
    assert [left.get_xlabel(), left.get_ylabel(), left.get_title()] == [*names, "$"]


def test_a_class_without_rows_keeps_its_place() -> None:
    axes = hg.plot_dataset([[0, 1], [2, 3]], [0, 2])
    assert legend(axes) == ["class 0", "class 1", "class 2"]
    assert list(rows(axes)) == ["class 0", "class 2"]


def test_lists_columns_and_whole_floats_are_taken() -> None:
    axes = hg.plot_dataset([[0, 1], [2, 3]], [[0.0], [1.0]])
    assert list(rows(axes)) == ["class 0", "class 1"]


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((3, 4)), [0, 1, 0], ["4 features", "x[:, [0, 1]]"]),
        (np.zeros(3), [0, 1, 0], ["shape (3,)", "x[:, None]"]),
        (np.zeros((0, 2)), [], ["shape (0, 2)"]),
        ([["a", "b"]], [0], ["type <U1"]),
        (X[:3], [0, 1], ["3 rows of x and 2 targets"]),
        (X[:2], [0.5, 1], ["a target of 0.5", "np.unique"]),
        (X[:2], [-1, 1], ["a target of -1"]),
        (X[:2], ["a", "b"], ["type <U1", "np.unique"]),
        (X[:2], [[0, 1], [1, 0]], ["argmax"]),
        ([[np.nan, 1.0], [1.0, 1.0]], [0, 1], ["1 of 2 rows", "np.isfinite(x)"]),
        ([[1.0], [2.0]], [1.0, np.inf], ["infinite"]),
        ([[1.0], [2.0]], [[1, 2], [1, 2]], ["shape (2, 2)"]),
        ([[1, 2], [3]], [0, 1], ["different lengths"]),
    ],
)
def test_what_cannot_be_drawn_is_refused(x: Any, y: Any, words: list[str]) -> None:
    with pytest.raises(hg.HandgradError) as caught:
        hg.plot_dataset(x, y)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("names", [["a"], "ab"])
def test_names_are_one_for_each(names: Any) -> None:
    with refused(hg.errors.SettingError, "class_names", "3 names, one for each class"):
        hg.plot_dataset(X, Y, class_names=names)
    with refused(hg.errors.SettingError, "feature_names", "2 names, one for each feature"):
        hg.plot_dataset(X, Y, feature_names=names)


def test_the_title_may_come_first() -> None:
    x, y = hg.data.make_moons(rng=0)
    axes = hg.plot_dataset("The moons", x, y)
    assert axes.get_title() == "The moons"
    assert sorted(rows(axes)) == ["class 0", "class 1"]
    with refused(hg.errors.SettingError, "three arrays", "a title before them"):
        hg.plot_dataset(x, y, y)
