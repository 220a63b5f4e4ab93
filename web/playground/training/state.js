// State of the playground, one JSON object as ../state.schema.json describes: defaults, validation.

import { defaultsOf, faultOf, fieldsOf, isPlain, schemaAt } from "./schema.js";

/** Version of the schema and of the arithmetic; another one may give other numbers. */
export const VERSION = schemaAt("version").const;

/** Schemas of the fields by path. */
export const FIELDS = fieldsOf();

/** Default of a layer. */
export const LAYER = defaultsOf(schemaAt("layers").items);

const byName = (choices) => Object.fromEntries(choices.map((one) => [one.const, one]));

/** Toy datasets and losses by name, with their `problem`. */
export const SETS = byName(schemaAt("data.kind").oneOf.filter(({ rows }) => rows));
export const LOSSES = byName(schemaAt("loss").oneOf);

/** Names of the toy datasets or losses for a problem. */
export const fitting = (choices, problem) =>
  Object.keys(choices).filter((name) => choices[name].problem === problem);

/** Value at a path of an object; undefined if there is none. */
export const at = (object, path) =>
  path.split(".").reduce((inner, name) => (isPlain(inner) ? inner[name] : undefined), object);

const put = (object, path, value) => {
  const names = path.split(".");
  const last = names.pop();
  const inner = names.reduce((outer, name) => (outer[name] ??= {}), object);
  inner[last] = structuredClone(value);
};

/** Default state of a page. */
export const defaults = () => stateOf({}).state;

/**
 * Complete and validate a partial state: `{ state, problems }`.
 *
 * Missing and invalid fields have their defaults; an invalid one is a problem `{ key, field, … }`.
 */
export function stateOf(given) {
  const state = { version: VERSION };
  const problems = [];
  if (!isPlain(given)) problems.push({ key: "object", field: "state" });
  else if ((given.version ?? VERSION) !== VERSION) {
    problems.push({ key: "version", field: "version", value: given.version, version: VERSION });
  }
  const said = new Set();
  for (const [path, schema] of Object.entries(FIELDS)) {
    const { default: usual } = schema;
    const value = at(given, path);
    const fault = value === undefined ? null : faultOf(schema, value);
    if (fault) problems.push({ ...fault, field: path, value: JSON.stringify(value) ?? "" });
    const isGood = value !== undefined && !fault;
    if (isGood) said.add(path);
    put(state, path, !isGood ? usual : path === "view" ? { ...usual, ...value } : value);
  }
  for (const field of unknownFields(given)) problems.push({ key: "unknown", field });
  makeFit(state, said, problems);
  return { state, problems };
}

function unknownFields(given, before = "") {
  if (!isPlain(given)) return [];
  const known = ["version", ...Object.keys(FIELDS)];
  return Object.keys(given).flatMap((name) => {
    const path = before + name;
    if (known.includes(path)) return [];
    const isPart = known.some((whole) => whole.startsWith(`${path}.`));
    return isPart && isPlain(given[name]) ? unknownFields(given[name], `${path}.`) : [path];
  });
}

/** Resolve conflicts between fields; a change is a problem only if the field was given. */
function makeFit(state, said, problems) {
  const { data } = state;
  const change = (path, value, key) => {
    if (said.has(path)) problems.push({ key, field: path, value: JSON.stringify(at(state, path)) });
    put(state, path, value);
  };
  if (data.rows && !said.has("data.kind")) data.kind = "rows";
  if (data.kind === "rows" && !data.rows) change("data.kind", "circle", "noRows");
  if (data.kind !== "rows") data.rows = null;
  const fits = (problem) =>
    data.rows ? problem === "regression" || data.rows.classes : SETS[data.kind].problem === problem;
  if (!said.has("data.problem")) data.problem = schemaAt("data.problem").enum.find(fits);
  if (!fits(data.problem)) {
    if (data.rows) change("data.problem", "regression", "noClasses");
    else change("data.kind", fitting(SETS, data.problem)[0], "otherProblem");
  }
  const { problem, binary } = LOSSES[state.loss];
  const [first] = fitting(LOSSES, data.problem);
  if (problem !== data.problem) change("loss", first, "otherProblem");
  else if (classesOf(state) > 2 && binary) change("loss", first, "moreClasses");
  const { optimizer } = state;
  if (!optimizer.momentum && optimizer.nesterov)
    state.optimizer = { ...optimizer, nesterov: false };
}

/** State with the default of a field; all defaults if the field has it already. */
export function withUsual(state, field) {
  const usual = defaults();
  const changed = structuredClone(state);
  put(changed, field, at(usual, field));
  return JSON.stringify(changed) === JSON.stringify(state) ? usual : stateOf(changed).state;
}

/** Number of classes; 0 in a regression. */
export function classesOf({ data }) {
  if (data.problem === "regression") return 0;
  if (data.kind === "rows") return Math.max(2, data.rows.classes.length);
  return SETS[data.kind].takes_classes ? data.classes : 2;
}

/**
 * Merge other parts into a state, `{ state, problems }`; `data`, `at` and `view` are merged by key.
 *
 * Fields that were not given adapt silently: another problem has another loss.
 */
export function merged(state, part) {
  const given = structuredClone({ ...state, ...part });
  for (const name of ["data", "at", "view"]) {
    if (isPlain(part[name])) given[name] = { ...state[name], ...part[name] };
  }
  const data = part.data ?? {};
  if (data.rows && !("kind" in data)) given.data.kind = "rows";
  if ("kind" in data && !("problem" in data)) delete given.data.problem;
  const made = stateOf(given);
  const asked = ({ key, field }) => key === "unknown" || at(part, field) !== undefined;
  return { state: made.state, problems: made.problems.filter(asked) };
}
