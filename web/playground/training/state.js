// State of the playground: its schema, defaults and validation; one JSON object.

import {
  choice,
  events,
  flag,
  isPlain,
  json,
  layers,
  named,
  number,
  pair,
  rows,
  text,
  texts,
  whole,
} from "./field_types.js";

/**
 * Schema of the state, as in handgrad.learn.playground.state:
 *
 *   data.kind        a toy dataset, or "rows", those of data.rows: drawn points, or a table
 *   data.formula     for the datasets "above", class 1 where x2 > f, and "formula", y = f
 *   inputs           formulas in x1, x2, …, or names of columns
 *   share            training fraction in per cent
 *   seed             of initial weights, split, order and dropout; data.seed of the rows
 *   layers           the hidden ones, { units, activation, normalization, dropout, frozen };
 *                    the last follows from the loss
 *   schedule         { name, epochs, … }; after these epochs the factor is constant
 *   clip             maximum norm of the gradient of all parameters together, or null
 *   events           changes during the training: { step, set: { learning_rate } } or
 *                    { step, weights }, as base64url of float32
 *   at               the displayed step
 *   exact            whether hg.learn.replay reproduces it bit for bit: false for a custom net
 *   view, hide       display options, and names of hidden controls
 */

/** Version of the schema and of the arithmetic; another one may give other numbers. */
export const VERSION = 1;

export const TOY_SETS = {
  classification: ["circle", "xor", "gauss", "spiral", "moons", "diagonal", "above"],
  regression: ["plane", "multi-gauss", "formula"],
};
export const ACTIVATIONS =
  "Tanh ReLU Sigmoid LeakyReLU SiLU GELU GELUTanh ELU SELU Softplus Mish".split(" ");
export const NORMALIZATIONS = ["BatchNorm", "LayerNorm"];
export const INITIALIZERS =
  "lecun_normal lecun_uniform he_normal he_uniform xavier_normal xavier_uniform zeros".split(" ");

/** Losses by problem; a `binary` one takes two classes only. */
export const LOSSES = {
  classification: (
    "CrossEntropyLoss SoftmaxCrossEntropyLoss LabelSmoothingCrossEntropyLoss MultiMarginLoss " +
    "BinaryCrossEntropyLoss SigmoidBinaryCrossEntropyLoss FocalLoss HingeLoss"
  ).split(" "),
  binary: ["BinaryCrossEntropyLoss", "SigmoidBinaryCrossEntropyLoss", "FocalLoss", "HingeLoss"],
  regression: "MSELoss MAELoss HuberLoss QuantileLoss PoissonNLLLoss".split(" "),
};

const rate = number(0, 100, { open: true });
const share = number(0, 1);
const below1 = number(0, 0.999999);
const eps = number(0, 1);
const cycles = whole(1, 100);
const every = { learning_rate: rate, weight_decay: number(0, 100) };
const adam = { ...every, betas: pair, eps };

/** Optimizers with the types of their settings. */
export const OPTIMIZERS = {
  SGD: { ...every, momentum: below1, nesterov: flag },
  Adagrad: { ...every, eps },
  RMSprop: { ...every, alpha: below1, eps },
  Adam: adam,
  AdamW: adam,
  NAdam: { ...adam, momentum_decay: number(0, 1) },
  Lion: { ...every, betas: pair },
};
const MOST_EPOCHS = 1e6;
const of = { epochs: whole(1, MOST_EPOCHS) };

/** Schedules with the types of their settings. */
export const SCHEDULES = {
  step: { ...of, every: number(0, 1, { open: true }), gamma: number(0, 1, { open: true }) },
  exponential: { ...of, end: number(0, 1, { open: true }) },
  cosine: { ...of, end: share },
  cyclic_cosine: { ...of, cycles, growth: number(0, 10, { open: true }), end: share },
  coslog: { ...of, cycles: whole(1, 20) },
  one_cycle: { ...of, rise: number(0.001, 0.999), start: share, end: share },
  warm_up: { ...of, share: number(0.001, 0.999), start: share },
};
const alpha = { alpha: number(0, 100) };

/** Penalties with the types of their settings. */
export const PENALTIES = {
  L1Penalty: alpha,
  L2Penalty: alpha,
  ElasticNetPenalty: { ...alpha, l1_ratio: share },
};

