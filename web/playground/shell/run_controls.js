// Run controls: play, pause, step, rewind, restart; undo and redo; step counter, speed, stopping rules.

import {
  element,
  formatNumber,
  translate,
  bindText,
  onLanguageChange,
} from "../../shared/words.js";
import { schemaAt } from "../training/schema.js";
import { button, choice, menu, numeric, translated } from "./elements.js";
import { SIGNS } from "./icons.js";

/** Maximum epochs per second; 0 is unlimited. */
const SPEEDS = [0, 1, 5, 20, 100, 500];
const STOP = schemaAt("stop").properties;
const EPOCH_LADDER = [10, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000];
const LOSS_LADDER = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** Create the run controls in the toolbar. */
export function runControls(store, place) {
  const { session } = store;
  const play = button("play", () => (store.frame?.playing ? session.pause() : session.play()), {
    sign: SIGNS.play,
    kind: "play",
  });
  const again = (key, sign, act) => button(key, act, { sign });
  const buttons = element("div", { class: "buttons" });
  buttons.append(
    again("rewind", SIGNS.rewind, () => session.rewind()),
    play,
    again("step_epoch", SIGNS.epoch, () => session.stepEpoch()),
    again("step_batch", SIGNS.batch, () => session.stepBatch()),
    again("step_layer", SIGNS.layer, () => session.stepLayer()),
    again("reset", SIGNS.reset, () => store.reset()),
    ...undoing(store),
  );
  place.append(buttons, counter(store), pace(store));
  let playing = null;
  const draw = () => {
    play.innerHTML = playing ? SIGNS.pause : SIGNS.play;
    for (const name of ["aria-label", "title"]) {
      play.setAttribute(name, translate(playing ? "pause" : "play"));
    }
    play.classList.toggle("on", Boolean(playing));
  };
  onLanguageChange(draw);
  store.watch("frame", (frame) => {
    if (frame.playing === playing) return;
    playing = frame.playing;
    draw();
  });
}

/** Create the buttons that undo and redo changes. */
function undoing(store) {
  const { changes } = store;
  const undo = button("undo", () => changes.undo(), { sign: SIGNS.undo });
  const redo = button("redo", () => changes.redo(), { sign: SIGNS.redo });
  const show = () => {
    undo.disabled = !changes.past.length;
    redo.disabled = !changes.future.length;
  };
  store.watch("changes", show);
  show();
  return [undo, redo];
}

function counter(store) {
  const epoch = element("b", {}, "0");
  const more = element("small");
  const name = bindText(element("span"), () => translate("epochs_done"));
  const shown = element("p", { class: "counter" }, name, epoch, more);
  store.watch("frame", (frame) => {
    epoch.textContent = formatNumber(frame.epoch, 9);
    const { batch, phase } = frame;
    const parts = batch ? [translate("batch_now", { batch })] : [];
    if (phase) parts.push(translate(`phase_${phase.way}`, phase));
    if (frame.playing && frame.rate) {
      parts.push(translate("per_second", { rate: formatNumber(frame.rate, 2) }));
    }
    if (frame.engine === "native") parts.push(translate("engine_native"));
    if (frame.isNative) parts.push(translate("native_bits"));
    more.textContent = parts.join(" · ");
  });
  return shown;
}

function speed(store) {
  const options = () =>
    SPEEDS.map((rate) => [rate, rate ? translate("speed_of", { rate }) : translate("speed_full")]);
  const made = choice("speed", options, (rate) => store.change({ view: { speed: Number(rate) } }));
  store.bind(made, ({ view }) => view.speed ?? 0);
  return made.element;
}

/** Create the controls of speed and stopping rules; an empty rule is off. */
function pace(store) {
  const rule = (key, kind, ladder) => {
    const take = (value) => {
      const stop = { ...store.state.stop, [key]: value };
      if (value === null) delete stop[key];
      store.change({ stop: Object.keys(stop).length ? stop : null });
    };
    const made = numeric(`stop_${key}`, kind, take, { ladder, optional: true });
    store.bind(made, ({ stop }) => stop?.[key] ?? null);
    return made.element;
  };
  const panel = element("div");
  panel.append(
    speed(store),
    translated("h3", "stop"),
    rule("epoch", STOP.epoch, EPOCH_LADDER),
    rule("loss", STOP.loss, LOSS_LADDER),
    rule("patience", STOP.patience, EPOCH_LADDER),
  );
  return menu("pace", panel);
}
