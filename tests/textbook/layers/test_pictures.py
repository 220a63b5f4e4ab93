"""Nets of pictures: what goes in, what comes out, and what is refused when one is built."""

import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers.layer import Shape
from handgrad.textbook.net.minibatches import example_input


@pytest.mark.parametrize(
    ("layer", "shape_in", "shape_out"),
    [
        (hg.layers.Reshape(1, 8, 8), (64,), (1, 8, 8)),
        (hg.layers.Reshape(64), (4, 4, 4), (64,)),
        (hg.layers.Reshape(64), (..., 64), (64,)),
        (hg.Flatten(), (2, 3, 4), (24,)),
        (hg.Flatten(), (..., 4), None),
        (hg.layers.Transpose(3, 1, 2), (28, 30, 3), (3, 28, 30)),
        (hg.layers.Transpose(2, 1), (..., 3), None),
        (hg.Conv2d(1, 6, 5, padding=2), (1, 28, 28), (6, 28, 28)),
        (hg.Conv2d(3, 6, (3, 5), stride=(2, 1), padding=(0, 1)), (3, 8, 8), (6, 3, 6)),
        (hg.Conv2d(3, 6, 3), (..., 8), None),
        (hg.layers.Conv1d(3, 6, 3, stride=2), (3, 8), (6, 3)),
        (hg.MaxPool2d(2), (6, 9, 8), (6, 4, 4)),
        (hg.layers.AvgPool2d(3, stride=1, padding=1), (6, 9, 8), (6, 9, 8)),
        (hg.layers.BatchNorm2d(6), (6, 9, 8), (6, 9, 8)),
        (hg.layers.RandomShift(2), (1, 9, 8), (1, 9, 8)),
    ],
    ids=repr,
)
def test_what_comes_out_follows_from_what_goes_in(
    layer: hg.Layer, shape_in: Shape, shape_out: Shape | None
) -> None:
    assert layer.shape_out(shape_in) == shape_out
    if shape_out is not None and ... not in shape_in:
        layer.seed(0)
        assert layer.forward(np.zeros((3, *shape_in), np.float32)).shape == (3, *shape_out)


def pictures(*layers: hg.Layer) -> hg.Net:
    return hg.Net(hg.layers.Reshape(1, 8, 8), *layers)


def test_a_net_that_begins_with_reshape_takes_rows_and_pictures() -> None:
    net = pictures(hg.Conv2d(1, 2, 3, rng=0), hg.Tanh(), hg.Flatten(), hg.Linear(72, 3, rng=1))
    assert (net.n_in, net.shape_in, net.n_out) == (64, (64,), 3)
    x = example_input(net, 5)
    assert x.shape == (5, 64)
    as_pictures = x.reshape(5, 1, 8, 8)
    np.testing.assert_array_equal(net.forward(as_pictures), net.forward(x))
    np.testing.assert_array_equal(net.predict(as_pictures), net.predict(x))
    assert net.backward(net.forward(as_pictures)).shape == as_pictures.shape
    assert re.search(r"Conv2d\(1, 2, 3\)   \(n, 2, 6, 6\) +20 ", net.summary())
    assert hg.check_gradients(net, loss=hg.SoftmaxCrossEntropyLoss())
    assert "convolution.py" in str(hg.trace(net))
    with pytest.raises(hg.errors.ShapeError, match=r"(?s)9 features\n.*expected: 64 features"):
        net.forward(np.zeros((5, 9, 9)))


