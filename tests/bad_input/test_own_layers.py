"""What authors of layers forget is named in their terms, wherever the layer is used first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

X, Y = np.random.default_rng(0).standard_normal((6, 3)), np.arange(6) % 2


class Stretch(hg.Layer):
    """y = s x    dx = s dy    ds = Σₙ x dy"""

    param_names: tuple[str, ...] = ("s",)
    n_in = n_out = 3

    def __init__(self) -> None:
        super().__init__()
        self.s = np.ones(3, np.float32)

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.s * x

    def backward(self, dy: Any) -> Any:
        self.ds = (self.x * dy).sum(axis=0)
        return self.s * dy


class NoOutput(Stretch):
    def forward(self, x: Any) -> Any:
        self.x = x
        self.y = self.s * x


class NoGradient(Stretch):
    def backward(self, dy: Any) -> Any:
        self.ds = (self.x * dy).sum(axis=0)


class AList(Stretch):
    def forward(self, x: Any) -> Any:
        return super().forward(x).tolist()


class Undeclared(Stretch):
    param_names = ()


class HalfDeclared(Stretch):
    def __init__(self) -> None:
        super().__init__()
        self.t = np.zeros(3, np.float32)

    def forward(self, x: Any) -> Any:
        return super().forward(x) + self.t

    def backward(self, dy: Any) -> Any:
        self.dt = dy.sum(axis=0)
        return super().backward(dy)


SAID: dict[type[hg.Layer], tuple[str, ...]] = {
    NoOutput: ("NoOutput()", "forward returned None", "end NoOutput.forward with `return y`"),
    NoGradient: ("NoGradient()", "backward returned None", "with `return dx`"),
    AList: ("AList()", "forward returned a list", "as an array"),
    Undeclared: ("Undeclared()", "array `s` and a gradient `ds`", "param_names = ('s',)"),
    HalfDeclared: ("HalfDeclared()", "array `t` and a gradient `dt`", "param_names = ('s', 't')"),
}
each_mistake = pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.__name__)


def trained(layer: hg.Layer, engine: Any) -> None:
    net = hg.Net(hg.Linear(3, 3), layer, hg.Linear(3, 2), hg.Softmax())
    loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.1)
    hg.fit(net, (X, Y), loss=loss, optimizer=optimizer, epochs=2, engine=engine)


def by_hand(layer: hg.Layer) -> None:
    net = hg.Net(hg.Linear(3, 3), layer)
    net.backward(net.forward(X))


WAYS: dict[str, Callable[[hg.Layer], object]] = {
    "by hand": by_hand,
    "eager": lambda layer: trained(layer, "eager"),
    "compiled": lambda layer: trained(layer, "compiled"),
    "auto": lambda layer: trained(layer, "auto"),
    "trace": lambda layer: hg.trace(layer, x=X.astype(np.float32)),
    "trace of a net": lambda layer: hg.trace(hg.Net(layer, hg.Softmax()), hg.CrossEntropyLoss()),
}


@pytest.mark.parametrize("way", WAYS)
@each_mistake
def test_what_was_forgotten_is_named(kind: type[hg.Layer], way: str) -> None:
    with pytest.raises(hg.HandgradError) as caught:
        WAYS[way](kind())
    for words in SAID[kind]:
        assert words in str(caught.value)


@each_mistake
def test_a_gradient_check_names_it_too_and_no_layer_of_its_own(kind: type[hg.Layer]) -> None:
    report = hg.check_gradients(kind())
    assert not report
    for words in SAID[kind]:
        assert words in str(report)
    assert str(report).count("WRONG") == 1
    assert "layer 1 of" not in str(report)


@pytest.mark.parametrize("names", ["param_names", "state_names"])
def test_a_text_for_a_tuple_of_names_is_refused_with_the_class(names: str) -> None:
    with refused(
        hg.errors.SettingError, f"Scale: {names} = 'gamma'", f"{names} = ('gamma',), with the"
    ):
        type("Scale", (hg.Layer,), {names: "gamma"})


class NoLoss(hg.MSELoss):
    def forward(self, p: Any, y: Any, sample_weight: Any = None) -> Any:
        super().forward(p, y)


class NoSlope(hg.MSELoss):
    def backward(self, loss: Any = None) -> Any:
        super().backward(loss)


LOSSES: dict[type[hg.Loss], tuple[str, ...]] = {
    NoLoss: ("NoLoss(): forward returned None", "end NoLoss.forward with `return l`"),
    NoSlope: ("NoSlope(): backward returned None", "end NoSlope.backward with `return dp`"),
}
OF_LOSSES: dict[str, Callable[[hg.Loss], object]] = {
    "fit": lambda loss: hg.fit(
        hg.Net(hg.Linear(3, 3)), (X, X), loss=loss, optimizer=hg.SGD(0.1), epochs=1
    ),
    "trace": hg.trace,
    "trace of a net": lambda loss: hg.trace(hg.Net(hg.Linear(3, 3)), loss),
}


@pytest.mark.parametrize("way", OF_LOSSES)
@pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)
def test_what_a_loss_forgot_is_named(kind: type[hg.Loss], way: str) -> None:
    with refused(hg.errors.ShapeError, *LOSSES[kind]):
        OF_LOSSES[way](kind())


def test_to_evaluate_a_loss_needs_no_backward() -> None:
    net = hg.Net(hg.Linear(3, 3))
    assert hg.evaluate(net, (X, X), loss=NoSlope()).loss > 0
    with refused(hg.errors.ShapeError, *LOSSES[NoLoss]):
        hg.evaluate(net, (X, X), loss=NoLoss())


@pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)
def test_a_check_of_a_loss_names_what_it_forgot(kind: type[hg.Loss]) -> None:
    for report in (hg.check_gradients(kind()), hg.check_gradients(hg.Linear(3, 2), kind())):
        assert not report
        assert all(words in str(report) for words in LOSSES[kind])


def test_where_no_example_fits_the_reason_is_told() -> None:
    class Misspelt(Stretch):
        n_in = None  # type: ignore[assignment]

        def forward(self, x: Any) -> Any:
            return self.scale * x

    with refused(hg.errors.SettingError, "Misspelt() has no attribute 'scale'"):
        hg.check_gradients(Misspelt())


def test_within_a_net_the_place_is_named() -> None:
    with pytest.raises(
        hg.errors.ShapeError, match=r"layer 2 of 2, NoOutput\(\): forward returned None"
    ):
        by_hand(NoOutput())
    inner = hg.Net(hg.Linear(3, 3), hg.Net(hg.Tanh(), NoOutput()))
    with pytest.raises(
        hg.errors.ShapeError, match=r"layer 2 of 2, Net\(.*layer 2 of 2, NoOutput\(\): f"
    ):
        inner.forward(X)


def test_what_is_kept_between_forward_and_backward_is_no_undeclared_parameter() -> None:
    class Keeps(Stretch):
        state_names = ("mean",)

        def __init__(self) -> None:
            super().__init__()
            self.mean, self.sizes = np.zeros(3), np.arange(3)

        def backward(self, dy: Any) -> Any:
            self.dx, self.dmean, self.dsizes = super().backward(dy), dy.mean(axis=0), dy
            return self.dx

    by_hand(Keeps())
    report = hg.check_gradients(Keeps())
    assert report, str(report)
