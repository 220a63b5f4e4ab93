"""The story handgrad grew from: every figure of its first pages, to 1e-12."""

import copy
from typing import Any

import numpy as np
import pytest

import handgrad as hg

LOGITS = [
    [1.77202116, -0.25384488],
    [0.28370828, -0.39610552],
    [-0.30097433, 0.30513182],
    [-0.8120485, 0.56079421],
    [-1.23519653, 0.3394973],
]
PROBABILITIES = [
    [0.88348621, 0.11651379],
    [0.66369714, 0.33630286],
    [0.35294795, 0.64705205],
    [0.20216095, 0.79783905],
    [0.17154828, 0.82845172],
    [0.24279153, 0.75720847],
    [0.18915732, 0.81084268],
    [0.17282951, 0.82717049],
    [0.13897531, 0.86102469],
    [0.72746882, 0.27253118],
]


def exactly(value: float) -> Any:
    return pytest.approx(value, rel=1e-12, abs=0)


def linear(n_in: int, n_out: int) -> hg.Linear:
    return hg.Linear(n_in, n_out, rng=np.random, dtype=np.float64)


def run_epoch(net: hg.Net, x: Any, y: Any, loss: hg.Loss) -> None:
    for i in range(0, len(x), 4):
        xb, yb = x[i : i + 4], y[i : i + 4]
        p = net.forward(xb)
        l = loss.forward(p, yb)  # noqa: E741
        net.backward(loss.backward(l))
        net.update(0.1)


def test_every_figure_of_the_seed() -> None:
    np.random.seed(0)
    x, y = hg.make_classification(
        n_samples=100, n_features=2, n_redundant=0, n_informative=2, flip_y=0.2, rng=np.random
    )
    (train_x, test_x), (train_y, test_y) = np.split(x, [80]), np.split(y, [80])
    assert x.dtype == np.float32
    assert y.dtype == np.int32
    assert train_y[:5].tolist() == [1, 1, 0, 0, 0]

    first, softmax, loss = linear(2, 2), hg.Softmax(), hg.CrossEntropyLoss()
    np.testing.assert_allclose(first.forward(train_x[:5]), LOGITS, atol=5e-9)
    p = softmax.forward(first.forward(train_x[:10]))
    np.testing.assert_allclose(p, PROBABILITIES, atol=5e-9)
    assert loss.forward(p, train_y[:10]) == exactly(1.429664938969559)

    second = linear(2, 2)

    def accuracy() -> float:
        return hg.metrics.accuracy(second.forward(train_x), train_y)

    assert accuracy() == 0.725
    for i in range(0, 80, 4):
        p = softmax.forward(second.forward(train_x[i : i + 4]))
        value = loss.forward(p, train_y[i : i + 4])
        second.backward(softmax.backward(loss.backward(value)))
        second.update(0.1)
    assert accuracy() == 0.825

    net = hg.Net(linear(2, 2), hg.Softmax())
    before = hg.evaluate(net, (train_x, train_y), loss=loss)
    assert before.loss == exactly(0.6212072429381601)
    assert before.metrics["accuracy"] == 0.6875
    run_epoch(net, train_x, train_y, loss)
    after = hg.evaluate(net, (train_x, train_y), loss=loss)
    assert after.loss == exactly(0.44369925927417986)
    assert after.metrics["accuracy"] == 0.8
    tested = hg.evaluate(net, (test_x, test_y), loss=loss)
    assert tested.loss == exactly(0.4767711377257787)
    assert tested.metrics["accuracy"] == 0.85

    flat = hg.Net(linear(2, 2), hg.Softmax())
    deep = hg.Net(linear(2, 10), hg.Tanh(), linear(10, 2), hg.Softmax())
    data, held_out = (train_x, train_y), (test_x, test_y)
    engines: tuple[Any, ...] = ("eager", "compiled")
    for engine in engines:
        net = copy.deepcopy(flat)
        losses = thirty_epochs(engine, net, 0.005, data, held_out)
        assert losses == (exactly(0.43441559747316266), exactly(0.4605452208371819))
        net = copy.deepcopy(deep)
        losses = thirty_epochs(engine, net, 0.01, data, held_out)
        assert losses == (exactly(0.40569967377045246), exactly(0.46113714501685116))
        assert hg.evaluate(net, data, loss=loss).metrics["accuracy"] == 0.85
        assert hg.evaluate(net, held_out, loss=loss).metrics["accuracy"] == 0.85


def thirty_epochs(
    engine: Any, net: hg.Net, learning_rate: float, data: Any, held_out: Any
) -> tuple[float, float | None]:
    """The losses on both sets after thirty epochs through `train`, rows in order."""
    loss = hg.CrossEntropyLoss()
    optimizer = hg.SGD(learning_rate)
    reports = hg.train(
        net, data, loss=loss, optimizer=optimizer, epochs=30, batch_size=4, validation=held_out,
        shuffle=False, engine=engine,
    )  # fmt: skip
    *_, last = reports
    return hg.evaluate(net, data, loss=loss).loss, last.validation_loss


def test_a_net_is_built_proved_trained_saved_and_read_back(tmp_path: Any) -> None:
    x, y = hg.data.load("iris")
    net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 8, rng=0), hg.Tanh())
    net.add(hg.Linear(8, 3, rng=1)).add(hg.Softmax())
    loss = hg.CrossEntropyLoss()
    assert hg.check_gradients(net, loss)
    assert "dW_1 = " in str(hg.trace(net, loss))

    history = hg.fit(
        net, (x, y), loss=loss, optimizer=hg.SGD(0.1), epochs=60, validation=0.2,
        early_stopping=20, rng=0,
    )  # fmt: skip
    assert history.best("validation_loss").metrics["accuracy"] >= 0.9

    twin = hg.load(hg.save(net, tmp_path / "iris.safetensors"))
    np.testing.assert_array_equal(twin.predict(x), net.predict(x))
