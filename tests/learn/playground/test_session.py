"""A session in node, which has no workers: slices in its own thread, frames, requests, changes."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.models import program_of
from handgrad.learn.playground.own_nets import spec_of
from handgrad.learn.playground.pages import traced_modules
from handgrad.learn.playground.replay import net_of, replay
from handgrad.learn.playground.state import LAYER, state_of
from tests.learn.playground.in_node import HAS_NODE, module

pytestmark = HAS_NODE
BEGUN = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const frames = [];
const problems = [];
const asked = [];
const refusals = [];
const broken = [];
const server = {
  train(model, onReport) {
    const one = { model, onReport, isStopped: false };
    asked.push(one);
    return { stop: () => (one.isStopped = true) };
  },
};
const { state, problems: wrong } = stateOf(given.state);
if (wrong.length) throw new Error(JSON.stringify(wrong));
const session = openSession(state, {
  pages: given.pages,
  programFor: async () => given.program,
  net: given.net,
  isStill: given.isStill,
  server,
  whole: given.whole,
  onServerRefused: (failure) => refusals.push(failure),
  onFrame: (frame) => frames.push(frame),
  onProblem: (problem) => problems.push(problem),
  onBroken: (text) => broken.push(text),
});
const until = async (holds) => {
  const end = performance.now() + 60000;
  while (!frames.length || !holds(frames.at(-1))) {
    if (performance.now() > end) throw new Error("nothing came of it");
    await new Promise((go) => setTimeout(go, 5));
  }
  return frames.at(-1);
};
const seen = ({ step, parameters }) => ({
  link: "#" + fragmentOf({ ...session.state, at: { step } }),
  parameters: packed(parameters),
  step,
});
const plain = (value) => ArrayBuffer.isView(value) ? [...value].map(String) : value;
"""


@cache
def pages() -> dict[str, Any]:
    return traced_modules()


def in_session(tmp_path: Path, script: str, state: dict[str, Any], **given: Any) -> Any:
    """What a script gives to `done`, in which a `session` of a state is open."""
    imports = [
        module("openSession", "training/session.js"),
        module("stateOf", "training/state.js"),
        module("fragmentOf", "training/links.js"),
        module("packed", "training/base64.js"),
    ]
    end = "\nsession.close();\nprocess.stdout.write(JSON.stringify(done, (_, x) => plain(x)));\n"
    main, data = tmp_path / "main.mjs", tmp_path / "given.json"
    main.write_text("".join(imports) + BEGUN + script + end, "utf-8")
    data.write_text(json.dumps({"state": state, "pages": pages(), **given}), "utf-8")
    command = ["node", str(main), str(data)]
    found = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert found.returncode == 0, found.stderr[-2000:]
    return json.loads(found.stdout)


SMALL = {"data": {"kind": "moons", "n": 60, "noise": 10}, "layers": [{**LAYER, "units": 5}]}


def check(found: dict[str, Any]) -> None:
    assert packed(replay(found["link"]).net.parameters) == found["parameters"]


def test_a_session_plays_pauses_steps_and_is_replayed(tmp_path: Path) -> None:
    script = """
      const first = await until(() => true);
      session.play();
      await until(({ epoch }) => epoch > 40);
      session.pause();
      const paused = await until(({ playing }) => !playing);
      session.stepBatch();
      const batch = await until(({ step }) => step === paused.step + 1);
      session.stepEpoch();
      const epoch = await until(({ step, batch }) => step > paused.step + 1 && !batch);
      session.set({ optimizer: { ...session.state.optimizer, learning_rate: 0.2 } });
      session.stepEpoch();
      const changed = await until(({ step }) => step === epoch.step + 3);
      session.setParameters(changed.parameters.map((x) => 0.5 * x));
      session.stepBatch();
      const moved = await until(({ step }) => step === changed.step + 1);
      const at = await session.goTo(7);
      const back = await until(({ step }) => step === 7);
      session.rewind();
      const begun = await until(({ step }) => step === 0);
      const isSame = begun.parameters.every((x, i) => x === first.parameters[i]);
      session.reset();
      const reset = await until(({ version }) => version > begun.version);
      const isOther = reset.parameters.some((x, i) => x !== first.parameters[i]);
      const done = { at, isSame, isOther,
        seed: session.state.seed, events: back.events.length, none: begun.events };
    """
    found = in_session(tmp_path, script, {**SMALL, "batch_size": 10})
    assert found["at"] == 7
    assert found["isSame"]
    assert found["isOther"]
    assert found["seed"] == 1
    assert found["events"] == 3
    assert found["none"] == []


