// Input feature controls: columns, their squares, products and sines, custom formulas.

import { element, translate, bindText } from "../../shared/words.js";
import { button, field, translated } from "./elements.js";
import { columnOfInput, formulaLabel, formulaText, inputText } from "./formulas.js";
import { SIGNS } from "./icons.js";

/** Input features of TensorFlow Playground. */
const PLAIN = ["x1", "x2", "x1**2", "x2**2", "x1*x2", "sin(x1)", "sin(x2)"];

/** Create a switch for each input feature, and a field to add one. */
export function inputControls(store, place) {
  const list = element("div", { class: "chips", role: "group", "data-control": "inputs" });
  bindText(list, () => translate("inputs"), "aria-label");
  const wrong = element("p", { class: "wrong", role: "alert" });
  const names = offeredBy(store);
  const take = (inputs) => {
    wrong.textContent = inputs.length ? "" : translate("no_input");
    if (inputs.length) store.change({ inputs });
  };
  const chip = (name) => {
    const on = store.state.inputs.includes(name);
    const made = element("button", { type: "button", class: "chip", "aria-pressed": on });
    made.dataset.input = name;
    const text = inputText(name, store.state);
    made.append(text === formulaText(name) ? formulaLabel(name) : text);
    if (text !== name) made.title = name;
    made.addEventListener("click", () => {
      const now = store.state.inputs;
      const order = names();
      const next = now.includes(name) ? now.filter((other) => other !== name) : [...now, name];
      take(next.sort((a, b) => order.indexOf(a) - order.indexOf(b)));
    });
    return made;
  };
  const box = element("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  box.setAttribute("placeholder", "cos(3*x1)");
  const add = () => {
    const name = box.value.trim();
    if (!name) return;
    const before = store.state;
    store.change({ inputs: [...store.state.inputs.filter((other) => other !== name), name] });
    if (store.state === before) return;
    box.value = "";
  };
  box.addEventListener("keydown", (event) => event.key === "Enter" && add());
  const after = button("add", add, { sign: SIGNS.more });
  const more = field("add_input", box, { after, kind: "adding" });
  place.append(list, wrong, more, translated("p", "inputs_hint", { class: "hint" }));
  let shown = "";
  const write = () => {
    const key = JSON.stringify([names(), store.state.inputs]);
    if (key === shown) return;
    shown = key;
    const focused = document.activeElement?.dataset?.input;
    list.replaceChildren(...names().map(chip));
    if (focused) list.querySelector(`[data-input="${CSS.escape(focused)}"]`)?.focus();
  };
  store.watch("state", write);
  write();
}

/** Available features: the default seven, or the columns of a table; and all enabled before. */
function offeredBy(store) {
  let known = [];
  let before = null;
  return () => {
    const { kind, rows } = store.state.data;
    const columns = kind === "rows" && rows && !isPlane(rows.names) ? rows.names : null;
    if (columns !== before) [before, known] = [columns, []];
    known = [...new Set([...known, ...store.state.inputs])];
    if (!columns) return [...new Set([...PLAIN, ...known])];
    const there = new Set(known.map((name) => columnOfInput(name, columns)));
    return [...known, ...columns.filter((_, i) => !there.has(i))];
  };
}

/** Test if columns are the two of the toy datasets and of drawn points. */
const isPlane = (columns) => columns.length === 2 && columns[0] === "x1" && columns[1] === "x2";
