"""A size that `forward` keeps for `backward` records, whatever the layer has done before."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import interpret
from tests.graph import pages

WIDE = 300  # more than 256: Python makes a new object for each such number


def used(net: hg.Net, x: Any) -> None:
    net.backward(net.forward(x[:3]))


BEFORE: dict[str, Callable[[hg.Net, Any], object]] = {
    "new": lambda net, x: None,
    "after predicting": lambda net, x: net.predict(x),
    "after forward and backward": used,
}
PAGES = {"Flatten": pages.Flatten, "KeepsItsSizes": pages.KeepsItsSizes}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [4, WIDE])
def test_a_page_that_keeps_a_size_records(page: str, before: str, dtype: Any, width: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, width, 2)).astype(dtype)
    net = hg.Net(PAGES[page](), dtype=dtype)
    BEFORE[before](net, x)
    graph = hg.trace(net, x=x)
    y = net.forward(x)
    dy = rng.standard_normal(y.shape).astype(dtype)
    found = interpret(graph, {"x": x, "dy": dy}, 7)
    np.testing.assert_array_equal(found.prediction, y)
    np.testing.assert_array_equal(found.input_gradients["x"], net.backward(dy))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_net_that_has_predicted_trains_compiled_as_eagerly(page: str, dtype: Any) -> None:
    x, y = hg.data.make_moons(rng=0)
    trained = []
    for engine in ("eager", "compiled"):
        layers = (hg.Linear(2, 4, rng=0), PAGES[page](), hg.Tanh(), hg.Linear(4, 2, rng=1))
        net = hg.Net(*layers, hg.Softmax(), dtype=dtype)
        net.predict(x)
        loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.1)
        hg.fit(net, (x, y), loss=loss, optimizer=optimizer, epochs=2, rng=0, engine=engine)
        trained.append(net.parameters)
    tolerance = 1e-10 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(trained[1], trained[0], rtol=tolerance, atol=tolerance)


class Steps(hg.Layer):
    """y = x · the number of steps done"""

    steps: int

    def forward(self, x: Any) -> Any:
        self.steps = self.steps + 1 if "steps" in vars(self) else 1
        return x * self.steps

    def backward(self, dy: Any) -> Any:
        return dy * self.steps


class WidthBefore(hg.Layer):
    """y = x · the number of rows in the step before"""

    def __init__(self) -> None:
        super().__init__()
        self.rows = 1

    def forward(self, x: Any) -> Any:
        y = x * self.rows
        self.rows = len(x)
        return y

    def backward(self, dy: Any) -> Any:
        return dy


class Counts(Steps):
    steps = 0

    def forward(self, x: Any) -> Any:
        self.steps += 1
        return x * self.steps


class MoreAtFirst(Steps):
    def forward(self, x: Any) -> Any:
        self.steps = self.steps + 1 if "steps" in vars(self) else 1
        return x

    def backward(self, dy: Any) -> Any:
        return dy if self.steps > 1 else dy + dy.mean()


def test_a_step_that_does_more_the_first_time_is_refused() -> None:
    with pytest.raises(
        hg.errors.RecordingError, match="does not run in the second step as in the first"
    ):
        hg.trace(MoreAtFirst(), x=np.ones((4, 3), np.float32))


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("page", [Steps, WidthBefore, Counts])
def test_a_number_of_the_step_before_is_still_refused(page: Any, before: str) -> None:
    x = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    net = hg.Net(page())
    BEFORE[before](net, x)
    with pytest.raises(hg.errors.RecordingError) as caught:
        hg.trace(net, x=x)
    assert "test_kept_sizes.py:" in str(caught.value)
    assert "state that outlives a step declared" in str(caught.value)


def test_a_setting_given_after_the_layer_was_made_is_kept() -> None:
    class Factor(hg.Layer):
        factor = 1

        def forward(self, x: Any) -> Any:
            self.width = x.shape[1]
            return x * self.factor

        def backward(self, dy: Any) -> Any:
            return dy * self.factor

    x = np.ones((4, WIDE), np.float32)
    layer = Factor()
    layer.factor = 3
    layer.forward(x)
    found = interpret(hg.trace(layer, x=x), {"x": x, "dy": x}, 4)
    np.testing.assert_array_equal(found.prediction, 3 * x)
