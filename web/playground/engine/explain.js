// Explanation of a traced step, as in `hg.explain`: each line of the layers as a formula, with its
// numbers, and its result.

import { indexOf, Terms } from "./explain_terms.js";
import { formulaOf, Writer } from "./explain_text.js";
import { countOf } from "./strided.js";

const [FEW, FIRST] = [8, 4]; // arrays of up to FEW numbers are shown whole, larger ones by their FIRST
const WORDS = { smaller: "{} smaller", larger: "{} larger", others: "{} others" };

/** Names of the lines: the variable's name with its layer, `z_0`, `dW_2`, `m_W_0'`. */
export function namesOf({ nodes, leaves }) {
  const names = new Map();
  for (const [name, i] of Object.entries(leaves)) names.set(i, leafName(name));
  const taken = new Set(names.values());
  const unlabelled = new Map();
  nodes.forEach((node, i) => {
    if (names.has(i) || typeof node.label !== "string") return;
    let label = node.label;
    if (!label) {
      const count = (unlabelled.get(node.path) ?? 0) + 1;
      unlabelled.set(node.path, count);
      label = `t${count}`;
    }
    let name = lineName(label, node);
    while (taken.has(name)) name += "'";
    taken.add(name);
    names.set(i, name);
  });
  return names;
}

/** Name of a leaf: `W_0` of `0.W`, `m_W_0` of `0.W m`. */
function leafName(name) {
  const [path, state] = name.split(" ");
  const [layer, last] = path.split(".");
  const own = last === undefined ? layer : `${last}_${layer}`;
  return state ? `${state}_${own}` : own;
}

function lineName(label, { path, method }) {
  if (method === "update") {
    const own = leafName(path);
    return { new_w: `new_${own}`, dw: `d${own}`, w: own }[label] ?? `${label}_${own}`;
  }
  return path && path !== "loss" ? `${label}_${path.replaceAll(".", "_")}` : label;
}

/**
 * Explanation of the result of `model.steps(…)`, to `digits`; `words` has the texts for omitted
 * terms.
 */
export class Explained {
  constructor(steps, digits = 4, words = WORDS) {
    this.nodes = steps.nodes;
    this.names = namesOf(steps);
    const lines = new Set(this.names.keys());
    this.terms = new Terms(this.nodes, lines);
    this.writer = new Writer(this.nodes, digits, words);
    this.gradients = new Map(
      Object.entries(steps.outputs)
        .filter(([name]) => name.startsWith("d "))
        .map(([name, i]) => [i, name.slice(2)]),
    );
    this.steps = [...lines]
      .filter((i) => this.nodes[i].op !== "leaf" && this.nodes[i].op !== "empty_like")
      .sort((a, b) => a - b)
      .map((i) => this.step(i));
  }

  step(i) {
    const { path, title, method, file, line, shape, op } = this.nodes[i];
    const name = this.names.get(i);
    const formula = formulaOf(this.nodes, this.names, i);
    return {
      node: i,
      name,
      formula,
      path,
      title,
      method,
      file,
      line,
      shape,
      filled: op === "zeros_like",
    };
  }

  /** Explain the number at an index of a step: { name, numbers, result, text }. */
  line({ node, name, shape }, index) {
    const place = index.reduce((sum, k, axis) => sum * shape[axis] + k, 0);
    const numbers = this.writer.text(this.terms.line(node, place));
    const result = this.writer.text(this.terms.number(node, place));
    const called = index.length ? `${name}[${index}]` : name;
    const made = numbers === result ? "" : `${numbers} = `;
    return { name: called, numbers, result, text: `${called} = ${made}${result}` };
  }

  /** Lines of a step that are shown, and the number of omitted ones. */
  lines(step) {
    if (step.filled) return { lines: [], more: 0 };
    const size = countOf(step.shape);
    const told = size <= FEW ? size : FIRST;
    const lines = Array.from({ length: told }, (_, k) => this.line(step, indexOf(step.shape, k)));
    return { lines, more: size - told };
  }

  /**
   * Explain a unit in the first row, or its weight for unit `from` of the layer before: { forward,
   * backward }, each a list of { name, formula, numbers, result }.
   */
  unit(paths, unit, from = null) {
    const found = { forward: [], backward: [] };
    // the input gradient of the layer has its predecessor's units, that of the next layer its own
    const out = this.inputGradientOf(paths[0]);
    const into = from === null && this.inputGradientOf(String(Number(paths.at(-1)) + 1));
    for (const step of this.steps) {
      if (step.filled || step === out) continue;
      const index = step === into ? [0, unit] : this.indexOfUnit(step, paths, unit, from);
      if (index)
        found[step.method === "forward" ? "forward" : "backward"].push(this.explained(step, index));
    }
    return found;
  }

  /** Explain the loss gradient of an input in the first row. */
  input(unit) {
    const step = this.inputGradientOf("0");
    return { forward: [], backward: step ? [this.explained(step, [0, unit])] : [] };
  }

  explained(step, index) {
    const { name, numbers, result } = this.line(step, index);
    return { name, formula: `${step.name} = ${step.formula}`, numbers, result };
  }

  /** Step that computes a layer's input gradient. */
  inputGradientOf(layer) {
    return this.steps.findLast(
      ({ node, method, path }) =>
        method === "backward" && path === layer && !this.gradients.has(node),
    );
  }

  /** Index of a unit or weight in a step's array; null if it has none. */
  indexOfUnit({ node, shape, path, method }, paths, unit, from) {
    const parameter = method === "update" ? path : this.gradients.get(node);
    const [layer, name] = (parameter ?? path).split(".");
    if (!paths.includes(layer)) return null;
    if (parameter) {
      const index = from === null ? [unit] : [unit, from];
      const fits = index.length === shape.length && index.every((k, axis) => k < shape[axis]);
      return fits && name === (from === null ? "b" : "W") ? index : null;
    }
    if (from !== null && (method !== "forward" || layer !== paths[0])) return null;
    const index = shape.length ? [0, unit].slice(0, shape.length) : [];
    return index.every((k, axis) => k < shape[axis]) && shape.length < 3 ? index : null;
  }
}
