// Architecture controls: number of layers; of the selected layer units, activation, normalization,
// dropout, frozen weights.

import { element, translate, bindText, onLanguageChange } from "../../shared/words.js";
import { choices, faultOf, schemaAt } from "../training/schema.js";
import { LAYER } from "../training/state.js";
import { button, choice, numeric, toggle } from "./elements.js";
import { SIGNS } from "./icons.js";

const { maxItems: MOST_LAYERS, items } = schemaAt("layers");
const { activation: ACTIVATION, normalization: NORMALIZATION, dropout: SHARE } = items.properties;
const UNITS = { ...items.properties.units, maximum: 64 };
const SHARES = Array.from({ length: 20 }, (_, i) => i / 20);

/**
 * Create the controls: the number of hidden layers in `count`; a header for each layer in `list`,
 * one of them selected; its settings in `panel`.
 */
export function architectureControls(store, list) {
  let chosen = 0;
  const layers = () => store.state.layers;
  const take = (next) => store.change({ layers: next });
  const put = (part) =>
    take(layers().map((layer, i) => (i === chosen ? { ...layer, ...part } : layer)));
  const units = (which, count) =>
    take(layers().map((layer, i) => (i === which ? { ...layer, units: count } : layer)));
  const count = element("p", { class: "count" });
  const add = button(
    "add_layer",
    () => {
      chosen = layers().length;
      take([...layers(), { ...LAYER, ...layers().at(-1), frozen: false, units: 2 }]);
    },
    { sign: SIGNS.more },
  );
  const less = button("remove_layer", () => take(layers().slice(0, -1)), { sign: SIGNS.less });
  const head = element(
    "div",
    { class: "layer-count", role: "group", "data-control": "layers" },
    less,
    count,
    add,
  );
  bindText(head, () => translate("layers"), "aria-label");
  const panel = element("div", { class: "fields layer-panel", role: "group" });
  panel.dataset.control = "layer_panel";
  const controls = layerControls(put);
  const title = element("h3");
  const removal = button("remove_this_layer", () => take(layers().filter((_, i) => i !== chosen)));
  const heading = element("div", { class: "panel-heading" }, title, removal);
  panel.append(heading, ...Object.values(controls).map((control) => control.element));
  list.setAttribute("role", "radiogroup");
  bindText(list, () => translate("layer_to_change"), "aria-label");
  const write = () => {
    const n = layers().length;
    chosen = Math.min(chosen, n - 1);
    if (n && chosen < 0) chosen = 0;
    count.textContent = translate(n === 1 ? "layer_count_1" : "layer_count", { n });
    add.disabled = n >= MOST_LAYERS;
    less.disabled = !n;
    panel.hidden = list.hidden = !n;
    list.replaceChildren(
      ...layers().map((layer, i) => headOf(layer, i, i === chosen, { choose, take: units })),
    );
    if (!n) return;
    for (const [name, control] of Object.entries(controls)) control.set(layers()[chosen][name]);
    title.textContent = translate("layer_name", { layer: chosen + 1 });
    panel.setAttribute("aria-label", title.textContent);
  };
  function choose(which, focused = false) {
    chosen = Math.max(0, Math.min(layers().length - 1, which));
    write();
    if (focused) list.children[chosen].querySelector("[role=radio]").focus();
  }
  onLanguageChange(write);
  store.watch("state", write);
  return { count: head, panel };
}

function layerControls(put) {
  const activations = () =>
    choices(ACTIVATION)
      .map((name) => name ?? "linear")
      .map((name) => [name, translate(`activation_${name}`)]);
  const norms = () => [
    ["none", translate("none")],
    ...choices(NORMALIZATION)
      .filter((name) => name !== null)
      .map((name) => [name, translate(`normalization_${name}`)]),
  ];
  const orNull = (control, none) => ({
    ...control,
    set: (value) => control.set(value ?? none),
  });
  return {
    units: numeric("units", UNITS, (units) => put({ units })),
    activation: orNull(
      choice("layer_activation", activations, (name) =>
        put({ activation: name === "linear" ? null : name }),
      ),
      "linear",
    ),
    normalization: orNull(
      choice("normalization", norms, (name) =>
        put({ normalization: name === "none" ? null : name }),
      ),
      "none",
    ),
    dropout: numeric("dropout", SHARE, (dropout) => put({ dropout }), { ladder: SHARES }),
    frozen: toggle("frozen", (frozen) => put({ frozen })),
  };
}

/** Create the header of a layer: a button to select it, and buttons to remove and add neurons. */
function headOf(layer, i, isChosen, { choose, take }) {
  const by = (way, word, sign) => {
    const units = layer.units + way;
    const made = element("button", { type: "button", class: "by", tabindex: "-1" }, sign);
    made.setAttribute(
      "aria-label",
      translate(word, { what: translate("units_of", { layer: i + 1 }) }),
    );
    made.disabled = Boolean(faultOf(UNITS, units));
    made.addEventListener("click", () => take(i, units));
    return made;
  };
  const chosen = layerChoice(layer, i, isChosen, choose);
  return element("div", { class: "head" }, by(-1, "less_of", "−"), chosen, by(1, "more_of", "+"));
}

/** Create the button that selects a layer; arrow keys move to the next. */
function layerChoice(layer, i, isChosen, choose) {
  const made = element("button", { type: "button", role: "radio", "aria-checked": isChosen });
  made.tabIndex = isChosen ? 0 : -1;
  made.append(
    element("b", {}, String(layer.units)),
    translate(`activation_${layer.activation ?? "linear"}`),
  );
  made.setAttribute(
    "aria-label",
    translate("layer_said", {
      layer: i + 1,
      units: layer.units,
      activation: translate(`activation_${layer.activation ?? "linear"}`),
    }),
  );
  made.addEventListener("click", () => choose(i, true));
  made.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    choose(i + way, true);
  });
  return made;
}
