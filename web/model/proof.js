// The rows that came with the page, predicted where there is no page.

import { predict } from "./net.js";
import { encodedTexts } from "./table.js";

/** What the net says of each row of texts; what JSON has no number for as a text. */
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