def test_what_a_session_shows_can_be_replayed(tmp_path: Path) -> None:
    script = """
      session.play();
      await until(({ epoch }) => epoch > 20);
      session.set({ optimizer: { ...session.state.optimizer, learning_rate: 0.2 } });
      await until(({ events, epoch }) => events.length && epoch > 30);
      session.pause();
      const paused = await until(({ playing }) => !playing);
      session.setParameters(paused.parameters.map((x) => 0.5 * x));
      const moved = await until(({ events }) => events.length === 3);
      const done = [seen(moved)];
      session.stepBatch();
      done.push(seen(await until(({ step }) => step > moved.step)));
    """
    for one in in_session(tmp_path, script, SMALL):
        assert one["step"] > 60
        check(one)


def test_a_link_opens_at_its_step(tmp_path: Path) -> None:
    script = """
      const there = await until(({ step }) => step === 47);
      const done = { ...seen(there), playing: there.playing, points: there.history.epochs.length };
    """
    found = in_session(tmp_path, script, {**SMALL, "at": {"step": 47}})
    assert not found["playing"]
    assert found["points"] > 10
    check(found)


def test_a_step_is_reached_in_one_frame_where_less_motion_is_wished_for(tmp_path: Path) -> None:
    script = """
      await until(({ step }) => step === 3000);
      await session.goTo(2000);
      session.set({ data: { noise: 20 }, at: { step: 2500 } });
      const there = await until(({ step }) => step === 2500);
      const done = { ...seen(there), steps: frames.map(({ step }) => step) };
    """
    at = {**SMALL, "at": {"step": 3000}}
    moving, still = (in_session(tmp_path, script, at, isStill=one) for one in (False, True))
    assert len({*moving["steps"]}) > 4, "there was an animation"
    assert [*dict.fromkeys(still["steps"])] == [3000, 2000, 2500]
    assert still["parameters"] == moving["parameters"]
    check(still)


def test_a_program_takes_over_and_changes_nothing(tmp_path: Path) -> None:
    state = {**SMALL, "optimizer": {"name": "Adam", "learning_rate": 0.02}, "batch_size": 8}
    whole = state_of(state)
    layers = [
        *({"layer": "Linear", "settings": {"n_in": i, "n_out": o}} for i, o in [(2, 5), (5, 2)]),
        {"layer": "Softmax", "settings": {}},
    ]
    layers.insert(1, {"layer": "Tanh", "settings": {}})
    said = {
        "layers": layers,
        "loss": "CrossEntropyLoss",
        "optimizer": whole["optimizer"],
        "batch_size": 8,
    }
    script = """
      session.play();
      await until(({ epoch, engine }) => epoch > 60 && engine === "wasm");
      session.pause();
      const done = seen(await until(({ playing }) => !playing));
    """
    check(in_session(tmp_path, script, state, program=program_of(said)))


def test_layer_by_layer_is_the_same_step(tmp_path: Path) -> None:
    script = """
      session.stepEpoch();
      const before = await until(({ step }) => step === 6);
      const phases = [];
      for (;;) {
        session.stepLayer();
        await new Promise((go) => setTimeout(go, 60));
        const { phase, gradients, step } = frames.at(-1);
        if (!phase) break;
        phases.push([phase.way, phase.column, gradients.filter((x) => x !== 0).length, step]);
      }
      const after = frames.at(-1);
      session.stepLayer();
      session.stepBatch();
      const left = seen(await until(({ step }) => step === 8));
      const done = { phases, after: seen(after), left };
    """
    state = {**SMALL, "batch_size": 5, "layers": [{**LAYER, "units": 3, "dropout": 0.2}]}
    found = in_session(tmp_path, script, state)
    assert [phase[:2] for phase in found["phases"]] == [
        ["forward", 0],
        ["forward", 1],
        ["forward", 2],
        ["backward", 2],
        ["backward", 1],
    ]
    known = [phase[2] for phase in found["phases"]]
    assert known[:3] == [0, 0, 0]
    assert 0 < known[3] <= 8 < known[4]
    assert {phase[3] for phase in found["phases"]} == {6}
    assert found["after"]["step"] == 7
    check(found["after"])
    check(found["left"])


