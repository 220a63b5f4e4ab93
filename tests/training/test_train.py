"""`train`: one report an epoch, equal to the loop written out by hand."""

from itertools import chain
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.training.by_hand import HELD, X, Y, assert_same_state, classifier, loop_by_hand, train


@pytest.mark.parametrize("batch_size", [1, 7, 32, 50, 1000])
@pytest.mark.parametrize("rng", [0, None])
def test_reports_equal_the_loop_by_hand_to_the_bit(batch_size: int, rng: int | None) -> None:
    net, twin = classifier(), classifier()
    reports = [*train(net, batch_size=batch_size, rng=rng, shuffle=rng is not None)]
    expected = loop_by_hand(twin, X, Y, epochs=4, batch_size=batch_size, rng=rng)
    assert [(r.train_loss, r.train_metrics["accuracy"]) for r in reports] == expected
    assert [r.epoch for r in reports] == [1, 2, 3, 4]
    assert_same_state(net, twin.state())


def test_a_report_tells_rows_seconds_and_learning_rate() -> None:
    (report,) = train(classifier(), epochs=1)
    assert (report.rows, report.learning_rate) == (50, 0.1)
    assert report.seconds > 0
    assert report.validation_loss is None
    assert report.validation_metrics == {}
    assert report.metrics == report.train_metrics


def test_validation_is_the_evaluation_with_the_weights_of_the_epochs_end() -> None:
    net = classifier()
    for report in train(net, validation=HELD, metrics=["accuracy", "zero_one_loss"]):
        found = hg.evaluate(
            net, HELD, loss=hg.CrossEntropyLoss(), metrics=["accuracy", "zero_one_loss"]
        )
        assert report.validation_loss == found.loss
        assert report.validation_metrics == found.metrics == report.metrics
        assert report.value("validation_loss") == found.loss
        assert report.value("accuracy") == found.metrics["accuracy"]


