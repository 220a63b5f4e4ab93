// The plane: what the net says everywhere on two columns, or one of its neurons, and the rows.

import { element, numberSaid, percentSaid, say, speak } from "../../../html/words.js";
import { packed } from "../training/bytes.js";
import { CLASS_COLOURS, css, diverging, paletteOf, shapeOf } from "./colours.js";
import { editingOn, valuesOf } from "./editing.js";
import { balanced, paint, painterOf, rangeOf } from "./map_image.js";
import { drawPoints } from "./points.js";
import { askerOf, checkbox, chooser, cleared, rarely, rowsAsker, viewIn } from "./view.js";

/** The pixels of the map's side: painted anew for each frame, and stretched by the browser. */
const PIXELS = 180;
const SIDE = 50;

/** The plane in `place`; `pick({ column, unit })` shows a neuron, `pick(null)` the output. */
export function planeIn(place, session) {
  const shown = { rows: null, version: null, picked: null, unitMap: null, edited: null };
  const view = viewIn(place, "plane", draw);
  const parts = partsOf(view.body, session);
  const again = () => view.last && draw(view.last);
  const over = (cross) => drawOver(parts, planeOf(view.last, shown, parts), shown, cross);
  const editing = editingOver(view, parts, shown, session, over);
  const rowsOf = rowsAsker(session, view, (rows) => {
    Object.assign(shown, { rows, edited: null });
    for (const one of parts.columns) one.fill();
    editing.drawn();
    again();
  });
  const unitOf = askerOf(session, "plane", view, (map, { column, unit }) => {
    const { picked } = shown;
    if (picked?.column === column && picked.unit === unit) shown.unitMap = map;
    if (!view.last.playing && shown.unitMap === map) show(view.last);
  });
  const words = rarely((frame) => describe(parts, frame, shown), 1000);
  parts.changed = again;

  function draw(frame) {
    if (frame.version !== shown.version) {
      shown.version = frame.version;
      rowsOf({});
    }
    if (shown.picked) unitOf({ side: SIDE, ...shown.picked });
    show(frame);
  }

  function show(frame) {
    const map = mapOf(frame, shown);
    if (!map) return;
    const palette = paletteOf(view.section);
    const isDiscrete = Boolean(session.state.view?.discretize);
    parts.discretize.box.checked = isDiscrete;
    const colour = painterOf({ ...map, paper: palette.paper, isDiscrete });
    paint(parts.map, map, colour, PIXELS, palette.soft);
    const key = [frame.version, parts.stage.clientWidth, css(palette.paper), ...map.range].join();
    if (key !== parts.drawn || !frame.playing) over(null);
    parts.drawn = key;
    words(frame);
  }
  return {
    ...view,
    pick(at) {
      if (at?.column === shown.picked?.column && at?.unit === shown.picked?.unit) return;
      Object.assign(shown, { picked: at && { column: at.column, unit: at.unit }, unitMap: null });
      if (view.isShown) again();
    },
  };
}

/** What lies on the plane: the rows, on which columns, and how large it is. */
function planeOf(frame, shown, parts) {
  const { columns = [0, 1], ranges, held = [] } = frame?.plane ?? {};
  const rows = ranges ? (shown.edited ?? shown.rows) : null;
  return { rows, columns, ranges, held, size: parts.stage.clientWidth, map: mapOf(frame, shown) };
}

/** The points are edited, and the numbers under the pointer are read. */
function editingOver(view, parts, shown, session, over) {
  const plane = () => planeOf(view.last, shown, parts);
  const readAt = askerOf(session, "at", view, ({ outputs }, { x }) =>
    readout(parts, shown, mapOf(view.last, shown), x, outputs),
  );
  const look = rarely((at) => {
    if (at && plane().rows) readAt({ x: valuesOf(at, plane()), ...shown.picked });
  }, 30);
  return editingOn(parts.points, parts.tools, {
    plane,
    shown(rows) {
      shown.edited = rows;
      over(null);
    },
    done: (rows) => session.set({ data: { kind: "rows", rows: packedRows(rows) } }),
    looked(at, isKeyboard) {
      parts.readout.setAttribute("aria-live", isKeyboard ? "polite" : "off");
      look(at);
      over(isKeyboard ? at : null);
      if (!at) readout(parts, shown, null);
    },
  });
}

