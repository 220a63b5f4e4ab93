// Entry point of a language model's page: the text, what follows it, and how the model reads it.

import { main as textsOf } from "./proof.js";
import { InspectedReader, TextReader } from "./reader.js";
import { encode, generate, tokens } from "./text.js";
import { offerChoice, offerHeads, showAttention, showNext, showSurprisal } from "./views.js";
import { show } from "../shared/messages.js";
import {
  bindText,
  element,
  formatNumber,
  language,
  languages,
  loadTranslations,
  locale,
  onLanguageChange,
  setLanguage,
  translate,
  visible,
} from "../shared/words.js";

/** Characters that the model writes ahead. */
const LENGTH = 200;
/** Milliseconds of work before the browser may answer. */
const SLICE = 12;
/** Delay in milliseconds after the last change before a screen reader reads the prediction. */
const PAUSE = 700;
const MOST_SEED = 2n ** 64n;

const place = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((part) => [part.id, part]),
);
const data = JSON.parse(place.data.textContent);
const known = new Set(tokens.slice(1));

loadTranslations(data.words, data.steering, navigator.languages);
for (const part of document.querySelectorAll("[data-say]"))
  bindText(part, () => translate(part.dataset.say));
bindText(document.documentElement, locale, "lang");
bindText(document.querySelector("title"), () => translate("title"));

let skipped = [];
let head = 0;
/** Index of the chosen token; Infinity for the last one. */
let chosen = Infinity;
let reader = new TextReader(data, skipped);
/** Work that a later change cancels. */
let work, announcing;

/** Run the steps of a generator, and give way to the browser between them. */
function run(steps) {
  clearTimeout(work);
  const go = () => {
    const end = performance.now() + SLICE;
    while (performance.now() < end) if (steps.next().done) return;
    work = setTimeout(go);
  };
  go();
}

const temperature = () => Number(place.temperature.value);

/** The seed, or null with a message. */
function seed() {
  const text = place.seed.value.trim();
  const isSeed = /^\d+$/.test(text) && BigInt(text) < MOST_SEED;
  const came = translate("came_seed", { text: visible(text) });
  const said = [came, translate("expected_seed"), translate("try_seed")];
  show(place.seed, place["seed-read"], isSeed ? "" : said);
  return isSeed ? BigInt(text) : null;
}

/** Tokens of the text, or null with a message that names the first unknown character. */
function codes() {
  const characters = Array.from(place.text.value);
  const i = characters.findIndex((character) => !known.has(character));
  if (i >= 0) {
    const all = tokens.slice(1).filter((token) => Array.from(token).length === 1);
    const words = { n: all.length, characters: visible(all.join("").trim()) };
    const came = translate("came_character", { character: visible(characters[i]), i: i + 1 });
    const said = [came, translate("expected_character", words), translate("try_character")];
    show(place.text, place["text-read"], said);
    return null;
  }
  const found = encode(place.text.value);
  const words = { n: found.length, context: data.context };
  const key = found.length ? (found.length > data.context ? "long" : "read") : "empty";
  show(place.text, place["text-read"], translate(`text_${key}`, words));
  return found;
}

/** Read the text, and show what follows it. */
function update() {
  place.degrees.textContent = formatNumber(temperature(), 3);
  const [read, from] = [codes(), seed()];
  run(steps(read, from));
}

function* steps(read, from) {
  place.append.disabled = true;
  if (read) yield* reader.read(read.slice(-data.context));
  showViews(read ?? []);
  place.continuation.textContent = "";
  yield;
  if (!read || from === null) return;
  const begin = () => new InspectedReader(data, skipped);
  const options = { length: LENGTH, temperature: temperature(), seed: from, begin };
  for (const token of generate(place.text.value, options)) {
    place.continuation.textContent += token;
    yield;
  }
  place.append.disabled = false;
}

function showViews(read) {
  const n = read.length ? reader.tokens.length : 0;
  const p = n ? probabilities() : null;
  showNext(place, p, tokens, append);
  clearTimeout(announcing);
  announcing = setTimeout(() => (place.status.textContent = place.headline.textContent), PAUSE);
  showRead(n);
}

/** Probabilities to follow; at the temperature 0 the most likely token has all. */
function probabilities() {
  if (Math.fround(temperature()) > 0) return reader.probabilities(temperature());
  const best = reader.next.indexOf(Math.max(...reader.next));
  return reader.next.map((_, i) => Number(i === best));
}

let shown = 0;

/** Show how the first n tokens of the reader were read. */
function showRead(n = shown) {
  shown = n;
  const read = {
    tokens: reader.tokens.slice(0, n).map((code) => tokens[code]),
    surprisals: reader.surprisals.slice(0, n),
    attentions: reader.attentions.slice(0, n),
    chosen: Math.max(Math.min(chosen, n - 1), 0),
  };
  showSurprisal(place, read);
  if (place.heads) showAttention(place, read, head);
}

function append(text) {
  place.text.value += text;
  chosen = Infinity;
  update();
}

for (const strip of [place.surprisal, place.attention].filter(Boolean)) {
  offerChoice(strip, (moved) => {
    const last = shown - 1;
    const now = Math.min(chosen, last);
    chosen = Math.min(Math.max(moved(now), 0), last);
    showRead();
  });
}
if (place.heads) {
  offerHeads(place.heads, data.heads, (number) => {
    head = number;
    showRead();
  });
}
if (place.blocks) {
  data.blocks.forEach(({ kind, i }, number) => {
    const box = element("input", { type: "checkbox" });
    box.checked = true;
    box.addEventListener("change", () => {
      skipped = box.checked ? skipped.filter((one) => one !== number) : [...skipped, number];
      reader = new TextReader(data, skipped);
      update();
    });
    const name = bindText(element("span"), () => translate(`block_${kind}`, { i }));
    place.blocks.append(element("label", {}, box, " ", name));
  });
}
place.writing.addEventListener("submit", (event) => event.preventDefault());
place.text.addEventListener("input", () => {
  chosen = Infinity;
  update();
});
for (const field of [place.temperature, place.seed]) field.addEventListener("input", update);
place.another.addEventListener("click", () => {
  place.seed.value = String(Math.floor(Math.random() * 2 ** 32));
  update();
});
place.append.addEventListener("click", () => append(place.continuation.textContent));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => showRead());

let wrong = -1;
place.about.addEventListener("toggle", () => {
  if (wrong >= 0) return;
  const texts = textsOf(data);
  wrong = data.samples.filter(({ text }, i) => text !== texts[i]).length;
  setLanguage(language());
});
bindText(place.check, () => {
  if (wrong < 0) return "";
  if (wrong) return translate("check_apart", { n: data.samples.length, apart: wrong });
  const n = data.samples.reduce((sum, { text }) => sum + Array.from(text).length, 0);
  return translate("check_same", { n });
});
for (const [name, itself] of languages()) {
  const button = element("button", { type: "button", lang: name }, itself);
  button.addEventListener("click", () => setLanguage(name));
  bindText(button, () => String(language() === name), "aria-pressed");
  place.languages.append(button);
}
bindText(place.made, () => translate("made_by", { version: data.version }));
place.text.value = data.beginning;
onLanguageChange(update);
