// Principal component analysis of rows.

const ROUNDS = 40;

/**
 * First two principal components of n rows: `{ mean, directions, shares }`.
 *
 * `before` has the previous directions: equal ones are returned again, with the same sign.
 */
export function principalComponents(values, n, units, before) {
  const mean = new Float64Array(units);
  for (let i = 0; i < n * units; i++) mean[i % units] += values[i] / n;
  const spread = covariance(values, n, units, mean);
  let total = 0;
  for (let i = 0; i < units; i++) total += spread[i * units + i];
  const directions = [];
  const shares = [];
  for (let k = 0; k < Math.min(2, units); k++) {
    const start = before?.[k]?.length === units ? before[k] : null;
    const { direction, size } = largest(spread, units, start, k, directions);
    directions.push(direction);
    shares.push(total > 0 ? size / total : 0);
  }
  return { mean, directions, shares };
}

function covariance(values, n, units, mean) {
  const found = new Float64Array(units * units);
  const row = new Float64Array(units);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < units; j++) row[j] = values[i * units + j] - mean[j];
    for (let j = 0; j < units; j++)
      for (let k = 0; k < units; k++) found[j * units + k] += (row[j] * row[k]) / n;
  }
  return found;
}

/** Direction of the largest variance orthogonal to those found, by power iteration. */
function largest(spread, units, start, k, found) {
  let direction = Float64Array.from(
    { length: units },
    (_, i) => start?.[i] ?? 1 / (1 + ((i + k) % units)),
  );
  let size = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(units);
    for (let i = 0; i < units; i++)
      for (let j = 0; j < units; j++) next[i] += spread[i * units + j] * direction[j];
    for (const other of found) {
      const along = dot(next, other);
      next.forEach((value, i) => (next[i] = value - along * other[i]));
    }
    size = Math.sqrt(dot(next, next));
    if (!(size > 1e-12)) return { direction: unit(units, k), size: 0 };
    direction = next.map((value) => value / size);
  }
  return { direction, size };
}

const unit = (units, k) => Float64Array.from({ length: units }, (_, i) => Number(i === k));

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Coordinate of each row along a direction, from the mean. */
export function along(values, n, units, direction, mean) {
  const found = new Float64Array(n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < units; j++) found[i] += (values[i * units + j] - mean[j]) * direction[j];
  return found;
}
