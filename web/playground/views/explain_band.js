// Explanation panel: the arithmetic of the selected neuron or link, step by step.

import { element, translate, bindText, onLanguageChange } from "../../shared/words.js";
import { requesterOf, numberField, placeLabel, throttle, viewIn } from "./view.js";

const WAYS = ["forward", "backward"];

/** Texts for omitted terms of long sums, with {} for their number. */
const leftOut = () =>
  Object.fromEntries(
    ["smaller", "larger", "others"].map((kind) => [kind, translate(`explain_${kind}`)]),
  );

/** Create the panel in `place`; `pointAt({ column, unit, from })` selects a number, null none. */
export function explainBandIn(place, session) {
  const view = viewIn(place, "explain", draw);
  const row = numberField("explain_row", 0, { min: 0, step: 1 }, () => {
    isTyping = false;
    ask();
  });
  row.field.addEventListener("input", () => {
    isTyping = true;
  });
  const said = element("p", { class: "said" });
  const steps = element("div", { class: "steps" });
  view.body.append(element("div", { class: "row" }, row.label, said), steps);
  let pointed = null;
  let found = null;
  let isTyping = false;
  const explanationOf = requesterOf(session, "explain", view, (given, { of }) => {
    if (of !== pointed) return;
    found = given;
    if (!isTyping) row.field.value = found.row; // the nearest row
    show();
  });
  const ask = throttle(
    () => pointed && explanationOf({ row: Number(row.field.value), of: pointed, words: leftOut() }),
    150,
  );
  const show = () => {
    said.textContent = pointed
      ? heading(pointed, found?.row ?? Number(row.field.value), session.state)
      : translate("explain_none");
    const made = pointed && found ? WAYS.map((way) => stepsOf(way, found[way] ?? [])) : [];
    steps.replaceChildren(...made);
  };
  onLanguageChange(() => {
    show();
    ask();
  });

  function draw({ phase }) {
    view.section.dataset.phase = phase?.way ?? "";
    // in a layer-by-layer step the current layer is explained
    if (phase?.column && phase.column !== pointed?.column) point({ column: phase.column, unit: 0 });
    else if (pointed) ask();
  }

  function point(at) {
    pointed = at && { column: at.column, unit: at.unit, from: at.from };
    found = null;
    show();
    if (pointed && view.isShown) ask();
  }
  return {
    ...view,
    pointAt: point,
  };
}

function heading({ column, unit, from }, row, state) {
  const place = placeLabel({ column, unit }, state);
  if (from === undefined || from === null) return translate("explain_of_unit", { row, place });
  const before = placeLabel({ column: column - 1, unit: from }, state);
  return translate("explain_of_link", { row, place, from: before });
}

/** Create the steps: each a formula, the same with its numbers, and its result. */
function stepsOf(way, given) {
  const list = element("ol", { class: "lines" });
  for (const { name, formula, numbers, result } of given) {
    const made = numbers === result ? "" : ` = ${numbers}`;
    const line = element("span", { class: "numbers" }, name + made, " = ");
    line.append(element("b", { class: "result" }, result));
    list.append(element("li", {}, element("code", { class: "formula" }, formula), line));
  }
  const title = bindText(element("h4"), () => translate(`explain_${way}`));
  const section = element("div", { class: way }, title, list);
  section.hidden = !given.length;
  return section;
}
