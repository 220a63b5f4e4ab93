"""A session whose parts fail, or that is told of two things at once, goes on and stays true."""

from pathlib import Path

from tests.learn.playground.in_node import HAS_NODE, PAGE, module
from tests.learn.playground.test_session import SMALL, check, in_session

pytestmark = HAS_NODE
# The planes of frames, or the optimizer's steps, may fail by a word.
FAILING = f"""
{module("OutputMaps", "training/output_maps.js")}
{module("Training", "training/trainer.js")}
let fails = null;
for (const [kind, name] of [[OutputMaps, "maps"], [Training, "run"], [Training, "runBatch"]]) {{
  const own = kind.prototype[name];
  kind.prototype[name] = function (...given) {{
    if (fails === name) throw new Error(`no ${{name}}`);
    return own.apply(this, given);
  }};
}}
const still = () => new Promise((go) => setTimeout(go, 200));
await until(() => true);
"""


def test_a_frame_that_fails_is_told_once_and_the_training_goes_on(tmp_path: Path) -> None:
    script = """
      session.play();
      await until(({ epoch }) => epoch > 2);
      fails = "maps";
      await still();
      const before = frames.at(-1).step;
      fails = null;
      await until(({ step }) => step > before);
      session.pause();
      const done = { broken, ...seen(await until(({ playing }) => !playing)) };
    """
    found = in_session(tmp_path, FAILING + script, SMALL)
    assert found["broken"] == ["no maps"]
    check(found)


def test_a_training_that_fails_stands_still_is_told_and_may_go_on(tmp_path: Path) -> None:
    script = """
      session.play();
      await until(({ epoch }) => epoch > 2);
      fails = "run";
      await until(({ playing }) => !playing);
      await still();
      const there = frames.at(-1).step;
      fails = null;
      session.play();
      await until(({ step }) => step > there);
      session.pause();
      const done = { broken, ...seen(await until(({ playing }) => !playing)) };
    """
    found = in_session(tmp_path, FAILING + script, SMALL)
    assert found["broken"] == ["no run"]
    check(found)


def test_what_is_asked_for_of_a_training_that_fails_is_told(tmp_path: Path) -> None:
    script = """
      fails = "runBatch";
      for (let i = 0; i < 9; i++) session.stepLayer();
      await still();
      fails = null;
      session.stepBatch();
      const done = { broken, ...seen(await until(({ step }) => step === 1)) };
    """
    found = in_session(tmp_path, FAILING + script, SMALL)
    assert found["broken"] == ["no runBatch"]
    check(found)


def test_a_net_that_cannot_be_made_is_told_and_the_one_before_goes_on(tmp_path: Path) -> None:
    script = """
      const { steps } = given.pages;
      session.set({ layers: [{ ...session.state.layers[0], activation: "GELU" }] });
      while (!problems.length) await still();
      session.stepBatch();
      const done = { problems, ...seen(await until(({ step }) => step === 1)) };
    """
    broken = f"""
      {module("Model", "engine/model.js")}
      const slices = Model.prototype.slices;
      Model.prototype.slices = function () {{
        if (this.layers.some(({{ title }}) => title === "GELU")) throw new Error("too much");
        return slices.apply(this);
      }};
    """
    found = in_session(tmp_path, FAILING + broken + script, SMALL)
    [problem] = found["problems"]
    assert (problem["key"], problem["value"]) == ("failed", "too much")
    check(found)


def test_of_two_changes_at_once_the_last_counts_though_the_first_makes_no_sense(
    tmp_path: Path,
) -> None:
    script = """
      session.set({ inputs: ["log(x1)"] });
      session.set({ inputs: ["x1", "x2**2"] });
      const { begun } = session;
      await until((frame) => frame.begun === begun);
      session.stepBatch();
      const { inputs } = session.state;
      const done = { inputs, ...seen(await until(({ step }) => step === 1)) };
    """
    found = in_session(tmp_path, FAILING + script, SMALL)
    assert found["inputs"] == ["x1", "x2**2"]
    check(found)


