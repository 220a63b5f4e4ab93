// Hyperparameter controls: learning rate, loss, optimizer, schedule, penalty, gradient clipping.

import { element, translate } from "../../shared/words.js";
import { alternatives, choices, faultOf, schemaAt } from "../training/schema.js";
import { LOSSES, classesOf, fitting } from "../training/state.js";
import { choice, numeric, disclosure, toggle, field } from "./elements.js";

/** Learning rates of TensorFlow Playground, for the stepper buttons; any other may be typed. */
export const RATES = [0.00001, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const ALPHAS = [0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const LENGTHS = [0.1, 0.5, 1, 2, 5, 10];
const LADDERS = {
  momentum: [0, 0.5, 0.8, 0.9, 0.95, 0.99],
  weight_decay: [0, 0.0001, 0.001, 0.01, 0.1],
  epochs: [10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
  alpha: ALPHAS,
  every: [0.05, 0.1, 0.2, 0.25, 0.5],
};
/** Names of settings in `state.hide` that differ from the key. */
const NAMES = { alpha: "penalty_rate" };
/** Settings without effect while another one is 0. */
const NEEDED = { nesterov: "momentum" };
const TWENTIETHS = Array.from({ length: 21 }, (_, i) => i / 20);

/** Default learning rates of optimizers. */
const USUAL_RATES = { SGD: 0.03, Adagrad: 0.03, RMSprop: 0.003, Lion: 0.001 };
const usualRate = (name) => USUAL_RATES[name] ?? 0.01;

/** Schemas of optimizers, schedules or penalties by name. */
const kindsOf = (part) => alternatives(schemaAt(part));

const RATE = kindsOf("optimizer").SGD.properties.learning_rate;
const { activation: ACTIVATION } = schemaAt("layers").items.properties;

/** Create the controls: a row of common ones, and a disclosure with the others. */
export function hyperparameterControls(store, place) {
  const first = element("div", { class: "fields" });
  first.append(rate(store), loss(store), optimizer(store), activation(store), penalty(store));
  const more = element("div", { class: "fields" });
  more.append(schedule(store), initializer(store), clip(store));
  place.append(
    first,
    settingsOf(store, "penalty"),
    disclosure(
      "more_learning",
      settingsOf(store, "optimizer"),
      more,
      settingsOf(store, "schedule"),
    ),
  );
}

const named = (prefix, names) => () => names.map((name) => [name, translate(`${prefix}_${name}`)]);

function rate(store) {
  const take = (learning_rate) =>
    store.change({ optimizer: { ...store.state.optimizer, learning_rate } });
  const made = numeric("learning_rate", RATE, take, { ladder: RATES });
  store.bind(made, ({ optimizer }) => optimizer.learning_rate);
  return made.element;
}

function loss(store) {
  const options = () => {
    const { problem } = store.state.data;
    const many = classesOf(store.state) > 2;
    return fitting(LOSSES, problem)
      .filter((name) => !(many && LOSSES[name].binary))
      .map((name) => [name, translate(`loss_${name}`)]);
  };
  const made = choice("loss", options, (name) => store.change({ loss: name }));
  store.bind(made, (state) => {
    made.rewrite();
    return state.loss;
  });
  return made.element;
}

function optimizer(store) {
  const options = () => Object.keys(kindsOf("optimizer")).map((name) => [name, name]);
  const take = (name) => {
    const before = store.state.optimizer;
    const kept = before.learning_rate === usualRate(before.name);
    const learning_rate = kept ? usualRate(name) : before.learning_rate;
    store.change({ optimizer: { name, learning_rate } });
  };
  const made = choice("optimizer", options, take);
  store.bind(made, (state) => state.optimizer.name);
  return made.element;
}

/** Create the list for the activation of all hidden layers; it shows if they differ. */
function activation(store) {
  const options = () =>
    choices(ACTIVATION)
      .map((name) => name ?? "linear")
      .map((name) => [name, translate(`activation_${name}`)]);
  const take = (name) => {
    const chosen = name === "linear" ? null : name;
    store.change({ layers: store.state.layers.map((layer) => ({ ...layer, activation: chosen })) });
  };
  const made = choice("activation", () => [...options(), ...several(store.state)], take);
  store.bind(made, (state) => {
    made.rewrite();
    made.input.disabled = !state.layers.length;
    return several(state).length ? "several" : (state.layers[0]?.activation ?? "linear");
  });
  return made.element;
}

const several = ({ layers }) =>
  new Set(layers.map((layer) => layer.activation)).size > 1
    ? [["several", translate("several")]]
    : [];

function penalty(store) {
  const options = () => [
    ["none", translate("none")],
    ...named("penalty", Object.keys(kindsOf("penalty")))(),
  ];
  const take = (name) => {
    const alpha = store.state.penalty?.alpha || 0.001;
    const l1_ratio = name === "ElasticNetPenalty" ? { l1_ratio: 0.5 } : {};
    store.change({ penalty: name === "none" ? null : { name, alpha, ...l1_ratio } });
  };
  const made = choice("penalty", options, take);
  store.bind(made, (state) => state.penalty?.name ?? "none");
  return made.element;
}

function schedule(store) {
  const options = () => [
    ["none", translate("constant")],
    ...named("schedule", Object.keys(kindsOf("schedule")))(),
  ];
  const take = (name) => {
    const epochs = store.state.schedule?.epochs ?? 100;
    store.change({ schedule: name === "none" ? null : { name, epochs } });
  };
  const made = choice("schedule", options, take);
  store.bind(made, (state) => state.schedule?.name ?? "none");
  return made.element;
}

function initializer(store) {
  const made = choice(
    "initializer",
    named("initializer", choices(schemaAt("initializer"))),
    (initializer) => store.change({ initializer }),
  );
  store.bind(made, (state) => state.initializer);
  return made.element;
}

function clip(store) {
  const take = (clip) => store.change({ clip });
  const made = numeric("clip", schemaAt("clip"), take, {
    ladder: LENGTHS,
    optional: true,
  });
  store.bind(made, (state) => state.clip);
  return made.element;
}

/**
 * Create the controls for the settings of an optimizer, schedule or penalty, the `part` of the
 * state; rebuilt when another is chosen.
 */
function settingsOf(store, part) {
  const place = element("div", { class: "fields", "data-settings": part });
  let shown;
  let controls = [];
  const take = (key, value) => store.change({ [part]: { ...store.state[part], [key]: value } });
  store.watch("state", write);
  function write() {
    const chosen = store.state[part];
    if (shown !== (chosen?.name ?? null)) {
      shown = chosen?.name ?? null;
      controls = shown
        ? Object.entries(kindsOf(part)[shown].properties).flatMap(([key, schema]) =>
            settingFor(key, schema, take),
          )
        : [];
      place.replaceChildren(...controls.map(([, control]) => control.element));
      place.hidden = !controls.length;
    }
    for (const [key, control] of controls) {
      control.set(chosen[key] ?? kindsOf(part)[shown].properties[key].default);
      control.input.disabled = key in NEEDED && !chosen[NEEDED[key]];
    }
  }
  write();
  return place;
}

function settingFor(key, schema, take) {
  if (key === "learning_rate" || key === "name") return [];
  if (schema.type === "boolean") return [[key, toggle(key, (value) => take(key, value))]];
  if (schema.type === "array") return [[key, pairOf(key, schema, (value) => take(key, value))]];
  const more = { ladder: LADDERS[key] ?? ladderFor(schema), name: NAMES[key] };
  return [[key, numeric(key, schema, (value) => take(key, value), more)]];
}

/** Steps of a setting: twentieths for fractions, 1 for integers. */
const ladderFor = ({ type }) => (type === "integer" ? undefined : TWENTIETHS);

/** Create fields for a pair of numbers, such as Adam's betas. */
function pairOf(key, schema, take) {
  const input = element("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
  const wrong = element("span", { class: "wrong", role: "alert" });
  const whole = field(key, input, { after: wrong });
  const show = (text, fault) => {
    input.value = text;
    wrong.textContent = fault ? translate("fault_pair", { text }) : "";
    input.setAttribute("aria-invalid", String(Boolean(fault)));
  };
  input.addEventListener("change", () => {
    const value = input.value.split(/[,;，；\s]+/).map(Number);
    const fault = faultOf(schema, value);
    show(input.value, fault);
    if (!fault) take(value);
  });
  return { element: whole, input, set: (value) => show(value.join(", "), null) };
}
