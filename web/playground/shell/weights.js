// Weights and biases to read and to change: of the neuron that is chosen, and of all as tables.

import { element, formatNumber, say, speakBy } from "../../shared/words.js";
import { neuronLabel } from "./labels.js";
import { opening } from "./elements.js";
import { placeOf } from "./net_shape.js";

/** More weights than these, one neuron's, are changed in the table alone. */
const MOST_FIELDS = 70;

/** The bias and the weights of the neuron or link that was clicked on, each in a field. */
export function weightEditor(store, net) {
  const whole = element("div", { class: "weight-editor", role: "group", hidden: "" });
  const title = element("h3");
  const fields = element("div", { class: "fields" });
  whole.append(title, fields);
  let shown = "";
  let inputs = [];
  const write = () => {
    const { pointed, frame } = store;
    const { columns } = net();
    const isOpen = pointed?.fixed && pointed.column > 0 && columns[pointed.column];
    whole.hidden = !isOpen || !frame?.parameters;
    if (whole.hidden) return void (shown = "");
    const key = JSON.stringify([pointed, columns]);
    if (key !== shown) {
      shown = key;
      title.textContent = neuronLabel(store, columns, pointed.column, pointed.unit);
      whole.setAttribute("aria-label", title.textContent);
      inputs = fieldsOf(store, columns, pointed);
      fields.replaceChildren(...inputs.map(({ field }) => field));
      for (const { input, place } of inputs) input.value = formatNumber(frame.parameters[place], 4);
      inputs.find(({ from }) => from === pointed.from)?.input.select();
    }
    for (const { input, place } of inputs) {
      if (input !== document.activeElement) input.value = formatNumber(frame.parameters[place], 4);
    }
  };
  speakBy(() => {
    shown = "";
    write();
  });
  for (const what of ["pointed", "frame", "state"]) store.watch(what, write);
  return whole;
}

function fieldsOf(store, columns, { column, unit, from }) {
  const before = columns[column - 1].units;
  const all = Array.from({ length: Math.min(before, MOST_FIELDS) }, (_, i) => i);
  const froms = from === undefined || from < MOST_FIELDS ? all : [from, ...all.slice(1)];
  const places = columns[column].b === null ? froms : [undefined, ...froms];
  return places.map((one) => {
    const place = placeOf(columns, { column, unit, from: one });
    const name =
      one === undefined
        ? say("bias")
        : say("weight_from", { from: neuronLabel(store, columns, column - 1, one) });
    return { from: one, place, ...weightField(store, name, place, one === from) };
  });
}

function weightField(store, name, place, isMeant) {
  const input = element("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
  input.setAttribute("aria-label", name);
  const wrong = element("span", { class: "wrong", role: "alert" });
  input.addEventListener("change", () => {
    const value = Number(input.value.trim().replace("−", "-"));
    const isGood = input.value.trim() !== "" && Number.isFinite(value);
    input.setAttribute("aria-invalid", String(!isGood));
    wrong.textContent = isGood ? "" : say("fault_number", { text: input.value });
    if (isGood) store.setParameter(place, value);
  });
  const kind = `field weight${isMeant ? " meant" : ""}`;
  return { input, field: element("div", { class: kind }, element("span", {}, name), input, wrong) };
}

/** All weights as tables, one a layer, behind a line; written anew while they are open. */
export function weightTables(store, net) {
  const place = element("div", { class: "tables" });
  const whole = opening("weights_as_table", place);
  whole.classList.add("weight-tables");
  let last = 0;
  const write = (isNow = false) => {
    if (!whole.open || !store.frame?.parameters) return;
    // reading what changes all the time is no use to anybody
    if (!isNow && store.frame.playing && performance.now() - last < 1000) return;
    last = performance.now();
    const { columns } = net();
    place.replaceChildren(...columns.slice(1).map((_, i) => tableOf(store, columns, i + 1)));
  };
  whole.addEventListener("toggle", () => write(true));
  store.watch("frame", () => write());
  store.watch("state", () => write(true));
  speakBy(() => write(true));
  return whole;
}

function tableOf(store, columns, column) {
  const { units, b } = columns[column];
  const before = columns[column - 1].units;
  const cell = (tag, text, attributes = {}) => element(tag, attributes, text);
  const head = element("tr", {}, cell("th", say("to_from"), { scope: "col" }));
  const names = Array.from({ length: before }, (_, i) =>
    neuronLabel(store, columns, column - 1, i),
  );
  for (const name of names) head.append(cell("th", name, { scope: "col" }));
  if (b !== null) head.append(cell("th", say("bias"), { scope: "col" }));
  const said = (place) => formatNumber(store.frame.parameters[place], 3);
  const rows = Array.from({ length: units }, (_, unit) => {
    const row = element(
      "tr",
      {},
      cell("th", neuronLabel(store, columns, column, unit), { scope: "row" }),
    );
    for (let from = 0; from < before; from++)
      row.append(cell("td", said(placeOf(columns, { column, unit, from }))));
    if (b !== null) row.append(cell("td", said(b + unit)));
    return row;
  });
  const isLast = column === columns.length - 1;
  const title = isLast ? say("output_layer") : say("layer_name", { layer: column });
  const table = element("table", {}, element("caption", {}, title), element("thead", {}, head));
  table.append(element("tbody", {}, ...rows));
  const scroll = element("div", { class: "scrolls", tabindex: "0", role: "region" }, table);
  scroll.setAttribute("aria-label", title);
  return scroll;
}
