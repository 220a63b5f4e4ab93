// Traced layers in JSON (see `learn/playground/pages.py`), evaluated for settings and a width.

import { formulaOf, linear, ROWS, scaled } from "./constants.js";
import { Ref, Slice } from "./graph.js";

/** Settings of a layer: defaults and given values; parts of tuples as `name.0`. */
export function settingsOf(defaults, given = {}) {
  const found = {};
  for (const [name, value] of Object.entries({ ...defaults, ...given })) {
    if (Array.isArray(value)) value.forEach((part, i) => (found[`${name}.${i}`] = part));
    else found[name] = value;
  }
  return found;
}

function decoded(value, settings, width) {
  const read = (part) => decoded(part, settings, width);
  if (value === null) return null;
  if (typeof value === "number") return new Ref(value);
  if (typeof value === "string") return Number(value.replace("inf", "Infinity"));
  if (Array.isArray(value)) return value.map(read);
  if ("is" in value) return formulaOf(value.is, settings, width);
  if ("n" in value) return linear(...value.n);
  if ("by" in value) return scaled(value.by[0], read(value.by[1]));
  if ("rows" in value) return ROWS;
  if ("slice" in value) return new Slice(...value.slice.map(read));
  return value;
}

/** Evaluate a trace's constants: { given, nodes, backward, outputs, file }. */
export function evaluateTrace(page, settings, width) {
  const nodes = page.nodes.map(([op, args, line, options = {}, kind = "f"]) => ({
    op,
    args: args.map((argument) => decoded(argument, settings, width)),
    options,
    kind,
    line,
  }));
  return { ...page, nodes };
}

/** Shape of a parameter or running state. */
export const shapeOfState = (shape, settings, width) =>
  shape.map((size) => decoded(size, settings, width));
