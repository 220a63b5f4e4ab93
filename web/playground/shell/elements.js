// Form elements: buttons, fields, lists, sliders, switches, cards; labelled and translated.

import { element, translate, bindText, onLanguageChange } from "../../shared/words.js";
import { faultOf } from "../training/schema.js";

let count = 0;

const fresh = () => `playground-${(count += 1)}`;

/** Create an element with a translated text. */
export const translated = (tag, key, attributes = {}) =>
  bindText(element(tag, attributes), () => translate(key));

/** Create a button with a text, or with an icon and the text as its accessible name. */
export function button(key, act, { sign, kind = "" } = {}) {
  const made = element("button", { type: "button", class: sign ? `sign ${kind}` : kind });
  made.dataset.control = key;
  if (sign) {
    made.innerHTML = sign;
    bindText(made, () => translate(key), "aria-label");
    bindText(made, () => translate(key), "title");
  } else bindText(made, () => translate(key));
  made.addEventListener("click", act);
  return made;
}

/** Create a field with its label; `input` is any form element. */
export function field(key, input, more = {}) {
  input.id = fresh();
  input.dataset.control = more.name ?? key;
  const label = translated("label", key, { for: input.id });
  const whole = element("div", { class: `field ${more.kind ?? ""}` }, label, input);
  if (more.after) whole.append(more.after);
  return whole;
}

/** Create a drop-down list; `options` returns pairs of value and label. */
export function choice(key, options, take, more = {}) {
  const input = element("select");
  const write = () => {
    const value = input.value;
    input.replaceChildren(
      ...options().map(([value, text]) => Object.assign(element("option", { value }, text))),
    );
    input.value = value;
  };
  onLanguageChange(write);
  input.addEventListener("change", () => take(input.value));
  const whole = field(key, input, more);
  return {
    element: whole,
    input,
    rewrite: write,
    set: (value) => {
      if (![...input.options].some((option) => option.value === String(value)))
        input.append(element("option", { value }, String(value)));
      input.value = String(value);
    },
  };
}

/**
 * Create a number field with stepper buttons and arrow keys; a value that is not valid by the
 * `schema` is reported next to the field and ignored.
 *
 * The steps are those of `ladder`, or 1. An empty field is null if it is `optional`.
 */
export function numeric(key, schema, take, { ladder, optional = false, ...more } = {}) {
  const input = element("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
  const wrong = element("span", { class: "wrong", role: "alert" });
  let last = null;
  const show = (text, fault) => {
    input.value = text;
    input.setAttribute("aria-invalid", String(Boolean(fault)));
    wrong.textContent = fault ? faultMessage(text, fault) : "";
  };
  const taken = () => {
    const text = input.value.trim();
    const value = text === "" ? (optional ? null : NaN) : Number(text);
    const fault = value === null ? null : faultOf(schema, value);
    show(text, fault);
    if (!fault && value !== last) take((last = value));
  };
  const by = (way) => {
    const next = stepped(last ?? 0, way, ladder);
    if (!faultOf(schema, next)) {
      show(String(next), null);
      taken();
    }
  };
  // Firefox fires no `change` when a number is retyped after another was set by script
  for (const end of ["change", "blur"]) input.addEventListener(end, taken);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") taken();
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    by(way);
  });
  const whole = field(key, input, { kind: "number", ...more, after: wrong });
  whole.querySelector("label").after(spinner(key, input, by));
  return {
    element: whole,
    input,
    set: (value) => {
      last = value ?? null;
      if (document.activeElement === input && input.getAttribute("aria-invalid") === "true") return;
      show(last === null ? "" : String(last), null);
    },
  };
}

/** Error message for a typed text: what came, what was expected, what to try. */
export const faultMessage = (text, { key, ...values }) =>
  translate(`fault_${key}`, { text: text || translate("nothing"), ...values });

function spinner(key, input, by) {
  const make = (way, sign, word) => {
    const made = element("button", { type: "button", class: "step", tabindex: "-1" }, sign);
    bindText(made, () => translate(word, { what: translate(key) }), "aria-label");
    made.addEventListener("click", () => by(way));
    return made;
  };
  const box = element("div", { class: "spinner" });
  box.append(make(-1, "−", "less_of"), input, make(1, "+", "more_of"));
  return box;
}

/** Next number on a ladder, or the next integer. */
export function stepped(value, way, ladder) {
  if (!ladder) return value + way;
  const beyond = ladder.filter((rung) => (way > 0 ? rung > value : rung < value));
  if (!beyond.length) return value;
  return way > 0 ? beyond[0] : beyond.at(-1);
}

/** Create a slider with its value beside its label. */
export function slider(key, take, { min, max, step = 1, format = String, ...more }) {
  const input = element("input", { type: "range", min, max, step });
  const shown = element("output");
  const write = () => {
    shown.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", shown.textContent);
    const share = (input.value - min) / (max - min);
    input.style.setProperty("--share", `${100 * share}%`);
  };
  input.addEventListener("input", write);
  input.addEventListener("change", () => take(Number(input.value)));
  onLanguageChange(write);
  const whole = field(key, input, { kind: "range", ...more, after: shown });
  shown.setAttribute("for", input.id);
  return {
    element: whole,
    input,
    set: (value) => {
      input.value = value;
      write();
    },
  };
}

/** Create a switch. */
export function toggle(key, take, more = {}) {
  const input = element("input", { type: "checkbox", role: "switch" });
  input.addEventListener("change", () => take(input.checked));
  return {
    element: field(key, input, { kind: "toggle", ...more }),
    input,
    set: (value) => (input.checked = Boolean(value)),
  };
}

/** Create a card: a section with a heading. */
export function card(key, ...children) {
  const heading = translated("h2", key);
  heading.id = fresh();
  const whole = element("section", { class: "card", "aria-labelledby": heading.id });
  whole.append(element("header", {}, heading), ...children);
  return whole;
}

/** Create a disclosure: a summary line that opens its content. */
export function disclosure(key, ...children) {
  return element("details", { "data-control": key }, translated("summary", key), ...children);
}

/** Create a dropdown panel below a button; Escape and a click outside close it. */
export function menu(key, panel, kind = "") {
  const made = disclosure(key, panel);
  made.classList.add("menu", ...kind.split(" ").filter(Boolean));
  panel.classList.add("panel");
  document.addEventListener("click", ({ target }) => {
    if (!made.contains(target)) made.open = false;
  });
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !made.open) return;
    event.stopPropagation();
    made.open = false;
    made.querySelector("summary").focus();
  });
  return made;
}
