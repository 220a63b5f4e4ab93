// Constants of traced layers: formulas of a setting, and multiples of the number of rows.

import { log_double } from "./functions.js";
import { N } from "./symbolic_sizes.js";

// As `learn/playground/pages.py` has them: s is a setting, k the width.
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

// As `graph/symbolic.py` has them.
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

/** A constant that follows the number of rows; `text` says how. */
export class Following {
  constructor(text, at) {
    this.text = text;
    this.at = at;
  }
}

/** slope n + offset. */
export const linear = (slope, offset) =>
  new Following(`${slope}n+${offset}`, (n) => slope * n + offset);

/** A scaling of `SCALINGS`, with the number k. */
export const scaled = (scaling, k) =>
  new Following(scaling.replace("{k}", k), (n) => SCALINGS[scaling](k, n));

/** The quotient of two constants. */
export const ratio = (a, b) =>
  new Following(`${textOf(a)}/${textOf(b)}`, (n) => valueAt(a, n) / valueAt(b, n));

/** The numbers of the rows, 0, 1, …, as an index. */
export const ROWS = new Following("rows", () => null);

/** A size as a constant: one that follows the rows stays so. */
export function constantOf(size) {
  const slope = Math.round(size / N);
  return slope ? linear(slope, size - slope * N) : size;
}

/** What a constant is for `n` rows. */
export const valueAt = (constant, n) => (constant instanceof Following ? constant.at(n) : constant);

/** A constant as text: the same for the same constants. */
export function textOf(constant) {
  if (constant instanceof Following) return constant.text;
  return Object.is(constant, -0) ? "-0" : String(constant);
}

/** What a formula gives for the settings of a page, by name, and its width. */
export function formulaOf([formula, name], settings, width) {
  const value = name === "k" ? width : settings[name];
  if (typeof value !== "number") throw new Error(`no setting ${name}`);
  return FORMULAS[formula](value, width);
}
