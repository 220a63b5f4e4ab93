"""Settings of optimizers that cannot be, and patterns that match nothing, are refused."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.arange(12) % 2
NOT_NUMBERS = [-0.1, float("nan"), float("inf"), "much", True, None]


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 1])
def test_shares_are_numbers_from_0_to_below_1(value: Any) -> None:
    for name, make in (
        ("momentum", lambda: hg.SGD(0.1, momentum=value)),
        ("alpha", lambda: hg.optimizers.RMSprop(alpha=value)),
        ("betas", lambda: hg.Adam(betas=(value, 0.9))),
        ("betas", lambda: hg.AdamW(betas=(0.9, value))),
        ("betas", lambda: hg.optimizers.Lion(betas=(0.9, value))),
    ):
        with refused(hg.errors.SettingError, f"{name} = ", "a number below 1, at least 0"):
            make()


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_added_is_a_number_not_below_0(value: Any) -> None:
    for name, make in (
        ("weight_decay", lambda: hg.SGD(0.1, weight_decay=value)),
        ("eps", lambda: hg.optimizers.Adagrad(eps=value)),
        ("eps", lambda: hg.Adam(eps=value)),
        ("momentum_decay", lambda: hg.optimizers.NAdam(momentum_decay=value)),
    ):
        with refused(hg.errors.SettingError, f"{name} = ", "a finite number, at least 0"):
            make()


@pytest.mark.parametrize("value", [*NOT_NUMBERS[:-1], 0])
@pytest.mark.parametrize("name", ["clip_norm", "clip_value"])
def test_clipping_is_at_a_number_above_0(name: str, value: Any) -> None:
    arguments: Any = {name: value}
    with refused(hg.errors.SettingError, f"{name} = ", "a number above zero"):
        hg.Adam(**arguments)


def test_numbers_of_numpy_will_do() -> None:
    rate, decay = np.float32(0.5), np.float32(0.25)
    optimizer = hg.SGD(rate, weight_decay=decay, clip_norm=np.float64(2))  # type: ignore[arg-type]
    assert (optimizer.learning_rate, optimizer.weight_decay) == (0.5, 0.25)


def test_two_betas_are_needed() -> None:
    for betas in (0.9, (0.9,), (0.9, 0.99, 0.999)):
        with refused(hg.errors.SettingError, "betas = ", "two numbers"):
            hg.Adam(betas=betas)  # type: ignore[arg-type]


def test_nesterov_needs_momentum() -> None:
    with refused(hg.errors.SettingError, "nesterov=True without momentum"):
        hg.SGD(0.1, nesterov=True)


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([("*.b", 0.0)], ("groups = ", "a dict from")),
        ({"*.b": 0.0}, ("groups['*.b'] = 0.0", "weight_decay")),
        ({"*.b": {"weight_decy": 0.0}}, ("'weight_decy'", "did you mean 'weight_decay'?")),
        ({"*.b": {"learning_rate": 0.1}}, ("'learning_rate'", "'learning_rate_factor'")),
        ({"*.b": {"weight_decay": -1.0}}, ("groups['*.b']['weight_decay'] = -1.0",)),
        ({"*.b": {"learning_rate_factor": None}}, ("['learning_rate_factor'] = None",)),
    ],
)
def test_groups_that_cannot_be(groups: Any, words: tuple[str, ...]) -> None:
    with refused(hg.errors.SettingError, *words):
        hg.SGD(0.1, groups=groups)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize(("pattern", "hint"), [("0.w", "did you mean '0.W'?"), ("9.*", '"*.b"')])
def test_a_pattern_that_matches_nothing(pattern: str, hint: str, engine: Any) -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0), hg.Softmax())
    optimizer = hg.SGD(0.1, groups={"0.W": {}, pattern: {"weight_decay": 0.0}})
    words = (f"the pattern {pattern!r} matches no parameter", "0.W, 0.b", hint)
    with refused(hg.errors.SettingError, *words, net=net):
        hg.train(
            net, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=optimizer, epochs=1, engine=engine
        )


@pytest.mark.parametrize("value", [*NOT_NUMBERS[:-1], 0])
def test_penalties_have_an_alpha_above_0(value: Any) -> None:
    for kind in (hg.penalties.L1Penalty, hg.penalties.L2Penalty, hg.penalties.ElasticNetPenalty):
        with refused(hg.errors.SettingError, "alpha = ", "a number above zero"):
            kind(value)


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 1.5])
def test_the_share_of_l1_is_from_0_to_1(value: Any) -> None:
    with refused(hg.errors.SettingError, "l1_ratio = "):
        hg.penalties.ElasticNetPenalty(0.1, value)


@pytest.mark.parametrize("value", [0.1, "l2", hg.penalties.L2Penalty, hg.MSELoss()])
def test_a_penalty_is_one(value: Any) -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0), hg.Softmax())
    with refused(hg.errors.SettingError, "penalty = ", "hg.penalties.Penalty", net=net):
        hg.fit(net, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=1,
               penalty=value)  # fmt: skip


def test_settings_of_lbfgs_that_cannot_be() -> None:
    settings: tuple[dict[str, Any], ...] = (
        {"history_size": 0},
        {"max_eval": 0.5},
        {"tolerance_grad": -1},
        {"tolerance_change": float("nan")},
    )
    for setting in settings:
        with refused(hg.errors.SettingError, f"{next(iter(setting))} = "):
            hg.optimizers.LBFGS(**setting)
