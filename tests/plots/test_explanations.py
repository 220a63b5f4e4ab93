"""Importance and partial dependence: what is drawn is what was found."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.plots.pictures import legend

DECREASES = np.array([[0.1, 0.3], [0.5, 0.5], [0.0, -0.2]])
IMPORTANCE = hg.tables.PermutationImportance(("$a", "b" * 80, "c"), DECREASES, 0.9, "log_loss", 50)


def dependence(kind: Any, values: Any, average: Any, outputs: Any) -> hg.tables.PartialDependence:
    values, average = np.asarray(values), np.asarray(average, float)
    return hg.tables.PartialDependence(
        "$x_1$", kind, values, average, outputs, values == values, 10
    )


def test_the_strongest_column_is_on_top_with_its_deviation() -> None:
    axes: Any = hg.plots.plot_permutation_importance(IMPORTANCE)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.5, 0.2, -0.1])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[1:] == ["$a", "c"]
    assert len(labels[0]) < 30
    (whiskers,) = (c for c in axes.collections if hasattr(c, "get_segments"))
    ends = [segment[:, 0].tolist() for segment in whiskers.get_segments()]
    assert ends == [pytest.approx(e) for e in ([0.5, 0.5], [0.1, 0.3], [-0.2, 0.0])]
    assert "log loss" in axes.get_xlabel()
    axes.figure.draw_without_rendering()


def test_an_axis_of_numbers_that_are_never_below_zero_does_not_begin_below_it() -> None:
    for low, begins_at_zero in ((0.0, True), (0.2, True), (-1.0, False), (90.0, False)):
        found = dependence("number", np.linspace(low, 100, 20), np.ones((20, 1)), ("prediction",))
        axes: Any = hg.plots.plot_partial_dependence(found)
        assert (axes.get_xlim()[0] == 0) == begins_at_zero
        assert axes.get_xlim()[0] <= low


def test_only_the_most_important_are_drawn_if_asked_for() -> None:
    axes: Any = hg.plots.plot_permutation_importance(IMPORTANCE, 2)
    assert len(axes.patches) == 2


def test_a_curve_of_numbers_is_what_the_model_says() -> None:
    found = dependence("number", [1.0, 2.0, 5.0], [[7], [8], [6]], ("prediction",))
    axes: Any = hg.plots.plot_partial_dependence(found)
    (line,) = axes.lines
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([1, 2, 5], [7, 8, 6])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x_1$", "mean prediction")
    axes.figure.draw_without_rendering()


def test_of_two_classes_the_second_is_drawn() -> None:
    found = dependence("number", [1.0, 2.0], [[0.7, 0.3], [0.1, 0.9]], ("no", "yes"))
    axes: Any = hg.plots.plot_partial_dependence(found)
    (line,) = axes.lines
    assert line.get_ydata().tolist() == [0.3, 0.9]
    assert axes.get_ylabel() == "probability of yes"


def test_of_many_classes_those_that_change_most_are_drawn() -> None:
    average = np.full((2, 9), 0.1)
    average[1, [0, 2, 3, 5, 7, 8]] = 0.5
    found = dependence("number", [1.0, 2.0], average, tuple("abcdefghi"))
    axes: Any = hg.plots.plot_partial_dependence(found)
    assert legend(axes) == [*"acdfhi"]


def test_text_has_its_values_down_and_dots_across() -> None:
    found = dependence("category", ["$u", "v"], [[3], [4]], ("prediction",))
    axes: Any = hg.plots.plot_partial_dependence(found)
    (dots,) = axes.lines
    assert dots.get_linestyle() == "None"
    assert dots.get_xdata().tolist() == [3, 4]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["$u", "v"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mean prediction", "$x_1$")
    axes.figure.draw_without_rendering()


@pytest.mark.parametrize("days", [0.01, 0.5, 1, 2.5, 9, 40, 100, 400, 900, 4000, 40000])
def test_dates_of_any_length_are_dates_along_the_axis(days: float) -> None:
    start = np.datetime64("2021-03-01T00:00:00")
    values = start + (np.linspace(0, days * 86400, 7)).astype("timedelta64[s]")
    found = dependence("date", values, np.arange(7)[:, None], ("prediction",))
    axes: Any = hg.plots.plot_partial_dependence(found)
    axes.figure.draw_without_rendering()
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert 2 <= len(shown) <= 9
    assert any(shown)


def test_they_draw_on_axes_that_are_given() -> None:
    from matplotlib.figure import Figure

    own = Figure().add_subplot()
    assert hg.plots.plot_permutation_importance(IMPORTANCE, ax=own) is own
    found = dependence("number", [1.0], [[7]], ("prediction",))
    assert hg.plots.plot_partial_dependence(found, own) is own


def test_something_else_is_refused() -> None:
    with refused(hg.errors.SettingError, "permutation_importance(model, X, y)"):
        hg.plots.plot_permutation_importance({"a": 1})  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "partial_dependence(model, X, column)"):
        hg.plots.plot_partial_dependence(IMPORTANCE)  # type: ignore[arg-type]


def test_contributions_are_bars_with_the_largest_on_top() -> None:
    values = np.array([[[0.1, -0.1], [-0.3, 0.3]]])
    found = hg.tables.Contributions(
        columns=("a", "$b"),
        outputs=("no", "yes"),
        values=values,
        errors=np.zeros_like(values),
        base=np.array([0.6, 0.4]),
        predictions=np.array([[0.4, 0.6]]),
        cells=((3.0, "Ulm"),),
        n_background=4,
    )
    axes: Any = hg.plots.plot_contributions(found)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.3, -0.1])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["$b = Ulm", "a = 3"]
    assert axes.get_xlabel() == "contribution to probability of yes: 0.6 = 0.4 + sum"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    axes.figure.draw_without_rendering()
    few: Any = hg.plots.plot_contributions(found, most=1)
    assert [text.get_text() for text in few.get_yticklabels()] == ["$b = Ulm", "1 other columns"]
    with refused(hg.errors.SettingError, "hg.tables.contributions(model, X)"):
        hg.plots.plot_contributions({"a": 1})  # type: ignore[arg-type]
