// What all views share: a section with its words, which does nothing while no eye sees it.

import { element, say, speak, speakBy, visible } from "../../shared/words.js";

/** Shortest time between updates of a picture's description, in milliseconds. */
const PAUSE = 400;

/** A section in `place`, named by the words `name_title`; `draw(frame)` shows a frame. */
export function viewIn(place, name, draw) {
  const id = `view-${name}`;
  const title = speak(element("h3", { id }), () => say(`${name}_title`));
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
  speakBy(() => isShown && again());
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
    /** Says what went wrong, or that nothing did. */
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

/** Calls `act` when the page turns dark or light, or goes to paper and comes back. */
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

/** `act` at once, and then at most once in `pause` milliseconds, with what was last given. */
export function rarely(act, pause = PAUSE) {
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

/** Asks a session for `kind`, one at a time: of what is asked meanwhile, the last is asked next. */
export function askerOf(session, kind, view, took) {
  let isBusy = false;
  let next = null;
  const ask = async (options) => {
    if (isBusy) {
      next = options;
      return;
    }
    isBusy = true;
    try {
      const found = await session.request(kind, options);
      view.problem(null);
      if (found) took(found, options);
    } catch (error) {
      view.problem(say("not_computed", { why: error.message }));
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

/** Asks for a session's rows; names in them are as one may read them, `raw` as they came. */
export function rowsAsker(session, view, took) {
  return askerOf(session, "rows", view, ({ names, classes, ...rows }) =>
    took({
      ...rows,
      names: names.map(visible),
      classes: classes && classes.map(visible),
      raw: { names, classes },
    }),
  );
}

/** How a neuron of a column of the net is called. */
export function placeLabel({ column, unit }, { inputs, layers }) {
  if (!column) return say("place_input", { name: visible(inputs[unit] ?? unit + 1) });
  const kind = column > layers.length ? "output" : "hidden";
  return say(`place_${kind}`, { column, unit: unit + 1 });
}

/** Sentences one after the other, as the language has them. */
export const sentences = (...said) => said.filter(Boolean).join(say("between_sentences"));

/** Items one after another, as the language sets signs between them. */
export const listed = (items) => items.join(say("between_items"));

/** A switch with its words. */
export function checkbox(key, isOn, changed) {
  const box = element("input", { type: "checkbox", "data-control": key });
  box.checked = isOn;
  box.addEventListener("change", () => changed(box.checked));
  const words = speak(element("span"), () => say(key));
  return { box, label: element("label", { class: "check" }, box, words) };
}

/** A button with its words. */
export function button(key, act) {
  const made = speak(element("button", { type: "button" }), () => say(key));
  made.addEventListener("click", act);
  return made;
}

let count = 0;

/** A control after its words. */
function labelled(key, control) {
  count += 1;
  control.id = `view-control-${count}`;
  const words = speak(element("label", { for: control.id }), () => say(key));
  return element("span", { class: "labelled" }, words, " ", control);
}

/** A list to choose from, with its words: `options()` gives pairs of value and text. */
export function chooser(key, options, changed) {
  const select = element("select");
  const fill = () => {
    const { value } = select;
    const made = options().map(([name, text]) => element("option", { value: name }, text));
    select.replaceChildren(...made);
    if ([...select.options].some((option) => option.value === value)) select.value = value;
  };
  speakBy(fill);
  select.addEventListener("change", () => changed(select.value));
  return { select, fill, label: labelled(key, select) };
}

/** A number field with its words. */
export function numberField(key, value, limits, changed = () => {}) {
  const field = element("input", { type: "number", value, ...limits });
  field.addEventListener("change", () => changed(Number(field.value)));
  return { field, label: labelled(key, field) };
}

/** A canvas that is as fine as the screen, and empty; `size` in CSS pixels. */
export function cleared(canvas, width, height) {
  const fine = Math.min(2, devicePixelRatio || 1);
  const [w, h] = [Math.floor(width * fine), Math.floor(height * fine)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const pen = canvas.getContext("2d");
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}
