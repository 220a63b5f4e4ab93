// Forms of a state's values in links: how each is read and written.

import { alternatives, defaultsOf, formOf } from "./schema.js";

/** Parse the value in a link, which may be invalid. */
export const valueIn = (schema, text) => FORMS[formOf(schema)].read(text, schema);

/** Format a value for a link. */
export const textOf = (schema, value) => FORMS[formOf(schema)].write(value, schema);

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const numberIn = (text) => (NUMBER.test(text) ? Number(text) : NaN);
const codeOf = (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;

/** Parse settings written `name=value`. */
const settingsIn = ({ properties }, settings) =>
  Object.fromEntries(
    settings.map((setting) => {
      const [key, ...rest] = setting.split("=");
      const isKnown = key !== "name" && Object.hasOwn(properties, key);
      return [key, isKnown ? valueIn(properties[key], rest.join("=")) : undefined];
    }),
  );

const settingsText = ({ properties }, settings) =>
  settings.map(([key, value]) => `${key}=${textOf(properties[key], value)}`);

const number = { read: numberIn, write: String };

const FORMS = {
  number,
  integer: number,
  boolean: {
    read: (text) => ({ 1: true, 0: false })[text],
    write: (value) => (value ? "1" : "0"),
  },
  choice: {
    read: (text) => (text === "none" ? null : text),
    write: (value) => value ?? "none",
  },
  string: { read: (text) => text, write: (value) => value },
  texts: {
    read: (text, { separators }) =>
      (text ? text.split(new RegExp(`[${separators}]`)) : []).map((part) =>
        [...separators, "%"].reduce((all, sign) => all.replaceAll(codeOf(sign), sign), part),
      ),
    write: (value, { separators }) =>
      value
        .map((part) =>
          ["%", ...separators].reduce((all, sign) => all.replaceAll(sign, codeOf(sign)), part),
        )
        .join(separators[0]),
  },
  numbers: {
    read: (text) => text.split(",").map(numberIn),
    write: (value) => value.join(","),
  },
  /** A name with settings, `name:setting=value:…`. */
  named: {
    read(text, schema) {
      if (text === "none") return null;
      const [name, ...settings] = text.split(":");
      const known = alternatives(schema);
      const own = Object.hasOwn(known, name) ? known[name] : { properties: {} };
      const needed = Object.entries(defaultsOf(own)).filter(([key]) =>
        schema.required.includes(key),
      );
      return { name, ...Object.fromEntries(needed), ...settingsIn(own, settings) };
    },
    write(value, schema) {
      if (value === null) return "none";
      const { name, ...settings } = value;
      return [name, ...settingsText(alternatives(schema)[name], Object.entries(settings))].join(
        ":",
      );
    },
  },
  /** Layers, each `units:activation:setting=value:…`. */
  layers: {
    read: (text, { items }) =>
      (text === "none" || text === "" ? [] : text.split(",")).map((layer) => {
        const [units, activation = "Tanh", ...settings] = layer.split(":");
        const first = [`units=${units}`, `activation=${activation}`];
        return { ...defaultsOf(items), ...settingsIn(items, [...first, ...settings]) };
      }),
    write(value, { items }) {
      const usual = defaultsOf(items);
      const layers = value.map(({ units, activation, ...settings }) => {
        const own = Object.entries(settings).filter(([key, x]) => x !== usual[key]);
        return [units, activation ?? "none", ...settingsText(items, own)].join(":");
      });
      return layers.join(",") || "none";
    },
  },
  json: {
    read(text) {
      try {
        return JSON.parse(text);
      } catch {
        return undefined;
      }
    },
    write: JSON.stringify,
  },
};
