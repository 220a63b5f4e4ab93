// Network diagram: neurons and links, with hover, click and keyboard navigation.

import {
  element,
  formatNumber,
  translate,
  bindText,
  onLanguageChange,
} from "../../shared/words.js";
import { labels, neuronLabel, sidesOf } from "./labels.js";
import { brush, drawGradients, drawLinks, drawNeurons, drawPhase, mapImage } from "./net_canvas.js";
import { columnsOf, geometryOf, linkAt, linksOf, middleOf, placeOf } from "./net_geometry.js";

/**
 * Create the network diagram. `heads` is an element whose children, one a hidden layer, are placed
 * above their columns. Returns `{ element, net() }`, where `net()` is what is drawn at present: `{
 * columns, geometry, links, names, parameters }`.
 */
export function diagramIn(store, heads) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const neurons = element("div", { class: "neurons", role: "group" });
  bindText(neurons, () => translate("neurons"), "aria-label");
  const tip = element("div", { class: "tip", "aria-hidden": "true", hidden: "" });
  const stage = element("div", { class: "net-stage" }, heads, canvas, neurons, tip);
  const cut = element("p", { class: "hint" });
  const whole = element("div", { class: "diagram" }, stage, cut);
  const net = { columns: [], links: [], geometry: null, maps: [], key: null };
  const draw = () => net.geometry && paint(canvas, net, store, maps);
  const maps = mapsOf(net, canvas);
  const rebuild = () => {
    const { state, session } = store;
    net.columns = columnsOf(session.names, state.inputs.length);
    if (net.columns.length < 2) return;
    maps.clear();
    fit(net, store, stage.parentElement.clientWidth || 600);
    net.links = linksOf(net.columns, store.frame?.parameters);
    cut.textContent = omittedLinks(net);
    lay(stage, canvas, heads, net.geometry);
    neurons.replaceChildren(...labels(net, store), ...buttonsOf(net, store));
    if (store.frame) maps.take(store.frame);
    const { pointed } = store;
    if (pointed && !(pointed.unit < net.columns[pointed.column]?.units)) store.point(null, true);
    draw();
  };
  const changed = () => {
    const { state, session } = store;
    const key = JSON.stringify([session.names, state.inputs, state.data.classes, state.data.kind]);
    if (key !== net.key) {
      net.key = key;
      rebuild();
    }
  };
  store.watch("state", changed);
  store.watch("frame", (frame) => {
    changed();
    maps.take(frame);
    draw();
  });
  store.watch("pointed", () => {
    showTip(tip, net, store);
    draw();
  });
  onLanguageChange(() => net.geometry && rebuild());
  pointing(stage, net, store);
  walking(neurons, net, store);
  new ResizeObserver(rebuild).observe(whole);
  // new layer headers are placed before they are painted
  const place = () => net.geometry && layHeads(heads, net.geometry);
  new MutationObserver(place).observe(heads, { childList: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  moving(store, draw);
  return {
    element: whole,
    canvas,
    net: () => ({ ...net, parameters: store.frame?.parameters, maps }),
  };
}

/** Lay out the units in the available width; names are shortened where it is small. */
function fit(net, store, room) {
  const units = net.columns.map((column) => column.units);
  for (const isTight of [false, true]) {
    net.isTight = isTight;
    net.geometry = geometryOf(room, units, sidesOf(net, store));
    if (net.geometry.width <= room) return;
  }
}

/** Show a note if the diagram omits links. */
function omittedLinks({ columns, links }) {
  const counts = columns.slice(1).map(({ units }, i) => units * columns[i].units);
  const all = counts.reduce((sum, count) => sum + count, 0);
  return all > links.length ? translate("links_shown", { shown: links.length, all }) : "";
}

function lay(stage, canvas, heads, geometry) {
  const { width, height } = geometry;
  const fine = Math.min(2, devicePixelRatio || 1);
  stage.style.width = `${width}px`;
  for (const [name, value] of Object.entries({ width, height })) {
    canvas[name] = Math.floor(value * fine);
    canvas.style[name] = `${value}px`;
  }
  layHeads(heads, geometry);
}

function layHeads(heads, { columns, pitch }) {
  [...heads.children].slice(0, columns.length - 2).forEach((head, i) => {
    const { x } = columns[i + 1];
    head.style.left = `${x - (pitch - 6) / 2}px`;
    head.style.width = `${pitch - 6}px`;
    head.classList.toggle("slim", pitch < 118);
    head.classList.toggle("narrow", pitch < 72);
  });
}

function paint(canvas, net, store, maps) {
  const { frame, pointed, state } = store;
  if (!frame?.parameters) return;
  const fine = Math.min(2, devicePixelRatio || 1);
  const pen = canvas.getContext("2d");
  const colours = maps.colours();
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, net.geometry.width, net.geometry.height);
  const { parameters, gradients, phase } = frame;
  if (phase) drawPhase(pen, net.geometry, phase, colours);
  drawLinks(pen, net.geometry, net.links, parameters, { pointed, colours });
  if ((state.view.gradients || phase?.way === "backward") && gradients) {
    const time = performance.now() / 1000;
    drawGradients(pen, net.geometry, net.links, gradients, { colours, time });
  }
  const biases = (column, unit) => {
    const place = column ? placeOf(net.columns, { column, unit }) : null;
    return place === null ? null : parameters[place];
  };
  net.columns.forEach((_, column) => {
    const given = { maps: maps.at, biases, pointed, colours, column };
    drawNeurons(pen, net.geometry, net.columns, given);
  });
}

