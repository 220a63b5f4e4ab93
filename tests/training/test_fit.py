"""`fit`: training and its adapters in one call."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.training.by_hand import HELD, X, Y, assert_same_state, classifier, fit, train


def test_it_is_train_with_its_reports_gathered() -> None:
    net, twin = classifier(), classifier()
    history, reports = fit(net, validation=HELD), [*train(twin, validation=HELD)]
    assert [r.train_loss for r in history] == [r.train_loss for r in reports]
    assert [r.validation_loss for r in history] == [r.validation_loss for r in reports]
    assert history.stopped_because == "all 4 epochs were run"
    assert_same_state(net, twin.state())


def test_a_single_epoch_is_told_as_one() -> None:
    assert fit(classifier(), epochs=1).stopped_because == "the one epoch was run"


def test_a_share_is_held_out_stratified_where_targets_are_classes() -> None:
    y = np.arange(50) % 5 // 4  # one in five
    rows: list[tuple[int, Any]] = []

    def noted(p: Any, y: Any) -> float:
        rows.append((len(y), y.mean()))
        return 0.0

    (report,) = fit(classifier(), data=(X, y), validation=0.2, metrics=[noted], epochs=1)
    assert report.rows == 40
    assert set(rows) == {(40, 0.2), (10, 0.2)}


@pytest.mark.parametrize("share", [0.25, np.float32(0.25), np.float64(0.25)])
def test_a_share_of_numbers_is_held_out_too(share: Any) -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    history = fit(net, data=(X, X[:, 0]), loss=hg.MSELoss(), validation=share)
    assert history[0].rows == 37
    assert history[0].validation_loss is not None


def test_a_share_is_the_split_that_the_same_generator_makes() -> None:
    net, twin = classifier(), classifier()
    history = fit(net, validation=0.2)
    generator = np.random.default_rng(0)
    x, x_held, y, y_held = hg.data.train_test_split(
        X, Y, test_size=0.2, stratify=True, rng=generator
    )
    expected = fit(twin, data=(x, y), validation=(x_held, y_held), rng=generator)
    assert history["validation_loss"] == expected["validation_loss"]
    assert_same_state(net, twin.state())


def test_the_same_seed_gives_the_same_bits() -> None:
    nets = [classifier(), classifier()]
    first, second = (fit(net, validation=0.2, early_stopping=3, epochs=20, rng=5) for net in nets)
    assert first["train_loss"] == second["train_loss"]
    assert first["validation_loss"] == second["validation_loss"]
    assert_same_state(nets[0], nets[1].state())


def test_without_validation_all_rows_are_trained_on() -> None:
    history = fit(classifier())
    assert history[0].rows == 50
    assert "validation_loss" not in history.columns()
    assert history[0].metrics == history[0].train_metrics


def test_a_share_of_a_tuple_of_inputs() -> None:
    class Total(hg.Layer):
        def forward(self, x: Any) -> Any:
            return x[0] + x[1]

        def backward(self, dy: Any) -> Any:
            return dy, dy

    net = hg.Net(Total(), hg.Linear(2, 2, rng=0), hg.Softmax())
    history = fit(net, data=((X, X.tolist()), Y), validation=0.2)
    assert history[0].rows == 40


def test_metrics_may_be_functions_of_ones_own() -> None:
    def largest(p: Any, y: Any) -> Any:
        return p.max()

    net = classifier()
    history = fit(net, validation=HELD, metrics=iter([largest, "accuracy"]))
    assert list(history[0].metrics) == ["largest", "accuracy"]
    assert history[-1].metrics["largest"] == float(net.predict(HELD[0]).max())
    assert fit(classifier(), metrics=largest)[0].metrics.keys() == {"largest"}
    assert fit(classifier(), metrics=[])[0].metrics == {}


def test_a_binary_net_learns_what_a_line_can_tell() -> None:
    y = (X[:, 0] > 0.2).astype(int)
    net = hg.Net(hg.Linear(2, 1, rng=0), hg.Sigmoid())
    options: dict[str, Any] = {
        "loss": hg.BinaryCrossEntropyLoss(),
        "optimizer": hg.SGD(1.0),
        "epochs": 100,
    }
    history = fit(net, data=(X, y), **options)
    assert history[-1].metrics["accuracy"] >= 0.95
    assert fit(net, data=(X, y[:, None]), **options)[0].metrics["accuracy"] >= 0.95


def test_logits_and_probabilities_learn_alike() -> None:
    with_softmax = hg.Net(hg.Linear(2, 2, rng=0, dtype=np.float64), hg.Softmax())
    on_logits = hg.Net(hg.Linear(2, 2, rng=0, dtype=np.float64))
    first = fit(with_softmax)["train_loss"]
    second = fit(on_logits, loss=hg.SoftmaxCrossEntropyLoss())["train_loss"]
    np.testing.assert_allclose(first, second, rtol=1e-12)  # type: ignore[arg-type]
