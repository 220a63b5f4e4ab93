// Self-check of the page: predicts its reference rows and compares with the model's predictions.

import { rowsIn } from "./packed.js";
import { encodedTexts } from "./table.js";

/** Encoded reference rows: numbers as bytes, or the cells of a table as texts. */
export const proofRows = ({ columns, reading, rows }) =>
  rows.bytes ? rowsIn(rows) : rows.map((texts) => encodedTexts(columns, texts, reading));

/**
 * Count `rows` and those whose predictions are `apart` from the model's, and the `most` they
 * differ.
 */
export function checked({ columns, reading, proof }, predict) {
  let apart = 0;
  let most = 0;
  const rows = proofRows({ columns, reading, rows: proof.rows });
  rows.forEach((row, i) => {
    const found = [...predict(row)];
    const expected = proof.answers[i].map(Number); // JSON has no infinities and NaN: they are texts
    const differ = found.filter((value, k) => !Object.is(value, expected[k]));
    apart += differ.length > 0;
    const sizes = found.map((value, k) => Math.abs(value - expected[k])).filter(Number.isFinite);
    most = Math.max(most, ...sizes);
  });
  return { rows: rows.length, apart, most };
}
