// Toy datasets: the formulas of ../state.schema.json for each row, bit-identical to Python's.

import { rowFunction } from "./formulas.js";
import { Draws } from "./random_streams.js";
import { SETS } from "./state.js";

/** Draws for each row, the same in every dataset: noise moves the same points. */
const DRAWN = 6;

/** Rows of a toy dataset, `data` of a state: `{ x (n · 2), y (n) }`, float32. */
export function toyRows({ kind, n, noise, seed, classes, formula }) {
  const draws = new Draws(seed, 0);
  const given = { n, k: classes, noise: noise / 100, i: 0 };
  const drawn = Array.from({ length: DRAWN }, (_, j) => `u${j}`);
  const places = new Map([...Object.keys(given), ...drawn].map((name, i) => [name, i]));
  const steps = SETS[kind].rows.map((line) => {
    const [name, text] = line.split(" = ");
    const columns = new Map(["x1", "x2"].map((column) => [column, places.get(column)]));
    const work = text === "formula" ? rowFunction(formula, columns) : rowFunction(text, places);
    places.set(name, places.size);
    return work;
  });
  const [x, y] = [new Float32Array(2 * n), new Float32Array(n)];
  for (let i = 0; i < n; i++) {
    const row = [...Object.values({ ...given, i }), ...drawn.map(() => draws.random())];
    for (const step of steps) row.push(step(row));
    [x[2 * i], x[2 * i + 1], y[i]] = ["x1", "x2", "y"].map((name) => row[places.get(name)]);
  }
  return { x, y };
}
