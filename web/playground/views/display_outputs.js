// Outputs for display: probabilities, scores of which the largest wins, or numbers.

import { balanced, rangeOf } from "./heatmap.js";

const softmax = (values, outputs) => {
  const found = new Float32Array(values.length);
  for (let i = 0; i < values.length; i += outputs) {
    const row = values.subarray(i, i + outputs);
    const most = row.reduce((largest, value) => Math.max(largest, value), -Infinity);
    let sum = 0;
    for (let k = 0; k < outputs; k++) sum += found[i + k] = Math.exp(row[k] - most);
    for (let k = 0; k < outputs; k++) found[i + k] /= sum;
  }
  return found;
};
const sigmoid = (values) => values.map((value) => 1 / (1 + Math.exp(-value)));
const same = (values) => values;

/** Conversion of outputs to probabilities, by loss. */
const PROBABILITIES = {
  CrossEntropyLoss: same,
  BinaryCrossEntropyLoss: same,
  SoftmaxCrossEntropyLoss: softmax,
  LabelSmoothingCrossEntropyLoss: softmax,
  SigmoidBinaryCrossEntropyLoss: sigmoid,
  FocalLoss: sigmoid,
};

/**
 * Convert outputs for display: `{ kind, values, range }`, `kind` as in `painterOf`.
 *
 * For display only: the browser's exp suffices, no training depends on it.
 */
export function displayOutputs({ values, outputs }, { loss, hasClasses, targets }) {
  if (!hasClasses) return { kind: "numbers", values, range: balanced(rangeOf(targets ?? values)) };
  const probabilities = PROBABILITIES[loss];
  const found = probabilities ? probabilities(Float32Array.from(values), outputs) : values;
  const [low, high] = rangeOf(found) ?? [0, 1];
  const isShare = probabilities && low > -1e-3 && high < 1.001;
  if (isShare) return { kind: "classes", values: found, range: [0, 1] };
  if (outputs > 1) return { kind: "scores", values, range: [low, high] };
  // one score: its sign is the class
  const most = Math.max(Math.abs(low), Math.abs(high));
  return { kind: "numbers", values, range: [-most, most] };
}
