"""`record_weights` looks on, and `plot_weights_over_time` draws what it saw."""

from typing import Any

import numpy as np

import handgrad as hg
from tests.bad_input.refused import refused
from tests.training.by_hand import assert_same_state, classifier, train


def test_the_largest_weights_are_noted_at_every_epoch_and_before() -> None:
    net, twin = classifier(), classifier()
    before = net.state()
    weights = hg.record_weights(train(net), net)
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


def test_the_lines_are_what_was_noted() -> None:
    net = classifier()
    weights = hg.record_weights(train(net), net)
    assert len(hg.History(list(weights))) == 4
    axes: Any = hg.plot_weights_over_time(weights)
    found = {line.get_label(): [*map(list, line.get_data())] for line in axes.lines}
    assert found == {path: [weights.epochs, values] for path, values in weights.largest.items()}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "max |W|")
    assert len({line.get_linestyle() for line in axes.lines}) == 2
    assert axes.get_ylim()[0] == 0


def test_a_break_keeps_what_was_seen() -> None:
    net = classifier()
    weights = hg.record_weights(train(net), net)
    for report in weights:
        if report.epoch == 2:
            break
    assert weights.epochs == [0, 1, 2]
    axes: Any = hg.plot_weights_over_time(weights)
    assert list(axes.lines[0].get_xdata()) == [0, 1, 2]


def test_weights_that_were_not_recorded_are_refused() -> None:
    net = classifier()
    with refused(hg.SettingError, "no weights of any epoch", "for report in weights"):
        hg.plot_weights_over_time(hg.record_weights(train(net), net))
    other: Any = hg.History()
    with refused(hg.SettingError, "History", "record_weights"):
        hg.plot_weights_over_time(other)