/** Default of a layer. */
export const LAYER = {
  units: 4,
  activation: "Tanh",
  normalization: null,
  dropout: 0,
  frozen: false,
};
const LAYER_KINDS = {
  units: whole(1, 256),
  activation: choice(ACTIVATIONS, { missing: true }),
  normalization: choice(NORMALIZATIONS, { missing: true }),
  dropout: number(0, 0.95),
  frozen: flag,
};
const SEED = whole(0, 2 ** 32 - 1);
const STOP = {
  epoch: whole(1, MOST_EPOCHS),
  loss: number(0, 1e9),
  patience: whole(1, MOST_EPOCHS),
};
const STEP = whole(0, Number.MAX_SAFE_INTEGER);

const isStop = (value) =>
  value === null ||
  (isPlain(value) &&
    Object.entries(value).every(([key, x]) => Object.hasOwn(STOP, key) && !STOP[key].fault(x)));

/** Fields: path in the state, key in a link, type, default. */
export const FIELDS = [
  [
    "data.kind",
    "data",
    choice([...TOY_SETS.classification, ...TOY_SETS.regression, "rows"]),
    "circle",
  ],
  ["data.problem", "problem", choice(Object.keys(TOY_SETS)), "classification"],
  ["data.n", "n", whole(4, 10000), 500],
  ["data.classes", "classes", whole(2, 6), 2],
  ["data.noise", "noise", number(0, 50), 0],
  ["data.seed", "data_seed", SEED, 0],
  ["data.formula", "formula", text(200), "0.5 * sin(x1)"],
  ["data.rows", "rows", rows, null],
  ["inputs", "inputs", texts(1, 64, 200), ["x1", "x2"]],
  ["share", "share", number(1, 99), 50],
  ["batch_size", "batch", whole(1, 10000), 10],
  ["shuffle", "shuffle", flag, true],
  ["seed", "seed", SEED, 0],
  ["layers", "layers", layers(12, LAYER_KINDS, LAYER), [LAYER, { ...LAYER, units: 2 }]],
  ["initializer", "initializer", choice(INITIALIZERS), "lecun_normal"],
  ["loss", "loss", choice([...LOSSES.classification, ...LOSSES.regression]), "CrossEntropyLoss"],
  [
    "optimizer",
    "optimizer",
    named(OPTIMIZERS, { learning_rate: 0.03 }),
    { name: "SGD", learning_rate: 0.03 },
  ],
  ["schedule", "schedule", named(SCHEDULES, { epochs: 100 }, { missing: true }), null],
  ["penalty", "penalty", named(PENALTIES, { alpha: 0 }, { missing: true }), null],
  ["clip", "clip", { ...json((value) => value === null || !rate.fault(value), "clip") }, null],
  ["stop", "stop", json(isStop, "stop"), null],
  ["events", "events", events, []],
  ["at.step", "step", STEP, 0],
  ["exact", "exact", flag, true],
  ["view", "view", json(isPlain, "object"), { test: false, discretize: false }],
  ["hide", "hide", texts(0, 100, 40, ",;"), []],
  ["language", "language", choice(["en", "zh"], { missing: true }), null],
  ["tutorial", "tutorial", text(80), ""],
];

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
  for (const [path, , kind, usual] of FIELDS) {
    const value = at(given, path);
    const fault = value === undefined ? null : kind.fault(value);
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
  const known = ["version", ...FIELDS.map(([path]) => path)];
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
    data.rows
      ? problem === "regression" || data.rows.classes
      : TOY_SETS[problem].includes(data.kind);
  if (!said.has("data.problem")) data.problem = Object.keys(TOY_SETS).find(fits);
  if (!fits(data.problem)) {
    if (data.rows) change("data.problem", "regression", "noClasses");
    else change("data.kind", TOY_SETS[data.problem][0], "otherProblem");
  }
  const { [data.problem]: fitting } = LOSSES;
  if (!fitting.includes(state.loss)) change("loss", fitting[0], "otherProblem");
  else if (classesOf(state) > 2 && LOSSES.binary.includes(state.loss)) {
    change("loss", fitting[0], "moreClasses");
  }
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
  return ["gauss", "spiral"].includes(data.kind) ? data.classes : 2;
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
