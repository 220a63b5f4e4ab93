// Rows of a state: raw data, input features, training and test split.

import { unpacked } from "./base64.js";
import { rowFunction } from "./formulas.js";
import { Draws } from "./random_streams.js";
import { classesOf } from "./state.js";
import { toyRows } from "./toy_sets.js";

/** Error in the data, `{ key, … }` as a problem of a state. */
export class DataProblem extends Error {
  constructor(key, values) {
    super(`${key} ${JSON.stringify(values)}`);
    this.problem = { key, ...values };
  }
}

/**
 * Rows of a state: `{ names, classes, n, width, x (n · width), y (n) }`, float32.
 *
 * `classes` are names, or null in a regression.
 */
export function rowsOf(state) {
  const { data } = state;
  const isClasses = data.problem === "classification";
  if (data.kind === "rows") {
    const { names, classes, x, y } = data.rows;
    const rows = { names, classes: isClasses ? classes : null, x: unpacked(x), y: unpacked(y) };
    return { ...rows, n: rows.y.length, width: names.length };
  }
  const { x, y } = readable("data.formula", data.formula, () => toyRows(data));
  const bad = y.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new DataProblem("notFinite", { field: "data.formula", value: data.formula, row: bad });
  }
  const classes = isClasses ? Array.from({ length: classesOf(state) }, (_, c) => String(c)) : null;
  return { names: ["x1", "x2"], classes, n: y.length, width: 2, x, y };
}

/** Functions of a row that compute the net's inputs: column names, or formulas. */
export function inputFunctions(names, inputs) {
  const numbered = names.map((_, i) => [`x${i + 1}`, i]);
  const places = new Map([...numbered, ...names.map((name, i) => [name, i])]);
  return inputs.map((text) => {
    const i = names.indexOf(text);
    if (i >= 0) return (row) => row[i];
    return readable("inputs", text, () => rowFunction(text, places));
  });
}

/** Parse the formula of a field; a failure becomes a problem of the field. */
function readable(field, value, make) {
  try {
    return make();
  } catch (error) {
    if (error?.name !== "FormulaError") throw error;
    throw new DataProblem(error.key, { ...error.values, field, value });
  }
}

/** Inputs of a net for rows of `width` numbers: (n · inputs) in float32. */
export function inputsOf(functions, x, width) {
  const n = x.length / width;
  const found = new Float32Array(n * functions.length);
  for (let i = 0, place = 0; i < n; i++) {
    const row = x.subarray(i * width, (i + 1) * width);
    for (const f of functions) found[place++] = f(row);
  }
  return found;
}

/** Check that all inputs are finite; `texts` are their formulas. */
export function checkInputs(found, texts) {
  const bad = found.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const row = Math.floor(bad / texts.length);
  throw new DataProblem("notFinite", { field: "inputs", value: texts[bad % texts.length], row });
}

/** Shuffled indices of training and test rows. */
export function splitOf(n, share, seed) {
  const order = new Draws(seed, 2).permutation(n);
  const train = n > 1 ? Math.min(Math.max(Math.floor((n * share) / 100), 1), n - 1) : n;
  return { train: order.subarray(0, train), test: order.subarray(train) };
}

/** Gather rows by index; each has `width` numbers. */
export function taken(numbers, width, order) {
  const found = new Float32Array(order.length * width);
  for (let i = 0; i < order.length; i++) {
    const begin = order[i] * width;
    found.set(numbers.subarray(begin, begin + width), i * width);
  }
  return found;
}
