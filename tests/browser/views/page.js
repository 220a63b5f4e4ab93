// Puts the views that the address names into the page, upon a session of the tests.

import { loadTranslations, setLanguage } from "/web/shared/words.js";
import { sessionOf } from "./session.js";

const FILES = "/web/playground";
const asked = new URLSearchParams(location.search);
const given = JSON.parse(asked.get("given") ?? "{}");
const words = await (await fetch("/words.json")).json();
loadTranslations(words, "[\\u202a-\\u202e]", ["en"]);
const language = asked.get("language") ?? "en";
document.documentElement.lang = language;

const views = {};
const show = (frame) => {
  for (const view of Object.values(views)) view.update(frame);
};
const session = given.state ? await realSession(given.state) : sessionOf(given);
for (const name of asked.get("views").split(",")) {
  const module = await import(`${FILES}/views/${name}.js`);
  const camel = name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const place = document.createElement("div");
  document.getElementById("place").append(place);
  views[name] = module[`${camel}In`](place, session);
}
setLanguage(language);
const framed = (more = {}) => show(session.frame(more));
if (given.state) show(session.last);
else framed(given.frame);
Object.assign(window, { session, views, show: framed, setLanguage, ready: true });

/** A session that trains: at the step that the state says. */
async function realSession(part) {
  const { openSession } = await import(`${FILES}/training/session.js`);
  const { stateOf } = await import(`${FILES}/training/state.js`);
  const pages = await (await fetch("/pages.json")).json();
  return new Promise((resolve) => {
    const made = openSession(stateOf(part).state, {
      pages,
      onFrame(frame) {
        made.last = frame;
        show(frame);
        if (frame.step === part.at.step) resolve(made);
      },
    });
  });
}
