// Data points on a plane: a marker and colour for each class, training rows filled, test rows
// hollow.

import { BELOW, ABOVE, between, colourOf, css, shapeOf } from "./colours.js";

const RADIUS = 4.2;
const paths = new Map();

function pathOf(k) {
  if (!paths.has(k)) paths.set(k, new Path2D(shapeOf(k)));
  return paths.get(k);
}

/** Position of a row on a stage of `size` pixels; `ranges` of the two `columns`. */
export function placeOf(rows, i, { columns, ranges }, size) {
  const across = rows.names.length;
  return columns.map((column, axis) => {
    const [low, high] = ranges[axis];
    const share = (rows.x[i * across + column] - low) / (high - low);
    return (axis ? 1 - share : share) * size;
  });
}

/** Draw the rows of a plane; `tests` includes the test rows. */
export function drawPoints(pen, rows, plane, size, { tests, palette, scale }) {
  const { paper, ink } = palette;
  for (let i = 0; i < rows.n; i++) {
    if (!tests && !rows.trains[i]) continue;
    const [x, y] = placeOf(rows, i, plane, size);
    if (!(x >= -RADIUS && x <= size + RADIUS && y >= -RADIUS && y <= size + RADIUS)) continue;
    if (rows.classes) {
      const colour = colourOf(rows.y[i]);
      const [fill, edge] = rows.trains[i] ? [colour, paper] : [paper, colour];
      drawShape(pen, rows.y[i], [x, y], fill, edge, rows.trains[i] ? 0.3 : 0.5);
    } else {
      const fill = numberColour(rows.y[i], scale, palette);
      // a border separates pale points from a pale map
      drawShape(pen, rows.trains[i] ? 0 : 1, [x, y], fill, between(paper, ink, 0.7), 0.22);
    }
  }
}

function drawShape(pen, shape, [x, y], fill, edge, width) {
  pen.save();
  pen.translate(x, y);
  pen.scale(RADIUS, RADIUS);
  pen.lineJoin = "round";
  pen.fillStyle = css(fill);
  pen.strokeStyle = css(edge);
  pen.lineWidth = width;
  const path = pathOf(shape);
  pen.fill(path);
  pen.stroke(path);
  pen.restore();
}

function numberColour(value, [low, high], { ink }) {
  const t = high > low ? Math.max(-1, Math.min(1, (2 * (value - low)) / (high - low) - 1)) : 0;
  return between([235, 235, 235], between(t < 0 ? BELOW : ABOVE, ink, 0.12), Math.abs(t));
}

/** Nearest row to a position of the stage within `most` pixels; -1 if there is none. */
export function nearest(rows, [x, y], plane, size, most = 16) {
  let best = -1;
  let least = most * most;
  for (let i = 0; i < rows.n; i++) {
    const [a, b] = placeOf(rows, i, plane, size);
    const far = (a - x) ** 2 + (b - y) ** 2;
    if (far < least) [best, least] = [i, far];
  }
  return best;
}

const spliced = (array, kind, start, end, ...more) =>
  kind.from([...array.subarray(0, start), ...more, ...array.subarray(end)]);

/** Add a row with `values` in all columns. */
export const withRow = (rows, values, target) => ({
  ...rows,
  n: rows.n + 1,
  x: Float32Array.from([...rows.x, ...values]),
  y: rows.y.constructor.from([...rows.y, target]),
  trains: Uint8Array.from([...rows.trains, 1]),
});

/** Remove row i. */
export const withoutRow = (rows, i) => ({
  ...rows,
  n: rows.n - 1,
  x: spliced(rows.x, Float32Array, i * rows.names.length, (i + 1) * rows.names.length),
  y: spliced(rows.y, rows.y.constructor, i, i + 1),
  trains: spliced(rows.trains, Uint8Array, i, i + 1),
});

/** Move row i in two columns. */
export function withMoved(rows, i, columns, values) {
  const x = rows.x.slice();
  columns.forEach((column, axis) => (x[i * rows.names.length + column] = values[axis]));
  return { ...rows, x };
}
