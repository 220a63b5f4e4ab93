"""The first number that is not finite, and where it came from."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.check.doctor.sick import Log, Root

X, Y = hg.data.make_moons(100, rng=0)


def only(diagnosis: hg.check.Diagnosis) -> hg.check.Finding:
    (finding,) = diagnosis.findings
    assert finding.problem == "not finite"
    return finding


def net(*between: hg.Layer) -> hg.Net:
    layers = [hg.Linear(2, 6, rng=0), *between, hg.Linear(6, 2, rng=1), hg.Softmax()]
    return hg.Net(*layers)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_inputs_are_named_with_row_and_column(value: float) -> None:
    x = X.copy()
    x[[3, 7], 1] = value
    finding = only(hg.diagnose(net(), None, (x, Y)))
    assert finding.where == "the inputs"
    assert finding.evidence.startswith("NaN or infinity in 2 of 100 rows, first in row 3, column 1")


def test_targets_are_named() -> None:
    y = np.linspace(0, 1, 100)
    y[5] = np.nan
    straight = hg.Net(hg.Linear(2, 1, rng=0))
    assert only(hg.diagnose(straight, None, (X, y))).where == "the targets"


def test_rows_held_out_are_named() -> None:
    x, y = X.copy(), np.linspace(0, 1, 100)
    x[9, 0], y[2] = np.nan, np.nan
    straight, even = hg.Net(hg.Linear(2, 1, rng=0)), np.linspace(0, 1, 100)
    x = x + 1
    held = hg.diagnose(straight, None, (X, even), validation=(x, even))
    assert only(held).where == "the validation inputs"
    held = hg.diagnose(straight, None, (X, even), validation=(X + 1, y))
    assert only(held).where == "the validation targets"


@pytest.mark.parametrize("name", ["W", "b"])
def test_weights_are_named(name: str) -> None:
    sick = net()
    getattr(sick.layers[1], name).flat[1] = np.nan
    finding = only(hg.diagnose(sick, None, (X, Y)))
    assert finding.where == "layer 2 of 3, Linear(6, 2)"
    assert f"1 of {12 if name == 'W' else 2} numbers in {name}" in finding.evidence


def test_running_state_is_named() -> None:
    sick = net(hg.BatchNorm(6))
    sick.layers[1].running_var = np.full(6, np.inf)
    assert only(hg.diagnose(sick, None, (X, Y))).where == "layer 2 of 4, BatchNorm(6)"


def test_a_layer_that_gives_nan_forward_is_named_before_those_after_it() -> None:
    finding = only(hg.diagnose(net(hg.Tanh(), Log(), hg.Tanh()), None, (X, Y)))
    assert finding.where == "layer 3 of 6, Log()"
    assert finding.evidence.startswith("the output of forward is the first")
    assert "Log.forward" in finding.advice


def test_a_layer_that_gives_nan_backward_only() -> None:
    finding = only(hg.diagnose(net(hg.ReLU(), Root()), None, (X, Y)))
    assert finding.where == "layer 3 of 5, Root()"
    assert finding.evidence.startswith("the output of backward is the first")


class InTrainingOnly(hg.Layer):
    def forward(self, x: Any) -> Any:
        return x / (0 * x) if self.training else x

    def backward(self, dy: Any) -> Any:
        return dy


def test_a_layer_that_gives_nan_in_training_only() -> None:
    assert only(hg.diagnose(net(InTrainingOnly()), None, (X, Y))).where.startswith("layer 2 of 4")


class NanGradient(hg.Layer):
    param_names = ("s",)

    def __init__(self) -> None:
        super().__init__()
        self.s = np.ones(6)

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.s * x

    def backward(self, dy: Any) -> Any:
        self.ds = (dy * np.log(-np.abs(self.x))).sum(axis=0)
        return self.s * dy


def test_a_gradient_of_a_parameter_is_named() -> None:
    finding = only(hg.diagnose(net(NanGradient()), None, (X, Y)))
    assert finding.where == "layer 2 of 4, NanGradient()"
    assert finding.evidence.startswith("the gradient ds is the first")


def test_a_sum_that_overflows_is_of_the_net_around() -> None:
    """x + f(x): each is finite, and the sum is not."""
    inner = hg.Residual(hg.Linear(1, 1, rng=0))
    inner.layers[0].W, inner.layers[0].b = np.ones((1, 1)), np.zeros(1)
    around = hg.Net(inner, hg.Linear(1, 1, rng=1))
    x = np.full((4, 1), 3e38, np.float32)
    assert only(hg.diagnose(around, None, (x, np.zeros(4)))).where == "layer 1 of 2, Residual"


def test_a_probability_of_zero_makes_the_loss_infinite() -> None:
    sure = hg.Net(hg.Linear(1, 2, rng=0), hg.Softmax())
    sure.layers[0].W = np.array([[-200.0], [200.0]])
    finding = only(hg.diagnose(sure, None, (np.ones((4, 1)), [0, 1, 1, 1])))
    assert finding.where == "the loss, CrossEntropyLoss()"
    assert "it is inf over 4 rows" in finding.evidence
    assert "has probability 0" in finding.evidence
    assert finding.advice.startswith("SoftmaxCrossEntropyLoss()")


def test_a_tiny_probability_makes_only_its_slope_infinite() -> None:
    sure = hg.Net(hg.Linear(1, 2, rng=0), hg.Softmax())
    sure.layers[0].W, sure.layers[0].b = np.array([[-47.0], [47.0]]), np.zeros(2)
    finding = only(hg.diagnose(sure, None, (np.ones((4, 1)), [0, 1, 1, 1])))
    assert finding.where == "the loss, CrossEntropyLoss()"
    assert finding.evidence.startswith("its backward is the first")


# ------------------------------------------------------------------------- after a divergence


def diverged(optimizer: hg.optimizers.Optimizer) -> tuple[hg.Net, Any]:
    x, y = hg.data.load("diabetes")
    wild = hg.Net(hg.Standardize.of(x), hg.Linear(10, 8, rng=0), hg.ReLU(), hg.Linear(8, 1, rng=1))
    with pytest.raises(hg.errors.DivergenceError):
        hg.fit(wild, (x, y), loss=hg.MSELoss(), optimizer=optimizer, epochs=9, rng=0)
    return wild, (x, y)


@pytest.mark.parametrize("optimizer", [hg.SGD(1.0), hg.SGD(0.3, momentum=0.9)])
def test_steps_on_a_copy_find_the_layer_and_a_rate_that_fits(
    optimizer: hg.optimizers.Optimizer,
) -> None:
    wild, data = diverged(optimizer)
    diagnosis = hg.diagnose(wild, None, data, optimizer=optimizer)
    first, cause = diagnosis.findings
    assert (first.problem, cause.problem) == ("not finite", "learning rate too high")
    assert first.where.startswith(("layer ", "the loss"))
    rate = optimizer.learning_rate
    assert f"of a trial on a copy, at learning rate {rate:g}" in first.evidence
    assert cause.advice.startswith("SGD(0.0")
    fits = float(cause.advice[4:-1])
    calm = type(optimizer)(fits)
    hg.fit(wild, data, loss=hg.MSELoss(), optimizer=calm, epochs=2, rng=0)


def test_without_the_optimizer_nothing_is_tried() -> None:
    wild, data = diverged(hg.SGD(1.0))
    assert not hg.diagnose(wild, None, data)


def test_a_training_that_ended_is_not_tried_again() -> None:
    straight = hg.Net(hg.Linear(2, 1, rng=0))
    data, wild = (X, X[:, 0]), hg.SGD(1e9)
    ended = hg.training.History([], "all 9 epochs were run")
    assert hg.diagnose(straight, hg.training.History([], "diverged: …"), data, optimizer=wild)
    assert hg.diagnose(straight, [], data, optimizer=wild)
    assert not hg.diagnose(straight, ended, data, optimizer=wild)


def test_the_rate_tried_is_the_last_that_was_reported() -> None:
    straight, data = hg.Net(hg.Linear(2, 1, rng=0)), (X, X[:, 0])
    reports = [hg.training.EpochReport(1, 0.5, learning_rate=0.01)]
    assert not hg.diagnose(straight, reports, data, optimizer=hg.SGD(1e9))
    assert hg.diagnose(straight, [hg.training.EpochReport(1, 0.5)], data, optimizer=hg.SGD(1e9))


def test_where_no_rate_helps_none_is_blamed() -> None:
    class LogLater(Log):
        """Gives NaN from the fifth call on: the first four find out whether all is well."""

        calls = 0

        def forward(self, x: Any) -> Any:
            LogLater.calls, self.x = LogLater.calls + 1, x
            return x if LogLater.calls < 5 else super().forward(-np.abs(x))

    sick = net(LogLater())
    diagnosis = hg.diagnose(sick, None, (X, Y), optimizer=hg.SGD(0.1))
    finding = diagnosis.findings[0]
    assert all(f.problem != "learning rate too high" for f in diagnosis.findings)
    assert finding.where == "layer 2 of 4, LogLater()"
    assert "LogLater.forward" in finding.advice
