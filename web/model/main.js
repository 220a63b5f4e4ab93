// Entry point of an exported model's page: input form, net, and prediction on each input.

import { answersIn, predictedIndex } from "./prediction.js";
import { checked } from "./check.js";
import { contributionsIn } from "./contributions.js";
import { factsOf, titleOf } from "./facts.js";
import { formOf } from "./form.js";
import { inspected } from "./inspected.js";
import { showInspection } from "./inspection.js";
import { cellRead, encodedRow } from "./table.js";
import { Training, predict } from "./net.js";
import { rowsIn } from "./packed.js";
import { pictureIn } from "./picture.js";
import { rowsInText, trainingIn } from "./training.js";
import { show } from "../shared/messages.js";
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

/** Delay in milliseconds after the last change before a picture is inspected. */
const PAUSE = 100;

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
const form = data.picture
  ? pictureForm()
  : formOf(data.columns, data.reading, find("fields"), update);
const examples = data.examples.bytes ? rowsIn(data.examples) : data.examples;

function pictureForm() {
  const names = ["row", "drawing", "seen", "file", "invert", "video", "camera", "shot", "off"];
  return pictureIn(found(...names, "picture-read"), data.picture, () => {
    shown = -1;
    find("shown").textContent = "";
    update();
  });
}

/** Read the input, and show the prediction. */
function update() {
  const { values, unread } = form.read();
  const outputs = unread.length || !values ? null : predicted(values);
  if (outputs) answers.of(outputs);
  else answers.none(unread);
  if (inspected) inspect(values);
  if (contribute) explain(values, outputs);
}

/** Show the contributions of the columns to the prediction. */
function explain(values, outputs) {
  if (!outputs?.every(Number.isFinite)) return contribute(null);
  const index = predictedIndex(outputs, data);
  return contribute(values, outputs[index], (row) => predicted(row)[index], data.classes?.[index]);
}

const contribute = data.orders ? contributionsOfExamples() : null;

function contributionsOfExamples() {
  const read = (text, i) => cellRead(data.columns[i], text, data.reading).value;
  const background = examples.map((cells) => cells.map(read));
  return contributionsIn(found("contributions", "parts", "base"), data, background);
}

let inspecting;

/** Show what the net sees in a picture, once it rests. */
function inspect(row) {
  clearTimeout(inspecting);
  find("inside").hidden = !row;
  if (!row) return;
  const place = found("saliency", "maps");
  inspecting = setTimeout(() => showInspection(place, data.picture, inspected([row])[0]), PAUSE);
}

/** Model of the page, or the one trained here since. */
let predictor = { predict };

const predicted = (values) =>
  answerOf(predictor, data.picture ? values : encodedRow(data.columns, values));

/** Predict a row: the net's outputs as a flat list. */
const answerOf = (net, row) => net.predict([row]).flat(Infinity);

let shown = examples.length ? 0 : -1;
bindText(find("shown"), () => {
  const key = data.picture ? "picture_shown" : "example_shown";
  return shown < 0 ? "" : translate(key, { i: shown + 1, n: examples.length });
});
find("example").addEventListener("click", () => fill((shown + 1) % examples.length));
find("example").hidden = !examples.length;
find("clear").addEventListener("click", () => fill(-1));
find("row").addEventListener("submit", (event) => event.preventDefault());

/** Fill the fields with example row i, or empty them for −1. */
function fill(i) {
  shown = i;
  form.fill(examples[i]);
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
if (!data.picture) bindText(find("fields"), () => translate("row"), "aria-label");
form.fill(examples[shown]);
onLanguageChange(update);