/** Create the output maps of neurons: an image each, updated by frames. */
function mapsOf(net, canvas) {
  const images = new Map();
  let colours = null;
  let scheme = null;
  return {
    clear: () => images.clear(),
    colours() {
      const now = getComputedStyle(canvas).color + document.documentElement.dataset.theme;
      if (now !== scheme) [scheme, colours] = [now, brush(canvas)];
      return colours;
    },
    take({ maps }) {
      if (!maps) return;
      const { table } = this.colours();
      const size = maps.side * maps.side;
      net.columns.forEach(({ units }, column) => {
        const values = maps.columns[column];
        const isLast = column === net.columns.length - 1;
        const isProbable = isLast && values?.every((value) => value >= 0 && value <= 1);
        for (let unit = 0; unit < units && values; unit++) {
          const key = `${column} ${unit}`;
          if (!images.has(key)) images.set(key, document.createElement("canvas"));
          const map = { side: maps.side, values, at: unit * size };
          // a class probability has the class's colour, a single probability those of both classes
          if (isProbable) Object.assign(map, units > 1 ? { most: 1 } : { most: 0.5, middle: 0.5 });
          mapImage(images.get(key), map, table(isProbable && units > 1 ? unit : null));
        }
      });
    },
    at: (column, unit) => images.get(`${column} ${unit}`),
  };
}

/** Animate the gradient flow, also when paused, unless reduced motion is preferred. */
function moving(store, draw) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let isMoving = false;
  const turn = () => {
    isMoving = Boolean(store.state.view.gradients) && !still.matches;
    if (!isMoving) return;
    if (!store.frame?.playing) draw();
    requestAnimationFrame(turn);
  };
  const changed = () => {
    draw();
    if (!isMoving) turn();
  };
  store.watch("state", changed);
  changed();
}

/** Create a button on each neuron, for keyboard, screen readers and pointer. */
function buttonsOf({ geometry, columns }, store) {
  return columns.flatMap(({ units }, column) =>
    Array.from({ length: units }, (_, unit) => {
      const [x, y] = middleOf(geometry, column, unit);
      const { size } = geometry.columns[column];
      const made = element("button", { type: "button", class: "neuron" });
      made.tabIndex = column === 1 && unit === 0 ? 0 : -1;
      Object.assign(made.dataset, { column, unit });
      made.setAttribute("aria-label", neuronLabel(store, columns, column, unit));
      const style = { left: x - size / 2, top: y - size / 2, width: size, height: size };
      for (const [name, value] of Object.entries(style)) made.style[name] = `${value}px`;
      return made;
    }),
  );
}

