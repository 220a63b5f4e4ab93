// Labels of inputs, neurons and outputs: beside the diagram, and for screen readers.

import { element, translate } from "../../shared/words.js";
import { formulaLabel, formulaText, inputText } from "./formulas.js";
import { middleOf } from "./net_geometry.js";

/** Largest and smallest width for names beside inputs and outputs, and the width of a letter. */
const ROOM = { most: 76, least: 18, letter: 7.5 };

/** Width needed by names, left and right. */
export function sidesOf({ columns, isTight }, store) {
  const outputs = columns.at(-1).units;
  const names = Array.from({ length: outputs }, (_, unit) =>
    labelOf(store, outputs, unit, isTight),
  );
  const room = (texts) => {
    const wide = (text) => [...text].reduce((sum, c) => sum + (c > "\u2e80" ? 2 : 1), 0);
    const letters = Math.max(...texts.map(wide));
    return Math.max(ROOM.least, Math.min(ROOM.most, ROOM.letter * letters + 10));
  };
  return {
    left: room(store.state.inputs.map((name) => inputText(name, store.state))),
    right: room(names),
  };
}

/** Create the names of inputs to their left, and of outputs to their right. */
export function labels({ geometry, columns, isTight }, store) {
  const made = [];
  const put = (column, unit, content, side) => {
    const [x, y] = middleOf(geometry, column, unit);
    const { size } = geometry.columns[column];
    if (geometry.columns[column].step < 15) return;
    const label = element("span", { class: `label ${side}`, "aria-hidden": "true" }, content);
    label.style.top = `${y}px`;
    label.style[side === "before" ? "right" : "left"] =
      side === "before" ? `calc(100% - ${x - size / 2 - 8}px)` : `${x + size / 2 + 8}px`;
    made.push(label);
  };
  store.state.inputs.slice(0, columns[0].units).forEach((name, unit) => {
    const text = inputText(name, store.state);
    put(0, unit, text === formulaText(name) ? formulaLabel(name) : text, "before");
  });
  const last = columns.length - 1;
  for (let unit = 0; unit < columns[last].units; unit++)
    put(last, unit, labelOf(store, columns[last].units, unit, isTight), "after");
  return made;
}

/** Name of an output: its class, or the predicted column. */
export function outputLabel(store, outputs, unit) {
  const { problem, kind, rows } = store.state.data;
  if (problem === "regression") return "ŷ";
  if (outputs === 1) return "P";
  return kind === "rows"
    ? (rows.classes[unit] ?? String(unit))
    : translate("class_name", { k: unit });
}

/** Label beside an output; where space is short, an unnamed class has its number only. */
function labelOf(store, outputs, unit, isTight) {
  const isNumbered = store.state.data.kind !== "rows" && outputs > 1;
  return isTight && isNumbered ? String(unit) : outputLabel(store, outputs, unit);
}

/** Accessible name of a neuron: its position and its name. */
export function neuronLabel(store, columns, column, unit) {
  if (column === 0)
    return translate("input_said", {
      name: inputText(store.state.inputs[unit] ?? "", store.state),
    });
  if (column < columns.length - 1)
    return translate("neuron_said", { layer: column, unit: unit + 1 });
  return translate("output_said", { name: outputLabel(store, columns[column].units, unit) });
}