def test_a_session_that_rests_plays_no_further_and_keeps_what_was_asked_for(tmp_path: Path) -> None:
    script = """
      const still = () => new Promise((go) => setTimeout(go, 200));
      session.rest();
      session.play();
      await until(({ playing }) => playing);
      await still();
      const asleep = frames.at(-1);
      const at = await session.goTo(7);
      session.play();
      await until(({ playing }) => playing);
      await still();
      const { step } = frames.at(-1);
      session.wake();
      await until(({ epoch }) => epoch > 20);
      session.rest();
      await still();
      const tired = frames.at(-1);
      await still();
      const later = frames.at(-1);
      session.wake();
      await until(({ step }) => step > later.step);
      session.pause();
      await until(({ playing }) => !playing);
      const paused = frames.at(-1);
      session.rest();
      session.wake();
      await still();
      const done = { asleep: asleep.step, at, step, tired: tired.step, later: later.step,
        wished: later.playing, paused: paused.step, woken: frames.at(-1).step };
    """
    found = in_session(tmp_path, script, SMALL)
    assert (found["asleep"], found["at"], found["step"]) == (0, 7, 7)
    assert found["tired"] == found["later"]
    assert found["wished"]
    assert found["paused"] == found["woken"]


STOPS = {
    "epoch": ({"epoch": 30}, 30, 30),
    "loss": ({"loss": 0.35}, 2, 2000),
    "patience": ({"patience": 3}, 3, 5000),
}


@pytest.mark.parametrize("rule", STOPS)
def test_it_stops_by_rule(tmp_path: Path, rule: str) -> None:
    stop, least, most = STOPS[rule]
    script = """
      session.play();
      const { epoch, losses } = await until(({ playing, step }) => !playing && step > 0);
      const done = { epoch, losses };
    """
    state = {**SMALL, "stop": stop, "optimizer": {"name": "SGD", "learning_rate": 0.2}}
    found = in_session(tmp_path, script, state)
    assert least <= found["epoch"] <= most
    if rule == "loss":
        assert found["losses"]["train"] <= 0.35


def test_what_makes_no_sense_is_told_and_the_training_goes_on(tmp_path: Path) -> None:
    script = """
      await until(() => true);
      const told = session.set({ share: 0 });
      const refused = async (part) => {
        const before = problems.length;
        session.set(part);
        while (problems.length === before) await new Promise((go) => setTimeout(go, 5));
      };
      await refused({ inputs: ["x1", "log(x1)"] });
      await refused({ inputs: ["x1", "x3"] });
      await refused({ batch_size: 29, layers: [{ ...session.state.layers[0],
        normalization: "BatchNorm" }] });
      await refused({ loss: "PoissonNLLLoss", data: { problem: "regression" } });
      session.stepEpoch();
      const { step } = await until(({ step }) => step > 0);
      const done = { told, problems, step, inputs: session.state.inputs, loss: session.state.loss };
    """
    found = in_session(tmp_path, script, SMALL)
    assert [problem["key"] for problem in found["told"]] == ["between"]
    keys = [(problem["key"], problem["field"]) for problem in found["problems"]]
    assert keys == [
        ("notFinite", "inputs"),
        ("formula_name", "inputs"),
        ("batchOfOne", "batch_size"),
        ("negative", "loss"),
    ]
    assert (found["step"], found["inputs"]) == (3, ["x1", "x2"])
    assert found["loss"] == "CrossEntropyLoss"