def test_a_net_that_begins_with_a_convolution_has_an_example_of_its_own() -> None:
    net = hg.Net(hg.Conv2d(2, 3, 3, rng=0), hg.MaxPool2d(2))
    assert net.shape_in is None
    assert example_input(net, 5).shape == (5, 2, 4, 4)
    assert hg.check_gradients(net)
    too_small = hg.Net(hg.Conv2d(2, 3, 3), hg.Flatten(), hg.Linear(100, 2))
    with pytest.raises(hg.errors.SettingError, match=r"(?s)fails with rows of shape \(2, 4, 4\)"):
        hg.check_gradients(too_small)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: pictures(hg.Conv2d(1, 2, 9)),
            r"layer 2 of 2, after Reshape\(1, 8, 8\): Conv2d\(1, 2, 9\): rows of shape "
            r"\(1, 8, 8\), smaller than a window\n  expected: at least 9 × 9 positions",
        ),
        (
            lambda: pictures(hg.Conv2d(3, 2, 3)),
            r"layer 2 of 2, .*Conv2d\(3, 2, 3\) was given 1 features, in rows of shape "
            r"\(1, 8, 8\)\n  expected: 3",
        ),
        (
            lambda: hg.Net(hg.layers.Reshape(8, 8), hg.Conv2d(8, 2, 3)),
            r"layer 2 of 2: Conv2d\(8, 2, 3\) was given an array of shape \(n, 8, 8\)\n",
        ),
        (
            lambda: hg.Net(hg.layers.Reshape(1, 8, 8), hg.layers.Conv1d(1, 2, 3)),
            r"layer 2 of 2: Conv1d\(1, 2, 3\) was given an array of shape \(n, 1, 8, 8\)",
        ),
        (
            lambda: pictures(hg.Flatten(), hg.Linear(63, 2)),
            r"layer 3 of 3, .*Linear\(63, 2\) was given 64 features\n  expected: 63",
        ),
        (
            lambda: pictures(hg.layers.Transpose(2, 1)),
            r"layer 2 of 2: Transpose\(2, 1\) was given an array of shape \(n, 1, 8, 8\)",
        ),
        (
            lambda: hg.Net(hg.Linear(4, 63), hg.layers.Reshape(1, 8, 8)),
            r"layer 2 of 2, .*Reshape\(1, 8, 8\) was given 63 features\n  expected: 64",
        ),
    ],
)
def test_a_misfit_is_refused_when_the_net_is_built(
    make: Callable[[], hg.Net], message: str
) -> None:
    with pytest.raises(hg.errors.ShapeError, match=f"(?s){message}"):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (hg.Conv2d(1, 2, 3), (5, 64), "rows of shape (64,)"),
        (hg.Conv2d(1, 2, 3), (5, 3, 8, 8), "rows of shape (3, 8, 8)"),
        (hg.MaxPool2d(3), (5, 1, 2, 8), "smaller than a window"),
        (hg.layers.Transpose(2, 1), (5, 1, 8, 8), "rows of shape (1, 8, 8)"),
        (hg.layers.RandomShift(2), (5, 64), "an input of shape (5, 64)"),
        (hg.layers.BatchNorm2d(2), (5, 2), "an input of shape (5, 2)"),
    ],
    ids=repr,
)
def test_rows_that_do_not_fit_are_refused(
    layer: hg.Layer, shape: tuple[int, ...], message: str
) -> None:
    net = hg.Net(layer)
    net.seed(0)
    with pytest.raises(hg.errors.ShapeError, match=re.escape(message)) as refused:
        net.forward(np.zeros(shape))
    assert "layer 1 of 1" in str(refused.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hg.layers.Reshape(), "Reshape()"),
        (lambda: hg.layers.Reshape(0, 4), "= 0"),
        (lambda: hg.layers.Reshape(cast(Any, 2.5)), "= 2.5"),
        (lambda: hg.layers.Transpose(1), "Transpose(1,)"),
        (lambda: hg.layers.Transpose(0, 1), "Transpose(0, 1)"),
        (lambda: hg.layers.Transpose(1, 1), "Transpose(1, 1)"),
        (lambda: hg.Conv2d(1, 2, 0), "kernel_size=0"),
        (lambda: hg.Conv2d(1, 2, (3, 3, 3)), "kernel_size=(3, 3, 3)"),
        (lambda: hg.Conv2d(1, 2, 3, stride=0), "stride=0"),
        (lambda: hg.Conv2d(1, 2, 3, stride=cast(Any, 1.5)), "stride=1.5"),
        (lambda: hg.Conv2d(1, 2, 3, padding=-1), "padding=-1"),
        (lambda: hg.Conv2d(1, 2, 3, padding=cast(Any, "same")), "padding='same'"),
        (lambda: hg.Conv2d(0, 2, 3), "n_in = 0"),
        (lambda: hg.layers.Conv1d(1, 0, 3), "n_out = 0"),
        (lambda: hg.layers.Conv1d(1, 2, (3, 3)), "kernel_size=(3, 3)"),
        (lambda: hg.Conv2d(1, 2, 3, initializer=lambda shape, rng: np.zeros(3)), "shape (3,)"),
        (lambda: hg.MaxPool2d(2, padding=2), "padding=2"),
        (lambda: hg.layers.AvgPool2d((4, 1), padding=1), "padding=1"),
        (lambda: hg.MaxPool2d(True), "kernel_size=True"),
        (lambda: hg.layers.BatchNorm2d(0), "n_features = 0"),
        (lambda: hg.layers.RandomShift(0), "pixels = 0"),
        (lambda: hg.layers.RandomHorizontalFlip(1.5), "p=1.5"),
        (lambda: hg.layers.GaussianNoise(0), "std = 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(hg.HandgradError, match=re.escape(message)) as refused:
        make()
    assert "expected: " in str(refused.value)
    assert "try: " in str(refused.value)
