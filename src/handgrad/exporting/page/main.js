// The page: its fields, the net, and the answer as one types.

import { answersIn } from "./answer.js";
import { fieldsOf } from "./form.js";
import { encodedRow } from "./table.js";
import { net } from "./net.js";
import { element, language, languages, learn, locale, say, speak, speakIn } from "./words.js";

const find = (id) => document.getElementById(id);
const data = JSON.parse(find("data").textContent);

learn(data.words, data.steering, navigator.languages);

for (const part of document.querySelectorAll("[data-say]")) speak(part, () => say(part.dataset.say));
speak(document.documentElement, locale, "lang");
speak(document.querySelector("title"), () => say(`title_${data.kind}`));

const answers = answersIn({ headline: find("headline"), bars: find("bars"), status: find("status") }, data);
const fields = fieldsOf(data.columns, data.reading, find("fields"), update);

/** Read the fields, and show what the net says of them. */
function update() {
  const values = fields.map((field) => field.read());
  const unread = fields.filter((_, i) => values[i] === undefined).map((field) => field.name);
  if (unread.length) answers.none(unread);
  else answers.of(predicted(values));
}

const predicted = (values) => net.predict(encodedRow(data.columns, values, data.reading));

let shown = 0;
speak(find("shown"), () => (shown < 0 ? "" : say("example_shown", { i: shown + 1, n: data.examples.length })));
find("example").addEventListener("click", () => fill((shown + 1) % data.examples.length));
find("clear").addEventListener("click", () => fill(-1));

/** Fill the fields with an example row, or empty them for −1. */
function fill(i) {
  shown = i;
  fields.forEach((field, k) => field.put(i < 0 ? "" : data.examples[i][k]));
  speakIn(language());
}

find("row").addEventListener("submit", (event) => event.preventDefault());
for (const [name, itself] of languages()) {
  const button = element("button", { type: "button", lang: name }, itself);
  button.addEventListener("click", () => speakIn(name));
  speak(button, () => String(language() === name), "aria-pressed");
  find("languages").append(button);
}
speak(find("made"), () => say("made_by", { version: data.version }));
speak(find("fields"), () => (update(), say("row")), "aria-label");
fill(0);
