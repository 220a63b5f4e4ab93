// Schema of the state, which handgrad.learn.playground.schema reads too: validation.

import SCHEMA from "../state.schema.json" with { type: "json" };
import { unpacked } from "./base64.js";

export const isPlain = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A part of the schema with its references replaced by their definitions. */
function expanded(part) {
  if (Array.isArray(part)) return part.map(expanded);
  if (!isPlain(part)) return part;
  const { $ref, ...own } = part;
  const inner = Object.entries(own).map(([name, value]) => [name, expanded(value)]);
  return { ...SCHEMA.$defs[$ref?.split("/").at(-1)], ...Object.fromEntries(inner) };
}

const EXPANDED = expanded(SCHEMA);

/** Schema of the field at a path, such as `data.kind`. */
export const schemaAt = (path) =>
  path.split(".").reduce((schema, name) => schema.properties[name], EXPANDED);

/** Schemas of the fields by path. */
export const fieldsOf = ({ properties } = EXPANDED, before = "") =>
  Object.fromEntries(
    Object.entries(properties).flatMap(([name, inner]) => {
      const path = before + name;
      if (inner.key) return [[path, inner]];
      return inner.properties ? Object.entries(fieldsOf(inner, `${path}.`)) : [];
    }),
  );

/** Values of a choice. */
export const choices = (schema) =>
  schema.enum ?? (schema.oneOf ?? [schema]).map((one) => one.const);

/** Schemas of the settings by name, for a name with settings. */
export const alternatives = ({ oneOf }) =>
  Object.fromEntries(
    oneOf.filter((one) => one.properties).map((one) => [one.properties.name.const, one]),
  );

/** Defaults of an object's fields. */
export const defaultsOf = ({ properties }) =>
  Object.fromEntries(
    Object.entries(properties).flatMap(([name, one]) =>
      "default" in one ? [[name, one.default]] : [],
    ),
  );

/** Form of a value in a link. */
export function formOf(schema) {
  if (schema.oneOf) return schema.oneOf.some((one) => "const" in one) ? "choice" : "named";
  return schema.form ?? (schema.enum || "const" in schema ? "choice" : schema.type);
}

/** Problem of a value, `{ key, … }` with the key of a message, fault_…; null if it is valid. */
export function faultOf(schema, value) {
  const fault = anyFault(schema, value);
  return fault && { ...fault, key: schema.fault ?? fault.key };
}

function anyFault(schema, value) {
  const form = formOf(schema);
  if (form === "choice") return choices(schema).includes(value) ? null : noChoice(choices(schema));
  if (form === "named") return namedFault(schema, value);
  if (value === null && schema.type.includes("null")) return null;
  const fault = FAULTS[[schema.type].flat()[0]](schema, value);
  return fault ?? (schema.format && !FORMATS[schema.format](value) ? { key: schema.format } : null);
}

const noChoice = (names) => ({
  key: "choice",
  names: names.map((name) => name ?? "none").join(", "),
});

function namedFault(schema, value) {
  const missing = schema.oneOf.filter(({ type }) => type === "null").map(() => null);
  if (value === null && missing.length) return null;
  const known = alternatives(schema);
  if (!isPlain(value) || !Object.hasOwn(known, value.name)) {
    return noChoice([...Object.keys(known), ...missing]);
  }
  const { required } = schema;
  return objectFault({ ...known[value.name], required, additionalProperties: false }, value);
}

function numberFault(schema, value) {
  const { exclusiveMinimum: above, exclusiveMaximum: below, type } = schema;
  const { minimum: least = above, maximum: most = below } = schema;
  const isOne = type === "integer" ? Number.isInteger(value) : Number.isFinite(value);
  if (isOne && value >= least && value <= most && value !== above && value !== below) return null;
  const key = type === "integer" ? "whole" : above === undefined ? "between" : "above";
  return { key, least, most };
}

function stringFault({ minLength = 0, maxLength: most = Infinity }, value) {
  const length = typeof value === "string" ? [...value].length : -1;
  return length >= minLength && length <= most ? null : { key: "text", most };
}

function arrayFault({ minItems = 0, maxItems = Infinity, items, uniqueItems }, value) {
  const fault = { key: "layers", least: minItems, most: maxItems, letters: items.maxLength };
  if (!Array.isArray(value) || value.length < minItems || value.length > maxItems) return fault;
  for (const [i, one] of value.entries()) {
    const inner = faultOf(items, one);
    if (inner) return items.type === "object" ? { ...inner, layer: i + 1 } : fault;
  }
  return uniqueItems && new Set(value).size < value.length ? fault : null;
}

function objectFault({ required = [], properties = {}, additionalProperties }, value) {
  if (!isPlain(value)) return { key: "object" };
  for (const setting of [...required, ...Object.keys(value)]) {
    const isKnown = Object.hasOwn(properties, setting);
    if (!Object.hasOwn(value, setting) || (additionalProperties === false && !isKnown)) {
      return { key: "setting", setting };
    }
    const fault = isKnown && faultOf(properties[setting], value[setting]);
    if (fault) return { ...fault, setting };
  }
  return null;
}

const FAULTS = {
  number: numberFault,
  integer: numberFault,
  boolean: (schema, value) => (typeof value === "boolean" ? null : { key: "flag" }),
  string: stringFault,
  array: arrayFault,
  object: objectFault,
};

const FORMATS = {
  rows(value) {
    const [x, y] = [unpacked(value.x), unpacked(value.y)];
    if (!x || !y?.length || x.length !== value.names.length * y.length) return false;
    if (!x.every(Number.isFinite) || !y.every(Number.isFinite)) return false;
    const isClass = (label) =>
      Number.isInteger(label) && label >= 0 && label < value.classes.length;
    return value.classes === null || y.every(isClass);
  },
  events: (value) =>
    value.every(
      ({ step, set, weights }, i) =>
        step >= (value[i - 1]?.step ?? 0) && (set || unpacked(weights)?.every(Number.isFinite)),
    ),
};
