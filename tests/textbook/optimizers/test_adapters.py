"""Averaged weights and accumulated gradients: by formula, on every engine, stopped, resumed."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.errors import SettingError
from handgrad.textbook.module import Array
from handgrad.textbook.optimizers import EMA, SWA, GradientAccumulation, Optimizer
from tests.bad_input.refused import refused

X, Y = hg.data.make_moons(50, rng=0)
X_NEW, Y_NEW = hg.data.make_moons(30, rng=1)
BATCH, BATCHES, EPOCHS = 16, 4, 5  # the last batch of an epoch is shorter
ADAPTED: dict[str, Callable[[], Optimizer]] = {
    "EMA": lambda: EMA(hg.Adam(0.05), decay=0.8),
    "SWA": lambda: SWA(hg.SGD(0.3, momentum=0.5), start=2 * BATCHES, every=3),
    "accumulated": lambda: GradientAccumulation(hg.AdamW(0.05, weight_decay=0.1), 3),
    "both": lambda: GradientAccumulation(EMA(hg.Adam(0.05), decay=0.5), 3),
    "of matrices": lambda: EMA(hg.optimizers.Muon(0.05), decay=0.8),
    "groups": lambda: EMA(
        hg.Adam(0.05, clip_norm=0.5, groups={"*.b": {"learning_rate_factor": 0.1}}), decay=0.8
    ),
}
each = pytest.mark.parametrize("name", ADAPTED)
each_engine = pytest.mark.parametrize("engine", ["eager", "compiled"])
some = pytest.mark.parametrize("name", ["EMA", "both"])


def a_net(dtype: Any = np.float64) -> hg.Net:
    layers = (hg.Linear(2, 6, rng=0), hg.BatchNorm(6), hg.Tanh(), hg.Linear(6, 2, rng=1))
    return hg.Net(*layers, hg.Softmax(), dtype=dtype)


def settings(optimizer: Optimizer, engine: Any = "eager", **others: Any) -> dict[str, Any]:
    return {
        "loss": hg.CrossEntropyLoss(),
        "optimizer": optimizer,
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "shuffle": False,
        "engine": engine,
        **others,
    }


def weights_of_each_step(net: hg.Net, optimizer: Optimizer, epochs: int = EPOCHS) -> Array:
    """The weights that are trained, after each step of a loop by hand."""
    loss, seen = hg.CrossEntropyLoss(), []
    for _ in range(epochs):
        for begin in range(0, len(X), BATCH):
            loss.forward(net.forward(X[begin : begin + BATCH]), Y[begin : begin + BATCH])
            net.backward(loss.backward())
            optimizer.step(net)
            seen.append(net.parameters.copy())
    return np.array(seen)


def test_an_exponential_moving_average_is_the_weighted_mean_of_all_weights() -> None:
    of_steps = weights_of_each_step(a_net(), hg.Adam(0.05))
    for epoch, _ in enumerate(hg.train(net := a_net(), (X, Y), **settings(ADAPTED["EMA"]())), 1):
        seen = of_steps[: epoch * BATCHES]
        past = 0.8 ** np.arange(len(seen))[::-1]
        expected = (past[:, None] * seen).sum(axis=0) / past.sum()
        np.testing.assert_allclose(net.parameters, expected, rtol=1e-12)


def test_stochastic_weight_averaging_is_the_mean_of_some_weights() -> None:
    of_steps = weights_of_each_step(a_net(), hg.SGD(0.3, momentum=0.5))
    for epoch, _ in enumerate(hg.train(net := a_net(), (X, Y), **settings(ADAPTED["SWA"]())), 1):
        now = epoch * BATCHES
        steps = [*range(2 * BATCHES, now + 1, 3)] or [now]  # of numbers 8, 11, 14, …
        expected = of_steps[np.array(steps) - 1].mean(axis=0)
        np.testing.assert_allclose(net.parameters, expected, rtol=1e-12)


@each_engine
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accumulated_batches_are_a_large_batch(engine: Any, dtype: Any) -> None:
    rows = slice(48)
    trained = []
    for optimizer, size in ((hg.Adam(0.05), 12), (GradientAccumulation(hg.Adam(0.05), 4), 3)):
        layers = (hg.Linear(2, 6, rng=0), hg.Tanh(), hg.Linear(6, 2, rng=1), hg.Softmax())
        net = hg.Net(*layers, dtype=dtype)
        how = settings(optimizer, engine, batch_size=size, epochs=20)
        hg.fit(net, (X[rows], Y[rows]), **how)
        trained.append(net.parameters.copy())
    one, other = trained
    np.testing.assert_allclose(one, other, atol=1e-9 if dtype is np.float64 else 2e-5)


def test_batches_left_over_are_continued_in_the_next_epoch() -> None:
    net = a_net()
    before = net.parameters.copy()
    changed = [
        not np.array_equal(before, net.parameters)
        for _ in hg.train(net, (X, Y), **settings(GradientAccumulation(hg.SGD(0.1), 6), epochs=2))
    ]
    assert changed == [False, True]  # 4 batches, then 8


@each
def test_every_engine_trains_alike(name: str) -> None:
    nets, reports = [], []
    for engine in ("eager", "compiled", "portable"):
        net = a_net()
        net.layers[0].b = np.zeros(6)
        net.layers[0].freeze()  # a bias before BatchNorm has a gradient of rounding errors
        how = settings(ADAPTED[name](), engine, validation=(X_NEW, Y_NEW))
        reports.append(np.array(hg.fit(net, (X, Y), **how)["validation_loss"], float))
        nets.append(net.parameters)
    for other, losses in zip(nets[1:], reports[1:], strict=True):
        np.testing.assert_allclose(other, nets[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(losses, reports[0], rtol=1e-9)


@some
@each_engine
def test_the_net_of_each_report_is_the_one_that_was_validated(name: str, engine: Any) -> None:
    net = a_net(np.float32)
    how = settings(ADAPTED[name](), engine, validation=(X_NEW, Y_NEW), evaluate_training=True)
    for report in hg.train(net, (X, Y), **how):
        found = hg.evaluate(net, (X_NEW, Y_NEW), loss=hg.CrossEntropyLoss(), engine=engine)
        assert report.validation_loss == pytest.approx(found.loss, rel=1e-6)
        found = hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss(), engine=engine)
        assert report.evaluations["training"].loss == pytest.approx(found.loss, rel=1e-6)


@each
def test_a_loop_by_hand_averages_as_the_training_does(name: str) -> None:
    trained, stepped = a_net(), a_net()
    hg.fit(trained, (X, Y), **settings(ADAPTED[name]()))
    weights_of_each_step(stepped, optimizer := ADAPTED[name]())
    if optimizer.predicts_with is not None:
        before = stepped.parameters.copy()
        with optimizer.averaged(stepped):
            np.testing.assert_array_equal(stepped.parameters, trained.parameters)
        assert not np.array_equal(before, trained.parameters)
        np.testing.assert_array_equal(stepped.parameters, before)
    else:
        np.testing.assert_array_equal(stepped.parameters, trained.parameters)


@some
@each_engine
def test_a_compiled_step_predicts_with_the_average(name: str, engine: Any) -> None:
    trained, stepped = a_net(), a_net()
    hg.fit(trained, (X, Y), **settings(ADAPTED[name](), engine))
    optimizer = ADAPTED[name]()
    step = hg.compile(stepped, hg.CrossEntropyLoss(), optimizer, batch_size=BATCH, engine=engine)
    p = step.predict(X_NEW)
    np.testing.assert_array_equal(p, a_net().predict(X_NEW, engine=engine))
    for _ in range(EPOCHS):
        for begin in range(0, len(X), BATCH):
            step.gradients(X[begin : begin + BATCH], Y[begin : begin + BATCH])
            step.apply()
    kept = stepped.parameters.copy()
    with step.averaged():
        np.testing.assert_array_equal(stepped.parameters, trained.parameters)
    expected = trained.predict(X_NEW, engine=engine)
    np.testing.assert_array_equal(step.predict(X_NEW), expected)
    np.testing.assert_array_equal(stepped.parameters, kept)
    assert np.array_equal(kept, trained.parameters) == (optimizer.predicts_with is None)


@some
@each_engine
def test_a_stopped_training_resumes_with_the_same_bits(
    name: str, engine: Any, tmp_path: Any
) -> None:
    whole, parts = a_net(np.float32), a_net(np.float32)
    how = settings(None, engine, validation=(X_NEW, Y_NEW), schedule=hg.schedules.cosine())  # type: ignore[arg-type]
    uninterrupted = hg.fit(whole, (X, Y), **how | {"optimizer": ADAPTED[name]()})
    how |= {"checkpoint": tmp_path, "checkpoint_seconds": 0.0}
    begun = hg.train(parts, (X, Y), **{k: v for k, v in how.items() if "check" not in k}
                     | {"optimizer": ADAPTED[name]()})  # fmt: skip
    for report in hg.training.checkpoints(begun, tmp_path, seconds=0.0):
        if report.epoch == 2:
            break
    resumed = a_net(np.float32)
    history = hg.fit(resumed, (X, Y), **how | {"optimizer": ADAPTED[name](), "resume": True})
    np.testing.assert_array_equal(resumed.parameters, whole.parameters)
    assert [r.validation_loss for r in history] == [r.validation_loss for r in uninterrupted]


@each_engine
def test_the_best_epoch_is_that_of_the_average(engine: Any) -> None:
    net = a_net()
    how = settings(ADAPTED["EMA"](), engine, validation=(X_NEW, Y_NEW), epochs=40)
    history = hg.fit(net, (X, Y), **how, early_stopping=40)
    losses = np.array(history["validation_loss"], float)
    found = hg.evaluate(net, (X_NEW, Y_NEW), loss=hg.CrossEntropyLoss()).loss
    assert found == pytest.approx(losses.min(), rel=1e-6)
    assert history.best("validation_loss").epoch >= 1


@each_engine
def test_after_a_divergence_the_net_has_the_average_of_the_last_epoch(engine: Any) -> None:
    net, seen = a_net(np.float32), [np.empty(0)]
    optimizer = EMA(hg.SGD(0.1), decay=0.5)
    training = hg.train(net, (X, Y), **settings(optimizer, engine))
    for _ in range(2):
        next(training)
        seen.append(net.parameters.copy())
    optimizer.learning_rate = 1e38
    with np.errstate(all="ignore"), pytest.raises(hg.errors.DivergenceError):
        next(training)
    np.testing.assert_array_equal(net.parameters, seen[-1])


def test_frozen_parameters_stay() -> None:
    net = a_net()
    net.layers[0].freeze()
    before = net.layers[0].W.copy()
    hg.fit(net, (X, Y), **settings(ADAPTED["EMA"]()))
    np.testing.assert_array_equal(net.layers[0].W, before)


def test_the_learning_rate_is_the_optimizers() -> None:
    optimizer = EMA(hg.Adam(0.05))
    assert optimizer.learning_rate == 0.05
    optimizer.learning_rate = 0.5
    assert optimizer.optimizer.learning_rate == 0.5
    kept = copy.deepcopy(optimizer)
    how = settings(optimizer, validation=(X_NEW, Y_NEW), reduce_on_plateau=1, epochs=30)
    rates = np.array(hg.fit(a_net(), (X, Y), **how)["learning_rate"], float)
    assert rates[-1] < rates[0] == kept.learning_rate == optimizer.learning_rate


def test_trainings_of_one_form_are_compiled_once() -> None:
    from handgrad.engines.fingerprint import fingerprint

    first, again, other = (EMA(hg.Adam(0.1), decay=d) for d in (0.5, 0.5, 0.6))
    assert not fingerprint(first).unknown
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)
    assert fingerprint(EMA(hg.Adam(0.1, eps=1e-6), decay=0.5)) != fingerprint(first)


class PlainMean(Optimizer):
    """SGD, and the mean of the weights from the tenth step on: with functions of the step."""

    state_names = ("average",)
    predicts_with = "average"

    def rule(self, w: Any, dw: Any, average: Any, *, learning_rate: float, step: int) -> Any:
        w = w - learning_rate * dw
        return w, average + (w - average) / np.maximum(step - 9, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rule_may_use_functions_of_the_step(dtype: Any) -> None:
    expected = weights_of_each_step(a_net(dtype), hg.SGD(0.1))[9:].mean(axis=0)
    for engine in ("eager", "compiled"):
        hg.fit(net := a_net(dtype), (X, Y), **settings(PlainMean(0.1), engine))
        np.testing.assert_allclose(net.parameters, expected, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_adapted_is_refused() -> None:
    with refused(SettingError, "searches for its steps"):
        EMA(hg.optimizers.LBFGS())
    with refused(SettingError, "an optimizer", "EMA"):
        EMA(0.1)  # type: ignore[arg-type]
    with refused(SettingError, "clip_value", "batch_size"):
        GradientAccumulation(hg.Adam(0.1, clip_norm=1.0), 4)
    with refused(SettingError, "already"):
        EMA(EMA(hg.Adam(0.1)))
    with refused(SettingError, "averages"):
        EMA(hg.Adam(0.1)).averaged(a_net()).__enter__()
    for wrong in (0, 1.5, -1):
        with refused(SettingError, "batches"):
            GradientAccumulation(hg.Adam(0.1), wrong)  # type: ignore[arg-type]
        with refused(SettingError, "start"):
            SWA(hg.Adam(0.1), start=wrong)  # type: ignore[arg-type]
    with refused(SettingError, "decay"):
        EMA(hg.Adam(0.1), decay=1.0)
