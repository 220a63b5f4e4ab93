"""What a page trained, `hg.learn.replay` makes again from its link, to the bit."""

from typing import Any

import numpy as np
import pytest

from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.formulas import factors
from handgrad.learn.playground.replay import net_of, replay
from handgrad.learn.playground.schema import alternatives, choices, schema_at
from handgrad.learn.playground.state import LAYER, LOSSES, fitting, state_of
from handgrad.textbook import schedules
from handgrad.textbook.errors import DivergenceError, SettingError
from handgrad.textbook.layers import Array
from tests.bad_input.refused import refused
from tests.learn.playground.in_node import HAS_NODE, in_page
from tests.learn.playground.trainings import in_training

pytestmark = HAS_NODE
TRAINED = """({ pages, cases }) => cases.map(([given, step]) => {
  const training = begun(pages, given);
  runTo(training, step);
  return seen(training);
})"""


def net(*units: int, **more: Any) -> list[dict[str, Any]]:
    return [{**LAYER, "units": n, **more} for n in units]


TABLE = np.random.default_rng(3).normal(0, 1, (60, 3)).astype(np.float32)
ROWS = {
    "names": ["a", "b", "c"],
    "classes": ["x", "y", "z"],
    "x": packed(TABLE),
    "y": packed(np.arange(60) % 3),
}
SMALL = {"kind": "moons", "n": 60, "noise": 10}
COUNTS = {"names": ["a"], "classes": None, "x": packed(TABLE[:, 0]), "y": packed(np.arange(60) % 4)}
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "as it opens": ({}, 75),
    "nothing yet": ({}, 0),
    "no hidden layer": ({"data": SMALL, "layers": []}, 20),
    "within an epoch": ({"data": SMALL, "batch_size": 7}, 13),
    "a batch for all": ({"data": SMALL, "batch_size": 100}, 9),
    "row by row": ({"data": SMALL, "batch_size": 1}, 45),
    "unshuffled": ({"data": SMALL, "shuffle": False}, 31),
    "formulas": (
        {"data": {"kind": "spiral", "n": 80}, "inputs": ["x1", "sin(x2)", "x1**2 - np.exp(-x2)"]},
        30,
    ),
    "three classes": ({"data": {"kind": "gauss", "classes": 3, "n": 90}, "seed": 4}, 30),
    "a table": ({"data": {"rows": ROWS}, "inputs": ["b", "a", "x3*b"], "share": 70}, 33),
    "counts": ({"data": {"rows": COUNTS}, "inputs": ["a"], "loss": "PoissonNLLLoss"}, 15),
    "dropout": ({"data": SMALL, "layers": net(8, 6, dropout=0.3), "seed": 2**32 - 1}, 25),
    "norms": (
        {"data": SMALL, "layers": [*net(6, normalization="BatchNorm"),
                                   *net(5, normalization="LayerNorm", activation="ReLU")]},
        25,
    ),
    "norm of few rows": (
        {"data": {**SMALL, "n": 10}, "share": 30, "batch_size": 3,
         "layers": net(6, normalization="BatchNorm")},
        25,
    ),
    "frozen": ({"data": SMALL, "layers": [*net(6, frozen=True), *net(3)]}, 25),
    "clipped": (
        {"data": SMALL, "clip": 0.05, "optimizer": {"name": "SGD", "learning_rate": 2}}, 25,
    ),
    "momentum": (
        {"data": SMALL, "optimizer": {"name": "SGD", "learning_rate": 0.1, "momentum": 0.9,
                                      "nesterov": True, "weight_decay": 0.01}},
        25,
    ),
    "betas of 0": (
        {"data": SMALL, "optimizer": {"name": "Adam", "learning_rate": 0.01, "betas": [0, 0]}}, 25,
    ),
    "no momentum": (
        {"data": SMALL, "optimizer": {"name": "SGD", "learning_rate": 0.1, "momentum": 0,
                                      "nesterov": True}},
        25,
    ),
    "betas": (
        {"data": SMALL, "optimizer": {"name": "NAdam", "learning_rate": 0.01, "eps": 1e-6,
                                      "betas": [0.8, 0.95]}},
        25,
    ),
    "deep": ({"data": SMALL, "layers": net(5, 5, 5, 5, 5, 5)}, 15),
    "wide": ({"data": SMALL, "layers": net(64, 32)}, 8),
    **{f"activation {a}": ({"data": SMALL, "layers": net(4, 3, activation=a)}, 12)
       for a in choices(schema_at("layers")["items"]["properties"]["activation"])},
    **{f"begin {i}": ({"data": SMALL, "initializer": i, "layers": net(5, 3)}, 12)
       for i in choices(schema_at("initializer"))},
    **{f"loss {loss}": ({"data": SMALL, "loss": loss}, 12)
       for loss in fitting(LOSSES, "classification")},
    **{f"loss {loss}": ({"data": {"kind": "multi-gauss", "n": 60}, "loss": loss}, 12)
       for loss in fitting(LOSSES, "regression") if loss != "PoissonNLLLoss"},
    **{f"optimizer {o}": ({"data": SMALL, "optimizer": {"name": o, "learning_rate": 0.01}}, 25)
       for o in alternatives(schema_at("optimizer"))},
    **{f"penalty {p}": ({"data": SMALL, "penalty": {"name": p, "alpha": 0.01}}, 12)
       for p in ("L1Penalty", "L2Penalty", "ElasticNetPenalty")},
    **{f"schedule {s}": ({"data": SMALL, "schedule": {"name": s, "epochs": 4}}, 19)
       for s in alternatives(schema_at("schedule"))},
}  # fmt: skip


