// Exercise in a page: fields for formulas, a check button, feedback; works without Python.

import { Address, idOf } from "./address.js";
import { FormulaError } from "../shared/formula.js";
import { formatShape } from "./evaluate.js";
import { grade } from "./grading.js";
import { senderOfClass } from "./hand_in.js";
import { filled, judgement, sentence } from "./words.js";

let count = 0;
let address;

/**
 * Render an exercise, as returned by `hg.exercise(name).data()`, into an empty element.
 *
 * Texts are in the language of the data. Answers are in the address of the page; nothing is sent,
 * unless the page comes from the server of a class, and the button to hand in is pressed.
 */
export function exerciseIn(place, exercise) {
  const { words } = exercise;
  address ??= new Address();
  const sender = senderOfClass();
  const id = `exercise-${(count += 1)}`;
  const title = make(
    place.dataset.heading ?? "h3",
    { id },
    filled(words, "title", { title: exercise.title }),
  );
  const steps = exercise.holes.map((hole, i) => stepIn(exercise, hole, `${id}-${i}`));
  const forward = forwardIn(exercise, id);
  const verdict = make("p", { class: "verdict", role: "status" });
  const form = make(
    "form",
    { "aria-labelledby": id, novalidate: "" },
    ...steps.map(({ element }) => element),
    make("button", { type: "submit", class: "check" }, words.check),
    " ",
    linkButton(words),
    verdict,
    ...(sender ? [handInRow(exercise, steps, sender, id)] : []),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    check(exercise, steps, forward, verdict);
  });
  place.setAttribute("lang", words.locale);
  place.classList.add("exercise");
  place.replaceChildren(
    title,
    make("p", {}, exercise.about),
    ...(exercise.page ? [code(exercise.page, `${words.page}: ${exercise.title}`)] : []),
    forward.element,
    make("p", { class: "soft" }, filled(words, "names", { names: namesOf(exercise) })),
    form,
    numbersIn(exercise),
    make(
      "p",
      { class: "soft" },
      words.checked_by + words.between + words[sender ? "to_class" : "stays"],
    ),
  );
}

/** Names that a formula may use: the arrays, and the variables of forward. */
const namesOf = ({ arrays, forward }) =>
  [...Object.keys(arrays), ...forward.map(([name]) => name)].join(", ");

/** Create an element with attributes and children. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Create a block of code that keyboard users can focus and scroll. */
const code = (text, label) =>
  make("pre", { tabindex: "0", role: "region", "aria-label": label }, make("code", {}, text));

/** Create a field for a formula. */
function field(id, name, value, described) {
  const input = make("input", {
    id,
    type: "text",
    autocomplete: "off",
    autocapitalize: "off",
    autocorrect: "off",
    spellcheck: "false",
    "aria-describedby": described,
  });
  input.value = value;
  const label = make("label", { for: id }, make("code", {}, `${name} =`));
  return { input, line: make("div", { class: "line" }, label, input) };
}

/** Create the button that copies the address with the answers, or shows it to be copied. */
function linkButton(words) {
  const button = make("button", { type: "button" }, words.copy_link);
  button.addEventListener("click", async () => {
    const link = address.show();
    try {
      await navigator.clipboard.writeText(link);
      button.textContent = words.copied;
    } catch {
      // no access to the clipboard
      const shown = make("input", { type: "text", readonly: "", "aria-label": words.copy_link });
      shown.value = link;
      button.replaceWith(make("span", { class: "line" }, shown));
      shown.focus();
      shown.select();
    }
  });
  return button;
}

/** Create the field of the name, the button to hand in, and what the server said. */
function handInRow(exercise, steps, sender, id) {
  const { words } = exercise;
  const name = make("input", { id: `${id}-name`, class: "name", type: "text", maxlength: "80" });
  name.value = sender.who.name;
  name.addEventListener("input", () => {
    sender.rename(name.value);
    address.set("name", name.value);
    for (const other of document.querySelectorAll(".exercise .name"))
      if (other !== name) other.value = name.value;
  });
  const said = make("p", { class: "handed", role: "status" });
  const tell = (state, came = "") => {
    said.textContent = filled(words, state, { came });
    said.className = `handed ${{ handed_in: "right", refused: "wrong" }[state] ?? ""}`;
  };
  const button = make("button", { type: "button", class: "hand-in" }, words.hand_in);
  button.addEventListener("click", () => {
    if (!name.value.trim()) {
      tell("name_first");
      name.focus();
      return;
    }
    sender.rename(name.value.trim());
    const answers = steps.map(({ hole, input }) => [hole.name, input.value]);
    sender.handIn(exercise, Object.fromEntries(answers), tell);
  });
  const label = make("label", { for: name.id }, words.your_name);
  return make("div", { class: "class" }, make("div", { class: "line" }, label, name, button), said);
}