def test_the_running_mean_counts_each_row_once() -> None:
    net = hg.Net(hg.Linear(1, 1, initializer="zeros").freeze())
    x, y = np.zeros((5, 1)), np.array([1.0, 1.0, 1.0, 1.0, 4.0])
    (report,) = train(
        net, data=(x, y), loss=hg.MSELoss(), batch_size=4, epochs=1, shuffle=False, metrics=["r2"]
    )
    assert report.train_loss == 4.0  # (4·1 + 1·16)/5; the mean of the two batches would be 8.5
    assert report.train_metrics["r2"] == pytest.approx(1 - 20 / 7.2)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    nets = [classifier() for _ in range(3)]
    losses = [
        [report.train_loss for report in train(net, rng=seed)]
        for net, seed in zip(nets, (7, 7, 8), strict=True)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert_same_state(nets[0], nets[1].state())


def test_a_generator_goes_on_where_a_seed_begins_anew() -> None:
    generator = np.random.default_rng(0)
    first, second = classifier(), classifier()
    losses = [[r.train_loss for r in train(net, rng=generator)] for net in (first, second)]
    assert losses[0] != losses[1]
    assert losses[0] == [r.train_loss for r in train(classifier(), rng=np.random.default_rng(0))]


class Notes(hg.Layer):
    """Writes down the first feature of every training batch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[float]] = []

    def forward(self, x: Any) -> Any:
        if self.training:
            self.seen.append(x[:, 0].tolist())
        return x

    def backward(self, dy: Any) -> Any:
        return dy


def test_rows_keep_their_order_without_shuffling_and_change_it_with() -> None:
    rows = np.arange(5.0)[:, None]
    for shuffle in (False, True):
        net = hg.Net(Notes(), hg.Linear(1, 1, rng=0))
        list(
            train(net, data=(rows, rows), loss=hg.MSELoss(), batch_size=2, epochs=2,
                  shuffle=shuffle, optimizer=hg.SGD(1e-3))
        )  # fmt: skip
        notes = net.layers[0]
        assert isinstance(notes, Notes)
        assert [len(batch) for batch in notes.seen] == [2, 2, 1, 2, 2, 1]
        epochs = [[*chain(*notes.seen[:3])], [*chain(*notes.seen[3:])]]
        assert [sorted(epoch) for epoch in epochs] == [[0, 1, 2, 3, 4]] * 2
        assert (epochs[0] == epochs[1] == [0, 1, 2, 3, 4]) is not shuffle


def test_nothing_is_trained_before_the_first_report_is_asked_for() -> None:
    net = classifier()
    before = net.state()
    reports = train(net)
    assert_same_state(net, before)
    next(reports)
    assert (before["0.W"] != net.layers[0].W).all()


def test_break_keeps_the_weights_as_they_are() -> None:
    net = classifier()
    for report in train(net, epochs=10):
        state = net.state()
        if report.epoch == 3:
            break
    assert_same_state(net, state)
    twin = classifier()
    list(train(twin, epochs=3))
    assert_same_state(net, twin.state())


def test_frozen_layers_stay_and_unfrozen_ones_move() -> None:
    net = classifier()
    before = net.state()
    net.layers[0].freeze()
    list(train(net))
    after = net.state()
    for name in ("W", "b"):
        np.testing.assert_array_equal(after[f"0.{name}"], before[f"0.{name}"])
        assert (after[f"2.{name}"] != before[f"2.{name}"]).all()
    net.layers[0].unfreeze()
    list(train(net))
    assert (before["0.W"] != net.layers[0].W).all()


def test_a_net_frozen_as_a_whole_reports_and_stays() -> None:
    net = classifier()
    before = net.state()
    net.freeze()
    reports = [*train(net, validation=HELD)]
    assert_same_state(net, before)
    assert len({report.validation_loss for report in reports}) == 1


def test_float64_nets_train_in_float64() -> None:
    net, twin = classifier(np.float64), classifier(np.float64)
    losses = [report.train_loss for report in train(net, batch_size=7)]
    expected = loop_by_hand(twin, X, Y, epochs=4, batch_size=7, rng=0)
    assert losses == [loss for loss, _ in expected]
    assert net.parameters.dtype == net.predict(X).dtype == np.float64
    assert losses != [report.train_loss for report in train(classifier(), batch_size=7)]


def test_lists_are_data() -> None:
    net, twin = classifier(), classifier()
    found = [*train(net, data=(X.tolist(), Y.tolist()), validation=[X.tolist(), Y.tolist()])]
    expected = [*train(twin, data=(X, Y), validation=(X, Y))]
    assert [r.train_loss for r in found] == [r.train_loss for r in expected]
    assert [r.validation_loss for r in found] == [r.validation_loss for r in expected]


class Pair(hg.Layer):
    """Puts the two inputs side by side."""

    def forward(self, x: Any) -> Any:
        self.width = x[0].shape[1]
        return np.concatenate(x, axis=1)

    def backward(self, dy: Any) -> Any:
        return dy[:, : self.width], dy[:, self.width :]


def test_a_layer_may_take_a_tuple_of_inputs() -> None:
    split, whole = X[:, :1], X[:, 1:].tolist()
    net = hg.Net(Pair(), *classifier_layers())
    twin = hg.Net(*classifier_layers())
    found = [*train(net, data=((split, whole), Y), validation=((split, whole), Y))]
    expected = [*train(twin, validation=(X, Y))]
    assert [r.train_loss for r in found] == [r.train_loss for r in expected]
    assert [r.validation_loss for r in found] == [r.validation_loss for r in expected]
    np.testing.assert_array_equal(
        net.predict((split, X[:, 1:]), batch_size=7), twin.predict(X, batch_size=7)
    )


def classifier_layers() -> list[hg.Layer]:
    return [hg.Linear(2, 5, rng=1), hg.Tanh(), hg.Linear(5, 2, rng=2), hg.Softmax()]


def test_random_layers_have_a_stream_of_their_own_and_leave_the_order_alone() -> None:
    class Jitter(hg.Layer):
        def forward(self, x: Any) -> Any:
            if self.training:
                x = x + self.rng.normal(0, 1e-3, x.shape).astype(x.dtype)
            return x

        def backward(self, dy: Any) -> Any:
            return dy

    orders, losses = [], []
    for layers in ([Notes()], [Notes(), Jitter()], [Notes(), Jitter()]):
        net = hg.Net(*layers, *classifier_layers())
        losses.append([report.train_loss for report in train(net)])
        orders.append(layers[0].seen)
    assert orders[0] == orders[1] == orders[2]
    assert losses[0] != losses[1] == losses[2]