def test_what_makes_no_sense_at_first_is_told_and_is_as_usual(tmp_path: Path) -> None:
    script = """
      session.play();
      await until(({ epoch }) => epoch > 2);
      const { inputs, batch_size, data, layers } = session.state;
      const done = { problems, inputs, batch_size, kind: data.kind, n: data.n, layers };
    """
    state = {
        "data": {"kind": "above", "formula": "sim(x1)", "n": 58},
        "inputs": ["x1", "log(x1)"],
        "batch_size": 28,
        "layers": [{**LAYER, "units": 5, "normalization": "BatchNorm"}],
    }
    found = in_session(tmp_path, script, state)
    keys = [(problem["key"], problem["field"]) for problem in found["problems"]]
    assert keys == [
        ("formula_function", "data.formula"),
        ("notFinite", "inputs"),
        ("batchOfOne", "batch_size"),
    ]
    assert (found["inputs"], found["batch_size"]) == (["x1", "x2"], 10)
    assert (found["kind"], found["n"]) == ("above", 58)
    assert found["layers"] == state["layers"]


def test_nan_is_told_and_rewinding_goes_on(tmp_path: Path) -> None:
    script = """
      session.play();
      const failed = await until(({ failure }) => failure);
      const change = await session.request("change");
      const still = frames.at(-1).failure !== null;
      session.play();
      await new Promise((go) => setTimeout(go, 50));
      const playing = frames.at(-1).playing;
      session.rewind();
      const begun = await until(({ step }) => step === 0);
      const done = { failure: failed.failure, still, playing, again: begun.failure };
    """
    state = {"data": {"kind": "plane"}, "optimizer": {"name": "SGD", "learning_rate": 90},
             "layers": [{**LAYER, "activation": None}]}  # fmt: skip
    found = in_session(tmp_path, script, state)
    assert found["failure"]["epoch"] >= 1
    assert found["failure"]["words"].startswith("failure_")
    assert found["still"]
    assert not found["playing"]
    assert found["again"] is None


REQUESTS = """
  session.stepEpoch();
  const frame = await until(({ step }) => step > 0);
  const ask = (kind, options) => session.request(kind, options);
  const rows = await ask("rows");
  const done = {
    rows,
    frame: { ...frame, parameters: packed(frame.parameters) },
    at: await ask("at", { x: [...rows.x.slice(0, rows.names.length)] }),
    unit: await ask("at", { x: [...rows.x.slice(0, rows.names.length)], column: 1, unit: 2 }),
    hidden: await ask("hidden", { column: 1, side: 5 }),
    activations: await ask("activations"),
    confusion: await ask("confusion"),
    plane: await ask("plane", { side: 9, column: 1, unit: 2 }),
    outputs: await ask("plane", { side: 9 }),
    maps: await ask("maps", { side: 4 }),
  };
"""


def numbers(texts: list[str]) -> Any:
    return np.array(texts, float).astype(np.float32)


