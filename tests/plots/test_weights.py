"""`record_weights` looks on, and `plot_weights_over_time` draws what it saw."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import handgrad as hg
from tests.bad_input.refused import refused
from tests.training.by_hand import X, Y, assert_same_state, classifier, train


def test_the_largest_weights_are_noted_at_every_epoch_and_before() -> None:
    net, twin = classifier(), classifier()
    before = net.state()
    weights = hg.training.record_weights(train(net), net)
    assert weights.epochs == []
    states: list[dict[str, Any]] = [before]
    found = []
    for report in weights:
        found.append(report.train_loss)
        states.append(net.state())
    assert found == [report.train_loss for report in train(twin)]
    assert_same_state(twin, net.state())
    assert weights.epochs == [0, 1, 2, 3, 4]
    assert weights.largest == {
        path: [float(np.abs(state[path]).max()) for state in states] for path in ("0.W", "2.W")
    }


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_gradients_are_those_of_the_last_batch_and_updates_those_of_the_epoch(engine: Any) -> None:
    net, twin = classifier(np.float64), classifier(np.float64)
    optimizer = hg.SGD(0.1, clip_norm=0.01, weight_decay=0.1)
    options = {"optimizer": optimizer, "batch_size": 16, "shuffle": False, "engine": engine}
    weights = hg.training.record_weights(train(net, **options), net)
    assert len([*weights]) == 4
    other = hg.train(
        twin, (X, Y), loss=hg.CrossEntropyLoss(), epochs=4, rng=0, **options | {"engine": "eager"}
    )
    before = twin.state()
    assert all(np.isnan(values[0]) for values in weights.gradient_norms.values())
    assert all(np.isnan(values[0]) for values in weights.update_ratios.values())
    for epoch, _ in enumerate(other, 1):
        after = twin.state()
        for path in ("0.W", "2.W"):
            ratio = np.linalg.norm(after[path] - before[path]) / np.linalg.norm(before[path])
            assert weights.update_ratios[path][epoch] == pytest.approx(ratio, rel=1e-9)
            layer = twin.layers[int(path[0])]
            norm = np.linalg.norm(layer.dW)
            assert weights.gradient_norms[path][epoch] == pytest.approx(norm, rel=1e-9)
        before = after


def test_the_gradient_by_hand() -> None:
    """Two batches of one row each, W = 0: d = p − one-hot = (½, −½) for the second, x = (3, 4)."""
    net = hg.Net(hg.Linear(2, 2, initializer="zeros", dtype=np.float64), hg.Softmax())
    rows = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1])
    options = {"optimizer": hg.SGD(1e-9), "batch_size": 1, "shuffle": False, "epochs": 1}
    weights = hg.training.record_weights(train(net, data=rows, **options), net)
    list(weights)
    assert weights.gradient_norms["0.W"][1] == pytest.approx(5 * 0.5**0.5)  # ‖(½, −½)‖ · ‖(3, 4)‖
    assert np.isnan(weights.update_ratios["0.W"][1])  # it began at 0


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_frozen_layer_has_no_gradient_and_does_not_move(engine: Any) -> None:
    net = classifier()
    net.layers[0].freeze()
    weights = hg.training.record_weights(train(net, engine=engine), net)
    list(weights)
    assert np.isnan(weights.gradient_norms["0.W"]).all()
    assert weights.update_ratios["0.W"][1:] == [0.0] * 4
    assert np.isfinite(weights.gradient_norms["2.W"][1:]).all()


def test_the_lines_are_what_was_noted() -> None:
    net = classifier()
    weights = hg.training.record_weights(train(net), net)
    assert len(hg.training.History(list(weights))) == 4
    panels: Any = hg.plots.plot_weights_over_time(weights)
    tables = (weights.largest, weights.gradient_norms, weights.update_ratios)
    for panel, table in zip(panels, tables, strict=True):
        for line, (path, values) in zip(panel.lines, table.items(), strict=True):
            assert line.get_label() == path
            np.testing.assert_array_equal(line.get_data(), [weights.epochs, values])
        assert panel.get_xlabel() == "epoch"
        assert len({line.get_linestyle() for line in panel.lines}) == 2
    assert [panel.get_yscale() for panel in panels] == ["linear", "log", "log"]
    assert panels[0].get_ylabel() == "max |W|"
    assert panels[0].get_ylim()[0] == 0


def test_axes_of_ones_own_are_three() -> None:
    net = classifier()
    weights = hg.training.record_weights(train(net), net)
    list(weights)
    own: Any = Figure().subplots(1, 3)
    assert hg.plots.plot_weights_over_time(weights, own).tolist() == own.tolist()
    with refused(hg.errors.SettingError, "1 axes", "figure.subplots(1, 3)"):
        hg.plots.plot_weights_over_time(weights, own[0])


def test_a_break_keeps_what_was_seen() -> None:
    net = classifier()
    weights = hg.training.record_weights(train(net), net)
    for report in weights:
        if report.epoch == 2:
            break
    assert weights.epochs == [0, 1, 2]
    panels: Any = hg.plots.plot_weights_over_time(weights)
    assert list(panels[0].lines[0].get_xdata()) == [0, 1, 2]


def test_weights_that_were_not_recorded_are_refused() -> None:
    net = classifier()
    with refused(hg.errors.SettingError, "no weights of any epoch", "for report in weights"):
        hg.plots.plot_weights_over_time(hg.training.record_weights(train(net), net))
    other: Any = hg.training.History()
    with refused(hg.errors.SettingError, "History", "record_weights"):
        hg.plots.plot_weights_over_time(other)
