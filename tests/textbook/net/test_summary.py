"""The table of a net's layers: what each costs, and how long it takes."""

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph.costs import layer_costs
from tests.bad_input.refused import refused

Nets = Callable[[], hg.Net]


def cells(net: hg.Net, x: object = None) -> list[list[str]]:
    """The cells of each layer and of the total."""
    lines = net.summary(x).split("\nparameters: ")[0].splitlines()[1:]
    return [re.split(r"  +", line.strip()) for line in lines]


def costs(net: hg.Net) -> list[tuple[int, ...]]:
    return [tuple(int(cell.replace(",", "")) for cell in line[-3:]) for line in cells(net)]


@pytest.mark.parametrize(
    ("make", "of_the_layers"),
    [
        # 2·3·4 and 4 sums; backward dW 2·3·4, db 4, dx 2·3·4
        (lambda: hg.Net(hg.Linear(3, 4)), [(28, 52, 0)]),
        # 4 outputs of 4 bytes are kept once, though Tanh and the next Linear both read them;
        # backward (1 - p·p)·dy
        (
            lambda: hg.Net(hg.Linear(3, 4), hg.Tanh(), hg.Linear(4, 2)),
            [(28, 52, 0), (4, 12, 16), (18, 34, 0)],
        ),
        (
            lambda: hg.Net(hg.Linear(3, 4), hg.Tanh(), hg.Linear(4, 2), dtype="float64"),
            [(28, 52, 0), (4, 12, 32), (18, 34, 0)],
        ),
        # a gradient of 8 numbers is added to a row of the table
        (lambda: hg.Net(hg.Embedding(20, 8)), [(0, 8, 0)]),
        # two branches within, and their sum
        (lambda: hg.Net(hg.Residual(hg.Linear(4, 4), hg.Tanh())), [(36 + 4 + 4, 84, 16)]),
    ],
)
def test_costs_are_those_of_the_arithmetic(
    make: Nets, of_the_layers: list[tuple[int, ...]]
) -> None:
    counted = costs(make())
    assert counted[:-1] == of_the_layers
    assert counted[-1] == tuple(map(sum, zip(*of_the_layers, strict=True)))


def test_a_convolution_multiplies_its_kernels_at_every_position() -> None:
    net = hg.Net(hg.layers.Reshape(2, 8, 8), hg.Conv2d(2, 5, 3))
    assert costs(net)[0] == (0, 0, 0)
    assert costs(net)[1][0] == 6 * 6 * 5 * (2 * 2 * 9 + 1)


def test_every_step_of_a_recurrence_costs() -> None:
    net = hg.Net(hg.LSTM(3, 4))
    of_steps = {t: layer_costs(net, np.ones((4, t, 3)))["0"] for t in (3, 4, 5)}
    assert of_steps[5].forward - of_steps[4].forward == of_steps[4].forward - of_steps[3].forward
    assert of_steps[4].forward > 4 * (2 * 7 * 16 + 16)  # its products and biases alone
    assert of_steps[4].backward > of_steps[4].forward


class Slow(hg.Layer):
    """y = x, and it takes its time."""

    def forward(self, x: Any) -> Any:
        time.sleep(0.02)
        return x * 1.0

    def backward(self, dy: Any) -> Any:
        return dy * 1.0


def test_rows_time_each_layer_and_change_nothing() -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), Slow(), hg.BatchNorm(4), hg.Dropout(0.5))
    net.seed(0)
    x = np.random.default_rng(0).standard_normal((50, 3))
    net.backward(net.forward(x))
    before = {name: array.copy() for name, array in net.state().items()}
    gradients, drawn = net.gradients.copy(), net.layers[3].rng.bit_generator.state
    milliseconds = [float(line[-1].removesuffix(" ms")) for line in cells(net, x)]
    assert milliseconds[1] >= 20 > milliseconds[0]
    assert milliseconds[-1] >= sum(milliseconds[:-1]) * 0.9
    assert "time: 50 rows forward and backward" in net.summary(x)
    np.testing.assert_array_equal(net.gradients, gradients)
    assert net.layers[3].rng.bit_generator.state == drawn
    for name, array in net.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_rows_say_what_a_net_does_not_state() -> None:
    net = hg.Net(hg.Conv2d(1, 2, 3))
    assert cells(net)[0][2] == "?"
    assert cells(net, np.zeros((2, 1, 9, 9)))[0][2] == "(n, 2, 7, 7)"
    assert "for each row of shape (1, 9, 9):" in net.summary(np.zeros((2, 1, 9, 9)))


class Branching(hg.Layer):
    """y = x where the sum is positive, else -x: a branch on data, which is not traced."""

    def forward(self, x: Any) -> Any:
        self.sign = 1.0 if x.sum() > 0 else -1.0
        return self.sign * x

    def backward(self, dy: Any) -> Any:
        return self.sign * dy


def test_a_net_that_is_not_traced_has_a_table_without_costs_and_the_reason() -> None:
    net = hg.Net(hg.Linear(3, 4), Branching())
    *_, reason = net.summary().splitlines()
    assert reason.startswith("costs unknown: ")
    assert "branches on data" in reason
    assert cells(net)[0] == ["1", "Linear(3, 4)", "(n, 4)", "16"]


def test_rows_that_do_not_fit_are_refused() -> None:
    with refused(hg.errors.ShapeError, "Linear(3, 4)", "5 features", "3 features"):
        hg.Net(hg.Linear(3, 4)).summary(np.ones((2, 5)))


def test_in_chinese_the_columns_stand_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_LANGUAGE", "zh")
    lines = hg.Net(hg.Linear(2, 5), hg.BatchNorm(5)).summary(np.ones((4, 2))).splitlines()
    assert lines[0].split() == ["层", "输出", "参数", "前向", "反向", "保留", "时间"]
    assert lines[3].split()[0] == "合计，float32"
    assert not re.search("[a-z]{4}", "".join(lines[4:]))
