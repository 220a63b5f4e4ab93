// Entry point of an exported model's page: input form, net, and prediction on each input.

import { answersIn } from "./prediction.js";
import { checked } from "./check.js";
import { factsOf, titleOf } from "./facts.js";
import { formOf, show } from "./form.js";
import { encodedRow } from "./table.js";
import { Training, predict } from "./net.js";
import { rowsIn, rowsInText, trainingIn } from "./training.js";
import {
  element,
  language,
  languages,
  loadTranslations,
  locale,
  formatNumber,
  translate,
  bindText,
  onLanguageChange,
  setLanguage,
  visible,
} from "../shared/words.js";

const find = (id) => document.getElementById(id);
const found = (...names) => Object.fromEntries(names.map((name) => [name, find(name)]));
const data = JSON.parse(find("data").textContent);

loadTranslations(data.words, data.steering, navigator.languages);

for (const part of document.querySelectorAll("[data-say]"))
  bindText(part, () => translate(part.dataset.say));
bindText(document.documentElement, locale, "lang");
for (const part of [document.querySelector("title"), find("title")])
  bindText(part, () => titleOf(data));
bindText(find("facts"), () => factsOf(data.about));
find("facts").hidden = !factsOf(data.about);

const answers = answersIn(found("headline", "bars", "status"), data);
const form = formOf(data.columns, data.reading, find("fields"), update);

/** Read the fields, and show the prediction. */
function update() {
  const { values, unread } = form.read();
  if (unread.length) answers.none(unread);
  else answers.of(predicted(values));
}

/** Model of the page, or the one trained here since. */
let predictor = { predict };

const predicted = (values) => answerOf(predictor, encodedRow(data.columns, values));

/** Predict a row: the net's outputs as a flat list. */
const answerOf = (net, row) => net.predict([row]).flat(Infinity);

let shown = 0;
bindText(find("shown"), () =>
  shown < 0 ? "" : translate("example_shown", { i: shown + 1, n: data.examples.length }),
);
find("example").addEventListener("click", () => fill((shown + 1) % data.examples.length));
find("clear").addEventListener("click", () => fill(-1));
find("row").addEventListener("submit", (event) => event.preventDefault());

/** Fill the fields with example row i, or empty them for −1. */
function fill(i) {
  shown = i;
  form.fill(data.examples[i]);
  setLanguage(language());
}

let check;
find("about").addEventListener("toggle", () => {
  check ??= checked(data, (row) => answerOf({ predict }, row));
  setLanguage(language());
});
bindText(find("check"), () => {
  if (!check) return "";
  const { rows, apart, most } = check;
  return translate(apart ? "check_apart" : "check_same", {
    n: rows,
    apart,
    most: formatNumber(most, 2),
  });
});

for (const [name, itself] of languages()) {
  const button = element("button", { type: "button", lang: name }, itself);
  button.addEventListener("click", () => setLanguage(name));
  bindText(button, () => String(language() === name), "aria-pressed");
  find("languages").append(button);
}
if (data.training) offerTraining(data.training);

function offerTraining({ x, y }) {
  const enclosed = { x: rowsIn(x), y: rowsIn(y) };
  const widths = { x: x.width, y: y.width };
  const place = found(
    "epochs",
    "train",
    "again",
    "progress",
    "curve",
    "caption",
    "rows",
    "rows-read",
  );
  const read = () => rowsInText(place.rows.value, widths, data.reading);
  const report = (message) => show(place.rows, place["rows-read"], message);
  const begin = () => {
    const rows = place.rows.value.trim() ? read() : enclosed;
    if (rows.line || !rows.x.length) return null;
    try {
      return new Training(rows.x, rows.y);
    } catch {
      // target that is not an output of the net
      report([translate("came_target"), translate("expected_target"), translate("try_rows")]);
      return null;
    }
  };
  const again = trainingIn(place, begin, (learner) => {
    predictor = learner ?? { predict };
    update();
  });
  const said = () => {
    const { x: rows, line, text } = read();
    if (!line) return translate("rows_read", { n: rows.length || enclosed.x.length });
    const expected = translate("expected_row", { x: widths.x, y: widths.y });
    return [translate("came_line", { line, text: visible(text) }), expected, translate("try_rows")];
  };
  place.rows.addEventListener("input", again);
  bindText(find("training-intro"), () => translate("training_intro", { n: enclosed.x.length }));
  onLanguageChange(() => report(said()));
  place.rows.addEventListener("input", () => report(said()));
}

bindText(find("made"), () => translate("made_by", { version: data.version }));
bindText(find("fields"), () => translate("row"), "aria-label");
form.fill(data.examples[0]);
onLanguageChange(update);
