"""`plot_capacity_curve` and `plot_learning_curve` draw medians and quartiles of what was found."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.plots.pictures import legend

NAN, INF = np.nan, np.inf


def curve(capacities: Any = (1, 2, 4, 8), **validation: Any) -> hg.training.CapacityCurve:
    """Four seeds: the losses are 0, 1, 2 and 9 of a step above a line that goes down, then up."""
    spread = np.array([0.0, 1.0, 2.0, 9.0])
    train = np.linspace(0.8, 0.2, len(capacities))[:, None] + 0.01 * spread
    held = np.resize([0.9, 0.5, 0.6, 0.8], len(capacities))[:, None] + 0.02 * spread
    return hg.training.CapacityCurve(
        capacities=np.array(capacities),
        train={"loss": train, "accuracy": 1 - train},
        validation={"loss": held, "accuracy": 1 - held} | validation,
    )


def band(axes: Any, i: int) -> Any:
    """The lowest and the highest point of a band at each place."""
    points = axes.collections[i].get_paths()[0].vertices
    places = sorted({x for x, _ in points})
    return [
        (points[points[:, 0] == x][:, 1].min(), points[points[:, 0] == x][:, 1].max())
        for x in places
    ]


def test_lines_are_medians_and_bands_are_quartiles() -> None:
    found = curve()
    axes: Any = hg.plots.plot_capacity_curve(found)
    for i, figures in enumerate((found.train["loss"], found.validation["loss"])):
        across, up = axes.lines[i].get_data()
        assert list(across) == [1, 2, 4, 8]
        np.testing.assert_allclose(up, np.median(figures, axis=1))
        quartiles = np.quantile(figures, (0.25, 0.75), axis=1).T
        np.testing.assert_allclose(band(axes, i), quartiles)
    assert legend(axes) == [
        "training",
        "validation",
        "quartiles of 4 seeds",
        "lowest validation loss, at 2",
    ]
    assert found.best == 2
    assert {*axes.lines[2].get_xdata()} == {2}
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_ylim()[0]) == ("capacity", "loss", 0)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4", "8"]
    assert axes.lines[0].get_color() != axes.lines[1].get_color()
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()


def test_a_metric_is_drawn_and_the_lowest_loss_still_marked() -> None:
    axes: Any = hg.plots.plot_capacity_curve(curve(), "accuracy")
    np.testing.assert_allclose(axes.lines[1].get_ydata(), 1 - np.array([0.93, 0.53, 0.63, 0.83]))
    assert axes.get_ylabel() == "accuracy"
    assert legend(axes)[-1] == "lowest validation loss, at 2"


@pytest.mark.parametrize(
    ("capacities", "scale"),
    [
        ((1, 2, 4, 8), "log"),
        ((1, 3, 10, 30), "log"),
        ((1, 2, 3, 4), "linear"),
        ((0, 1, 10, 100), "linear"),
        ((5, 10), "linear"),
        ((7,), "linear"),
        ((-4, -2, -1), "linear"),
    ],
)
def test_the_axis_is_logarithmic_where_capacities_grow_by_factors(
    capacities: Any, scale: str
) -> None:
    axes: Any = hg.plots.plot_capacity_curve(curve(capacities))
    assert axes.get_xscale() == scale
    axes.figure.draw_without_rendering()


def test_runs_that_are_missing_are_left_out_and_counted() -> None:
    losses = np.array([[0.9, 0.9, NAN, 0.9], [NAN, 0.1, INF, 0.1], [0.5, 0.6, 0.7, 0.8], [NAN] * 4])
    found = curve(loss=losses)
    assert found.missing.tolist() == [1, 2, 0, 4]
    axes: Any = hg.plots.plot_capacity_curve(found)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.9, NAN, 0.65, NAN])
    assert "7 of 16 runs diverged" in legend(axes)
    assert found.best == 4
    nothing: Any = hg.plots.plot_capacity_curve(curve(loss=np.full((4, 4), NAN)))
    assert legend(nothing)[-1] == "16 of 16 runs diverged"
    with refused(hg.errors.SettingError, "no capacity at which most runs have a finite"):
        _ = curve(loss=np.full((4, 4), NAN)).best


def test_a_learning_curve_is_drawn_over_the_rows() -> None:
    from matplotlib.figure import Figure

    own: Any = Figure().subplots()
    both = curve()
    found = hg.training.LearningCurve(
        rows=np.array([10, 20, 40, 80]), train=both.train, validation=both.validation
    )
    axes: Any = hg.plots.plot_learning_curve(found, ax=own)
    assert axes is own
    assert axes.get_xlabel() == "training rows"
    assert list(axes.lines[0].get_xdata()) == [10, 20, 40, 80]
    assert legend(axes) == ["training", "validation", "quartiles of 4 seeds"]
    assert axes.get_xscale() == "log"


def test_what_is_not_in_a_curve_is_refused() -> None:
    with refused(
        hg.errors.SettingError, "'acuracy' is not in this curve", "did you mean 'accuracy'?"
    ):
        hg.plots.plot_capacity_curve(curve(), "acuracy")
    with refused(hg.errors.SettingError, "side = 'test'"):
        curve().quartiles("test")  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "the result of learning_curve"):
        hg.plots.plot_learning_curve(curve())  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "the result of capacity_curve"):
        hg.plots.plot_capacity_curve([1, 2])  # type: ignore[arg-type]
