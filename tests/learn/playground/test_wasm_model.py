"""A program takes over from the recorded pages in mid-training, and changes nothing."""

import base64
from functools import cache
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.scripts import inlined
from handgrad.learn.playground.models import model_of, program_of
from handgrad.learn.playground.pages import traced_modules
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from tests.learn.playground.engine_cases import DRIVER, FUNCTIONS, Case
from tests.learn.playground.in_node import HAS_NODE

pytestmark = HAS_NODE

WASM = "playground/engine/wasm_model.js"
MAIN = """
const early = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const answers = [];
for (const given of early.cases) {
  answers.push(await Promise.all([0, 1, 3].map((from) => takenOver(early.pages, given, from))));
}
const main = () => answers;

/** A training whose epochs from one on run by a program; there steps of their own rate too. */
async function takenOver(pages, given, from) {
  let model = modelOf(pages, given);
  const [x, y, order, shuffling] = rowsOf(given);
  const losses = [];
  for (let epoch = 0; epoch < given.epochs; epoch++) {
    if (epoch === from) model = await wasmModel(pages, given.architecture, given.program, model);
    shuffle(order, shuffling);
    losses.push(model.epoch(x, y, order, given.batch_size, given.rate));
  }
  const rates = Float64Array.from({ length: 3 }, (_, i) => given.rate / (i + 1));
  losses.push(model.epoch(x, y, order, given.batch_size, rates));
  losses.push(model.batch(x, y, 4, given.rate, given.batch_size));
  return result(model, x, given, losses);
}
"""


def cases() -> dict[str, Case]:
    net = hg.Net(
        hg.Linear(2, 8, rng=1),
        hg.BatchNorm(8),
        hg.Tanh(),
        hg.Dropout(0.2),
        hg.Linear(8, 3, rng=2),
        hg.Softmax(),
    )
    frozen = hg.Net(
        hg.Linear(2, 6, rng=1), hg.Tanh(), hg.Linear(6, 6, rng=2), hg.ReLU(), hg.Linear(6, 1, rng=3)
    )
    frozen.layers[2].trainable = False
    adam = {"clip_norm": 0.3, "weight_decay": 0.01}
    return {
        "all layers, Adam": Case(net, "CrossEntropyLoss", "Adam", adam, rate=0.01),
        "regression, momentum": Case(
            frozen, "MSELoss", "SGD", {"momentum": 0.9}, penalty=("L1Penalty", {"alpha": 0.01})
        ),
    }


CASES = cases()


@cache
def found() -> dict[str, list[dict[str, Array]]]:
    given = []
    for case in CASES.values():
        told = case.told()
        said = told["architecture"] | {"batch_size": case.batch_size}
        said["optimizer"] = said["optimizer"] | {"learning_rate": case.rate}
        given.append(told | {"program": program_of(said)})
    script = inlined(WASM) + inlined("playground/engine/model.js") + inlined(FUNCTIONS)
    answers = run_in_node(script + DRIVER + MAIN, {"pages": traced_modules(), "cases": given})
    return {
        name: [{k: np.frombuffer(base64.b64decode(v), np.uint8) for k, v in a.items()} for a in one]
        for name, one in zip(CASES, answers, strict=True)
    }


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("key", ["losses", "parameters", "state", "predictions", "streams"])
@pytest.mark.parametrize("when", ["at once", "after an epoch"])
def test_taking_over_changes_no_bit(name: str, key: str, when: str) -> None:
    at_once, later, never = found()[name]
    answer = at_once if when == "at once" else later
    np.testing.assert_array_equal(answer[key], never[key])


@pytest.mark.parametrize("name", ["loss", "parameters"])
def test_a_program_ends_where_the_pages_end(name: str) -> None:
    net = hg.Net(hg.Linear(2, 3, rng=1), hg.Linear(3, 1, rng=3))
    rate = {"loss": 1e10, "parameters": 3e38}[name]
    case = Case(net, "MSELoss", rows=20 if name == "loss" else 5, batch_size=5, rate=rate)
    told = case.told()
    said = told["architecture"] | {"batch_size": 5}
    said["optimizer"] = said["optimizer"] | {"learning_rate": 1.0}
    main = """
const early = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const before = modelOf(early.pages, early);
const program = await wasmModel(early.pages, early.architecture, early.program, before);
const main = (given) => [modelOf(given.pages, given), program].map((model) => {
  const [x, y, order] = rowsOf(given);
  const loss = model.epoch(x, y, order, given.batch_size, given.rate);
  return [Number.isFinite(loss), model.stepsTaken, model.parameters.every(Number.isFinite)];
});"""
    script = inlined(WASM) + inlined("playground/engine/model.js") + DRIVER + main
    given = told | {"pages": traced_modules(), "program": program_of(said)}
    pages, wasm = run_in_node(script, given)
    assert pages == wasm
    assert not pages[0]
    assert pages[2] is (name == "loss")


def test_programs_are_made_once_for_all_weights_and_learning_rates() -> None:
    layers = [{"layer": "Linear", "settings": {"n_in": 2, "n_out": 1}}]
    said: dict[str, Any] = {"layers": layers, "loss": "MSELoss", "batch_size": 4}
    first = program_of(said | {"optimizer": {"name": "SGD", "learning_rate": 0.1}})
    other = program_of(said | {"optimizer": {"name": "SGD", "learning_rate": 0.2}, "seed": 3})
    assert first is other


def test_a_frozen_layer_is_frozen_in_what_a_page_means() -> None:
    layers = [
        {"layer": "Linear", "settings": {"n_in": 2, "n_out": 3}, "trainable": False},
        {"layer": "Linear", "settings": {"n_in": 3, "n_out": 1}, "trainable": True},
    ]
    net = model_of({"layers": layers}).net
    assert [layer.trainable for layer in net.layers] == [False, True]


def test_a_program_needs_a_loss_and_an_optimizer() -> None:
    layers = [{"layer": "Linear", "settings": {"n_in": 2, "n_out": 1}}]
    with pytest.raises(SettingError, match="without loss or optimizer"):
        program_of({"layers": layers, "loss": "MSELoss"})
