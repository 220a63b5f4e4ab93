// Optimizer race: one net trained by several optimizers, with equal initial weights and batches.

import {
  element,
  formatNumber,
  translate,
  bindText,
  onLanguageChange,
} from "../../shared/words.js";
import { alternatives, schemaAt } from "../training/schema.js";
import { chart, legend, table } from "./chart.js";
import { colourOf, css } from "./colours.js";
import { lossPicture } from "./contours.js";
import { button, chooser, numberField, viewIn } from "./view.js";

/** Default optimizers. */
const FIRST = [
  { name: "SGD", learning_rate: 0.03 },
  { name: "SGD", learning_rate: 0.03, momentum: 0.9 },
  { name: "RMSprop", learning_rate: 0.01 },
  { name: "Adam", learning_rate: 0.01 },
];
const EPOCHS = { min: 1, max: 2000, step: 1 };
const MOST = 8;
/** Number of line styles, besides the colours. */
const DASHES = 4;

/** Create the race in `place`. */
export function raceIn(place, session) {
  const view = viewIn(place, "race", () => {});
  const lead = bindText(element("p", { class: "lead" }), () => translate("race_lead"));
  const racers = [...FIRST];
  const list = element("ul", { class: "racers" });
  const epochs = numberField("race_epochs", 100, EPOCHS);
  const results = element("div", { class: "results" });
  const said = element("p", { class: "said", role: "status" });
  const go = button("race_go", start);
  let found = null;
  view.body.append(
    lead,
    list,
    adding(racers, () => write()),
  );
  view.body.append(element("div", { class: "row" }, epochs.label, go), said, results);
  const write = () =>
    list.replaceChildren(...racers.map((racer, i) => line(racers, racer, i, write)));
  onLanguageChange(write);
  onLanguageChange(() => found && show());

  async function start() {
    if (!racers.length) return void (said.textContent = translate("race_none"));
    go.disabled = true;
    said.textContent = translate("race_running");
    try {
      const given = await session.request("race", { racers, epochs: Number(epochs.field.value) });
      found = given ?? found;
      view.problem(null);
      said.textContent = "";
      if (found) show();
    } catch (error) {
      said.textContent = "";
      view.problem(translate("not_computed", { why: error.message }));
    }
    go.disabled = false;
  }

  function show() {
    results.replaceChildren(...resultsOf(found));
    said.textContent = winner(found);
  }
  return view;
}

/** Name of an optimizer, with the settings that differ from the default. */
export const racerName = ({ name, learning_rate, ...settings }) => {
  const more = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  return [name, formatNumber(learning_rate, 3), ...more].join(" ");
};

/** Colour of a line: that of a class, mixed with the ink for contrast in dark mode. */
const lineColour = (i) => `color-mix(in srgb, ${css(colourOf(i))} 82%, var(--ink))`;

const look = (i) => ({ kind: `racer dash-${i % DASHES}`, colour: lineColour(i) });

function line(racers, racer, i, write) {
  const remove = button("remove", () => {
    racers.splice(i, 1);
    write();
  });
  remove.setAttribute("aria-label", translate("race_remove", { name: racerName(racer) }));
  return element("li", {}, legend([{ ...look(i), name: racerName(racer) }]), remove);
}

/** Create the controls that add an optimizer. */
function adding(racers, added) {
  const names = () => Object.keys(alternatives(schemaAt("optimizer"))).map((name) => [name, name]);
  const which = chooser("race_optimizer", names, () => {});
  const rate = numberField("race_rate", 0.01, { min: 0, step: "any" });
  const add = button("race_add", () => {
    const racer = { name: which.select.value, learning_rate: Number(rate.field.value) };
    if (racers.length >= MOST || !(racer.learning_rate > 0)) return;
    racers.push(racer);
    added();
  });
  return element("div", { class: "row" }, which.label, rate.label, add);
}

function resultsOf({ epochs, racers, plane }) {
  const curves = chart();
  curves.svg.setAttribute("aria-label", translate("race_curves"));
  const lines = racers.map(({ train }, i) => ({ ...look(i), y: train }));
  curves.show({ x: epochs, lines, isLog: true, across: translate("epoch") });
  const names = racers.map(({ optimizer }) => racerName(optimizer));
  const number = (value) =>
    Number.isFinite(value) ? formatNumber(value, 4) : translate("no_number");
  const rows = racers.map(({ train, test, failure }, i) => [
    names[i],
    failure ? translate("race_failed", failure) : number(train.at(-1)),
    number(test?.at(-1)),
  ]);
  const head = [
    translate("race_optimizer"),
    translate("curves_loss_train"),
    translate("curves_loss_test"),
  ];
  const made = [
    curves.svg,
    legend(names.map((name, i) => ({ ...look(i), name }))),
    element(
      "div",
      { class: "wide" },
      table(translate("race_caption", { epochs: epochs.at(-1) }), head, rows),
    ),
  ];
  if (plane) {
    const ways = racers.map(({ path }, i) => ({ ...look(i), path }));
    const picture = lossPicture(plane, ways, translate("race_paths"));
    made.push(element("figure", {}, picture, element("figcaption", {}, translate("race_paths"))));
  }
  return made;
}

function winner({ racers }) {
  const last = racers.map(({ train, failure }) => (failure ? NaN : train.at(-1)));
  const least = Math.min(...last.filter(Number.isFinite));
  const best = last.indexOf(least);
  if (best < 0) return "";
  const name = racerName(racers[best].optimizer);
  return translate("race_won", { name, loss: formatNumber(least, 4) });
}
