// Predictions of the reference rows in Node, for the check of an export.

import { predict } from "./net.js";
import { encodedTexts } from "./table.js";

/** Predict each row of texts; infinities and NaN become texts, as JSON has none. */
export function main({ columns, rows, reading }) {
  const told = (value) =>
    Number.isFinite(value) && !Object.is(value, -0) ? value : spelled(value);
  return rows.map((texts) =>
    predict([encodedTexts(columns, texts, reading)])
      .flat(Infinity)
      .map(told),
  );
}

const spelled = (value) => (value === 0 ? "-0" : String(value));
