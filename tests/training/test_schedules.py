"""Schedules: every step has its own learning rate, on both engines, however many run at once."""

import math
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.training.by_hand import X, Y, classifier, fit, train

each_engine = pytest.mark.parametrize("engine", ["eager", "compiled"])


class Sum(hg.optimizers.Optimizer):
    """Every weight becomes the sum of the learning rates so far, beside a share of the steps."""

    def rule(self, w: Any, dw: Any, *, learning_rate: Any, step: Any) -> Any:
        return 0 * dw + w + learning_rate * step


@each_engine
def test_every_step_has_its_own_learning_rate(engine: Any) -> None:
    net = classifier(np.float64)
    net.parameters[...] = 0
    reports = [*train(net, optimizer=Sum(0.5), epochs=3, batch_size=20, schedule=lambda p: 1 - p**2,
                      engine=engine)]  # fmt: skip
    progress = np.arange(9) / 9  # 50 rows make three batches
    rates = 0.5 * (1 - progress**2)
    np.testing.assert_allclose(net.parameters, (rates * np.arange(1, 10)).sum(), rtol=1e-14)
    assert [report.learning_rate for report in reports] == [rates[2], rates[5], rates[8]]


@each_engine
@pytest.mark.parametrize("name", [name for name in hg.schedules.__all__ if name != "constant"])
def test_the_bits_do_not_depend_on_how_many_epochs_run_at_once(name: str, engine: Any) -> None:
    nets, arguments = (classifier(), classifier()), {"epochs": 9, "engine": engine}
    schedule = getattr(hg.schedules, name)()
    reports = [*train(nets[0], schedule=schedule, **arguments)]
    history = fit(nets[1], schedule=schedule, **arguments)
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
    assert history["learning_rate"] == [report.learning_rate for report in reports]
    assert len(set(history["learning_rate"])) > 1


@each_engine
def test_a_constant_schedule_changes_no_bit(engine: Any) -> None:
    nets = classifier(), classifier()
    for net, schedule in zip(nets, (None, hg.schedules.constant()), strict=True):
        list(train(net, schedule=schedule, engine=engine))
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)


def test_a_function_of_single_numbers_will_do() -> None:
    def by_arrays(p: Any) -> Any:
        return np.where(p < 0.5, 1.0, 0.1) * np.cos(p)

    def by_numbers(p: Any) -> Any:
        return (1.0 if p < 0.5 else 0.1) * math.cos(p)

    histories = [fit(classifier(), schedule=f) for f in (by_arrays, by_numbers)]
    assert histories[0]["learning_rate"] == histories[1]["learning_rate"]
    assert fit(classifier(), schedule=lambda p: 0.5)["learning_rate"] == [0.05] * 4


@each_engine
def test_the_learning_rate_may_be_changed_between_reports(engine: Any) -> None:
    optimizer = hg.SGD(0.1)
    seen = []
    for report in train(classifier(), optimizer=optimizer, engine=engine,
                        schedule=hg.schedules.exponential(0.5)):  # fmt: skip
        seen.append(report.learning_rate)
        optimizer.learning_rate /= 10
    factors = [0.5 ** ((2 * epoch + 1) / 8) for epoch in range(4)]  # the last of two batches
    np.testing.assert_allclose(seen, [0.1**i * f * 0.1 for i, f in enumerate(factors)])


@pytest.mark.parametrize("wrong", ["cosine", 0.5, np.ones(3)])
def test_what_is_no_function_is_refused(wrong: Any) -> None:
    with pytest.raises(hg.errors.SettingError, match="schedule") as refused:
        train(classifier(), schedule=wrong)
    assert "hg.schedules.cosine()" in refused.value.hint


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_factor_that_cannot_be_is_refused_before_its_step(bad: float) -> None:
    net = classifier()
    before = net.parameters.copy()
    with pytest.raises(hg.errors.SettingError, match="schedule gave"):
        train(net, schedule=lambda p: bad)
    reports = train(net, epochs=4, schedule=lambda p: 0.0 * p + np.where(p < 0.5, 0.0, bad))
    with pytest.raises(hg.errors.SettingError, match=r"at progress 0\.5"):
        list(reports)
    np.testing.assert_array_equal(net.parameters, before)


@each_engine
def test_divergence_names_the_learning_rate_of_its_step(engine: Any) -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    with pytest.raises(hg.errors.DivergenceError, match="epoch 8, batch 2, at learning rate 25\n"):
        list(train(net, data=(X, X[:, :1]), loss=hg.MSELoss(), epochs=300, engine=engine,
                   optimizer=hg.SGD(1e-6), schedule=lambda p: 1e9 * p))  # fmt: skip


def test_fit_many_takes_a_schedule_for_each_run() -> None:
    schedules = [hg.schedules.cosine(), hg.schedules.warm_up(0.5), None]
    runs = [{"net": classifier(), "schedule": schedule} for schedule in schedules]
    shared: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "epochs": 4}
    found = hg.fit_many(runs, data=(X, Y), rng=0, **shared)
    for schedule, history in zip(schedules, found, strict=True):
        expected = hg.fit(classifier(), (X, Y), schedule=schedule, rng=0, **shared)
        assert history["learning_rate"] == expected["learning_rate"]
        assert history["train_loss"] == expected["train_loss"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: hg.schedules.step(every=0),
        lambda: hg.schedules.step(every=1.0),
        lambda: hg.schedules.step(gamma=-0.1),
        lambda: hg.schedules.exponential(0),
        lambda: hg.schedules.cosine(end=-1),
        lambda: hg.schedules.cyclic_cosine(cycles=0),
        lambda: hg.schedules.cyclic_cosine(growth=0),
        lambda: hg.schedules.coslog(cycles=0),
        lambda: hg.schedules.one_cycle(rise=1.5),
        lambda: hg.schedules.warm_up(share=1),
        lambda: hg.schedules.warm_up(start=math.nan),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Any) -> None:
    with pytest.raises(hg.errors.SettingError):
        make()


def test_steps_fall_where_they_are_said_to_whatever_the_rounding() -> None:
    for parts in range(2, 60):
        every = 1 / parts
        factors = hg.schedules.step(every, 0.5)(np.arange(parts * 7) / (parts * 7))
        np.testing.assert_allclose(factors, 0.5 ** np.repeat(np.arange(parts), 7))