/** What is painted: a grid with its kind, and the numbers at the ends of its colours. */
function mapOf(frame, { rows, picked, unitMap }) {
  const grid = picked ? unitMap : frame?.plane;
  if (!grid || !rows) return null;
  const hasClasses = rows.classes && !picked;
  if (!hasClasses) {
    const range = picked ? balanced(rangeOf(grid.values)) : balanced(rangeOf(rows.y));
    return { ...grid, kind: "numbers", range };
  }
  const [low, high] = rangeOf(grid.values) ?? [0, 1];
  if (low > -1e-3 && high < 1.001) return { ...grid, kind: "classes", range: [0, 1] };
  if (grid.outputs > 1) return { ...grid, kind: "scores", range: [low, high] };
  return { ...grid, kind: "numbers", range: balanced([low, high]), isScore: true };
}

function partsOf(body, session) {
  const parts = { drawn: null, changed: () => {} };
  const described = `plane-${Math.floor(performance.now())}`;
  parts.map = element("canvas", { class: "map", "aria-hidden": "true" });
  parts.points = element("canvas", {
    class: "points",
    tabindex: "0",
    role: "application",
    "aria-describedby": described,
  });
  speak(parts.points, () => say("plane_label"), "aria-label");
  parts.stage = element("div", { class: "stage" }, parts.map, parts.points);
  parts.across = element("div", { class: "axis across" });
  parts.up = element("div", { class: "axis up" });
  parts.legend = element("div", { class: "legend" });
  parts.readout = element("p", { class: "readout", "aria-live": "off" });
  parts.said = element("p", { class: "unseen", id: described });
  parts.held = element("p", { class: "held" });
  parts.tools = element("div", { class: "editing" });
  parts.columns = [0, 1].map((axis) => columnChooser(axis, session, parts));
  const choosers = element("div", { class: "choosers" }, ...parts.columns.map((c) => c.label));
  parts.choosers = choosers;
  const set = (name) => (value) => {
    session.set({ view: { ...session.state.view, [name]: value } });
    parts.changed();
  };
  parts.discretize = checkbox("plane_discretize", false, set("discretize"));
  const tests = session.state.view?.test ?? false;
  parts.tests = checkbox("plane_tests", tests, set("test"));
  const switches = element("div", { class: "row" }, parts.tests.label, parts.discretize.label);
  const plot = element("div", { class: "plot" }, parts.up, parts.stage, parts.across);
  const { legend, readout: read, held, said, tools } = parts;
  body.append(choosers, plot, legend, read, held, said, switches, tools);
  new ResizeObserver(() => parts.changed()).observe(parts.stage);
  return parts;
}

/** Which column an axis has; there only if there are more than two. */
function columnChooser(axis, session, parts) {
  const options = () => (parts.names ?? []).map((name, i) => [i, name]);
  return chooser(axis ? "plane_up" : "plane_across", options, (value) => {
    const columns = [...(parts.shownColumns ?? [0, 1])];
    const other = 1 - axis;
    if (columns[other] === Number(value)) columns[other] = columns[axis];
    columns[axis] = Number(value);
    session.set({ view: { ...session.state.view, columns } });
  });
}

function drawOver(parts, { rows, columns, ranges, size, map }, shown, cross) {
  if (!size) return;
  const palette = paletteOf(parts.stage);
  const pen = cleared(parts.points, size, size);
  if (!rows || !map) return;
  const scale = rows.classes ? [0, 1] : balanced(rangeOf(rows.y));
  const tests = parts.tests.box.checked;
  drawPoints(pen, rows, { columns, ranges }, size, { tests, palette, scale });
  if (cross) drawCross(pen, cross, palette.ink);
  parts.names = rows.names;
  parts.shownColumns = columns;
  parts.choosers.hidden = rows.names.length < 3;
  parts.columns.forEach((one, axis) => {
    if (one.select.options.length !== rows.names.length) one.fill();
    one.select.value = columns[axis];
  });
  axisSaid(parts.across, rows.names[columns[0]], ranges[0]);
  axisSaid(parts.up, rows.names[columns[1]], ranges[1]);
  legendOf(parts.legend, rows, map, palette);
}

function drawCross(pen, [x, y], ink) {
  pen.strokeStyle = css(ink);
  pen.lineWidth = 1.5;
  pen.stroke(new Path2D(`M${x - 12} ${y}h24M${x} ${y - 12}v24`));
}

function axisSaid(axis, name, range) {
  const ends = range.map((value) => element("span", {}, numberSaid(value, 3)));
  axis.replaceChildren(ends[0], element("b", {}, name), ends[1]);
}

