// TensorFlow Playground links: their data, net and training settings as a state.

import { LAYER } from "./state.js";

const INPUTS = {
  x: "x1",
  y: "x2",
  xSquared: "x1**2",
  ySquared: "x2**2",
  xTimesY: "x1*x2",
  sinX: "sin(x1)",
  sinY: "sin(x2)",
  cosX: "cos(x1)",
  cosY: "cos(x2)",
};
const ACTIVATIONS = { relu: "ReLU", tanh: "Tanh", sigmoid: "Sigmoid", linear: null };
const PENALTIES = { none: null, L1: "L1Penalty", L2: "L2Penalty" };
const SETS = { circle: "circle", xor: "xor", gauss: "gauss", spiral: "spiral" };
const REGRESSION_SETS = { "reg-plane": "plane", "reg-gauss": "multi-gauss" };
const CONTROLS = {
  showTestData: "test",
  discretize: "discretize",
  playButton: "play",
  stepButton: "step",
  resetButton: "reset",
  learningRate: "learning_rate",
  activation: "activation",
  regularization: "penalty",
  regularizationRate: "penalty_rate",
  problem: "problem",
  dataset: "data",
  percTrainData: "share",
  noise: "noise",
  batchSize: "batch_size",
  numHiddenLayers: "layers",
};
const OWN = ["v", "data", "inputs", "layers", "optimizer", "batch", "data_seed", "loss"];
const THEIRS = (
  "activation regularization batchSize dataset regDataset learningRate regularizationRate " +
  "networkShape showTestData percTrainData collectStats initZero hideText"
).split(" ");

/** Test if the keys are those of TensorFlow Playground. */
export const isPlayground = (values) =>
  !OWN.some((key) => values.has(key)) &&
  [...values.keys()].some(
    (key) => THEIRS.includes(key) || Object.hasOwn(INPUTS, key) || key.endsWith("_hide"),
  );

/** Convert the values of a link to parts of a state; invalid ones are added to `problems`. */
export function playgroundState(values, problems) {
  const read = reader(values, problems);
  const problem = read.choice("problem", {
    classification: "classification",
    regression: "regression",
  });
  const isRegression = problem === "regression";
  const set = [read.choice("dataset", SETS), read.choice("regDataset", REGRESSION_SETS)];
  const activation = read.choice("activation", ACTIVATIONS);
  const shape = read.list("networkShape") ?? [4, 2];
  const penalty = read.choice("regularization", PENALTIES);
  const alpha = read.number("regularizationRate") ?? 0;
  const inputs = Object.keys(INPUTS).filter((key) => read.flag(key) ?? ["x", "y"].includes(key));
  const given = {
    data: {
      problem: problem ?? "classification",
      kind: isRegression ? (set[1] ?? "plane") : (set[0] ?? "circle"),
      noise: read.number("noise"),
    },
    inputs: inputs.length ? inputs.map((key) => INPUTS[key]) : undefined,
    share: read.number("percTrainData"),
    batch_size: read.number("batchSize"),
    layers: shape.map((units) => ({
      ...LAYER,
      units,
      activation: activation === undefined ? "Tanh" : activation,
    })),
    initializer: read.flag("initZero") ? "zeros" : undefined,
    optimizer: { name: "SGD", learning_rate: read.number("learningRate") ?? 0.03 },
    penalty: penalty ? { name: penalty, alpha } : undefined,
    view: {
      test: read.flag("showTestData") ?? false,
      discretize: read.flag("discretize") ?? false,
    },
    hide: hidden(values),
    tutorial: values.get("tutorial"),
    language: values.get("language"),
  };
  if (!inputs.length) problems.push({ key: "noInputs", field: "inputs", value: "" });
  if (values.get("seed")) given.seed = given.data.seed = seedOf(values.get("seed"));
  return given;
}

/** Integer seed for one of theirs, 0.68187: its last nine digits. */
const seedOf = (text) => Number(text.replace(/\D/g, "").slice(-9));

const hidden = (values) => [
  ...[...values.keys()]
    .filter((key) => key.endsWith("_hide") && values.get(key) !== "false")
    .map((key) => key.slice(0, -"_hide".length))
    .map((name) => (Object.hasOwn(CONTROLS, name) ? CONTROLS[name] : name)),
  ...((values.get("hideText") ?? "false") === "false" ? [] : ["text"]),
];

/** Reader of values by TensorFlow Playground's rules: an empty one is missing. */
function reader(values, problems) {
  const given = (key) => values.get(key)?.trim() || undefined;
  const asNumber = (text, key) => {
    const value = /^-?[\d.]+(e-?\d+)?$/i.test(text) ? Number(text) : NaN;
    if (Number.isFinite(value)) return value;
    problems.push({ key: "number", field: key, value: text });
    return undefined;
  };
  return {
    flag: (key) => (given(key) === undefined ? undefined : given(key) !== "false"),
    number: (key) => (given(key) === undefined ? undefined : asNumber(given(key), key)),
    list: (key) =>
      given(key)
        ?.split(",")
        .map((text) => asNumber(text, key))
        .filter((value) => value !== undefined),
    choice: (key, names) => {
      const text = given(key);
      if (text === undefined || Object.hasOwn(names, text)) return names[text];
      problems.push({
        key: "choice",
        field: key,
        value: text,
        names: Object.keys(names).join(", "),
      });
      return undefined;
    },
  };
}
