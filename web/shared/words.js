// The words of the page, in the language that is chosen, and numbers and dates as it writes them.

const spoken = [];
let all, steering, current;

/** Take the words of all languages, and begin with the browser's if it is one of them. */
export function learn(words, steeringSigns, preferred) {
  all = words;
  steering = new RegExp(steeringSigns, "gu");
  current = preferred.map((tag) => tag.slice(0, 2)).find((tag) => tag in all) ?? "en";
}

export const languages = () => Object.entries(all).map(([name, words]) => [name, words.language]);

export const language = () => current;

export const locale = () => all[current].locale;

/** Say everything in another language. */
export function speakIn(name) {
  current = name;
  spoken.forEach((say) => say());
}

/** A sentence, with values in place of the names in braces. */
export const say = (key, values = {}) =>
  all[current][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Whether there are words by this key. */
export const knows = (key) => key in all[current];

/** Let an element say what `text` gives, now and whenever the language changes. */
export function speak(element, text, attribute = "textContent") {
  speakBy(() => {
    if (attribute === "textContent") element.textContent = text();
    else element.setAttribute(attribute, text());
  });
  return element;
}

/** Let `act` run now and whenever the language changes. */
export function speakBy(act) {
  spoken.push(act);
  act();
}

/** A text in which signs that no eye sees, or that turn what follows, are escapes. */
export const visible = (text) =>
  String(text).replace(
    steering,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** An element with attributes and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A number with so many digits, without signs between its thousands. */
export const formatNumber = (value, digits = 6) =>
  value.toLocaleString(locale(), { maximumSignificantDigits: digits, useGrouping: false });

export const formatPercent = (share) =>
  share.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 1 });

/** Days since 1970 as a date in words, with its time where it has one. */
export function dateSaid(days) {
  const date = new Date(Math.round(days * 86400000));
  const time = Number.isInteger(days) ? {} : { timeStyle: "medium" };
  return date.toLocaleString(locale(), { dateStyle: "full", ...time, timeZone: "UTC" });
}
