// Is it learning: how much a step changes each layer's weights, and which neurons are silent.

import { element, numberSaid, percentSaid, say, speak, visible } from "../../shared/words.js";
import { table } from "./chart.js";
import { askerOf, button, listed, rarely, viewIn } from "./view.js";

/** A step that changes weights by less than the first does next to nothing, by more jumps. */
const [SLOW, FAST] = [1e-5, 0.03];
/** A net whose loss is less than this share of what it was at first has little left to learn. */
const LEARNT = 0.01;
/** A change that is less than this is not told apart from others. */
const LEAST = 1e-6;
/** The share of rows at an activation's end from which a neuron counts as saturated. */
const NEARLY_ALL = 0.95;
/** The ends of the activations that have any, and how near to them the slope is lost. */
const ENDS = { Tanh: [-1, 1], Sigmoid: [0, 1] };
const NEAR = 0.03;
/** Those that give 0 where they are dead. */
const DYING = ["ReLU"];

/** The health of a session's net in `place`. */
export function healthIn(place, session) {
  const view = viewIn(place, "health", draw);
  const lead = speak(element("p", { class: "lead" }), () => say("health_lead"));
  const tables = element("div", { class: "wide" });
  const words = element("div", { class: "said" });
  view.body.append(lead, tables, words, doctorOf(session));
  const seen = { change: null, version: null, layers: [] };
  const activationsOf = askerOf(session, "activations", view, (layers) => {
    seen.layers = layers;
    show();
  });
  const changeOf = askerOf(session, "change", view, ({ change }) => {
    seen.change = change;
    show();
  });
  const look = rarely(() => {
    changeOf({});
    activationsOf({});
  }, 500);

  function draw(frame) {
    if (frame.version !== seen.version)
      Object.assign(seen, { version: frame.version, change: null, layers: [] });
    look();
  }

  function show() {
    if (!view.last) return;
    const rows = weightRows(view.last, session.names, seen.change);
    const head = ["layer", "weights", "gradient", "ratio"].map((key) => say(`health_${key}`));
    const made = [table(say("health_arrays"), head, rows)];
    if (seen.layers.length) made.push(unitTable(seen.layers));
    tables.replaceChildren(...made);
    words.replaceChildren(...judged(seen.layers));
  }
  return view;
}

const slice = (array, { offset, shape }) =>
  array.subarray(offset, offset + shape.reduce((product, n) => product * n, 1));

function size(values) {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** Each array's size, that of its gradient, and what the next step changes of it. */
function weightRows({ parameters, gradients, losses, history }, names, change) {
  const hasLearnt = losses.train < LEARNT * history.train[0];
  const number = (value) => (Number.isFinite(value) ? numberSaid(value, 3) : say("no_number"));
  return names.map((name) => {
    const sizeOf = (array) => size(slice(array, name));
    const of = sizeOf(parameters);
    const isKnown = of !== 0 && change?.length === parameters.length; // of 0 nothing is a share
    const ratio = isKnown ? sizeOf(change) / of : null;
    const judged =
      ratio === null
        ? "–"
        : percentSmall(ratio) + say("remark", { what: say(verdict(ratio, hasLearnt)) });
    return [name.name, number(of), number(sizeOf(gradients)), judged];
  });
}

const percentSmall = (ratio) =>
  !Number.isFinite(ratio)
    ? say("no_number")
    : ratio > 0 && ratio < LEAST
      ? `< ${numberSaid(100 * LEAST)} %`
      : `${numberSaid(100 * ratio, 2)} %`;

function verdict(ratio, hasLearnt) {
  if (ratio === 0) return "health_still";
  if (ratio < SLOW) return hasLearnt ? "health_learnt" : "health_slow";
  return ratio > FAST || !Number.isFinite(ratio) ? "health_fast" : "health_fine";
}

/** Which neurons of a layer are dead, and which are saturated, by their numbers from 0. */
export function silent({ activation, units, n, values }) {
  const dead = [];
  const saturated = [];
  const [low, high] = ENDS[activation] ?? [NaN, NaN];
  const near = NEAR * (high - low);
  for (let unit = 0; unit < units && n; unit++) {
    let [zeros, ends] = [0, 0];
    for (let i = 0; i < n; i++) {
      const value = values[i * units + unit];
      zeros += value === 0;
      ends += value < low + near || value > high - near;
    }
    if (DYING.includes(activation) && zeros === n) dead.push(unit);
    if (ends >= NEARLY_ALL * n) saturated.push(unit);
  }
  return { dead, saturated };
}

function unitTable(layers) {
  const rows = layers.map((layer) => {
    const { dead, saturated } = silent(layer);
    const named = (units) => (units.length ? listed(units.map((unit) => unit + 1)) : "–");
    const share = (units) =>
      units.length ? say("remark", { what: percentSaid(units.length / layer.units) }) : "";
    return [
      `${layer.column} ${layer.activation ?? ""}`,
      String(layer.units),
      named(dead) + share(dead),
      named(saturated) + share(saturated),
    ];
  });
  const head = ["layer", "units", "dead", "saturated"].map((key) => say(`health_${key}`));
  return table(say("health_silent"), head, rows);
}

function judged(layers) {
  const all = layers.map(silent);
  const said = ["dead", "saturated"].filter((kind) => all.some((layer) => layer[kind].length));
  const keys = said.length ? said.map((kind) => `health_${kind}_said`) : ["health_none"];
  return layers.length ? keys.map((key) => element("p", {}, say(key))) : [];
}

/** The doctor's words, which need a library near; where none is, that is said. */
function doctorOf(session) {
  if (!session.server)
    return speak(element("p", { class: "hint" }), () => say("health_doctor_away"));
  const said = element("div", { class: "findings", role: "status" });
  const ask = button("health_doctor", async () => {
    ask.disabled = true;
    try {
      const found = await session.server.doctor(await session.request("model"));
      const list = element("ol", {}, ...found.map(finding));
      said.replaceChildren(found.length ? list : say("health_well"));
    } catch ({ came, expected, hint, gone, message }) {
      const why = gone
        ? say("server_gone")
        : [came ?? message, expected, hint].filter(Boolean).join(" ");
      said.replaceChildren(say("not_computed", { why }));
    }
    ask.disabled = false;
  });
  return element("div", {}, ask, said);
}

function finding({ name, where, evidence, advice }) {
  const head = element("b", {}, [name, where].filter(Boolean).map(visible).join(" · "));
  const parts = [evidence, advice].map((text) => element("p", {}, visible(text ?? "")));
  return element("li", {}, head, ...parts);
}
