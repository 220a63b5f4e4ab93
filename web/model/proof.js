// Predictions of the reference rows in Node, for the check of an export.

import { predict } from "./net.js";
import { proofRows } from "./check.js";

/** Predict each row; infinities and NaN become texts, as JSON has none. */
export function main(data) {
  const told = (value) =>
    Number.isFinite(value) && !Object.is(value, -0) ? value : spelled(value);
  return proofRows(data).map((row) => predict([row]).flat(Infinity).map(told));
}

const spelled = (value) => (value === 0 ? "-0" : String(value));
