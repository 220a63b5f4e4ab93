// Output map: the net's outputs, or a neuron's, over two columns, with the data points.

import { element, translate, bindText, onLanguageChange } from "../../shared/words.js";
import { packed } from "../training/base64.js";
import { css, paletteOf } from "./colours.js";
import { editingOn, valuesOf } from "./point_editing.js";
import { balanced, paint, painterOf, rangeOf } from "./heatmap.js";
import { displayOutputs } from "./display_outputs.js";
import { axisLabel, describe, legendOf, outputsShown, readout } from "./plane_words.js";
import { drawPoints } from "./points.js";
import {
  requesterOf,
  checkbox,
  chooser,
  clearCanvas,
  placeLabel,
  throttle,
  rowsRequester,
  viewIn,
} from "./view.js";

/** Pixels on a side of the map; scaled by the browser. */
const PIXELS = 180;
const SIDE = 50;

/**
 * Create the output map in `place`; `pick({ column, unit })` displays a neuron, `pick(null)` the
 * output.
 */
export function planeIn(place, session) {
  const shown = { rows: null, version: null, picked: null, unitMap: null, edited: null };
  const view = viewIn(place, "plane", draw);
  const parts = partsOf(view.body, session);
  const again = () => view.last && draw(view.last);
  parts.isEditing = () => editing.isOn();
  const over = (cross) => drawOver(parts, planeOf(view.last, shown, parts, session), shown, cross);
  const editing = editingOver(view, parts, shown, session, over);
  const rowsOf = rowsRequester(session, view, (rows) => {
    Object.assign(shown, { rows, edited: null });
    for (const one of parts.columns) one.fill();
    parts.drawn = null; // points and names of a frame before its rows
    editing.drawn();
    again();
  });
  const unitOf = requesterOf(session, "plane", view, (map, { column, unit }) => {
    const { picked } = shown;
    if (picked?.column === column && picked.unit === unit) shown.unitMap = map;
    if (!view.last.playing && shown.unitMap === map) show(view.last);
  });
  const words = throttle(
    (frame) => describe(parts, frame, shown, mapOf(frame, shown, session.state)),
    1000,
  );
  parts.changed = again;
  onLanguageChange(() => readout(parts, shown, null));

  function draw(frame) {
    if (frame.version !== shown.version) {
      shown.version = frame.version;
      rowsOf({});
    }
    if (shown.picked) unitOf({ side: SIDE, ...shown.picked });
    show(frame);
  }

  function show(frame) {
    const map = mapOf(frame, shown, session.state);
    if (!map) return;
    parts.picked = shown.picked && placeLabel(shown.picked, session.state);
    const title = parts.picked ?? translate("plane_title");
    if (view.title.textContent !== title) view.title.textContent = title;
    const palette = paletteOf(view.section);
    const isDiscrete = Boolean(session.state.view?.discretize);
    parts.discretize.box.checked = isDiscrete;
    parts.tests.box.checked = Boolean(session.state.view?.test);
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

/** Plane on display: rows, columns, size. */
function planeOf(frame, shown, parts, session) {
  const { columns = [0, 1], ranges, held = [] } = frame?.plane ?? {};
  const rows = ranges ? (shown.edited ?? shown.rows) : null;
  return {
    rows,
    columns,
    ranges,
    held,
    size: parts.stage.clientWidth,
    map: mapOf(frame, shown, session.state),
  };
}

/** Connect the editing of points and the readout under the pointer. */
function editingOver(view, parts, shown, session, over) {
  const plane = () => planeOf(view.last, shown, parts, session);
  const readAt = requesterOf(session, "at", view, ({ outputs }, { x }) => {
    const map = mapOf(view.last, shown, session.state);
    if (map) readout(parts, shown, map, x, outputsShown(outputs, map, session.state));
  });
  const look = throttle((at) => {
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

/** Map to paint: a grid with its kind, and the ends of its colour scale. */
function mapOf(frame, { rows, picked, unitMap }, { loss }) {
  const grid = picked ? unitMap : frame?.plane;
  if (!grid || !rows) return null;
  const hasClasses = Boolean(rows.classes) && !picked;
  return {
    ...grid,
    ...displayOutputs(grid, { loss, hasClasses, targets: picked ? null : rows.y }),
  };
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
  bindText(parts.points, () => translate("plane_label"), "aria-label");
  parts.stage = element("div", { class: "stage" }, parts.map, parts.points);
  parts.across = element("div", { class: "axis across" });
  parts.up = element("div", { class: "axis up" });
  parts.legend = element("div", { class: "legend" });
  parts.readout = element("p", { class: "readout", "aria-live": "off" });
  parts.said = element("p", { class: "unseen", id: described });
  parts.held = element("p", { class: "held" });
  parts.tools = element("div", { class: "editing" });
  parts.columns = [0, 1].map((axis) => columnChooser(axis, session, parts));
  const choosers = element(
    "div",
    { class: "choosers", hidden: "" },
    ...parts.columns.map((c) => c.label),
  );
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

/** Create the list for the column of an axis; visible with more than two columns. */
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
  const pen = clearCanvas(parts.points, size, size);
  if (!rows || !map) return;
  const scale = rows.classes ? [0, 1] : balanced(rangeOf(rows.y));
  // drawn points may be test rows: visible while editing
  const tests = parts.tests.box.checked || parts.isEditing();
  drawPoints(pen, rows, { columns, ranges }, size, { tests, palette, scale });
  if (cross) drawCross(pen, cross, palette.ink);
  parts.names = rows.names;
  parts.shownColumns = columns;
  parts.choosers.hidden = rows.names.length < 3;
  parts.columns.forEach((one, axis) => {
    if (one.select.options.length !== rows.names.length) one.fill();
    one.select.value = columns[axis];
  });
  axisLabel(parts.across, rows.names[columns[0]], ranges[0]);
  axisLabel(parts.up, rows.names[columns[1]], ranges[1]);
  legendOf(parts.legend, rows, map, palette);
}

function drawCross(pen, [x, y], ink) {
  pen.strokeStyle = css(ink);
  pen.lineWidth = 1.5;
  pen.stroke(new Path2D(`M${x - 12} ${y}h24M${x} ${y - 12}v24`));
}

/** Pack rows as in the state. */
const packedRows = ({ raw, x, y }) => ({
  ...raw,
  x: packed(x),
  y: packed(Float32Array.from(y)),
});
