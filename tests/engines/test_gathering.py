"""After `net.backward` the gradients lie together in `net.gradients`, whoever called it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg


def by_hand(net: hg.Net) -> Any:
    """A step forward and backward; all gradients as the layers hold them, in a row."""
    x = np.random.default_rng(0).standard_normal((5, 3))
    loss = hg.MSELoss()
    p = net.forward(x)
    loss.forward(p, np.ones(p.shape))
    net.backward(loss.backward())
    held = [(layer, name) for _, layer in net.walk() for name in layer.param_names]
    return np.concatenate([getattr(layer, "d" + name).ravel() for layer, name in held])


NETS: dict[str, Callable[[], hg.Net]] = {
    "layers in a row": lambda: hg.Net(hg.Linear(3, 4), hg.Tanh(), hg.Linear(4, 2)),
    "a net within": lambda: hg.Net(hg.Net(hg.Linear(3, 4), hg.Tanh()), hg.Linear(4, 2)),
    "a residual": lambda: hg.Net(hg.Residual(hg.Linear(3, 3)), hg.Linear(3, 2)),
    "a residual alone": lambda: hg.Residual(hg.Linear(3, 2), hg.Tanh(), hg.Linear(2, 3)),
    "branches": lambda: hg.Net(hg.Parallel(hg.Linear(3, 2), hg.Linear(3, 2))),
    "branches alone": lambda: hg.Parallel(hg.Linear(3, 2), hg.Linear(3, 2)),
}


@pytest.mark.parametrize("name", NETS)
def test_a_loop_by_hand_finds_the_gradients_in_the_net(name: str) -> None:
    net = NETS[name]()
    gradients = net.gradients
    held = by_hand(net)
    assert np.abs(held).min() > 0
    np.testing.assert_array_equal(net.gradients, held)
    np.testing.assert_array_equal(gradients, held)  # what was taken before is the same array


def test_an_inner_net_has_its_own_part_of_the_gradients() -> None:
    net = hg.Net(hg.Linear(3, 4), hg.Net(hg.Tanh(), hg.Linear(4, 2)))
    by_hand(net)
    inner = net.layers[1]
    assert isinstance(inner, hg.Net)
    assert np.abs(inner.gradients).min() > 0
    np.testing.assert_array_equal(inner.gradients, net.gradients[-10:])


def test_a_gradient_is_a_view_into_the_net() -> None:
    net = NETS["a net within"]()
    by_hand(net)
    net.gradients[...] = 7
    before = net.parameters.copy()
    net.update(0.1)
    np.testing.assert_allclose(net.parameters, before - 0.7, rtol=1e-6)


class SetsItsGradientOnce(hg.Layer):
    param_names = ("s",)

    def __init__(self) -> None:
        super().__init__()
        self.s = np.ones(3)

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.s * x

    def backward(self, dy: Any) -> Any:
        if "ds" not in self.__dict__.get("done", {}):
            self.ds = (self.x * dy).sum(axis=0)
            self.__dict__["done"] = {"ds"}
        return self.s * dy


def test_a_gradient_of_the_step_before_does_not_pass_for_a_new_one() -> None:
    net = hg.Net(SetsItsGradientOnce(), hg.Linear(3, 2))
    by_hand(net)
    with pytest.raises(
        hg.errors.NotYetComputedError, match=r"(?s)no gradient 'ds'.*which sets self.ds"
    ):
        by_hand(net)


class OwnWay(hg.Net):
    """A net that goes through its layers by itself."""

    def backward(self, dy: Any, /) -> Any:
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy


def test_a_net_with_a_backward_of_its_own_trains_eagerly_as_the_usual_one() -> None:
    x, y = hg.data.make_moons(rng=0)
    nets = []
    for kind in (hg.Net, OwnWay):
        net = kind(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
        loss = hg.CrossEntropyLoss()
        hg.fit(net, (x, y), loss=loss, optimizer=hg.SGD(0.1), epochs=2, rng=0, engine="eager")
        nets.append(net)
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
