// The page: its fields, the net, and the answer as one types.

import { answersIn } from "./answer.js";
import { checked } from "./check.js";
import { formOf, show } from "./form.js";
import { encodedRow } from "./table.js";
import { Training, predict } from "./net.js";
import { rowsIn, rowsInText, trainingIn } from "./training.js";
import {
  element,
  language,
  languages,
  learn,
  locale,
  formatNumber,
  say,
  speak,
  speakBy,
  speakIn,
  visible,
} from "../shared/words.js";

const find = (id) => document.getElementById(id);
const found = (...names) => Object.fromEntries(names.map((name) => [name, find(name)]));
const data = JSON.parse(find("data").textContent);

learn(data.words, data.steering, navigator.languages);

for (const part of document.querySelectorAll("[data-say]"))
  speak(part, () => say(part.dataset.say));
speak(document.documentElement, locale, "lang");
speak(document.querySelector("title"), () => say(`title_${data.kind}`));

const answers = answersIn(found("headline", "bars", "status"), data);
const form = formOf(data.columns, data.reading, find("fields"), update);

/** Read the fields, and show what the net says of them. */
function update() {
  const { values, unread } = form.read();
  if (unread.length) answers.none(unread);
  else answers.of(predicted(values));
}

/** What came with the page, or has learned here since. */
let predictor = { predict };

const predicted = (values) => answerOf(predictor, encodedRow(data.columns, values, data.reading));

/** The numbers that a net says of a row, whatever their shape. */
const answerOf = (net, row) => net.predict([row]).flat(Infinity);

let shown = 0;
speak(find("shown"), () =>
  shown < 0 ? "" : say("example_shown", { i: shown + 1, n: data.examples.length }),
);
find("example").addEventListener("click", () => fill((shown + 1) % data.examples.length));
find("clear").addEventListener("click", () => fill(-1));
find("row").addEventListener("submit", (event) => event.preventDefault());

/** Fill the fields with an example row, or empty them for −1. */
function fill(i) {
  shown = i;
  form.fill(data.examples[i]);
  speakIn(language());
}

let check;
find("about").addEventListener("toggle", () => {
  check ??= checked(data, (row) => answerOf({ predict }, row));
  speakIn(language());
});
speak(find("check"), () => {
  if (!check) return "";
  const { rows, apart, most } = check;
  return say(apart ? "check_apart" : "check_same", { n: rows, apart, most: formatNumber(most, 2) });
});

for (const [name, itself] of languages()) {
  const button = element("button", { type: "button", lang: name }, itself);
  button.addEventListener("click", () => speakIn(name));
  speak(button, () => String(language() === name), "aria-pressed");
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
      // a target that is none of the net's outputs
      report([say("came_target"), say("expected_target"), say("try_rows")]);
      return null;
    }
  };
  const again = trainingIn(place, begin, (learner) => {
    predictor = learner ?? { predict };
    update();
  });
  const said = () => {
    const { x: rows, line, text } = read();
    if (!line) return say("rows_read", { n: rows.length || enclosed.x.length });
    const expected = say("expected_row", { x: widths.x, y: widths.y });
    return [say("came_line", { line, text: visible(text) }), expected, say("try_rows")];
  };
  place.rows.addEventListener("input", again);
  speak(find("training-intro"), () => say("training_intro", { n: enclosed.x.length }));
  speakBy(() => report(said()));
  place.rows.addEventListener("input", () => report(said()));
}

speak(find("made"), () => say("made_by", { version: data.version }));
speak(find("fields"), () => say("row"), "aria-label");
form.fill(data.examples[0]);
speakBy(update);
