// Translations: texts, numbers and dates of the page in the chosen language.

const spoken = [];
let all, steering, current;

/** Load the translations, and choose the browser's language if it is one of them. */
export function loadTranslations(words, steeringSigns, preferred) {
  all = words;
  steering = new RegExp(steeringSigns, "gu");
  current = preferred.map((tag) => tag.slice(0, 2)).find((tag) => tag in all) ?? "en";
}

export const languages = () => Object.entries(all).map(([name, words]) => [name, words.language]);

export const language = () => current;

export const locale = () => all[current].locale;

/** Switch the language of all texts. */
export function setLanguage(name) {
  current = name;
  spoken.forEach((say) => say());
}

/** Translate a key: values replace the names in braces. */
export const translate = (key, values = {}) =>
  all[current][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Test if there is a translation of a key. */
export const hasTranslation = (key) => key in all[current];

/** Bind the text or an attribute of an element to `text()`, updated when the language changes. */
export function bindText(element, text, attribute = "textContent") {
  onLanguageChange(() => {
    if (attribute === "textContent") element.textContent = text();
    else element.setAttribute(attribute, text());
  });
  return element;
}

/** Call `act` now and whenever the language changes. */
export function onLanguageChange(act) {
  spoken.push(act);
  act();
}

/** Escape invisible characters and those that change the writing direction. */
export const visible = (text) =>
  String(text).replace(
    steering,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Create an element with attributes and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Format a number to `digits` significant digits, without thousands separators. */
export const formatNumber = (value, digits = 6) =>
  value.toLocaleString(locale(), { maximumSignificantDigits: digits, useGrouping: false });

export const formatPercent = (share) =>
  share.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 1 });

/** Format days since 1970 as a date, with its time if there is one. */
export function formatDate(days) {
  const date = new Date(Math.round(days * 86400000));
  const time = Number.isInteger(days) ? {} : { timeStyle: "medium" };
  return date.toLocaleString(locale(), { dateStyle: "full", ...time, timeZone: "UTC" });
}