/** Create a step: the question, a field with the answer of the address, its feedback, hints. */
function stepIn(exercise, hole, id) {
  const { words } = exercise;
  const key = `${idOf(exercise)}.${hole.name}`;
  const { input, line } = field(id, hole.name, address.get(key), `${id}-ask ${id}-said`);
  input.addEventListener("input", () => address.set(key, input.value));
  const said = make("div", { id: `${id}-said`, class: "said" });
  const hints = make("ol", { class: "hints" });
  const button = make("button", { type: "button" });
  const live = make("div", { "aria-live": "polite" }, hints);
  let shown = 0;
  const offer = () => {
    button.textContent = filled(words, "hint_of", { i: shown + 1, n: hole.hints.length });
    button.setAttribute("aria-label", `${hole.name}: ${button.textContent}`);
    button.hidden = shown === hole.hints.length;
  };
  button.addEventListener("click", () => {
    hints.append(make("li", { tabindex: "-1" }, hole.hints[shown]));
    shown += 1;
    offer();
    if (button.hidden) hints.lastChild.focus(); // the hidden button had the focus
  });
  offer();
  const ask = make("p", { id: `${id}-ask` }, hole.ask);
  const element = make("div", { class: "step" }, ask, line, said, live, button);
  return { hole, input, said, element };
}

/** Create the editable lines of forward; gradients are measured on the edited lines. */
function forwardIn({ words, forward, holes }, id) {
  const lines = forward.map(([name, formula], i) => {
    const said = make("div", { id: `${id}-forward-${i}-said`, class: "said" });
    const { input, line } = field(`${id}-forward-${i}`, name, formula, said.id);
    return { name, formula, input, said, element: make("div", {}, line, said) };
  });
  const element = make(
    "details",
    {},
    make("summary", {}, words.forward),
    make("p", {}, words.forward_change),
    ...lines.map((line) => line.element),
  );
  element.hidden = !holes.some((hole) => hole.of);
  return { lines, element };
}

/** Lines of forward: the edited ones, or those of the exercise if unchanged. */
const linesOf = ({ forward }, lines) =>
  lines.every(({ input, formula }) => input.value === formula)
    ? forward
    : lines.map(({ name, input }) => [name, input.value]);

/** Grade all answers and show the feedback. */
function check(exercise, steps, forward, verdict) {
  const { words } = exercise;
  forward.lines.forEach(({ input, said }) => showFeedback(words, input, said, []));
  const answers = Object.fromEntries(steps.map(({ hole, input }) => [hole.name, input.value]));
  let found;
  try {
    found = grade(exercise, answers, linesOf(exercise, forward.lines));
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    const wrong = forward.lines[error.line];
    showFeedback(words, wrong.input, wrong.said, [error]);
    forward.element.open = true;
    wrong.input.focus();
    verdict.textContent = words.not_done;
    return;
  }
  steps.forEach(({ hole, input, said }) => showFeedback(words, input, said, found[hole.name]));
  const wrong = steps.filter(({ hole }) => found[hole.name].some(({ key }) => key !== "right"));
  const texts = steps
    .filter(({ input }) => input.value.trim())
    .map(({ hole }) => sentence(words, hole.name, found[hole.name]));
  const end = wrong.length ? words.not_done : words.done;
  // Screen readers get all feedback at once; visually each sentence is below its field.
  verdict.replaceChildren(make("span", { class: "unseen" }, texts.join(" ")), ` ${end}`);
  verdict.classList.toggle("right", !wrong.length);
  if (wrong.length) wrong[0].input.focus();
}

/** Show the feedback on a field, and mark the syntax error in it. */
function showFeedback(words, input, said, remarks) {
  const right = remarks.every(({ key }) => key === "right");
  const open = remarks.some(({ key }) => key === "not_given");
  if (right || open) input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
  said.className = `said ${right && remarks.length ? "right" : open ? "open" : "wrong"}`;
  const sign = right ? "✓ " : open ? "" : "✗ ";
  const text = remarks.length ? sign + judgement(words, remarks) : "";
  const place = remarks.find(({ end }) => end > 0);
  said.replaceChildren(...(place ? [highlighted(input.value, place)] : []), text);
}

/** Render a formula with the erroneous part, or the position of a missing one, marked. */
function highlighted(formula, { at, end }) {
  const marked = formula.slice(at, end) || " ";
  return make(
    "code",
    { class: "place" },
    formula.slice(0, at),
    make("mark", {}, marked),
    formula.slice(end),
  );
}

/** Render the arrays that answers are checked with, row by row. */
function numbersIn({ words, arrays, title }) {
  const texts = Object.entries(arrays).map(([name, { shape, kind, values }]) => {
    const width = shape.at(-1) ?? 1;
    const written = values.map((x) => (kind === "float" ? String(x) : String(Math.floor(x))));
    const widest = written.reduce((most, text) => Math.max(most, text.length), 0);
    const cells = written.map((text) => text.padStart(widest));
    const rows = cells.flatMap((_, i) => (i % width ? [] : [cells.slice(i, i + width).join("  ")]));
    const heading = shape.length ? `${name} ${formatShape(shape)}` : name;
    return `${heading}\n${rows.map((row) => `  ${row}`).join("\n")}`;
  });
  return make(
    "details",
    {},
    make("summary", {}, words.numbers),
    code(texts.join("\n\n"), `${words.numbers}: ${title}`),
  );
}
