// Types of state fields: validation, parsing from links, formatting for links.

import { unpacked } from "./base64.js";

/**
 * A type has `fault(value)`, null or the problem of a value as `{ key, … }`, a key of the
 * translations and its values; `read(text)` parses the value in a link, which `fault` may refuse;
 * `write(value)` formats it.
 */

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

const numberIn = (text) => (NUMBER.test(text) ? Number(text) : NaN);

export const isPlain = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Number from `least` to `most`; `open` excludes `least`. */
export const number = (least, most, { open = false } = {}) => ({
  fault: (value) =>
    Number.isFinite(value) && value <= most && (open ? value > least : value >= least)
      ? null
      : { key: open ? "above" : "between", least, most },
  read: numberIn,
  write: String,
});

/** Integer from `least` to `most`. */
export const whole = (least, most) => ({
  fault: (value) =>
    Number.isInteger(value) && value >= least && value <= most
      ? null
      : { key: "whole", least, most },
  read: numberIn,
  write: String,
});

export const flag = {
  fault: (value) => (typeof value === "boolean" ? null : { key: "flag" }),
  read: (text) => ({ 1: true, 0: false })[text],
  write: (value) => (value ? "1" : "0"),
};

/** One of some names; `missing` allows null, written `none`. */
export const choice = (names, { missing = false } = {}) => ({
  fault: (value) =>
    names.includes(value) || (missing && value === null)
      ? null
      : { key: "choice", names: [...names, ...(missing ? ["none"] : [])].join(", ") },
  read: (text) => (text === "none" ? null : text),
  write: (value) => value ?? "none",
});

/** Text of at most `most` characters. */
export const text = (most) => ({
  fault: (value) =>
    typeof value === "string" && [...value].length <= most ? null : { key: "text", most },
  read: (given) => given,
  write: (value) => value,
});

const codeOf = (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;

/**
 * List of `least` to `most` distinct texts of at most `letters` characters each.
 *
 * In a link each of `signs` separates them; the first one is written.
 */
export const texts = (least, most, letters, signs = ";") => ({
  fault: (value) =>
    Array.isArray(value) &&
    value.length >= least &&
    value.length <= most &&
    new Set(value).size === value.length &&
    value.every((part) => typeof part === "string" && part && [...part].length <= letters)
      ? null
      : { key: signs.length > 1 ? "names" : "texts", least, most, letters },
  read: (given) =>
    (given ? given.split(new RegExp(`[${signs}]`)) : []).map((part) =>
      [...signs, "%"].reduce((text, sign) => text.replaceAll(codeOf(sign), sign), part),
    ),
  write: (value) =>
    value
      .map((part) =>
        ["%", ...signs].reduce((text, sign) => text.replaceAll(sign, codeOf(sign)), part),
      )
      .join(signs[0]),
});

/** JSON value: an object or list that `isOne` accepts. */
export const json = (isOne, key) => ({
  fault: (value) => (isOne(value) ? null : { key }),
  read(given) {
    try {
      return JSON.parse(given);
    } catch {
      return undefined;
    }
  },
  write: JSON.stringify,
});

/** Pair of numbers in [0, 1). */
export const pair = {
  fault: (value) =>
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((part) => Number.isFinite(part) && part >= 0 && part < 1)
      ? null
      : { key: "pair" },
  read: (given) => given.split(",").map(numberIn),
  write: (value) => value.join(","),
};

/**
 * Name with settings, `{ name, … }`, written `name:setting=value:…`.
 *
 * `kinds` has the types of the settings by name; `needed` the defaults of required ones.
 */
export const named = (kinds, needed, { missing = false } = {}) => ({
  fault(value) {
    if (value === null && missing) return null;
    if (!isPlain(value) || !Object.hasOwn(kinds, value.name)) {
      return choice(Object.keys(kinds), { missing }).fault(undefined);
    }
    return settingsFault(kinds[value.name], needed, value);
  },
  read(given) {
    if (given === "none") return null;
    const [name, ...settings] = given.split(":");
    const own = Object.hasOwn(kinds, name) ? kinds[name] : {};
    return { name, ...needed, ...settingsIn(own, settings) };
  },
  write(value) {
    if (value === null) return "none";
    const { name, ...settings } = value;
    const written = Object.entries(settings).map(
      ([key, x]) => `${key}=${kinds[name][key].write(x)}`,
    );
    return [name, ...written].join(":");
  },
});

function settingsFault(kinds, needed, settings) {
  for (const setting of Object.keys(needed)) {
    if (!Object.hasOwn(settings, setting)) return { key: "setting", setting };
  }
  for (const [setting, value] of Object.entries(settings)) {
    if (setting === "name") continue;
    const fault = Object.hasOwn(kinds, setting) ? kinds[setting].fault(value) : { key: "setting" };
    if (fault) return { ...fault, setting };
  }
  return null;
}

const settingsIn = (kinds, settings) =>
  Object.fromEntries(
    settings.map((setting) => {
      const [key, ...rest] = setting.split("=");
      return [key, Object.hasOwn(kinds, key) ? kinds[key].read(rest.join("=")) : undefined];
    }),
  );

/** List of at most `most` hidden layers, each written `units:activation:setting=value:…`. */
export const layers = (most, kinds, usual) => ({
  fault(value) {
    if (!Array.isArray(value) || value.length > most) return { key: "layers", most };
    for (const [i, layer] of value.entries()) {
      const full = isPlain(layer) ? { name: "", ...layer } : {};
      const fault = settingsFault(kinds, usual, full);
      if (fault) return { ...fault, layer: i + 1 };
    }
    return null;
  },
  read: (given) =>
    (given === "none" || given === "" ? [] : given.split(",")).map((layer) => {
      const [units, activation = "Tanh", ...settings] = layer.split(":");
      const first = {
        units: kinds.units.read(units),
        activation: kinds.activation.read(activation),
      };
      return { ...usual, ...first, ...settingsIn(kinds, settings) };
    }),
  write: (value) =>
    value
      .map(({ units, activation, ...settings }) => {
        const own = Object.entries(settings).filter(([key, x]) => x !== usual[key]);
        const written = own.map(([key, x]) => `${key}=${kinds[key].write(x)}`);
        return [units, kinds.activation.write(activation), ...written].join(":");
      })
      .join(",") || "none",
});

/** Table rows: `{ names, classes, x, y }`, the numbers as base64url, `classes` or null. */
export const rows = json((value) => {
  if (value === null) return true;
  if (!isPlain(value) || !areTexts(value.names) || !value.names.length) return false;
  const [x, y] = [unpacked(value.x), unpacked(value.y)];
  if (!x || !y || !y.length || x.length !== value.names.length * y.length) return false;
  if (!x.every(Number.isFinite) || !y.every(Number.isFinite)) return false;
  if (value.classes === null) return true;
  const k = areTexts(value.classes) ? value.classes.length : 0;
  return y.every((label) => Number.isInteger(label) && label >= 0 && label < k);
}, "rows");

const areTexts = (value) => Array.isArray(value) && value.every((part) => typeof part === "string");

/** Events of a training, each with its step: `{ step, set }` or `{ step, weights }`. */
export const events = json(
  (value) =>
    Array.isArray(value) &&
    value.every(
      (event, i) =>
        isPlain(event) &&
        Number.isInteger(event.step) &&
        event.step >= (i ? value[i - 1].step : 0) &&
        (isRateSet(event.set) || unpacked(event.weights)?.every(Number.isFinite)),
    ),
  "events",
);

const isRateSet = (set) =>
  isPlain(set) && number(0, 100, { open: true }).fault(set.learning_rate) === null;