/** What the colours and shapes mean: each class, or the numbers from one end to the other. */
function legendOf(place, rows, map, palette) {
  if (rows.classes && map.kind !== "numbers") {
    const entries = rows.classes.slice(0, CLASS_COLOURS.length).map((name, k) => {
      const sign = mark(k, CLASS_COLOURS[k]);
      return element("span", { class: "entry" }, sign, name);
    });
    if (rows.classes.length > entries.length) entries.push("…");
    place.replaceChildren(...entries);
    return;
  }
  const bar = element("span", { class: "scale", "aria-hidden": "true" });
  const stops = [-1, -0.5, 0, 0.5, 1].map((t) => css(diverging(t, palette.paper)));
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const [low, high] = map.range.map((value) => numberSaid(value, 3));
  place.replaceChildren(element("span", {}, low), bar, element("span", {}, high));
}

const neuron = ({ column, unit }) => say("neuron", { column, unit: unit + 1 });

/** Rows as the state has them. */
const packedRows = ({ raw, x, y }) => ({
  ...raw,
  x: packed(x),
  y: packed(Float32Array.from(y)),
});

/** The shape of a class as it is drawn, beside its name. */
export function mark(k, colour) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-1.4 -1.4 2.8 2.8");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("mark");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", shapeOf(k));
  path.setAttribute("fill", css(colour));
  svg.append(path);
  return svg;
}

/** The numbers under the pointer: where it is, and what the net says there. */
function readout(parts, { rows, picked }, map, x, outputs) {
  if (!map) {
    parts.readout.replaceChildren(say("plane_point"));
    return;
  }
  const [i, j] = parts.shownColumns;
  const where = [i, j].map((k) => `${rows.names[k]} = ${numberSaid(x[k], 3)}`).join(", ");
  parts.readout.replaceChildren(
    `${where} → `,
    element("b", {}, answer(rows, picked, map, outputs)),
  );
}

function answer(rows, picked, map, outputs) {
  if (!outputs.every(Number.isFinite)) return say("no_number");
  if (map.kind !== "classes") {
    const names = map.kind === "scores" ? rows.classes : null;
    const said = outputs.map((value, k) => (names ? `${names[k]} ` : "") + numberSaid(value, 4));
    return (picked ? `${neuron(picked)} ` : "") + said.join(" · ");
  }
  const shares = outputs.length === 1 ? [1 - outputs[0], outputs[0]] : outputs;
  const best = shares.indexOf(Math.max(...shares));
  return say("plane_class", { name: rows.classes[best], percent: percentSaid(shares[best]) });
}

/** The picture in words, for those who hear it, and what the other columns are held at. */
function describe(parts, frame, shown) {
  const map = mapOf(frame, shown);
  if (!map) return;
  const { rows, picked } = shown;
  const { columns, ranges, held } = frame.plane;
  const [across, up] = columns.map((k) => rows.names[k]);
  const train = rows.trains.reduce((sum, one) => sum + one, 0);
  const counts = say("plane_counts", { train, test: rows.n - train });
  const subject = picked ? neuron(picked) : say("plane_output");
  const [a, b, c, d] = ranges.flat().map((value) => numberSaid(value, 3));
  const where = say("plane_said", { subject, across, up, a, b, c, d });
  parts.said.textContent = `${where} ${shares(rows, map)} ${counts} ${say("plane_keys")}`;
  const others = rows.names.map((name, k) => [name, k]).filter(([, k]) => !columns.includes(k));
  const fixed = others.slice(0, 8).map(([name, k]) => `${name} = ${numberSaid(held[k], 3)}`);
  if (others.length > fixed.length) fixed.push("…");
  parts.held.hidden = !others.length;
  parts.held.textContent = say("plane_held", { held: fixed.join(", ") });
}

function shares(rows, { kind, values, outputs, range }) {
  if (kind === "numbers") {
    const [low, high] = (rangeOf(values) ?? range).map((value) => numberSaid(value, 3));
    return say("plane_range", { low, high });
  }
  const n = values.length / outputs;
  const wins = new Array(Math.max(2, outputs)).fill(0);
  for (let i = 0; i < n; i++) {
    let best = 0;
    if (outputs === 1) best = values[i] > 0.5 ? 1 : 0;
    for (let k = 1; k < outputs; k++)
      if (values[i * outputs + k] > values[i * outputs + best]) best = k;
    wins[best] += 1;
  }
  const said = wins.map((won, k) => `${rows.classes[k] ?? k} ${percentSaid(won / n)}`);
  return say("plane_shares", { shares: said.join(", ") });
}
