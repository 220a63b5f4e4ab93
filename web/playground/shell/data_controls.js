// Data controls: toy dataset, drawn points, or a table; noise, training fraction, rows, batch size.

import { element, translate, bindText, onLanguageChange } from "../../shared/words.js";
import { faultOf, schemaAt } from "../training/schema.js";
import { SETS, fitting } from "../training/state.js";
import { button, choice, faultMessage, field, numeric, slider, toggle } from "./elements.js";
import { toySetIcon } from "./toy_set_icons.js";

const ROW_LADDER = [20, 50, 100, 200, 300, 400, 500, 750, 1000, 2000, 5000, 10000];
const BATCHES = [1, 2, 5, 10, 15, 20, 30, 50, 100, 200, 500, 1000];

/** Create the controls of the data. */
export function dataControls(store, place) {
  const data = (part) => store.change({ data: part });
  const rows = numeric("rows", schemaAt("data.n"), (n) => data({ n }), { ladder: ROW_LADDER });
  const classes = choice(
    "classes",
    () => [2, 3, 4, 5, 6].map((n) => [n, n]),
    (n) => data({ classes: Number(n) }),
  );
  const noise = slider("noise", (noise) => data({ noise }), { min: 0, max: 50, step: 5 });
  const share = slider("share", (share) => store.change({ share }), {
    min: 10,
    max: 90,
    step: 10,
    format: (n) => `${n} %`,
  });
  const batch = numeric(
    "batch_size",
    schemaAt("batch_size"),
    (batch_size) => store.change({ batch_size }),
    {
      ladder: BATCHES,
    },
  );
  const shuffle = toggle("shuffle", (shuffle) => store.change({ shuffle }));
  const formula = formulaBox((text) => data({ formula: text }));
  store.bind(rows, (state) => state.data.n);
  store.bind(classes, (state) => state.data.classes);
  store.bind(noise, (state) => state.data.noise);
  store.bind(share, (state) => state.share);
  store.bind(batch, (state) => state.batch_size);
  store.bind(shuffle, (state) => state.shuffle);
  store.bind(formula, (state) => state.data.formula);
  const again = button("regenerate", () => data({ seed: (store.state.data.seed + 1) % 2 ** 32 }));
  const write = () => {
    const { kind } = store.state.data;
    const isToy = kind !== "rows";
    for (const part of [rows, noise]) part.element.hidden = !isToy;
    again.hidden = !isToy;
    classes.element.hidden = !SETS[kind]?.takes_classes;
    formula.element.hidden = !["above", "formula"].includes(kind);
  };
  store.watch("state", write);
  write();
  const fields = element("div", { class: "pair" }, rows.element, batch.element, classes.element);
  place.append(
    problem(store),
    sets(store),
    formula.element,
    noise.element,
    share.element,
    fields,
    shuffle.element,
    again,
  );
}

/** Create the choice between classification and regression. */
function problem(store) {
  const options = () =>
    schemaAt("data.problem").enum.map((name) => [name, translate(`problem_${name}`)]);
  const take = (name) => store.change({ data: { problem: name, kind: fitting(SETS, name)[0] } });
  const made = choice("problem", options, take);
  store.bind(made, (state) => state.data.problem);
  return made.element;
}

/** Create the thumbnails of the toy datasets, as a radio group. */
function sets(store) {
  const group = element("div", { class: "sets", role: "radiogroup", "data-control": "data" });
  bindText(group, () => translate("set"), "aria-label");
  const choose = (kind, focused) => {
    store.change({ data: { kind } });
    if (focused) group.querySelector("[aria-checked=true]")?.focus();
  };
  const write = () => {
    const { problem, kind } = store.state.data;
    const kinds = [...fitting(SETS, problem), ...(kind === "rows" ? ["rows"] : [])];
    const focused = group.contains(document.activeElement);
    group.replaceChildren(
      ...kinds.map((name, i) => setChoice(name, name === kind, i, kinds, choose)),
    );
    if (focused) group.querySelector("[aria-checked=true]")?.focus();
  };
  onLanguageChange(write);
  store.watch("state", write);
  return group;
}

function setChoice(name, isOn, i, kinds, choose) {
  const made = element("button", { type: "button", role: "radio", "aria-checked": isOn });
  made.dataset.set = name;
  made.tabIndex = isOn ? 0 : -1;
  made.append(toySetIcon(name), element("span", {}, translate(`set_${name}`)));
  made.addEventListener("click", () => choose(name));
  made.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    choose(kinds[(i + way + kinds.length) % kinds.length], true);
  });
  return made;
}

/** Create a field for a formula, applied on blur or Enter. */
function formulaBox(take) {
  const input = element("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  const wrong = element("span", { class: "wrong", role: "alert" });
  const whole = field("formula", input, { after: wrong });
  input.addEventListener("change", () => {
    const fault = faultOf(schemaAt("data.formula"), input.value);
    wrong.textContent = fault ? faultMessage(input.value, fault) : "";
    if (!fault) take(input.value.trim());
  });
  return { element: whole, input, set: (value) => (input.value = value) };
}
