// Self-check of the page: predicts its reference rows and compares with the model's predictions.

import { encodedTexts } from "./table.js";

/**
 * Count `rows` and those whose predictions are `apart` from the model's, and the `most` they
 * differ.
 */
export function checked({ columns, reading, proof }, predict) {
  let apart = 0;
  let most = 0;
  proof.rows.forEach((texts, i) => {
    const found = [...predict(encodedTexts(columns, texts, reading))];
    const expected = proof.answers[i].map(Number); // JSON has no infinities and NaN: they are texts
    const differ = found.filter((value, k) => !Object.is(value, expected[k]));
    apart += differ.length > 0;
    const sizes = found.map((value, k) => Math.abs(value - expected[k])).filter(Number.isFinite);
    most = Math.max(most, ...sizes);
  });
  return { rows: proof.rows.length, apart, most };
}
