// Base of all views: a titled section, inactive while invisible, and its controls.

import { element, translate, bindText, onLanguageChange, visible } from "../../shared/words.js";

/** Shortest time between updates of a description for screen readers, in milliseconds. */
const PAUSE = 400;

/**
 * Create a section in `place`, titled by the translation of `name_title`; `draw(frame)` draws a
 * frame.
 */
export function viewIn(place, name, draw) {
  const id = `view-${name}`;
  const title = bindText(element("h3", { id }), () => translate(`${name}_title`));
  const body = element("div", { class: "body" });
  const problem = element("p", { class: "problem", role: "alert", hidden: "" });
  const section = element("section", { class: `shown ${name}`, "aria-labelledby": id });
  section.append(title, body, problem);
  place.append(section);
  let last = null;
  let isShown = false;
  const again = () => last && draw(last);
  const seen = (entries) => {
    isShown = entries.at(-1).isIntersecting;
    if (isShown) again();
  };
  const watcher = new IntersectionObserver(seen, { rootMargin: "300px" });
  watcher.observe(section);
  onLanguageChange(() => isShown && again());
  const stop = onScheme(() => isShown && again());
  addEventListener("beforeprint", again);
  return {
    section,
    title,
    body,
    get isShown() {
      return isShown;
    },
    get last() {
      return last;
    },
    update(frame) {
      last = frame;
      if (isShown) draw(frame);
    },
    /** Show an error message, or clear it. */
    problem(text) {
      problem.hidden = !text;
      if (problem.textContent !== (text ?? "")) problem.textContent = text ?? "";
    },
    leave() {
      watcher.disconnect();
      stop();
      removeEventListener("beforeprint", again);
      section.remove();
    },
  };
}

/** Call `act` when the colour scheme changes, and before and after printing. */
function onScheme(act) {
  const soon = () => setTimeout(act, 0);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const print = matchMedia("print");
  const themes = new MutationObserver(soon);
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  dark.addEventListener("change", soon);
  print.addEventListener("change", act);
  return () => {
    themes.disconnect();
    dark.removeEventListener("change", soon);
    print.removeEventListener("change", act);
  };
}

/**
 * Throttle: call `act` at once, then at most once in `pause` milliseconds with the last argument.
 */
export function throttle(act, pause = PAUSE) {
  let timer = null;
  let waiting = null;
  const run = (given) => {
    act(...given);
    timer = setTimeout(() => {
      timer = null;
      if (waiting) [waiting, given] = [null, waiting];
      else given = null;
      if (given) run(given);
    }, pause);
  };
  return (...given) => {
    if (timer === null) run(given);
    else waiting = given;
  };
}

/**
 * Create a function that requests `kind` of a session, one at a time; of several waiting, only the
 * last is sent. Answers about another net than that of the view's last frame are dropped.
 */
export function requesterOf(session, kind, view, took) {
  let isBusy = false;
  let next = null;
  const ask = async (options) => {
    if (isBusy) {
      next = options;
      return;
    }
    isBusy = true;
    const version = view.last?.version;
    try {
      const found = await session.request(kind, { ...options, version });
      view.problem(null);
      if (found && view.last?.version === version) took(found, options);
    } catch (error) {
      view.problem(translate("not_computed", { why: error.message }));
    }
    isBusy = false;
    if (next) {
      const options = next;
      next = null;
      ask(options);
    }
  };
  return ask;
}

/**
 * Create a function that requests a session's rows; names are made readable, `raw` has the
 * originals.
 */
export function rowsRequester(session, view, took) {
  return requesterOf(session, "rows", view, ({ names, classes, ...rows }) =>
    took({
      ...rows,
      names: names.map(visible),
      classes: classes && classes.map(visible),
      raw: { names, classes },
    }),
  );
}

/** Name of a neuron of a column. */
export function placeLabel({ column, unit }, { inputs, layers }) {
  if (!column) return translate("place_input", { name: visible(inputs[unit] ?? unit + 1) });
  const kind = column > layers.length ? "output" : "hidden";
  return translate(`place_${kind}`, { column, unit: unit + 1 });
}

/** Join sentences as usual in the language. */
export const sentences = (...said) => said.filter(Boolean).join(translate("between_sentences"));

/** Join items as usual in the language. */
export const listed = (items) => items.join(translate("between_items"));

/** Create a labelled checkbox. */
export function checkbox(key, isOn, changed) {
  const box = element("input", { type: "checkbox", "data-control": key });
  box.checked = isOn;
  box.addEventListener("change", () => changed(box.checked));
  const words = bindText(element("span"), () => translate(key));
  return { box, label: element("label", { class: "check" }, box, words) };
}

/** Create a button. */
export function button(key, act) {
  const made = bindText(element("button", { type: "button" }), () => translate(key));
  made.addEventListener("click", act);
  return made;
}

let count = 0;

/** Create a control with its label. */
function labelled(key, control) {
  count += 1;
  control.id = `view-control-${count}`;
  const words = bindText(element("label", { for: control.id }), () => translate(key));
  return element("span", { class: "labelled" }, words, " ", control);
}

/** Create a labelled drop-down list: `options()` returns pairs of value and text. */
export function chooser(key, options, changed) {
  const select = element("select");
  const fill = () => {
    const { value } = select;
    const made = options().map(([name, text]) => element("option", { value: name }, text));
    select.replaceChildren(...made);
    if ([...select.options].some((option) => option.value === value)) select.value = value;
  };
  onLanguageChange(fill);
  select.addEventListener("change", () => changed(select.value));
  return { select, fill, label: labelled(key, select) };
}

/** Create a labelled number field. */
export function numberField(key, value, limits, changed = () => {}) {
  const field = element("input", { type: "number", value, ...limits });
  field.addEventListener("change", () => changed(Number(field.value)));
  return { field, label: labelled(key, field) };
}

/** Clear a canvas and fit it to the screen's resolution; size in CSS pixels. */
export function clearCanvas(canvas, width, height) {
  const fine = Math.min(2, devicePixelRatio || 1);
  const [w, h] = [Math.floor(width * fine), Math.floor(height * fine)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const pen = canvas.getContext("2d");
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}
