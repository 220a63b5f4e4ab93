// Puts the views that the address names into the page, upon a session of the tests.

import { learn, speakIn } from "/src/handgrad/html/words.js";
import { sessionOf } from "./session.js";

const FILES = "/src/handgrad/playground/page";
const asked = new URLSearchParams(location.search);
const given = JSON.parse(asked.get("given") ?? "{}");
const words = await (await fetch(`${FILES}/views/words.json`)).json();
for (const language of Object.values(words)) Object.assign(language, { locale: "en" });
words.zh.locale = "zh-CN";
learn(words, "[\\u202a-\\u202e]", ["en"]);
const language = asked.get("language") ?? "en";
document.documentElement.lang = language;

const session = sessionOf(given);
const views = {};
for (const name of asked.get("views").split(",")) {
  const module = await import(`${FILES}/views/${name}.js`);
  const camel = name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const place = document.createElement("div");
  document.getElementById("place").append(place);
  views[name] = module[`${camel}In`](place, session);
}
speakIn(language);
const show = (more = {}) => {
  const frame = session.frame(more);
  for (const view of Object.values(views)) view.update(frame);
};
show(given.frame);
Object.assign(window, { session, views, show, speakIn, ready: true });
