// Title and facts of an exported model's page, in both languages.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { factsOf, titleOf } from "../model/facts.js";
import { loadTranslations, setLanguage } from "../shared/words.js";

const nothing = { target: "", data: "", metric: "", score: null, between: null, rows: null };
const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url)));
const [shared, own] = ["shared/page_words.json", "model/words.json"].map(read);
const words = Object.fromEntries(
  Object.entries(shared).map(([language, texts]) => [language, { ...texts, ...own[language] }]),
);

test("title and sentences have the facts that are known, in the chosen language", () => {
  globalThis.document = { documentElement: {}, dispatchEvent: () => {} };
  loadTranslations(words, "x^", ["en"]);
  const score = { metric: "accuracy", score: 0.876, between: [0.8, 0.92], rows: 100 };
  const known = { ...nothing, target: "left", data: "customers", ...score };
  assert.equal(titleOf({ about: known, kind: "classifier" }), "Prediction of left");
  assert.equal(titleOf({ about: nothing, kind: "classifier" }), "Which class?");
  assert.equal(factsOf(nothing), "");
  assert.equal(
    factsOf(known),
    "Trained on customers. Accuracy on 100 held-out rows: 0.876, between 0.8 and 0.92 with 95% confidence.",
  );
  assert.equal(
    factsOf({ ...nothing, metric: "my_score", score: 2 }),
    "my score on held-out rows: 2.",
  );
  setLanguage("zh");
  assert.equal(titleOf({ about: known, kind: "classifier" }), "预测 left");
  assert.equal(
    factsOf(known),
    "训练数据：customers。100 行留出数据上的准确率：0.876，95% 置信区间为 0.8 至 0.92。",
  );
});
