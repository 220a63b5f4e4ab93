// The rows that came with the page, predicted anew and held against the model's own answers.

import { encodedTexts } from "./table.js";

/** How many `rows` there are, how many have answers `apart` from the model's, by `most` at most. */
export function checked({ columns, reading, proof }, predict) {
  let apart = 0;
  let most = 0;
  proof.rows.forEach((texts, i) => {
    const found = [...predict(encodedTexts(columns, texts, reading))];
    const expected = proof.answers[i].map(Number); // what is no finite number is a text in JSON
    const differ = found.filter((value, k) => !Object.is(value, expected[k]));
    apart += differ.length > 0;
    const sizes = found.map((value, k) => Math.abs(value - expected[k])).filter(Number.isFinite);
    most = Math.max(most, ...sizes);
  });
  return { rows: proof.rows.length, apart, most };
}