def check(found: dict[str, Any]) -> None:
    made = replay(found["link"])
    assert packed(made.net.parameters) == found["parameters"]
    assert packed(made.net.running_state) == found["running"]
    if made.history.reports:
        rows = found["epochLoss"]
        assert made.history[-1].train_loss == rows


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    given = [[state, step] for state, step in CASES.values()]
    return dict(zip(CASES, in_training(TRAINED, cases=given), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_a_link_is_replayed_to_the_bit(trained: dict[str, Any], name: str) -> None:
    assert trained[name]["step"] == CASES[name][1]
    check(trained[name])


CHANGED = """({ pages, state }) => {
  const training = begun(pages, state);
  const found = [];
  const change = (event, step) => {
    training.happens(event);
    if (event.set) {
      const optimizer = { ...training.state.optimizer, ...event.set };
      training.state = { ...training.state, optimizer };
    }
    runTo(training, step);
    found.push(seen(training));
  };
  runTo(training, 11);
  const { parameters } = training.model;
  const moved = packed(parameters.map((x) => x + 0.25));
  change({ set: { learning_rate: 0.5 } }, 16);
  change({ weights: moved }, 16);
  change({ weights: packed(parameters.map((x) => x / 2)) }, 33);
  change({ set: { learning_rate: 0.02 } }, 40);
  runTo(training, 5);
  found.push(seen(training));
  runTo(training, 37);
  found.push(seen(training));
  runTo(training, 20);
  change({ set: { learning_rate: 0.1 } }, 45);
  change({ weights: packed(parameters) }, 45);
  runTo(training, 0);
  change({ weights: moved }, 30);
  return found;
}"""


@pytest.mark.parametrize("more", [{}, {"schedule": {"name": "cosine", "epochs": 9}}])
def test_what_happened_on_the_way_is_replayed(more: dict[str, Any]) -> None:
    state = {"data": SMALL, "layers": net(4, dropout=0.2), "batch_size": 8, **more}
    state["optimizer"] = {"name": "Adam", "learning_rate": 0.05}
    found = in_training(CHANGED, state=state)
    assert [one["step"] for one in found] == [16, 16, 33, 40, 5, 37, 45, 45, 30]
    for one in found:
        check(one)
    assert len({one["parameters"] for one in found}) == len(found) - 1  # one set its own weights


BACK_AND_FORTH = """({ pages, state, steps }) => {
  const once = begun(pages, state);
  const seenAt = {};
  for (let step = 0; step <= 600; step++) {
    runTo(once, step);
    seenAt[step] = seen(once).parameters;
  }
  const bytes = once.states.inOrder().reduce((sum, copy) =>
    sum + Object.values(copy).reduce((all, part) => all + (part?.byteLength ?? 8), 0), 0);
  const again = begun(pages, state);
  runTo(again, 600);
  return {
    wrong: steps.filter((step) => {
      runTo(again, step);
      return seen(again).parameters !== seenAt[step];
    }),
    kept: once.states.kept.size,
    bytes,
    points: again.history.points.length,
    last: again.last,
  };
}"""


def test_every_step_can_be_gone_back_to_exactly() -> None:
    state = {"data": {**SMALL, "n": 40}, "layers": net(60, 60, dropout=0.1), "batch_size": 3}
    state["optimizer"] = {"name": "Adam", "learning_rate": 0.01}
    steps = np.random.default_rng(0).integers(0, 601, 60).tolist()
    found = in_training(BACK_AND_FORTH, state=state, steps=steps)
    assert found["wrong"] == []
    assert found["kept"] < 60  # of 86 epochs: the states in between are made again
    assert found["bytes"] < 2e6
    assert found["last"] == 600


FAILED = """({ pages, states }) => states.map((state) => {
  const training = begun(pages, state);
  training.run(1e5, () => false);
  const first = seen(training);
  const { step } = training;
  training.happens({ set: { learning_rate: 1e-9 } });
  training.state.optimizer.learning_rate = 1e-9;
  training.run(step + 30, () => false);
  return { first, then: seen(training) };
})"""


@pytest.mark.slow
def test_nan_is_told_with_its_place_and_after_a_lower_rate_a_link_still_leads_there() -> None:
    wild = {"optimizer": {"name": "SGD", "learning_rate": 100}}
    square = {"inputs": ["x1", "exp(4*x2)"], "layers": net(4, activation="ReLU")}
    # Weights that "decay" by the factor -999 become infinite while the loss is still finite.
    away = {"optimizer": {"name": "SGD", "learning_rate": 100, "weight_decay": 10}}
    states: list[dict[str, Any]] = [
        {"data": {"kind": "plane"}, "layers": net(4, activation=None), **wild},
        {"data": {"kind": "multi-gauss"}, **square, **wild},
        {"layers": net(4), **away},
        {"layers": net(4), **away, "batch_size": 250},
        {"layers": net(4), **away, "batch_size": 125},
    ]
    for state, found in zip(states, in_training(FAILED, states=states), strict=True):
        failure, then = found["first"]["failure"], found["then"]
        per_epoch = 250 // state.get("batch_size", 10)
        assert failure["epoch"] == found["first"]["step"] // per_epoch + 1
        assert (failure["words"] == "failure_loss") == (failure["layer"] is None)
        check(found["first"])
        check(then)
        # Weights whose loss is infinite have it at any rate.
        went = then["step"] - found["first"]["step"]
        assert went == (30 if failure["words"] == "failure_weights" else 0)
    with pytest.raises(DivergenceError, match="at step"):
        replay(found["first"]["link"].rsplit("&step=", 1)[0] + "&step=10000")


@pytest.mark.parametrize("name", choices(schema_at("initializer")))
def test_first_weights_are_as_large_as_their_initializer_says(name: str) -> None:
    state = state_of({"layers": net(200, 100), "initializer": name})
    W = net_of(state).layers[2].W
    family = name.split("_")[0]
    expected = {"zeros": 0, "lecun": 1 / 200, "he": 2 / 200, "xavier": 2 / 300}[family]
    np.testing.assert_allclose(W.var(), expected, rtol=0.05)


def progress(epochs: int, per_epoch: int) -> Array:
    return np.arange(epochs * per_epoch) / (epochs * per_epoch)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"name": "step"}, schedules.step()),
        ({"name": "step", "every": 0.1, "gamma": 0.5}, schedules.step(0.1, 0.5)),
        ({"name": "exponential", "end": 0.2}, schedules.exponential(0.2)),
        ({"name": "cosine", "end": 0.1}, schedules.cosine(0.1)),
        ({"name": "cyclic_cosine"}, schedules.cyclic_cosine()),
        ({"name": "cyclic_cosine", "growth": 2, "cycles": 3}, schedules.cyclic_cosine(3, 2.0)),
        ({"name": "coslog"}, schedules.coslog()),
        ({"name": "one_cycle"}, schedules.one_cycle()),
        ({"name": "one_cycle", "rise": 0.5}, schedules.one_cycle(0.5)),
        ({"name": "warm_up", "share": 0.2}, schedules.warm_up(0.2)),
    ],
)
def test_schedules_are_those_of_handgrad_and_alike_in_the_page(
    schedule: dict[str, Any], expected: schedules.Schedule
) -> None:
    given = {"epochs": 7, **schedule}
    found = factors(given, np.arange(70), 10)
    np.testing.assert_allclose(found, expected(progress(7, 10)), atol=1e-12)
    main = """({ schedule }) => {
      const factor = factorsOf(schedule, 10);
      const all = Float64Array.from({ length: 90 }, (_, step) => factor(step));
      return [...new BigUint64Array(all.buffer)].map(String);
    }"""
    page = in_page({"schedules": "factorsOf"}, main, {"schedule": given})
    longer = factors(given, np.arange(90), 10)
    assert page == [str(bits) for bits in longer.view(np.uint64)]
    assert (longer[70:] == longer[69]).all()


def test_links_that_cannot_be_replayed_are_refused() -> None:
    for link, said in [
        ("page.html#v=2", "version 2"),
        ("page.html#v=1&exact=0", "exact=0"),
        ("page.html", "without its version"),
        ("#v=1&events=[%7B%22step%22:3,%22weights%22:%22AADAPw%22%7D]&step=9", "1 weights set"),
    ]:
        with pytest.raises(SettingError, match=said):
            replay(link)


@pytest.mark.parametrize("layers", ["none", "256:Tanh,256:Tanh"])
def test_a_link_that_would_be_trained_for_ever_is_refused(layers: str) -> None:
    link = f"#v=1&data=xor&layers={layers}&batch=5000&n=10000&step={2**53 - 1}"
    with refused(SettingError, f"a link to step {2**53 - 1:,}", "for a net of this size"):
        replay(link)
