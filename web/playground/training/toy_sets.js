// Toy datasets, bit-identical to handgrad.learn.playground.toy_data.

import { rowFunction } from "./formulas.js";
import { cos, log, sin } from "./functions.js";
import { Draws } from "./random_streams.js";

/** Draws for each row, the same in every dataset: noise moves the same points. */
const DRAWN = 6;
const PLACES = new Map([
  ["x1", 0],
  ["x2", 1],
]);
const PI = 3.141592653589793;
const HUMPS = [
  [-4, 2.5, 1],
  [0, 2.5, -1],
  [4, 2.5, 1],
  [-4, -2.5, -1],
  [0, -2.5, 1],
  [4, -2.5, -1],
];

const normal = (u, v) => Math.sqrt(-2 * log(1 - u)) * cos(2 * PI * v);
const around = (u, most) => (2 * u - 1) * most;

/**
 * Datasets; each returns x1, x2 and the class or target of row i of n: `u` are its draws from [0,
 * 1), `noise` a fraction from 0 to 0.5, `k` the classes, `f` the formula.
 */
const SETS = {
  circle({ i, u, noise }) {
    const radius = i % 2 ? 2.5 * u[0] : 3.5 + 1.5 * u[0];
    const angle = 2 * PI * u[1];
    const [x1, x2] = [radius * sin(angle), radius * cos(angle)];
    const [z1, z2] = [x1 + around(u[2], 5) * noise, x2 + around(u[3], 5) * noise];
    return [x1, x2, z1 * z1 + z2 * z2 < 6.25 ? 1 : 0];
  },
  xor({ u, noise }) {
    const [x1, x2] = [padded(around(u[0], 5)), padded(around(u[1], 5))];
    const same = (x1 + around(u[2], 5) * noise) * (x2 + around(u[3], 5) * noise) >= 0;
    return [x1, x2, same ? 1 : 0];
  },
  gauss({ i, u, noise, k }) {
    const angle = 1.25 * PI + (2 * PI * (i % k)) / k;
    const deviation = Math.sqrt(0.5 + 7 * noise);
    const [z1, z2] = [normal(u[0], u[1]), normal(u[2], u[3])];
    const far = Math.sqrt(8);
    return [far * cos(angle) + deviation * z1, far * sin(angle) + deviation * z2, i % k];
  },
  spiral({ i, n, u, noise, k }) {
    const along = Math.floor(i / k) / Math.ceil(n / k);
    const turn = 3.5 * PI * along + (2 * PI * (i % k)) / k;
    const radius = 5 * along;
    const [z1, z2] = [around(u[0], 1) * noise, around(u[1], 1) * noise];
    return [radius * sin(turn) + z1, radius * cos(turn) + z2, i % k];
  },
  moons({ i, u, noise }) {
    const angle = PI * u[0];
    const [a, b] = [cos(angle), sin(angle)];
    const [x1, x2] = i % 2 ? [1 - a, 0.5 - b] : [a, b];
    const [z1, z2] = [normal(u[1], u[2]) * noise, normal(u[3], u[4]) * noise];
    return [3.2 * (x1 - 0.5) + 2 * z1, 3.2 * (x2 - 0.25) + 2 * z2, i % 2];
  },
  diagonal({ u, noise }) {
    const x1 = around(u[0], 5);
    const x2 = x1 + around(u[1], 1);
    return [x1, x2, x2 + 4 * noise * normal(u[2], u[3]) > x1 ? 1 : 0];
  },
  above({ u, noise, f }) {
    const [x1, x2] = [around(u[0], 6), around(u[1], 6)];
    return [x1, x2, x2 + 4 * noise * normal(u[2], u[3]) > f([x1, x2]) ? 1 : 0];
  },
  plane({ u, noise }) {
    const [x1, x2] = [around(u[0], 6), around(u[1], 6)];
    const [z1, z2] = [x1 + around(u[2], 6) * noise, x2 + around(u[3], 6) * noise];
    return [x1, x2, (z1 + z2) / 10];
  },
  "multi-gauss"({ u, noise }) {
    const [x1, x2] = [around(u[0], 6), around(u[1], 6)];
    const [z1, z2] = [x1 + around(u[2], 6) * noise, x2 + around(u[3], 6) * noise];
    let most = 0;
    for (const [c1, c2, height] of HUMPS) {
      const far = Math.sqrt((z1 - c1) * (z1 - c1) + (z2 - c2) * (z2 - c2));
      const here = far < 2 ? height * (1 - far / 2) : 0;
      if (Math.abs(here) > Math.abs(most)) most = here;
    }
    return [x1, x2, most];
  },
  formula({ u, noise, f }) {
    const [x1, x2] = [around(u[0], 6), around(u[1], 6)];
    return [x1, x2, f([x1, x2]) + 2 * noise * normal(u[2], u[3])];
  },
};

const padded = (x) => x + (x > 0 ? 0.3 : -0.3);

/** Rows of a toy dataset, `data` of a state: `{ x (n · 2), y (n) }`, float32. */
export function toyRows({ kind, n, noise, seed, classes, formula }) {
  const draws = new Draws(seed, 0);
  const isGiven = kind === "above" || kind === "formula";
  const f = isGiven ? rowFunction(formula, PLACES) : null;
  const [x, y] = [new Float32Array(2 * n), new Float32Array(n)];
  for (let i = 0; i < n; i++) {
    const u = Array.from({ length: DRAWN }, () => draws.random());
    [x[2 * i], x[2 * i + 1], y[i]] = SETS[kind]({ i, n, u, noise: noise / 100, k: classes, f });
  }
  return { x, y };
}
