// Constants of traced layers: functions of a setting, and multiples of the number of rows.

import { log_double } from "./functions.js";
import { N } from "./symbolic_sizes.js";

// Functions of a setting s and the width k, as in `learn/playground/pages.py`.
const FORMULAS = {
  s: (s) => s,
  "-s": (s) => -s,
  "1-s": (s) => 1 - s,
  "-(1-s)": (s) => -(1 - s),
  "2s-1": (s) => 2 * s - 1,
  "1-2s": (s) => 1 - 2 * s,
  "s/2": (s) => s / 2,
  "(1-s)/2": (s) => (1 - s) / 2,
  "s/k": (s, k) => s / k,
};

// Functions of the number of rows, as in `graph/symbolic.py`.
const SCALINGS = {
  "{k}/n": (k, n) => k / n,
  "{k}*n": (k, n) => k * n,
  "{k}*n**0.5": (k, n) => k * Math.sqrt(n),
  "{k}/n**0.5": (k, n) => k / Math.sqrt(n),
  "{k}/(n - 1)": (k, n) => k / (n - 1),
  "{k}*n/(n - 1)": (k, n) => (k * n) / (n - 1),
  "{k}*(n - 1)/n": (k, n) => (k * (n - 1)) / n,
  "{k}/n**2": (k, n) => k / (n * n),
  "{k}*n**2": (k, n) => k * (n * n),
  "{k}*log(n)": (k, n) => k * log_double(n),
  "1/({k}*n)": (k, n) => 1 / (k * n),
};

/** Constant that depends on the number of rows; `text` is its formula. */
export class Following {
  constructor(text, at) {
    this.text = text;
    this.at = at;
  }
}

/** Linear constant: slope n + offset. */
export const linear = (slope, offset) =>
  new Following(`${slope}n+${offset}`, (n) => slope * n + offset);

/** Scaling of `SCALINGS` with the number k. */
export const scaled = (scaling, k) =>
  new Following(scaling.replace("{k}", k), (n) => SCALINGS[scaling](k, n));

/** Quotient of two constants. */
export const ratio = (a, b) =>
  new Following(`${textOf(a)}/${textOf(b)}`, (n) => valueAt(a, n) / valueAt(b, n));

/** Row numbers 0, 1, …, as an index. */
export const ROWS = new Following("rows", () => null);

/** Convert a size to a constant; one that depends on the rows still does. */
export function constantOf(size) {
  const slope = Math.round(size / N);
  return slope ? linear(slope, size - slope * N) : size;
}

/** Evaluate a constant for `n` rows. */
export const valueAt = (constant, n) => (constant instanceof Following ? constant.at(n) : constant);

/** Format a constant; equal constants have equal texts. */
export function textOf(constant) {
  if (constant instanceof Following) return constant.text;
  return Object.is(constant, -0) ? "-0" : String(constant);
}

/** Evaluate a function of `FORMULAS` for a trace's settings, by name, and its width. */
export function formulaOf([formula, name], settings, width) {
  const value = name === "k" ? width : settings[name];
  if (typeof value !== "number") throw new Error(`no setting ${name}`);
  return FORMULAS[formula](value, width);
}
