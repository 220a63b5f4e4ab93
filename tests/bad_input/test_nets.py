"""Nets that do not fit together are refused where they are made, and stay as they were."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused


def test_layers_that_do_not_fit_are_refused_when_the_net_is_made() -> None:
    with refused(
        hg.errors.ShapeError, "layer 3 of 3, after Tanh()", "Linear(4, 2) was given 3 features"
    ):
        hg.Net(hg.Linear(2, 3), hg.Tanh(), hg.Linear(4, 2))


def test_layers_that_do_not_fit_are_refused_by_add() -> None:
    net = hg.Net(hg.Linear(2, 3))
    with refused(
        hg.errors.ShapeError, "layer 2 of 2", "Linear(4, 2) was given 3 features", net=net
    ):
        net.add(hg.Linear(4, 2))
    assert len(net.layers) == 1


def test_a_layer_that_was_refused_can_still_be_used() -> None:
    layer = hg.Linear(4, 2, rng=0)
    with refused(hg.errors.ShapeError, "Linear(4, 2"):
        hg.Net(hg.Linear(2, 3), layer)
    assert hg.Net(layer).n_in == 4


def test_the_same_layer_cannot_be_added_twice() -> None:
    tanh, linear = hg.Tanh(), hg.Linear(2, 2)
    with refused(hg.errors.SettingError, "layer 3", "already part of a net", "deepcopy"):
        hg.Net(linear, tanh, tanh)
    net = hg.Net(linear, tanh)
    for again in (tanh, linear, net):
        with refused(hg.errors.SettingError, "layer 3", "already part of a net", net=net):
            net.add(again)
    assert net.layers == [linear, tanh]


def test_the_same_layer_cannot_be_in_two_nets_nor_in_a_net_within() -> None:
    shared, outer_layer = hg.Linear(2, 2), hg.Linear(2, 2)
    inner = hg.Net(shared)
    net = hg.Net(inner, outer_layer)
    for again in (shared, inner, outer_layer):
        with refused(hg.errors.SettingError, "already part of a net"):
            hg.Net(again)
        with refused(hg.errors.SettingError, "already part of a net", net=net):
            net.add(again)
    with refused(hg.errors.SettingError, "part of another net", net=net):
        inner.add(hg.Tanh())


@pytest.mark.parametrize("wrong", [hg.Tanh, hg.MSELoss(), "tanh", None, np.tanh])
def test_what_is_no_layer_is_refused(wrong: Any) -> None:
    with refused(hg.errors.SettingError, "layer 2", "a layer"):
        hg.Net(hg.Linear(2, 2), wrong)
    net = hg.Net(hg.Linear(2, 2))
    with refused(hg.errors.SettingError, "layer 2", "a layer", net=net):
        net.add(wrong)


def test_a_class_instead_of_a_layer_is_told_about_the_parentheses() -> None:
    with refused(hg.errors.SettingError, "parentheses"):
        hg.Net(hg.Tanh)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "named"),
    [
        (lambda: hg.Linear(2, 2), "layer 1 of 2, Linear(2, 2)"),
        (lambda: hg.Tanh(), "layer 1 of 2, Tanh()"),
        (lambda: hg.Net(hg.Tanh(), hg.Linear(2, 2)), "layer 2 of 2, Linear(2, 2)"),
    ],
)
def test_backward_before_forward_names_the_layer(first: Any, named: str) -> None:
    net = hg.Net(first(), hg.Standardize(np.zeros(2), np.ones(2)))
    with refused(hg.errors.NotYetComputedError, named, "forward", net=net):
        net.backward(np.ones((3, 2)))


def test_an_update_before_backward_is_refused() -> None:
    net = hg.Net(hg.Linear(2, 2), hg.Tanh())
    net.forward(np.ones((3, 2)))
    with refused(hg.errors.NotYetComputedError, "'dW'", "backward", net=net):
        net.update(0.1)


def test_a_mistake_in_a_layer_of_ones_own_is_told_with_its_place() -> None:
    class Crooked(hg.Layer):
        def forward(self, x: Any) -> Any:
            return x @ np.ones((7, 2))

    net = hg.Net(hg.Linear(3, 4, rng=0), Crooked())
    with refused(hg.errors.ShapeError, "layer 2 of 2, Crooked()", "(5, 4)", net=net):
        net.forward(np.ones((5, 3)))


@pytest.mark.parametrize("dtype", [np.int32, np.float16, "complex64"])
def test_a_net_is_of_float32_or_float64(dtype: Any) -> None:
    with refused(hg.errors.SettingError, "float32 or float64"):
        hg.Net(hg.Linear(2, 2), dtype=dtype)


def test_two_types_of_numbers_in_one_net_are_refused() -> None:
    with refused(hg.errors.SettingError, "float32 and float64"):
        hg.Net(hg.Linear(2, 2), hg.Linear(2, 2, dtype=np.float64))
