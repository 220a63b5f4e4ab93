"""`find_learning_rate`: a trial on a copy, whose losses are those of the steps."""

import copy
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.training.by_hand import X, Y, assert_same_state, classifier

ROWS, LABELS = hg.data.load("iris")


def search(net: hg.Net, data: Any = (X, Y), **options: Any) -> hg.training.LearningRateSearch:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "rng": 0}
    return hg.training.find_learning_rate(net, data, **usual | options)


def test_everything_stays_as_it_is() -> None:
    net, optimizer, loss = classifier(), hg.Adam(0.3), hg.CrossEntropyLoss()
    before = net.state()
    search(net, optimizer=optimizer, loss=loss)
    assert_same_state(net, before)
    assert optimizer.learning_rate == 0.3
    assert "p_of_y" not in vars(loss)


def test_the_losses_are_those_of_steps_with_growing_rates() -> None:
    net = classifier(np.float64)
    found = search(net, smallest=1e-3, largest=0.1, steps=12, batch_size=len(Y))
    np.testing.assert_allclose(found.learning_rates, np.geomspace(1e-3, 0.1, 12))
    twin, loss, losses = copy.deepcopy(net), hg.CrossEntropyLoss(), []
    for rate in found.learning_rates:
        losses.append(float(loss.forward(twin.forward(X), Y)))
        twin.backward(loss.backward())
        twin.update(rate)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-12)
    weights = 0.9 ** np.arange(12)[::-1]
    assert found.smoothed[-1] == pytest.approx((weights * losses).sum() / weights.sum())
    assert found.suggested == found.learning_rates[found.smoothed.argmin()] / 10


def test_rows_count_as_their_weights_say() -> None:
    net, kept = classifier(np.float64), np.arange(len(Y)) % 3 > 0
    without = search(net, (X[kept], Y[kept]), batch_size=len(Y))
    weighed = search(net, sample_weight=kept, batch_size=len(Y))
    np.testing.assert_allclose(weighed.losses, without.losses, rtol=1e-12)
    by_class = search(net, class_weight={0: 3.0}, batch_size=len(Y)).losses
    by_row = search(net, sample_weight=np.where(Y == 0, 3.0, 1.0), batch_size=len(Y)).losses
    np.testing.assert_allclose(by_class, by_row, rtol=1e-12)
    expected = hg.evaluate(
        net, (X, Y), loss=hg.CrossEntropyLoss(), sample_weight=np.where(Y == 0, 3.0, 1.0)
    )
    assert by_class[0] == pytest.approx(expected.loss)


def test_every_row_is_seen_before_any_comes_again() -> None:
    seen: list[Any] = []

    class Watching(hg.Tanh):
        def forward(self, x: Any) -> Any:
            seen.append(np.array(x)[:, 0])
            return super().forward(x)

    net = hg.Net(Watching(), hg.Linear(2, 2, rng=0), hg.Softmax())
    search(net, smallest=1e-3, steps=40, batch_size=10)
    rows = np.concatenate(seen[-40:])
    assert len(rows) == 400
    for once in np.split(rows, 8):
        np.testing.assert_array_equal(np.sort(once), np.sort(X[:, 0].astype(np.float32)))


@pytest.mark.parametrize("optimizer", [hg.SGD(1.0), hg.SGD(1.0, momentum=0.9), hg.Adam()])
def test_the_suggested_rate_trains_well(optimizer: hg.optimizers.Optimizer) -> None:
    def net() -> hg.Net:
        layers = (hg.Linear(4, 16, rng=0), hg.Tanh(), hg.Linear(16, 3, rng=1), hg.Softmax())
        return hg.Net(hg.Standardize.of(ROWS), *layers)

    optimizer.learning_rate = search(net(), (ROWS, LABELS), optimizer=optimizer).suggested
    history = hg.fit(
        net(), (ROWS, LABELS), loss=hg.CrossEntropyLoss(), optimizer=optimizer, epochs=20, rng=0
    )
    assert history[-1].metrics["accuracy"] > 0.95


def test_it_ends_where_the_loss_takes_off() -> None:
    net = hg.Net(hg.Linear(4, 1, rng=0))
    found = search(net, (ROWS, ROWS[:, :1]), loss=hg.MSELoss(), largest=1e6)
    assert found.learning_rates[-1] < 1e3
    assert np.isfinite(found.losses).all()
    assert len(found.learning_rates) == len(found.losses) == len(found.smoothed)


def test_with_one_seed_it_gives_the_same() -> None:
    first, second = (search(classifier(), rng=3) for _ in range(2))
    np.testing.assert_array_equal(first.losses, second.losses)
    assert (search(classifier(), rng=4).losses != first.losses).any()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"smallest": 0}, "smallest = 0"),
        ({"largest": -1}, "largest = -1"),
        ({"smallest": 1.0, "largest": 0.5}, "largest = 0.5, smallest = 1"),
        ({"steps": 9}, "steps = 9"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"optimizer": hg.SGD}, "optimizer = "),
        ({"smallest": 1e8, "largest": 1e9}, "the loss did not fall"),
    ],
)
def test_what_cannot_be_is_refused(wrong: Any, word: str) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, word, net=net):
        search(net, **wrong)
