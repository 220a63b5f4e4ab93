// Training health: how much a step changes each layer's weights, and inactive neurons.

import {
  element,
  formatNumber,
  formatPercent,
  translate,
  bindText,
  visible,
} from "../../shared/words.js";
import { table } from "./chart.js";
import { requesterOf, button, listed, throttle, viewIn } from "./view.js";

/** Relative updates below the first are too small, above the second too large. */
const [SLOW, FAST] = [1e-5, 0.03];
/** Fraction of the initial loss below which little is left to learn. */
const LEARNT = 0.01;
/** Relative updates below this are displayed as this. */
const LEAST = 1e-6;
/** Fraction of rows at an activation's limits from which a neuron counts as saturated. */
const NEARLY_ALL = 0.95;
/** Limits of bounded activations, and the distance at which the slope vanishes. */
const ENDS = { Tanh: [-1, 1], Sigmoid: [0, 1] };
const NEAR = 0.03;
/** Activations whose dead neurons output 0. */
const DYING = ["ReLU"];

/** Create the training-health view of a session in `place`. */
export function healthIn(place, session) {
  const view = viewIn(place, "health", draw);
  const lead = bindText(element("p", { class: "lead" }), () => translate("health_lead"));
  const tables = element("div", { class: "wide" });
  const words = element("div", { class: "said" });
  view.body.append(lead, tables, words, doctorOf(session));
  const seen = { change: null, version: null, layers: [] };
  const activationsOf = requesterOf(session, "activations", view, (layers) => {
    seen.layers = layers;
    show();
  });
  const changeOf = requesterOf(session, "change", view, ({ change }) => {
    seen.change = change;
    show();
  });
  const look = throttle(() => {
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
    const head = ["layer", "weights", "gradient", "ratio"].map((key) => translate(`health_${key}`));
    const made = [table(translate("health_arrays"), head, rows)];
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

/** Norms of each array and its gradient, and the relative size of the next update. */
function weightRows({ parameters, gradients, losses, history }, names, change) {
  const hasLearnt = losses.train < LEARNT * history.train[0];
  const number = (value) =>
    Number.isFinite(value) ? formatNumber(value, 3) : translate("no_number");
  return names.map((name) => {
    const sizeOf = (array) => size(slice(array, name));
    const of = sizeOf(parameters);
    const isKnown = of !== 0 && change?.length === parameters.length; // a fraction of 0 is undefined
    const ratio = isKnown ? sizeOf(change) / of : null;
    const judged =
      ratio === null
        ? "–"
        : percentSmall(ratio) + translate("remark", { what: translate(verdict(ratio, hasLearnt)) });
    return [name.name, number(of), number(sizeOf(gradients)), judged];
  });
}

const percentSmall = (ratio) =>
  !Number.isFinite(ratio)
    ? translate("no_number")
    : ratio > 0 && ratio < LEAST
      ? `< ${formatNumber(100 * LEAST)} %`
      : `${formatNumber(100 * ratio, 2)} %`;

function verdict(ratio, hasLearnt) {
  if (ratio === 0) return "health_still";
  if (ratio < SLOW) return hasLearnt ? "health_learnt" : "health_slow";
  return ratio > FAST || !Number.isFinite(ratio) ? "health_fast" : "health_fine";
}

/** Indices of dead and saturated neurons of a layer. */
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
      units.length ? translate("remark", { what: formatPercent(units.length / layer.units) }) : "";
    return [
      `${layer.column} ${layer.activation ?? ""}`,
      String(layer.units),
      named(dead) + share(dead),
      named(saturated) + share(saturated),
    ];
  });
  const head = ["layer", "units", "dead", "saturated"].map((key) => translate(`health_${key}`));
  return table(translate("health_silent"), head, rows);
}

function judged(layers) {
  const all = layers.map(silent);
  const said = ["dead", "saturated"].filter((kind) => all.some((layer) => layer[kind].length));
  const keys = said.length ? said.map((kind) => `health_${kind}_said`) : ["health_none"];
  return layers.length ? keys.map((key) => element("p", {}, translate(key))) : [];
}

/** Create the findings of the doctor, which needs a server; a hint without one. */
function doctorOf(session) {
  if (!session.server)
    return bindText(element("p", { class: "hint" }), () => translate("health_doctor_away"));
  const said = element("div", { class: "findings", role: "status" });
  const ask = button("health_doctor", async () => {
    ask.disabled = true;
    try {
      const found = await session.server.doctor(await session.request("model"));
      const list = element("ol", {}, ...found.map(finding));
      said.replaceChildren(found.length ? list : translate("health_well"));
    } catch ({ came, expected, hint, gone, message }) {
      const why = gone
        ? translate("server_gone")
        : [came ?? message, expected, hint].filter(Boolean).join(" ");
      said.replaceChildren(translate("not_computed", { why }));
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