/** Handle the pointer on the diagram: hover and click on neurons and links. */
function pointing(stage, net, store) {
  const placeAt = (event) => {
    const { column, unit } = event.target.dataset ?? {};
    if (column !== undefined && event.target.classList.contains("neuron")) {
      return { column: Number(column), unit: Number(unit) };
    }
    if (!net.geometry || event.target.closest("[role=radiogroup]")) return null;
    const box = stage.querySelector("canvas").getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const link = linkAt(net.geometry, net.links, x, y);
    return link && { column: link[0], unit: link[1], from: link[2] };
  };
  const isSame = (a, b) => a?.column === b?.column && a?.unit === b?.unit && a?.from === b?.from;
  stage.addEventListener("pointermove", (event) => {
    const place = placeAt(event);
    if (!isSame(place, store.pointed)) store.point(place);
  });
  stage.addEventListener("pointerleave", () => store.point(null));
  stage.addEventListener("click", (event) => {
    if (!event.target.closest("[role=radiogroup]")) store.point(placeAt(event), true);
  });
}

/** Handle the keyboard: arrow keys move between neurons, Escape releases the selection. */
function walking(neurons, net, store) {
  const at = (column, unit) =>
    neurons.querySelector(`[data-column="${column}"][data-unit="${unit}"]`);
  neurons.addEventListener("focusin", ({ target }) => {
    for (const other of neurons.querySelectorAll(".neuron[tabindex='0']")) other.tabIndex = -1;
    target.tabIndex = 0;
    const { column, unit } = target.dataset;
    store.point({ column: Number(column), unit: Number(unit) }, Boolean(store.pointed?.fixed));
  });
  neurons.addEventListener("keydown", (event) => {
    const { column, unit } = event.target.dataset;
    const [c, u] = [Number(column), Number(unit)];
    const units = (k) => net.columns[k]?.units ?? 0;
    const scaled = (k) => Math.min(units(k) - 1, Math.floor(((u + 0.5) / units(c)) * units(k)));
    const next = {
      ArrowUp: () => at(c, u - 1),
      ArrowDown: () => at(c, u + 1),
      ArrowLeft: () => at(c - 1, scaled(c - 1)),
      ArrowRight: () => at(c + 1, scaled(c + 1)),
      Home: () => at(c, 0),
      End: () => at(c, units(c) - 1),
    }[event.key];
    if (event.key === "Escape") store.point(null, true);
    if (!next) return;
    event.preventDefault();
    next()?.focus();
  });
}

/** Show a tooltip with the value of the hovered neuron or link. */
function showTip(tip, net, store) {
  const { pointed, frame } = store;
  const place =
    pointed && pointed.column > 0 && net.columns[pointed.column]
      ? placeOf(net.columns, pointed)
      : null;
  tip.hidden = place === null || !frame?.parameters;
  if (tip.hidden) return;
  const value = formatNumber(frame.parameters[place], 3);
  tip.textContent = translate(pointed.from === undefined ? "bias_tip" : "weight_tip", { value });
  const [x, y] = middleOf(net.geometry, pointed.column, pointed.unit);
  const { size } = net.geometry.columns[pointed.column];
  const [x0, y0] =
    pointed.from === undefined
      ? [x, y - size - 8]
      : middleOf(net.geometry, pointed.column - 1, pointed.from);
  tip.style.left = `${(x + x0) / 2}px`;
  tip.style.top = `${pointed.from === undefined ? y0 : (y + y0) / 2 - 8}px`;
}