def test_of_two_changes_at_once_the_first_goes_on_where_the_last_makes_no_sense(
    tmp_path: Path,
) -> None:
    script = """
      session.set({ inputs: ["x1", "x2**2"] });
      session.set({ inputs: ["log(x1)"] });
      session.set({ view: { columns: [1, 0] } });
      while (!problems.length) await still();
      session.stepBatch();
      const { inputs } = session.state;
      const last = await until(({ step }) => step === 1);
      const places = session.names.map(({ shape }) => shape);
      const done = { inputs, places, columns: last.plane.columns, ...seen(last) };
    """
    found = in_session(tmp_path, FAILING + script, SMALL)
    assert found["inputs"] == ["x1", "x2**2"]
    assert found["places"] == [[5, 2], [5], [2, 5], [2]]
    assert found["columns"] == [1, 0]
    check(found)


def test_what_happened_on_the_way_stays_where_a_change_makes_no_sense(tmp_path: Path) -> None:
    script = """
      session.stepEpoch();
      await until(({ step }) => step > 0);
      session.set({ optimizer: { ...session.state.optimizer, learning_rate: 0.2 } });
      await until(({ events }) => events.length);
      session.stepBatch();
      const there = await until(({ step, batch }) => batch);
      session.set({ inputs: ["log(x1)"] });
      while (!problems.length) await new Promise((go) => setTimeout(go));
      const done = { events: session.state.events.length, ...seen(there) };
    """
    found = in_session(tmp_path, FAILING + script, SMALL)
    assert found["events"] == 2
    check(found)


def test_weights_of_the_net_before_are_not_set_upon_another_one(tmp_path: Path) -> None:
    script = """
      const [old] = frames;
      session.set({ layers: [{ ...session.state.layers[0], activation: "ReLU" }] });
      session.setParameters(old.parameters.map(() => 1), old.begun);
      await until(({ begun }) => begun > old.begun);
      session.stepBatch();
      const done = seen(await until(({ step }) => step === 1));
    """
    found = in_session(tmp_path, FAILING + script, SMALL)
    assert "events" not in found["link"]
    check(found)


def test_names_of_parameters_are_those_of_the_frame_that_is_shown(tmp_path: Path) -> None:
    script = """
      const counts = [];
      const of = (names) => names.reduce((sum, { shape }) =>
        sum + shape.reduce((product, n) => product * n, 1), 0);
      for (const units of [2, 9, 4]) {
        session.set({ layers: [{ ...session.state.layers[0], units }] });
        const { begun } = session;
        while (frames.at(-1).begun !== begun) {
          counts.push(of(session.names) - frames.at(-1).parameters.length);
          await new Promise((go) => setTimeout(go));
        }
      }
      const done = [...new Set(counts)];
    """
    assert in_session(tmp_path, FAILING + script, SMALL) == [0]


def test_no_message_of_a_worker_is_transferred() -> None:
    """What is handed over is gone where it was: a frame may be shown twice."""
    worker = (PAGE / "training" / "worker.js").read_text("utf-8")
    assert "scope.postMessage(message)," in worker


def test_rows_that_train_may_be_of_one_class_where_all_are_of_two(tmp_path: Path) -> None:
    script = """
      session.stepEpoch();
      const done = { ...seen(await until(({ step }) => step > 0)),
        y: [...(await session.request("model")).y] };
    """
    few = {"data": {"kind": "circle", "n": 4}, "share": 25, "batch_size": 2}
    found = in_session(tmp_path, FAILING + script, few)
    assert len({*found["y"]}) == 1
    check(found)


def test_rows_of_one_class_are_refused_and_those_before_go_on(tmp_path: Path) -> None:
    script = """
      session.set({ data: { kind: "above", formula: "99" } });
      while (!problems.length) await still();
      session.stepBatch();
      const done = { problems, ...seen(await until(({ step }) => step === 1)) };
    """
    found = in_session(tmp_path, FAILING + script, SMALL)
    [problem] = found["problems"]
    assert (problem["key"], problem["value"]) == ("oneClass", "0")
    check(found)
