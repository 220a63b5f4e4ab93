"""`plot_predictions`: the curve is the net, and the diagonal is where it is right."""

from typing import Any

import numpy as np

import handgrad as hg
from tests.bad_input.refused import refused
from tests.plots.pictures import legend, rows


def test_over_one_feature_the_net_is_a_curve() -> None:
    x, y = hg.data.make_sine(30, rng=0)
    net = hg.Net(hg.Linear(1, 5, rng=0), hg.Tanh(), hg.Linear(5, 1, rng=1))
    axes: Any = hg.plots.plot_predictions(net, x, y)
    across, up = axes.lines[0].get_data()
    np.testing.assert_allclose(up, net.predict(across[:, None])[:, 0], atol=1e-6)
    assert (across.min(), across.max()) == (x.min(), x.max())
    np.testing.assert_allclose(rows(axes)["data"], np.column_stack([x[:, 0], y]))
    assert legend(axes) == ["net", "data"]


def test_over_more_features_predicted_is_drawn_over_true() -> None:
    x, y = hg.data.load("diabetes")
    net = hg.Net(hg.Standardize.of(x), hg.Linear(10, 1, rng=0))
    axes: Any = hg.plots.plot_predictions(net, x, y[:, None])
    expected = np.column_stack([y, net.predict(x)[:, 0]])
    np.testing.assert_allclose(rows(axes)["rows"], expected, rtol=1e-6)
    across, up = axes.lines[0].get_data()
    assert list(across) == list(up) == [expected.min(), expected.max()]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("true", "predicted")


def test_nets_for_classes_and_other_targets_are_refused() -> None:
    x, y = hg.data.make_moons(10, rng=0)
    with refused(hg.errors.ShapeError, "shape (10, 2)", "plot_decision_boundary"):
        hg.plots.plot_predictions(hg.Net(hg.Linear(2, 2), hg.Softmax()), x, y)
    with refused(hg.errors.ShapeError, "y of shape (10, 2)"):
        hg.plots.plot_predictions(hg.Net(hg.Linear(2, 1)), x, np.column_stack([y, y]))
    with refused(hg.errors.DataError, "10 rows of x and 9 targets"):
        hg.plots.plot_predictions(hg.Net(hg.Linear(2, 1)), x, y[:9])
