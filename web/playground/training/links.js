// Share links: conversion between a state and a URL fragment, older versions included.

import { isPlayground, playgroundState } from "./playground_links.js";
import { textOf, valueIn } from "./link_forms.js";
import { faultOf } from "./schema.js";
import { FIELDS, VERSION, at, stateOf } from "./state.js";

/** Format a state as a fragment without its #: fields that differ from the default, by key. */
export function fragmentOf(state) {
  const usual = stateOf({}).state;
  const parts = [["v", String(VERSION)]];
  for (const [path, schema] of Object.entries(FIELDS)) {
    const value = at(state, path);
    if (JSON.stringify(value) !== JSON.stringify(at(usual, path))) {
      parts.push([schema.key, textOf(schema, value)]);
    }
  }
  return parts.map(([key, value]) => `${key}=${encoded(value)}`).join("&");
}

/** Percent-encode a value, except characters that a fragment may contain. */
const encoded = (value) =>
  encodeURIComponent(value).replace(/%(2C|3A|2F|3B|40|3D)/g, (code) => decodeURIComponent(code));

/**
 * Parse a fragment, with or without its #, of this playground or of TensorFlow's.
 *
 * Returns `{ state, problems }`; a field that cannot be parsed is a problem, and has its default.
 */
export function stateIn(fragment) {
  const { values, problems } = valuesIn(fragment);
  if (isPlayground(values)) {
    const made = stateOf(playgroundState(values, problems));
    return { state: made.state, problems: [...problems, ...made.problems] };
  }
  const given = { version: Number(values.get("v") ?? VERSION) };
  values.delete("v");
  for (const [path, schema] of Object.entries(FIELDS)) {
    const { key } = schema;
    if (!values.has(key)) continue;
    const value = valueIn(schema, values.get(key));
    const fault = faultOf(schema, value);
    if (fault) problems.push({ ...fault, field: path, value: values.get(key) });
    else place(given, path, value);
    values.delete(key);
  }
  for (const key of values.keys()) problems.push({ key: "unknown", field: key });
  const made = stateOf(given);
  return { state: made.state, problems: [...problems, ...made.problems] };
}

function place(given, path, value) {
  const [first, second] = path.split(".");
  if (second) given[first] = { ...given[first], [second]: value };
  else given[first] = value;
}

/** Decoded values of a fragment by key; the last wins if a key occurs twice. */
function valuesIn(fragment) {
  const values = new Map();
  const problems = [];
  for (const part of fragment.replace(/^#/, "").split("&").filter(Boolean)) {
    const [key, ...rest] = part.split("=");
    const written = rest.join("=");
    try {
      values.set(key, decodeURIComponent(written));
    } catch {
      problems.push({ key: "broken", field: key, value: written });
    }
  }
  return { values, problems };
}
