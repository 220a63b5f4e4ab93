// Planes in parameter space: principal or random directions, and the training's path on them.

import { Draws } from "./random_streams.js";

const ROUNDS = 60;

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/**
 * Plane through `origin` that fits vectors best: `{ a, b, shares }`, two unit vectors and their
 * fractions of the variance; null for fewer than three vectors.
 *
 * The principal components of few long vectors come from their Gram matrix.
 */
export function principalPlane(vectors, origin) {
  const n = vectors.length;
  if (n < 3) return null;
  const moved = vectors.map((vector) => Float64Array.from(vector, (x, i) => x - origin[i]));
  const products = moved.map((one) => Float64Array.from(moved, (other) => dot(one, other)));
  const total = products.reduce((sum, row, i) => sum + row[i], 0);
  if (!(total > 0 && total < Infinity)) return null;
  const found = [];
  for (let k = 0; k < 2; k++) {
    const { weights, size } = largest(products);
    if (!(size > 1e-12 * total)) return null;
    const direction = new Float64Array(origin.length);
    moved.forEach((vector, i) => {
      for (let j = 0; j < vector.length; j++) direction[j] += weights[i] * vector[j];
    });
    const length = Math.sqrt(dot(direction, direction));
    found.push({ direction: direction.map((x) => x / length), share: size / total });
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) products[i][j] -= size * weights[i] * weights[j];
    }
  }
  const [a, b] = found;
  return { a: a.direction, b: b.direction, shares: [a.share, b.share] };
}

/** Largest eigenvalue of a symmetric matrix and its eigenvector, by power iteration. */
function largest(matrix) {
  let weights = Float64Array.from(matrix, (row, i) => row[i] + 1e-30 * (i + 1));
  let size = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const next = Float64Array.from(matrix, (row) => dot(row, weights));
    size = Math.sqrt(dot(next, next));
    if (!(size > 0)) return { weights, size: 0 };
    weights = next.map((x) => x / size);
  }
  return { weights, size };
}

/** Two random directions, normalized for each neuron by its weights' norm (Li et al., 2018). */
export function randomPlane(model, seed) {
  const draws = new Draws(seed, 3);
  const [a, b] = [0, 1].map(() => {
    const direction = new Float64Array(model.parameters.length);
    for (const { shape, offset } of model.names) {
      const count = shape.reduce((product, size) => product * size, 1);
      const width = shape.length > 1 ? count / shape[0] : count;
      for (let begin = offset; begin < offset + count; begin += width) {
        const weights = model.parameters.subarray(begin, begin + width);
        const drawn = Float64Array.from({ length: width }, () => draws.normal(0, 1));
        const scale = Math.sqrt(dot(weights, weights) / dot(drawn, drawn));
        direction.set(
          drawn.map((x) => x * scale),
          begin,
        );
      }
    }
    return direction;
  });
  const along = dot(a, b) / (dot(a, a) || 1);
  const apart = b.map((x, i) => x - along * a[i]);
  return { a: ofLengthOne(a), b: ofLengthOne(apart), shares: null };
}

function ofLengthOne(direction) {
  const length = Math.sqrt(dot(direction, direction)) || 1;
  return direction.map((x) => x / length);
}

/** Coordinates of parameters along both directions. */
export function along({ a, b }, parameters, origin) {
  const moved = Float64Array.from(parameters, (x, i) => x - origin[i]);
  return [dot(a, moved), dot(b, moved)];
}

/** Range of values with a margin, a fraction of their extent. */
export function span(values, beside) {
  const finite = [...values].filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const more = beside * (high - low) || 1;
  return [low - more, high + more];
}