def test_requests_are_answered_as_the_net_is(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(0, 2, (40, 3)).astype(np.float32)
    rows = {"names": ["a", "b", "c"], "classes": ["x", "y", "z"], "x": packed(table),
            "y": packed(np.arange(40) % 3)}  # fmt: skip
    state = {"data": {"rows": rows}, "inputs": ["a", "c", "x2**2"], "layers": SMALL["layers"],
             "view": {"columns": [2, 1]}}  # fmt: skip
    found = in_session(tmp_path, REQUESTS, state)
    net = net_of(state_of(state))
    net.parameters[...] = np.frombuffer(_bytes(found["frame"]["parameters"]), np.float32)
    inputs = np.stack([table[:, 0], table[:, 2], table[:, 1] ** 2], axis=1)

    def close(texts: list[str], expected: Any) -> None:
        np.testing.assert_allclose(numbers(texts), np.ravel(expected), atol=2e-6)

    trains = np.array(found["rows"]["trains"], int) == 1
    assert trains.sum() == 20
    close(found["rows"]["x"], table)
    close([*map(str, found["at"]["outputs"])], net.predict(inputs[:1]))
    hidden = net.layers[1].forward(net.layers[0].forward(inputs))
    close([*map(str, found["unit"]["outputs"])], hidden[0, 2])
    close(found["hidden"]["values"], hidden)
    assert len(found["hidden"]["grid"]["values"]) == 5 * 5 * 5
    assert [layer["activation"] for layer in found["activations"]] == ["Tanh", "Softmax"]
    right = net.predict(inputs[trains]).argmax(axis=1) == (np.arange(40) % 3)[trains]
    matrix = np.array(found["confusion"]["train"]["matrix"])
    assert (matrix.sum(), np.trace(matrix)) == (20, right.sum())
    np.testing.assert_allclose(found["frame"]["metrics"]["train"]["accuracy"], right.mean())
    loss = hg.evaluate(
        net, (inputs[trains], (np.arange(40) % 3)[trains]), loss=hg.CrossEntropyLoss()
    )
    np.testing.assert_allclose(found["frame"]["losses"]["train"], loss.loss, rtol=1e-6)
    grid = _grid(found["plane"], table)
    at = np.stack([grid[:, 0], grid[:, 2], grid[:, 1] ** 2], axis=1)
    close(found["plane"]["values"], net.layers[1].forward(net.layers[0].forward(at))[:, 2])
    close(found["outputs"]["values"], net.predict(at))
    assert [len(column) for column in found["maps"]["columns"]] == [3 * 16, 5 * 16, 3 * 16]


def _bytes(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _grid(plane: dict[str, Any], table: Any) -> Any:
    """The rows of a plane: from the top and from the left, the other column at its median."""
    side, (across, up) = plane["side"], plane["columns"]
    assert (across, up) == (2, 1)
    middles = (np.arange(side) + 0.5) / side
    (a, b), (c, d) = plane["ranges"]
    x = np.zeros((side * side, 3))
    x[:, 0] = np.sort(table[:, 0])[20]
    x[:, across] = np.tile(a + middles * (b - a), side)
    x[:, up] = np.repeat(c + middles[::-1] * (d - c), side)
    return x


STUDIES = """
  session.stepEpoch();
  await until(({ step }) => step > 0);
  const first = session.request("seeds", { n: 50, epochs: 500 });
  const seeds = await session.request("seeds", { n: 3, epochs: 8 });
  const racers = [{ name: "SGD", learning_rate: 0.03 }, { name: "Adam", learning_rate: 0.05 },
    { name: "SGD", learning_rate: 100 }];
  const race = await session.request("race", { racers, epochs: 12 });
  await session.goTo(60);
  const lossPlane = await session.request("lossPlane", { side: 7 });
  const done = { first: await first, seeds, race, lossPlane, losses: frames.at(-1).losses };
"""


def test_studies_run_beside_the_training(tmp_path: Path) -> None:
    found = in_session(tmp_path, STUDIES, SMALL)
    assert found["first"] is None
    seeds, race, plane = found["seeds"], found["race"], found["lossPlane"]
    assert seeds["seeds"] == [0, 1, 2]
    for k, seed in enumerate(seeds["seeds"]):
        state = state_of({**SMALL, "seed": seed})
        net = net_of(state)
        assert len(net.parameters) == 27
        assert len(seeds["test"][k]) == len(seeds["epochs"]) == 9
    mean = np.mean([numbers(plane) for plane in seeds["planes"]], axis=0)
    np.testing.assert_allclose(numbers(seeds["mean"]), mean, atol=1e-6)
    train = [numbers(racer["train"]) for racer in race["racers"]]
    assert train[0][0] == train[1][0] == train[2][0]  # from the same weights
    assert train[1][-1] < train[0][-1] < train[0][0]
    assert len(numbers(race["plane"]["losses"])) == 31 * 31
    assert plane["here"] == [0, 0]
    losses = numbers(plane["losses"]).reshape(7, 7)
    assert losses.min() >= 0
    assert 0.9 < sum(plane["shares"]) <= 1.0001
    assert len(plane["path"]) == 2 * len(plane["steps"])


LARGE = {
    "data": {"kind": "moons", "n": 400, "noise": 10},
    "layers": [{**LAYER, "units": 64}] * 2,
    "batch_size": 100,
}
REPORTS = """
  const numbers = (value) => frames.at(-1).parameters.map(() => value);
  const report = (epoch, more = {}) => asked.at(-1).onReport({
    epoch,
    losses: { train: 1 / epoch, test: 2 / epoch, epoch: 3 / epoch },
    scores: { accuracy: { train: 0.5, test: null } },
    weights: packed(numbers(epoch / 64)),
    state: "",
    ...more,
  });
  const isAsked = async (n) => {
    while (asked.length < n) await new Promise((go) => setTimeout(go, 5));
  };
  await until(() => true);
"""


def in_served(tmp_path: Path, script: str, state: dict[str, Any], **given: Any) -> Any:
    """As `in_session`, with a server that is `asked`, and makes the reports of the script."""
    return in_session(tmp_path, REPORTS + script, state, **given)


def test_what_is_too_large_for_a_page_is_trained_by_the_server(tmp_path: Path) -> None:
    script = """
      const first = frames.at(-1).parameters;
      session.play();
      await isAsked(1);
      const playing = await until(({ playing }) => playing);
      report(3);
      report(7);
      const seven = await until(({ epoch }) => epoch === 7);
      const link = fragmentOf({ ...session.state, at: { step: seven.step } });
      session.pause();
      const paused = await until(({ playing }) => !playing);
      report(9);
      session.play();
      await isAsked(2);
      report(1);
      const eight = await until(({ epoch }) => epoch === 8);
      session.rewind();
      const begun = await until(({ step }) => step === 0);
      const models = asked.map(({ model }) => model);
      const done = {
        engines: [playing.engine, seven.engine, paused.engine, eight.engine, begun.engine],
        exact: [playing.exact, seven.exact, paused.exact, eight.exact, begun.exact],
        stopped: asked.map(({ isStopped }) => isStopped),
        begun: models.map(({ begun, epochs }) => [begun, epochs]),
        isSame: models[0].weights.every((x, i) => x === first[i]),
        again: models[1].weights[5],
        losses: seven.losses,
        metrics: seven.metrics,
        history: eight.history,
        step: eight.step,
        parameters: [seven.parameters[0], eight.parameters[9]],
        isBack: begun.parameters.every((x, i) => x === first[i]),
        link,
        rows: [models[0].n, models[0].shuffle, models[0].whole],
      };
    """
    found = in_served(tmp_path, script, LARGE)
    assert found["engines"] == ["native", "native", "pages", "native", "pages"]
    assert found["exact"] == [True, False, False, False, True]
    assert "exact=0" in found["link"]
    assert found["stopped"] == [True, True]
    assert found["begun"] == [[0, 10**6], [7, 10**6]]
    assert found["isSame"]
    assert found["isBack"]
    assert float(found["again"]) == 7 / 64
    assert found["losses"] == {"train": 1 / 7, "test": 2 / 7, "epoch": 3 / 7}
    assert found["metrics"]["train"] == {"accuracy": 0.5}
    assert found["history"]["epochs"] == ["0", "3", "7", "8"]
    np.testing.assert_allclose(numbers(found["history"]["train"])[1:], [1 / 3, 1 / 7, 1])
    assert found["step"] == 16
    assert found["parameters"] == [7 / 64, 1 / 64]
    assert found["rows"] == [200, True, None]


def test_the_server_is_asked_anew_where_the_training_is_changed(tmp_path: Path) -> None:
    script = """
      session.play();
      await isAsked(1);
      report(4);
      session.set({ optimizer: { ...session.state.optimizer, learning_rate: 0.5 } });
      await isAsked(2);
      session.set({ view: { ...session.state.view, test: true } });
      session.set({ view: { ...session.state.view, speed: 5 } });
      await isAsked(3);
      session.set({ stop: { epoch: 9 } });
      await isAsked(4);
      report(5, { ended: true });
      const ended = await until(({ playing, epoch }) => !playing && epoch > 4);
      session.set({ stop: { loss: 0.3 } });
      session.play();
      await isAsked(5);
      report(1);
      report(4);
      const low = await until(({ playing, epoch }) => !playing && epoch > 9);
      session.play();
      await isAsked(6);
      session.set({ layers: [] });
      const small = await until(({ version, epoch }) => version > low.version && epoch > 2);
      session.pause();
      const models = asked.map(({ model }) => model);
      const done = {
        begun: models.map(({ begun, epochs }) => [begun, epochs]),
        rates: models.map(({ optimizer }) => optimizer.learning_rate),
        speeds: models.map(({ speed }) => speed),
        stopped: asked.map(({ isStopped }) => isStopped),
        ended: ended.epoch, low: low.epoch, engine: small.engine, exact: small.exact,
      };
    """
    found = in_served(tmp_path, script, LARGE)
    most = 10**6
    assert found["begun"] == [[0, most], [4, most], [4, most], [4, 5], [9, most], [13, most]]
    assert found["rates"] == [0.03, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert found["speeds"] == [0, 0, 5, 5, 5, 5]
    assert all(found["stopped"])
    assert (found["ended"], found["low"]) == (9, 13)
    assert (found["engine"], found["exact"]) == ("pages", True)


def test_while_it_rests_the_server_does_not_train_either(tmp_path: Path) -> None:
    script = """
      session.play();
      await isAsked(1);
      report(3);
      session.rest();
      await until(({ engine, playing }) => playing && engine === "pages");
      const isStopped = asked[0].isStopped;
      session.wake();
      await isAsked(2);
      const done = [isStopped, asked[1].model.begun];
    """
    assert in_served(tmp_path, script, LARGE) == [True, 3]


@pytest.mark.parametrize("failure", [{"came": "no place"}, {"gone": True}])
def test_where_the_server_fails_the_page_goes_on_from_its_weights(
    tmp_path: Path, failure: dict[str, Any]
) -> None:
    script = """
      session.play();
      await isAsked(1);
      report(2);
      asked[0].onReport({ failure: given.failure });
      const on = await until(({ epoch }) => epoch > 2);
      session.pause();
      const { parameters, epoch } = await until(({ playing }) => !playing);
      const far = parameters.reduce((most, x) => Math.max(most, Math.abs(x - 2 / 64)), 0);
      session.play();
      await until((frame) => frame.epoch > epoch || frame.engine === "native");
      session.pause();
      const done = { far, refusals, engine: on.engine, exact: on.exact, asked: asked.length };
    """
    found = in_served(tmp_path, script, LARGE, failure=failure)
    assert 0 < found["far"] < 0.5
    assert (found["engine"], found["exact"]) == ("pages", False)
    assert found["refusals"] == ([] if "gone" in failure else [failure])
    assert found["asked"] == (1 if "gone" in failure else 2)


def test_rows_of_which_the_server_has_more_are_trained_on_there(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(0, 2, (40, 2)).astype(np.float32)
    rows = {"names": ["a", "b"], "classes": ["x", "y"], "x": packed(table),
            "y": packed(np.arange(40) % 2)}  # fmt: skip
    script = """
      session.play();
      await isAsked(1);
      const { inputs, tests } = asked[0].model.whole;
      const trains = (await session.request("rows")).trains;
      session.set({ data: { rows: { ...session.state.data.rows, x: given.others } } });
      await until(({ epoch, engine }) => epoch > 2 && engine === "pages");
      session.pause();
      const done = { inputs, tests, trains, asked: asked.length };
    """
    state = {"data": {"rows": rows}, "inputs": ["b"]}
    given = {"whole": rows["x"], "others": packed(table + 1)}
    found = in_served(tmp_path, script, state, **given)
    assert found["inputs"] == ["b"]
    trains = np.array(found["trains"], int)
    assert sorted(map(int, found["tests"])) == np.flatnonzero(trains == 0).tolist()
    assert found["asked"] == 1


def test_a_net_of_ones_own_is_marked_since_no_link_says_it(tmp_path: Path) -> None:
    net = spec_of(state_of(SMALL))
    script = """
      const first = await until(() => true);
      session.set({ share: 60 });
      const then = await until(({ version }) => version > first.version);
      const done = [first.exact, then.exact];
    """
    assert in_session(tmp_path, script, SMALL, net=net) == [False, False]
    assert in_session(tmp_path, script, {**SMALL, "exact": False}) == [False, True]
