"""`optimizer.step(net)`: a loop by hand takes the steps of `hg.train`, to the last bit."""

import copy
import gc
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.optimizers.adapters import OptimizerAdapter
from tests.bad_input.refused import refused
from tests.contracts.table import OPTIMIZERS

X, Y = hg.data.make_moons(50, rng=0)
BATCH, EPOCHS = 16, 3  # the last batch of an epoch is shorter
GROUPED: dict[str, Callable[[], hg.optimizers.Optimizer]] = {
    "groups": lambda: hg.AdamW(
        0.01,
        clip_norm=0.1,
        groups={"*.b": {"weight_decay": 0.0}, "0.*": {"learning_rate_factor": 0.1}},
    ),
    "clip_value": lambda: hg.SGD(0.1, momentum=0.9, clip_value=0.01),
}
STEPPING = {name: make for name, make in OPTIMIZERS.items() if name != "LBFGS"} | GROUPED


def a_net(dtype: Any = np.float32) -> hg.Net:
    layers = (hg.Linear(2, 6, rng=0), hg.BatchNorm(6), hg.Tanh(), hg.Linear(6, 2, rng=1))
    return hg.Net(*layers, hg.Softmax(), dtype=dtype)


def by_hand(
    net: hg.Net, optimizer: hg.optimizers.Optimizer, epochs: int = EPOCHS, schedule: Any = None
) -> hg.Net:
    """The loop that is in the README, over the rows in their order."""
    loss, rate, step = hg.CrossEntropyLoss(), optimizer.learning_rate, 0
    steps = epochs * -(-len(X) // BATCH)
    for _ in range(epochs):
        for begin in range(0, len(X), BATCH):
            x, y = X[begin : begin + BATCH], Y[begin : begin + BATCH]
            if schedule is not None:
                optimizer.learning_rate = rate * float(schedule(step / steps))
            loss.forward(net.forward(x), y)
            net.backward(loss.backward())
            optimizer.step(net)
            step += 1
    return net


def trained(net: hg.Net, optimizer: hg.optimizers.Optimizer, **settings: Any) -> hg.Net:
    loss = hg.CrossEntropyLoss()
    for _ in hg.train(
        net,
        (X, Y),
        loss=loss,
        optimizer=optimizer,
        epochs=EPOCHS,
        batch_size=BATCH,
        shuffle=False,
        engine="eager",
        **settings,
    ):
        pass
    return net


def same(a: hg.Net, b: hg.Net) -> None:
    assert np.abs(a.parameters - a_net().parameters).max() > 1e-4
    np.testing.assert_array_equal(a.parameters, b.parameters)
    np.testing.assert_array_equal(a.running_state, b.running_state)


@pytest.mark.parametrize("name", STEPPING)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_a_loop_by_hand_takes_the_steps_of_train(name: str, dtype: Any) -> None:
    optimizer = STEPPING[name]()
    net = by_hand(a_net(dtype), optimizer)
    averages = isinstance(optimizer, OptimizerAdapter) and optimizer.predicts_with is not None
    with optimizer.averaged(net) if averages else nullcontext():
        same(net, trained(a_net(dtype), STEPPING[name]()))


def test_a_schedule_sets_the_learning_rate_of_each_step() -> None:
    schedule = hg.schedules.cosine()
    net = by_hand(a_net(np.float64), hg.Adam(0.05), schedule=schedule)
    same(net, trained(a_net(np.float64), hg.Adam(0.05), schedule=schedule))


def test_a_frozen_layer_stays_and_moves_again_when_it_is_thawed() -> None:
    net, optimizer = a_net(), hg.Adam(0.01)
    net.layers[0].freeze()
    first = net.layers[0].state()
    by_hand(net, optimizer, epochs=1)
    np.testing.assert_array_equal(net.layers[0].state()["W"], first["W"])
    net.layers[0].unfreeze()
    by_hand(net, optimizer, epochs=1)
    assert (net.layers[0].state()["W"] != first["W"]).all()


def test_a_penalty_may_be_added_between_backward_and_step() -> None:
    penalty, net, optimizer = hg.penalties.L2Penalty(0.1), a_net(), hg.Adam(0.01)
    loss = hg.CrossEntropyLoss()
    for begin in range(0, len(X), BATCH):
        x, y = X[begin : begin + BATCH], Y[begin : begin + BATCH]
        loss.forward(net.forward(x), y)
        net.backward(loss.backward())
        penalty.add_to(net, len(y))
        optimizer.step(net)
    twin = a_net()
    hg.fit(
        twin,
        (X, Y),
        loss=loss,
        optimizer=hg.Adam(0.01),
        epochs=1,
        batch_size=BATCH,
        shuffle=False,
        engine="eager",
        penalty=penalty,
    )
    same(net, twin)


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_goes_on_by_itself(how: str) -> None:
    net, optimizer = a_net(), hg.Adam(0.01)
    by_hand(net, optimizer, epochs=1)
    twin, second = copy.deepcopy(net), COPIES[how](optimizer)
    expected = by_hand(a_net(), hg.Adam(0.01))
    for one, its in ((twin, second), (net, optimizer)):
        by_hand(one, its, epochs=EPOCHS - 1)
        same(one, expected)


def test_train_neither_uses_nor_changes_what_the_steps_left() -> None:
    net, optimizer = a_net(), hg.Adam(0.01)
    by_hand(net, optimizer, epochs=1)
    twin = trained(a_net(), optimizer)
    same(twin, trained(a_net(), hg.Adam(0.01)))
    by_hand(net, optimizer, epochs=EPOCHS - 1)
    same(net, by_hand(a_net(), hg.Adam(0.01)))


def test_another_net_is_refused() -> None:
    net, optimizer = a_net(), hg.Adam(0.01)
    by_hand(net, optimizer, epochs=1)
    other = by_hand(a_net(), hg.Adam(0.01), epochs=1)
    with refused(
        hg.errors.SettingError, "Adam(0.01), after 4 steps of a net", "for the new net", net=other
    ):
        optimizer.step(other)
    del net
    gc.collect()
    with refused(hg.errors.SettingError, "for the new net", net=other):
        optimizer.step(other)


def test_a_net_that_has_grown_is_refused() -> None:
    net, optimizer = hg.Net(hg.Linear(2, 3)), hg.Adam(0.01)
    net.backward(net.forward(X))
    optimizer.step(net)
    net.add(hg.Linear(3, 2))
    net.backward(net.forward(X))
    with refused(hg.errors.SettingError, "9 parameters", "with 17", net=net):
        copy.deepcopy(optimizer).step(net)
    with refused(hg.errors.SettingError, "9 parameters", "with 17", net=net):
        optimizer.step(net)


def test_lbfgs_has_no_steps_of_its_own() -> None:
    with refused(
        hg.errors.SettingError, "step of LBFGS()", "hg.train(net", "optimizer=hg.optimizers.LBFGS()"
    ):
        hg.optimizers.LBFGS().step(a_net())


def test_a_step_before_backward_and_one_of_no_net_are_refused() -> None:
    net = a_net()
    net.forward(X)
    with refused(hg.errors.NotYetComputedError, "no gradient 'dW'", net=net):
        hg.Adam(0.01).step(net)
    with refused(hg.errors.SettingError, "step was called without a net", "optimizer.step(net)"):
        hg.Adam(0.01).step()
    for wrong in (hg.Linear(2, 2), net.parameters):
        with refused(hg.errors.SettingError, "step was given", "optimizer.step(net)"):
            hg.Adam(0.01).step(wrong)  # type: ignore[arg-type]
    optimizer = hg.Adam(0.01)
    optimizer.learning_rate = float("nan")
    net.backward(np.ones((len(X), 2)))
    with refused(hg.errors.SettingError, "learning_rate = nan", net=net):
        optimizer.step(net)
