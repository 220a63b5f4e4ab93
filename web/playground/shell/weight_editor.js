// Weight editor: fields for the weights and bias of the selected neuron, and tables of all weights.

import { element, formatNumber, translate, onLanguageChange } from "../../shared/words.js";
import { neuronLabel } from "./labels.js";
import { disclosure } from "./elements.js";
import { placeOf } from "./net_geometry.js";

/** Maximum number of a neuron's weights with a field each; more are edited in the table. */
const MOST_FIELDS = 70;

/** Create fields for the bias and weights of the selected neuron or link. */
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
  onLanguageChange(() => {
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
        ? translate("bias")
        : translate("weight_from", { from: neuronLabel(store, columns, column - 1, one) });
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
    wrong.textContent = isGood ? "" : translate("fault_number", { text: input.value });
    if (isGood) store.setParameter(place, value);
  });
  const kind = `field weight${isMeant ? " meant" : ""}`;
  return { input, field: element("div", { class: kind }, element("span", {}, name), input, wrong) };
}

/** Create tables of all weights, one a layer, in a disclosure; updated while it is open. */
export function weightTables(store, net) {
  const place = element("div", { class: "tables" });
  const whole = disclosure("weights_as_table", place);
  whole.classList.add("weight-tables");
  let last = 0;
  const write = (isNow = false) => {
    if (!whole.open || !store.frame?.parameters) return;
    // at most once a second while training: faster changes cannot be read
    if (!isNow && store.frame.playing && performance.now() - last < 1000) return;
    last = performance.now();
    const { columns } = net();
    place.replaceChildren(...columns.slice(1).map((_, i) => tableOf(store, columns, i + 1)));
  };
  whole.addEventListener("toggle", () => write(true));
  store.watch("frame", () => write());
  store.watch("state", () => write(true));
  onLanguageChange(() => write(true));
  return whole;
}

function tableOf(store, columns, column) {
  const { units, b } = columns[column];
  const before = columns[column - 1].units;
  const cell = (tag, text, attributes = {}) => element(tag, attributes, text);
  const head = element("tr", {}, cell("th", translate("to_from"), { scope: "col" }));
  const names = Array.from({ length: before }, (_, i) =>
    neuronLabel(store, columns, column - 1, i),
  );
  for (const name of names) head.append(cell("th", name, { scope: "col" }));
  if (b !== null) head.append(cell("th", translate("bias"), { scope: "col" }));
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
  const title = isLast ? translate("output_layer") : translate("layer_name", { layer: column });
  const table = element("table", {}, element("caption", {}, title), element("thead", {}, head));
  table.append(element("tbody", {}, ...rows));
  const scroll = element("div", { class: "scrolls", tabindex: "0", role: "region" }, table);
  scroll.setAttribute("aria-label", title);
  return scroll;
}
