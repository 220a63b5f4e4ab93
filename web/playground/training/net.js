// Net of a state: its specification for the engine, and its initial weights.

import { Draws } from "./random_streams.js";
import { LOSSES, classesOf } from "./state.js";

/** Number of outputs of the net. */
export const outputsOf = (state) => (LOSSES[state.loss].binary ? 1 : Math.max(1, classesOf(state)));

/** Layers of a state's net, with sizes, as in the engine and in model files. */
export function layersOf(state) {
  const made = [];
  let width = state.inputs.length;
  const add = (layer, settings = {}, trainable = true) => made.push({ layer, settings, trainable });
  const linear = (units, trainable) => {
    add("Linear", { n_in: width, n_out: units }, trainable);
    width = units;
  };
  for (const { units, activation, normalization, dropout, frozen } of state.layers) {
    linear(units, !frozen);
    if (normalization) add(normalization, { n_features: units }, !frozen);
    if (activation) add(activation);
    if (dropout) add("Dropout", { p: dropout });
  }
  linear(outputsOf(state), true);
  const { last } = LOSSES[state.loss];
  if (last) add(last);
  return made;
}

/** Last layer of each column of units, inputs first. */
export function shownLayers(layers) {
  const linear = layers.flatMap(({ layer }, i) => (layer === "Linear" ? [i] : []));
  return [-1, ...linear.slice(1).map((i) => i - 1), layers.length - 1];
}

/** Activation of each column of units but the inputs; null if there is none. */
export const activationsOf = (state) => [
  ...state.layers.map(({ activation }) => activation),
  LOSSES[state.loss].last ?? null,
];

/** Arguments of the engine's Model. */
export const modelOf = (state) => ({
  layers: layersOf(state),
  loss: state.loss,
  optimizer: state.optimizer,
  penalty: state.penalty?.alpha ? state.penalty : null,
  clip: state.clip,
});

/** Key of all that cannot change during a training. */
export function modelKey({ optimizer, data, inputs, share, batch_size, shuffle, seed, ...rest }) {
  const { layers, initializer, loss, schedule, penalty, clip } = rest;
  const settings = { ...optimizer, learning_rate: 0 };
  const rows = [data, inputs, share, batch_size, shuffle, seed];
  return JSON.stringify([rows, layers, initializer, loss, schedule, penalty, clip, settings]);
}

/** Initializers: bound or standard deviation by the inputs and outputs of a layer. */
const SPREADS = {
  he: (n) => 2 / n,
  xavier: (n, m) => 2 / (m + n),
};
const BOUNDS = {
  lecun: (n) => 3 / n,
  he: (n) => 6 / n,
  xavier: (n, m) => 6 / (m + n),
};

/** Draw a model's initial weights from a seed. */
export function drawFirstWeights(model, initializer, seed) {
  const draws = new Draws(seed, 1);
  const [family, kind] = initializer.split("_");
  for (const { name, shape, offset } of model.names) {
    if (!name.endsWith(".W") || shape.length !== 2) continue;
    const [m, n] = shape;
    const weights = model.parameters.subarray(offset, offset + m * n);
    if (kind === undefined) weights.fill(0);
    else if (kind === "normal") {
      const spread = family === "lecun" ? 1 / Math.sqrt(n) : Math.sqrt(SPREADS[family](n, m));
      for (let i = 0; i < weights.length; i++) weights[i] = draws.normal(0, spread);
    } else {
      const bound = Math.sqrt(BOUNDS[family](n, m));
      for (let i = 0; i < weights.length; i++) weights[i] = draws.uniform(-bound, bound);
    }
  }
}
