// Geometry of the network diagram: columns of units, positions of neurons and links, hit testing.

/**
 * Columns of a net whose parameters are `names`, `[{ name, shape, offset }]`: `[{ units, W, b }]`,
 * where W and b are offsets, null in the column of the inputs and without a bias.
 */
export function columnsOf(names, inputs) {
  const columns = [{ units: inputs, W: null, b: null }];
  for (const { name, shape, offset } of names) {
    if (!name.endsWith(".W") || shape.length !== 2) continue;
    if (columns.length === 1) columns[0].units = shape[1];
    const bias = names.find((other) => other.name === `${name.slice(0, -1)}b`);
    columns.push({ units: shape[0], W: offset, b: bias?.offset ?? null });
  }
  return columns;
}

/** Offset of a link's weight or a neuron's bias in the parameters. */
export function placeOf(columns, { column, unit, from }) {
  const { W, b } = columns[column];
  if (from === undefined) return b === null ? null : b + unit;
  return W + unit * columns[column - 1].units + from;
}

/** Maximum number of links drawn: beyond, only those with the largest weights. */
export const MOST_LINKS = 2500;

/** Links as `[column, unit, from, place]`, those with the largest weights if there are too many. */
export function linksOf(columns, parameters) {
  const all = [];
  for (let c = 1; c < columns.length; c++) {
    const before = columns[c - 1].units;
    for (let unit = 0; unit < columns[c].units; unit++)
      for (let from = 0; from < before; from++)
        all.push([c, unit, from, columns[c].W + unit * before + from]);
  }
  if (all.length <= MOST_LINKS || !parameters) return all.slice(0, MOST_LINKS);
  const size = ([, , , place]) => Math.abs(parameters[place]);
  return all.sort((a, b) => size(b) - size(a)).slice(0, MOST_LINKS);
}

const LARGEST = 42;
const NARROWEST = 30;

/**
 * Positions of all units within `width` pixels: `{ width, height, columns: [{ x, size, step, top }]
 * }`. A column of many units has small ones; they shrink further if they exceed `height`.
 */
export function geometryOf(width, units, { left, right }) {
  const most = Math.max(...units);
  const height = Math.min(430, Math.max(250, most * (LARGEST + 12)));
  const room = width - left - right;
  const n = units.length;
  const pitch = Math.max(NARROWEST, (room - LARGEST) / Math.max(1, n - 1));
  const columns = units.map((count, i) => {
    const step = Math.min(LARGEST + 14, height / count);
    const size = Math.min(LARGEST, step - Math.max(1, 0.22 * step), 0.58 * pitch);
    return { x: left + LARGEST / 2 + i * pitch, size, step, top: (height - step * count) / 2 };
  });
  return { width: left + right + LARGEST + (n - 1) * pitch, height, pitch, columns };
}

/** Centre of a unit. */
export const middleOf = ({ columns }, column, unit) => {
  const { x, step, top } = columns[column];
  return [x, top + (unit + 0.5) * step];
};

/** End points of a link: `[x0, y0, x1, y1]`. */
export function endsOf(geometry, [column, unit, from]) {
  const [x0, y0] = middleOf(geometry, column - 1, from);
  const [x1, y1] = middleOf(geometry, column, unit);
  return [
    x0 + geometry.columns[column - 1].size / 2,
    y0,
    x1 - geometry.columns[column].size / 2,
    y1,
  ];
}

/**
 * Find the link nearest to a point, within `near` pixels: links are cubic curves, horizontal at
 * their ends.
 */
export function linkAt(geometry, links, x, y, near = 7) {
  let best = null;
  let least = near;
  for (const link of links) {
    const [x0, y0, x1, y1] = endsOf(geometry, link);
    if (x < x0 || x > x1) continue;
    const t = (x - x0) / (x1 - x0);
    const along = y0 + (y1 - y0) * curve(t);
    const far = Math.abs(along - y);
    if (far < least) [least, best] = [far, link];
  }
  return best;
}

/** Height of a link's curve at the horizontal fraction `t`. */
function curve(t) {
  // bisection for the Bézier parameter s at the horizontal fraction t
  let [low, high] = [0, 1];
  for (let i = 0; i < 20; i++) {
    const s = (low + high) / 2;
    const across = 1.5 * s * (1 - s) * (1 - s) + 1.5 * s * s * (1 - s) + s * s * s;
    if (across < t) low = s;
    else high = s;
  }
  return 3 * low * low - 2 * low * low * low;
}
