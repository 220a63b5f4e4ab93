// Hidden space: activations of a layer for the rows, with the transformed grid of the plane.

import { element, formatNumber, formatPercent, translate, bindText } from "../../shared/words.js";
import { css, paletteOf } from "./colours.js";
import { balanced, rangeOf } from "./heatmap.js";
import { drawPoints } from "./points.js";
import { along, principalComponents } from "./principal_components.js";
import { requesterOf, chooser, clearCanvas, throttle, rowsRequester, viewIn } from "./view.js";

/** Grid lines in each direction. */
const LINES = 15;
const AXES = ["across", "up"];

/** Create the hidden-space view of a session's net in `place`. */
export function hiddenIn(place, session) {
  const view = viewIn(place, "hidden", draw);
  const shown = { rows: null, found: null, version: null, directions: null, column: null };
  const parts = partsOf(view.body, session, shown, () => ask());
  const rowsOf = rowsRequester(session, view, (rows) => {
    shown.rows = rows;
    show();
  });
  const hiddenOf = requesterOf(session, "hidden", view, (found) => {
    shown.found = found;
    show();
  });
  const words = throttle((seen) => describe(parts, seen), 500);
  const ask = throttle(() => hiddenOf({ column: shown.column, side: LINES }), 80);
  parts.changed = () => show();

  function draw(frame) {
    if (frame.version !== shown.version) {
      const { version } = frame;
      Object.assign(shown, { version, rows: null, found: null, directions: null });
      const columns = session.state.layers.length;
      if (!(shown.column <= columns + 1)) shown.column = null;
      shown.column ??= Math.max(columns, 0);
      parts.column.fill();
      parts.column.select.value = shown.column;
      rowsOf({});
    }
    ask();
  }

  function show() {
    const { rows, found } = shown;
    if (!rows || !found) return;
    const seen = projected(shown, parts);
    drawSpace(parts, rows, seen);
    words(seen);
  }
  return view;
}

function partsOf(body, session, shown, ask) {
  const parts = { changed: () => {}, units: 0 };
  const columns = () => {
    const n = session.state.layers.length;
    const hidden = Array.from({ length: n }, (_, i) => [
      i + 1,
      translate("hidden_layer", { column: i + 1 }),
    ]);
    return [[0, translate("hidden_inputs")], ...hidden, [n + 1, translate("hidden_outputs")]];
  };
  parts.column = chooser("hidden_column", columns, (value) => {
    Object.assign(shown, { column: Number(value), found: null, directions: null });
    ask();
  });
  parts.axes = AXES.map((name) =>
    chooser(
      `plane_${name}`,
      () => axesOf(parts.units),
      () => parts.changed(),
    ),
  );
  parts.canvas = element("canvas", { role: "img", class: "space" });
  parts.said = element("p", { class: "said" });
  const choices = element("div", { class: "choices" });
  choices.append(parts.column.label, ...parts.axes.map(({ label }) => label));
  const lead = bindText(element("p", { class: "lead" }), () => translate("hidden_lead"));
  body.append(lead, choices, parts.canvas, parts.said);
  return parts;
}

/** Choices for an axis: a principal component, or a neuron. */
function axesOf(units) {
  const main =
    units > 2 ? [0, 1].map((k) => [`d${k}`, translate("hidden_main", { i: k + 1 })]) : [];
  const each = Array.from({ length: units }, (_, i) => [
    `u${i}`,
    translate("hidden_unit", { i: i + 1 }),
  ]);
  return [...main, ...each];
}

/** Project rows and grid points to two coordinates, with their axis labels. */
function projected(shown, parts) {
  const { found } = shown;
  const { values, n, units, grid } = found;
  if (parts.units !== units) {
    parts.units = units;
    parts.axes.forEach(({ select, fill }, axis) => {
      fill();
      select.value = units > 2 ? `d${axis}` : `u${Math.min(axis, units - 1)}`;
    });
  }
  const chosen = parts.axes.map(({ select }) => select.value);
  const needsMain = chosen.some((name) => name.startsWith("d"));
  const main = needsMain ? principalComponents(values, n, units, shown.directions) : null;
  shown.directions = main?.directions;
  const axes = chosen.map((name, axis) => {
    const k = Number(name.slice(1));
    const isLevel = units === 1 && axis === 1; // a single neuron is a line
    const direction = name.startsWith("d")
      ? main.directions[k]
      : Float64Array.from({ length: units }, (_, i) => Number(i === k && !isLevel));
    const mean = name.startsWith("d") ? main.mean : new Float64Array(units);
    const of = (given, rows) => along(given, rows, units, direction, mean);
    const label = name.startsWith("d")
      ? translate("hidden_share", { i: k + 1, percent: formatPercent(main.shares[k]) })
      : translate("hidden_unit", { i: k + 1 });
    const points = of(values, n);
    const lines = grid ? of(grid.values, grid.side * grid.side) : null;
    return { points, lines, label, range: padded(rangeOf(points)) };
  });
  return { axes, n, units, side: grid?.side, column: shown.column };
}

function padded(range) {
  const [low, high] = range ?? [-1, 1];
  const room = 0.06 * (high - low) || 1;
  return [low - room, high + room];
}

function drawSpace({ canvas }, rows, { axes, n, side }) {
  const size = canvas.clientWidth;
  if (!size) return;
  const pen = clearCanvas(canvas, size, size);
  const palette = paletteOf(canvas);
  const place = (axis, value) => {
    const [low, high] = axes[axis].range;
    const share = (value - low) / (high - low);
    return (axis ? 1 - share : share) * size;
  };
  if (axes[0].lines) {
    pen.strokeStyle = css(palette.soft);
    pen.globalAlpha = 0.35;
    pen.lineWidth = 1;
    pen.stroke(gridPath(axes, side, place));
    pen.globalAlpha = 1;
  }
  const x = new Float32Array(2 * n);
  axes.forEach(({ points }, axis) => points.forEach((value, i) => (x[2 * i + axis] = value)));
  const projectedRows = { ...rows, x, names: AXES };
  const scale = rows.classes ? [0, 1] : balanced(rangeOf(rows.y));
  const plane = { columns: [0, 1], ranges: axes.map(({ range }) => range) };
  drawPoints(pen, projectedRows, plane, size, { tests: true, palette, scale });
}

/** SVG path of the grid lines: those of each row and column of the plane. */
function gridPath(axes, side, place) {
  const path = new Path2D();
  const [across, up] = axes.map(({ lines }) => lines);
  for (let way = 0; way < 2; way++) {
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < side; j++) {
        const at = way ? j * side + i : i * side + j;
        const [x, y] = [place(0, across[at]), place(1, up[at])];
        if (j) path.lineTo(x, y);
        else path.moveTo(x, y);
      }
    }
  }
  return path;
}

function describe({ canvas, said, column }, { axes, n, units }) {
  const [[a, b], [c, d]] = axes.map(({ points }) =>
    (rangeOf(points) ?? [NaN, NaN]).map((value) => formatNumber(value, 3)),
  );
  const where = column.select.selectedOptions[0]?.textContent ?? "";
  const [across, up] = axes.map(({ label }) => label);
  const words = { where, n, units, across, up, a, b, c, d };
  const text = n ? translate("hidden_said", words) : translate("no_rows");
  canvas.setAttribute("aria-label", text);
  said.textContent = text;
}
