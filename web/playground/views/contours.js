// Contour lines of the loss on a plane through parameter space, and training paths over it.

import { svgElement } from "./chart.js";

const SIZE = 300;
const LEVELS = 12;

/** Levels of the contour lines: denser at small losses. */
export function levelsOf(losses) {
  const sorted = [...losses].filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length) return [];
  const [low, high] = [sorted[0], sorted[Math.floor(0.97 * (sorted.length - 1))]];
  const share = (k) => ((k + 0.5) / LEVELS) ** 2;
  return Array.from({ length: LEVELS }, (_, k) => low + (high - low) * share(k));
}

/** Contour line of a level as an SVG path in cells of the grid (`side` · `side`, rows upwards). */
export function contour(losses, side, level) {
  const parts = [];
  const crossing = (i, j) => {
    const [first, second] = [losses[i], losses[j]];
    const share = (level - first) / (second - first);
    const at = (cell) => [cell % side, Math.floor(cell / side)];
    const [[x, y], [a, b]] = [at(i), at(j)];
    return `${(x + share * (a - x)).toFixed(2)} ${(y + share * (b - y)).toFixed(2)}`;
  };
  for (let row = 0; row + 1 < side; row++) {
    for (let column = 0; column + 1 < side; column++) {
      const i = row * side + column;
      const corners = [i, i + 1, i + side + 1, i + side];
      if (!corners.every((corner) => Number.isFinite(losses[corner]))) continue;
      const cuts = [];
      corners.forEach((corner, k) => {
        const next = corners[(k + 1) % 4];
        if (losses[corner] < level !== losses[next] < level) cuts.push(crossing(corner, next));
      });
      for (let k = 0; k + 1 < cuts.length; k += 2) parts.push(`M${cuts[k]}L${cuts[k + 1]}`);
    }
  }
  return parts.join("");
}

/**
 * Create the contour plot as SVG: the plane has `a`, `b` (side) and `losses`; `ways` are `{ path,
 * kind, colour }`.
 *
 * Paths are clipped to the plane.
 */
export function lossPicture({ a, b, losses }, ways, words) {
  const side = a.length;
  const scale = SIZE / (side - 1);
  const svg = svgElement("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", class: "losses" });
  svg.setAttribute("aria-label", words);
  const levels = levelsOf(losses);
  levels.forEach((level, k) => {
    const path = svgElement("path", { class: "level", d: contour(losses, side, level) });
    path.style.setProperty("--height", k / (levels.length - 1));
    const turned = `translate(0 ${SIZE}) scale(${scale} ${-scale})`;
    path.setAttribute("transform", turned);
    path.setAttribute("vector-effect", "non-scaling-stroke");
    svg.append(path);
  });
  const toX = (value) => ((value - a[0]) / (a[side - 1] - a[0])) * SIZE;
  const toY = (value) => SIZE - ((value - b[0]) / (b[side - 1] - b[0])) * SIZE;
  for (const way of ways) svg.append(...wayOf(way, toX, toY));
  return svg;
}

/** Create a path: its line, a ring at its start, a dot at its end. */
function wayOf({ path, kind, colour }, toX, toY) {
  const points = [];
  for (let i = 0; i + 1 < path.length; i += 2) {
    const [x, y] = [toX(path[i]), toY(path[i + 1])];
    if (Number.isFinite(x) && Number.isFinite(y)) points.push([x.toFixed(1), y.toFixed(1)]);
  }
  if (!points.length) return [];
  const line = svgElement("polyline", {
    class: kind,
    points: points.map((at) => at.join()).join(" "),
  });
  const ring = (at, name, r) => svgElement("circle", { class: name, cx: at[0], cy: at[1], r });
  const made = [line, ring(points[0], "start", 5), ring(points.at(-1), "here", 5)];
  if (colour) for (const one of made) one.style.setProperty("--way", colour);
  return made;
}
