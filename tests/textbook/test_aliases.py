"""What users of other libraries write by habit is answered with what there is here."""

import inspect
import pydoc
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, PENALTIES

X, Y = hg.data.make_moons(rng=0)


class Mine(hg.Layer):
    def __init__(self, n: int, *, eps: float = 1e-5) -> None:
        super().__init__()


class Open(hg.Layer):
    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.width = settings["width"] + 1


def fit(**given: Any) -> object:
    loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.1)
    return hg.fit(a_net(), (X, Y), loss=loss, optimizer=optimizer, epochs=1, **given)


def train(**given: Any) -> object:
    loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.1)
    return hg.train(a_net(), (X, Y), loss=loss, optimizer=optimizer, epochs=1, **given)


def a_net() -> hg.Net:
    return hg.Net(hg.Linear(2, 2), hg.Softmax())


CALLS: dict[str, tuple[Callable[..., object], dict[str, Any], tuple[str, ...]]] = {
    "SGD lr": (hg.SGD, {"lr": 0.1}, ("SGD was given lr=0.1", "did you mean 'learning_rate'?")),
    "Adam lr": (hg.Adam, {"lr": 0.1}, ("clip_norm", "did you mean 'learning_rate'?")),
    "AdamW typing": (hg.AdamW, {"weigth_decay": 0.1}, ("did you mean 'weight_decay'?",)),
    "bias": (
        lambda **given: hg.Linear(2, 3, **given),
        {"bias": False},
        ("Linear was given bias=False", "leave it out: each Linear has a bias b"),
    ),
    "units": (hg.Linear, {"n_in": 2, "units": 3}, ("did you mean 'n_out'?",)),
    "none": (hg.Tanh, {"inplace": True}, ("expected: Tanh()", "leave it out")),
    "one's own": (lambda **given: Mine(2, **given), {"epsilon": 1}, ("did you mean 'eps'?",)),
    "missing": (lambda: hg.Linear(2), {}, ("called without n_out", "try: n_out=…")),  # type: ignore[call-arg]
    "too many": (lambda: hg.Tanh(3), {}, ("Tanh: too many positional", "by their names")),  # type: ignore[call-arg]
    "fit lr": (fit, {"lr": 0.1}, ("fit was given lr=0.1", "optimizer=hg.SGD(0.1)")),
    "device": (fit, {"device": "cuda"}, ("leave it out: handgrad computes on the CPU",)),
    "callbacks": (fit, {"callbacks": []}, ("for report in hg.train(…)", "early_stopping=10")),
    "validation": (fit, {"validation_data": (X, Y)}, ("did you mean 'validation'?",)),
    "seed": (train, {"seed": 1}, ("did you mean 'rng'?",)),
    "of fit": (
        train,
        {"early_stopping": 3},
        ("train was given", "hg.fit(…), which has this argument"),
    ),
    "called without": (hg.fit, {"net": 1}, ("fit was called without data, loss, optimizer",)),
    "criterion": (
        lambda **given: hg.evaluate(a_net(), (X, Y), **given),
        {"criterion": 1},
        ("did you mean 'loss'?",),
    ),
    "search": (hg.training.find_learning_rate, {"lr": 1}, ("find_learning_rate was given lr=1",)),
    "many": (
        lambda **given: hg.fit_many([given], data=(X, Y)),
        {"lr": 0.1},
        ("run 1 of 1", "optimizer=hg.SGD(0.1)"),
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_argument_of_another_library_is_answered_with_the_one_here(call: str) -> None:
    function, given, words = CALLS[call]
    with refused(hg.errors.SettingError, *words):
        function(**given)


def test_an_error_within_is_not_taken_for_a_wrong_call() -> None:
    with pytest.raises(TypeError, match="can only concatenate str"):
        Open(width="3")
    assert Open(width=3).width == 4


ON_NETS = {
    "to": "handgrad computes on the CPU",
    "cuda": "handgrad computes on the CPU",
    "eval": "with net.mode(training=False)",
    "train": "hg.train(net, (x, y), …)",
    "state_dict": "net.state()",
    "load_state_dict": "net.load_state(state)",
    "zero_grad": "leave it out: backward overwrites",
    "fit": "hg.fit(net, (x, y)",
    "compile": "hg.fit(net, (x, y)",
    "evaluate": "hg.evaluate(net",
    "double": "dtype=np.float64",
}


@pytest.mark.parametrize("name", ON_NETS)
def test_an_attribute_of_another_library_is_answered_with_what_is_here(name: str) -> None:
    net = a_net()
    with refused(hg.errors.NotYetComputedError, "no attribute", ON_NETS[name], net=net):
        getattr(net, name)
    assert not hasattr(net, name)


def test_layers_and_optimizers_answer_too() -> None:
    with refused(hg.errors.NotYetComputedError, "Linear(2, 3)", "W, the weight matrix"):
        _ = hg.Linear(2, 3).weight
    with refused(hg.errors.NotYetComputedError, "Adam(0.1)", "leave it out"):
        hg.Adam(0.1).zero_grad()
    with refused(hg.errors.NotYetComputedError, "'nonsense'", "check the spelling"):
        _ = a_net().nonsense


@pytest.mark.parametrize("dtype", ["float16", np.float16, np.dtype("float64")])
def test_a_net_is_not_cast(dtype: Any) -> None:
    with refused(
        hg.errors.SettingError, "rows, to cast to the net's dtype", "hg.Net(…, dtype=np.float64)"
    ):
        a_net().cast(dtype)


SETTINGS = ("weight_decay", "clip_norm", "clip_value", "groups")
PAGES: dict[str, Callable[[], object]] = {**LAYERS, **LOSSES, **OPTIMIZERS, **PENALTIES}


@pytest.mark.parametrize("name", PAGES)
def test_the_signature_is_that_of_the_page(name: str) -> None:
    kind = type(PAGES[name]())
    shown = [*inspect.signature(kind).parameters]
    own = [] if kind.__init__ is object.__init__ else [*inspect.signature(kind.__init__).parameters]
    if "settings" in own:
        own[-1:] = SETTINGS
    assert shown == own[1:]
    if shown:
        text = pydoc.plain(pydoc.render_doc(kind))
        assert re.search(rf"\n \|  {kind.__name__}\([*, |\n]*{shown[0]}", text)


def test_signatures_name_the_settings_of_every_optimizer_with_what_they_are() -> None:
    defaults = {name: p.default for name, p in inspect.signature(hg.AdamW).parameters.items()}
    assert [*defaults] == ["learning_rate", "betas", "eps", *SETTINGS]
    assert (defaults["weight_decay"], defaults["clip_norm"]) == (0.01, None)
    assert hg.AdamW().weight_decay == 0.01
    assert inspect.signature(hg.SGD).parameters["weight_decay"].default == 0


def test_signatures_of_ones_own_pages_and_of_functions() -> None:
    assert str(inspect.signature(Mine)) == "(n: int, *, eps: float = 1e-05)"
    assert str(inspect.signature(hg.Tanh)) == "()"
    assert str(inspect.signature(hg.Net)).startswith("(*layers: ")
    assert [*inspect.signature(type(PENALTIES["L2Penalty"]())).parameters] == ["alpha"]
    assert "early_stopping" in inspect.signature(hg.fit).parameters
