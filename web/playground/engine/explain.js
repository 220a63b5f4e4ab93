// Explanation of a traced step, as in `hg.explain`. Python wrote the texts of its lines (see
// `learn/playground/line_texts.py`); here names and numbers are filled in.

import { valueOf } from "./link.js";
import { countOf, indexOf } from "./strided.js";

const MOST_TERMS = 4; // written terms of a sum; beyond that the largest, and the rest as one number
const DIGITS = 6; // significant digits of constants in formulas

/** Names of the lines: the variable's name with its layer, `z_0`, `dW_2`, `m_W_0'`. */
function namesOf(lines) {
  const names = new Map();
  lines.forEach(({ label, path, method }, i) => {
    if (!label) return;
    const layer = path && path !== "loss" ? `_${path}` : "";
    const own = ["update", "leaf"].includes(method) ? leafName(path) : layer;
    let name = label.replace("{}", own);
    while (names.has(name)) name += "'";
    names.set(name, i);
  });
  return new Map([...names].map(([name, i]) => [i, name]));
}

/** Name of a leaf: `W_0` of `0.W`, `m_W_0` of `0.W m`. */
function leafName(name) {
  const [path, state] = name.split(" ");
  const own = path.split(".").reverse().join("_");
  return state ? `${state}_${own}` : own;
}

/** Explanation of `model.steps(…)`, to `digits`; `words` has the texts for omitted terms. */
export class Explained {
  constructor({ lines, outputs }, digits, words) {
    Object.assign(this, { lines, digits, words, names: namesOf(lines) });
    const gradients = Object.entries(outputs).filter(([name]) => name.startsWith("d "));
    this.gradients = new Map(gradients.map(([name, i]) => [i, name.slice(2)]));
    const formula = (line) => this.filled(line.formula, line, [], DIGITS).replaceAll("−", "-");
    this.steps = lines.flatMap((line, node) => {
      if (!line.term) return [];
      const whole = formula(line).replace("/(1*n)", "/n"); // of a single output
      return { ...line, node, name: this.names.get(node), formula: whole };
    });
  }

  /** Fill in a text `at` an index of a line. */
  filled(parts, line, at, digits = this.digits) {
    const written = (part) => (typeof part === "string" ? part : this.part(part, line, at, digits));
    return parts.map(written).join("");
  }

  part(part, line, at, digits) {
    if (typeof part === "number") return this.names.get(line.refs[part].line);
    if (part.text) return this.filled(part.text, line, at, digits);
    if (part.many) return this.many(part, line, at);
    if (part.is) {
      const isIt = this.number(part.is, line, at).number === placeOf(part.place, line, at);
      return this.filled(isIt ? part.yes : part.no, line, at);
    }
    const { number, kind, tight } = this.number(part, line, at);
    const text = shown(number, digits, kind);
    return tight && number < 0 ? `(${text})` : text;
  }

  /** A number of an array, or a constant. */
  number(part, line, at) {
    if ("value" in part) return { number: valueOf(part.value, line.scope), tight: part.tight };
    const [of, tight, ...place] = part.number ?? part;
    const { values, kind } = this.lines[line.refs[of].line];
    const picked = part.picked ? this.number(part.picked, line, at).number : 0;
    const farther = picked && picked * valueOf(part.step, line.scope);
    return { number: values[placeOf(place, line, at) + farther], kind, tight };
  }

  /** A sum or another operation on many numbers: most are combined into one term. */
  many({ many, sizes, values, each, first = each, alone = first, ...around }, line, at) {
    const counts = sizes.map((size) => valueOf(size, line.scope));
    const ats = Array.from({ length: countOf(counts) }, (_, k) => [...at, ...indexOf(counts, k)]);
    if (ats.length === 1) return this.filled(alone, line, ats[0]);
    const numbers = ats.map((own) =>
      values.reduce((product, value) => product * this.number(value, line, own).number, 1),
    );
    const kept = largest(many, numbers);
    const terms = kept.map((k, i) => this.filled(i ? each : first, line, ats[k]));
    const others = numbers.filter((_, k) => !kept.includes(k));
    if (others.length) {
      const { kind, combine } = OPERATIONS[many];
      const told = this.words[kind].replace("{}", others.length);
      terms.push(`[${told}: ${shown(others.reduce(combine), this.digits)}]`);
    }
    return around.open + terms.join(around.sign) + around.close.replace("{}", ats.length);
  }

  /** Explain the number at an index of a step: { name, formula, numbers, result }. */
  explained(step, index) {
    const place = index.reduce((sum, k, axis) => sum * step.shape[axis] + k, 0);
    const name = index.length ? `${step.name}[${index}]` : step.name;
    const numbers = this.filled(step.term, step, step.flat ? [place] : index);
    const result = shown(step.values[place], this.digits, step.kind);
    return { name, formula: `${step.name} = ${step.formula}`, numbers, result };
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
      if (step === out) continue;
      const index = step === into ? [0, unit] : this.indexOfUnit(step, paths, unit, from);
      const way = step.method === "forward" ? "forward" : "backward";
      if (index) found[way].push(this.explained(step, index));
    }
    return found;
  }

  /** Explain the loss gradient of an input in the first row. */
  input(unit) {
    const step = this.inputGradientOf("0");
    return { forward: [], backward: step ? [this.explained(step, [0, unit])] : [] };
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

/** Place in an array by its offset and strides. */
const placeOf = ([offset, ...strides], { scope }, at) =>
  strides.reduce(
    (place, stride, i) => place + valueOf(stride, scope) * at[i],
    valueOf(offset, scope),
  );

/** Indices of the terms to write, in order. */
function largest(op, values) {
  const order = [...values.keys()];
  if (values.length <= MOST_TERMS) return order;
  const size = (value) => (Number.isNaN(value) ? Infinity : OPERATIONS[op].size(value));
  order.sort((a, b) => size(values[b]) - size(values[a]) || a - b);
  return order.slice(0, MOST_TERMS - 1).sort((a, b) => a - b);
}

/** By operation: words for omitted terms, how two of them are combined, and which are written. */
const OPERATIONS = {
  sum: { kind: "smaller", combine: (a, b) => a + b, size: Math.abs },
  prod: { kind: "others", combine: (a, b) => a * b, size: Math.abs },
  max: { kind: "smaller", combine: (a, b) => Math.max(a, b), size: (value) => value },
  min: { kind: "larger", combine: (a, b) => Math.min(a, b), size: (value) => -value },
};

/** Format a number like Python's format "g"; whole numbers are shown in full. */
function shown(number, digits, kind = "f") {
  const size = Math.abs(number);
  const text = "ib".includes(kind) ? String(size) : general(size, digits);
  return number < 0 ? `−${text}` : text;
}

function general(size, digits) {
  if (!Number.isFinite(size)) return Number.isNaN(size) ? "nan" : "inf";
  const [mantissa, exponent] = size
    .toExponential(digits - 1)
    .split("e")
    .map(Number);
  if (exponent >= -4 && exponent < digits) return String(Number(size.toPrecision(digits)));
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
