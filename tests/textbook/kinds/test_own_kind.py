"""Targets of a kind that the library does not know: times until an event, some of them cut off."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.check.doctor.patient import Judge
from handgrad.training.validate_data import CheckedData
from tests.bad_input.refused import refused


@dataclass(frozen=True)
class SurvivalTimes(hg.losses.kinds.TargetKind):
    """(n, 2): the time until the event, and 1; or until nobody looked any more, and 0."""

    name = "survival times"

    def checked(self, y: Any, p: Any, what: str, learn: bool) -> Any:
        y = super().checked(y, p, what, learn)
        if y.shape != (len(y), 2) or (y[:, 0] <= 0).any() or not np.isin(y[:, 1], (0, 1)).all():
            raise hg.errors.DataError(
                f"{what}: targets of shape {y.shape}",
                "(n, 2), a time above 0 and whether the event was seen, 0 or 1",
                "np.stack([times, seen], axis=1)",
            )
        return y

    def examples(self, p: Any, rng: np.random.Generator) -> Any:
        times, seen = rng.exponential(1.0, len(p)), rng.integers(0, 2, len(p))
        return np.stack([times, seen], axis=1).astype(p.dtype)

    def constant_answers(self, y: Any, k: int, w: Any) -> list[Any]:
        return [np.full(k, (w * y[:, 1]).sum() / (w * y[:, 0]).sum())]


class ExponentialSurvivalLoss(hg.Loss):
    """l = mean(e^z t − d z), for log rates z, time t, seen d      dz = (e^z t − d) / size"""

    input_kind = hg.losses.kinds.LogRates()
    target_kind = SurvivalTimes()

    def forward(self, z: Any, y: Any) -> Any:
        self.t, self.d = y[:, :1], y[:, 1:]
        self.rate = np.exp(z)
        return (self.rate * self.t - self.d * z).mean()

    def backward(self, loss: Any = None) -> Any:
        return (self.rate * self.t - self.d) / self.rate.size


def rows(n: int = 200) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 2))
    times, looked = rng.exponential(np.exp(-x[:, 0])), rng.exponential(3.0, n)
    return x, np.stack([np.minimum(times, looked), times <= looked], axis=1)


def net() -> hg.Net:
    return hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 1, rng=1), dtype=np.float64)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_it_trains_and_is_evaluated(engine: Any) -> None:
    made, loss = net(), ExponentialSurvivalLoss()
    history = hg.fit(
        made, rows(), loss=loss, optimizer=hg.Adam(0.02), epochs=40, rng=0, engine=engine,
        validation=0.2,
    )  # fmt: skip
    assert history[-1].train_loss < history[0].train_loss - 0.1
    assert history[-1].metrics == {}
    assert hg.evaluate(made, rows(), loss=loss).loss < 1
    fast, slow = made.predict([[1.0, 0.0], [-1.0, 0.0]])[:, 0]
    assert fast > slow + 1


def test_it_is_traced_checked_and_diagnosed() -> None:
    assert hg.check_gradients(ExponentialSurvivalLoss()).ok
    assert hg.check_gradients(net(), loss=ExponentialSurvivalLoss()).ok
    assert hg.trace(net(), ExponentialSurvivalLoss()).outputs.loss is not None


def test_it_is_diagnosed() -> None:
    made, loss = net(), ExponentialSurvivalLoss()
    history = hg.fit(made, rows(), loss=loss, optimizer=hg.Adam(0.02), epochs=40, rng=0)
    assert "no problems found" in str(hg.diagnose(made, history, rows(), loss=loss))
    (_, y), z = rows(), np.zeros((200, 1))
    t, d = y.sum(axis=0)
    guess = Judge(loss, CheckedData(None, y)).of_a_constant(z)
    assert guess == pytest.approx((d - d * np.log(d / t)) / 200)


def test_what_is_no_target_of_the_kind_is_refused_in_its_words() -> None:
    x, y = rows()
    with refused(hg.errors.DataError, "whether the event was seen", "np.stack"):
        hg.fit(net(), (x, y[:, 0]), loss=ExponentialSurvivalLoss(), optimizer=hg.SGD(0.1), epochs=1)


@pytest.mark.parametrize("given", ["classes", hg.losses.kinds.ClassLabels])
def test_a_kind_that_is_no_object_of_kinds_is_refused_when_the_class_is_made(given: Any) -> None:
    with refused(
        hg.errors.SettingError, "target_kind = ", "hg.losses.kinds.TargetKind", "ClassLabels()"
    ):
        type("Own", (hg.Loss,), {"target_kind": given})


class Distribution(hg.Layer):
    """A layer that says it gives log rates."""

    output_kind = hg.losses.kinds.LogRates()

    def forward(self, x: Any) -> Any:
        return x

    def backward(self, dy: Any) -> Any:
        return dy


def test_a_layer_that_gives_another_kind_than_the_loss_takes_is_refused() -> None:
    x, y = rows()
    ending = hg.Net(hg.Linear(2, 1, rng=0), Distribution())
    with refused(hg.errors.SettingError, "Distribution() passes log rates to", "logits"):
        hg.evaluate(ending, (x, y[:, 1]), loss=hg.SigmoidBinaryCrossEntropyLoss())
    assert hg.evaluate(ending, (x, y), loss=ExponentialSurvivalLoss()).loss > 0
