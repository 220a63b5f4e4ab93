// Evaluation of a formula: its syntax tree applied to arrays, as in exercises/formulas.py.

import { FormulaError, parseFormula } from "../shared/formula.js";
import {
  ArrayError,
  array,
  broadcastShape,
  each,
  isArray,
  resultKind,
  product,
  scalar,
  indexed,
} from "./arrays.js";
import { ATTRIBUTES, CONSTANTS, FUNCTIONS, METHODS, TYPES, callFunction } from "./functions.js";
import { COMPARISONS } from "../playground/training/formulas.js";
import { power } from "../playground/training/functions.js";

/** Format the shape of an array as Python does. */
export const formatShape = (shape) =>
  shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;

/** Evaluate a formula to a float64 or boolean array; a FormulaError if that fails. */
export function valueOf(text, given) {
  const found = new Evaluator(text, given).of(parseFormula(text));
  if (!isArray(found)) throw new FormulaError("formula_no_numbers", {}, 0, text.length);
  return found.kind === "int" ? { ...found, kind: "float" } : found;
}

const whole = (a, b, work) => (b === 0 ? 0 : work(a, b));
const modulo = (a, b) => {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
};
const refuse = () => {
  throw new ArrayError("kind");
};

const BINARY = {
  "+": (a, b) => sumOf(a, b),
  "-": (a, b) => numbers(a, b, (x, y) => x - y, true),
  "*": (a, b) => numbers(a, b, (x, y) => x * y),
  "/": (a, b) => each((x, y) => x / y, "float", a, b),
  "//": (a, b) => divided(a, b, (x, y) => Math.floor(x / y)),
  "%": (a, b) => divided(a, b, modulo),
  "**": (a, b) => each(power, "float", a, b),
  "@": product,
  "&": (a, b) => bits(a, b, (x, y) => x & y),
  "|": (a, b) => bits(a, b, (x, y) => x | y),
};

const sumOf = (a, b) =>
  resultKind(a.kind, b.kind) === "bool"
    ? each((x, y) => x | y, "bool", a, b)
    : numbers(a, b, (x, y) => x + y);

function numbers(a, b, work, noTruths = false) {
  const kind = resultKind(a.kind, b.kind);
  return noTruths && kind === "bool" ? refuse() : each(work, kind, a, b);
}

function divided(a, b, work) {
  const kind = resultKind(a.kind, b.kind, "int");
  return each((x, y) => (kind === "int" ? whole(x, y, work) : work(x, y)), kind, a, b);
}

const bits = (a, b, work) =>
  resultKind(a.kind, b.kind) === "float" ? refuse() : each(work, resultKind(a.kind, b.kind), a, b);

const UNARY = {
  "-": (a) => (a.kind === "bool" ? refuse() : each((x) => -x, a.kind, a)),
  "+": (a) => (a.kind === "bool" ? refuse() : a),
  "~": (a) =>
    a.kind === "float" ? refuse() : each((x) => (a.kind === "bool" ? 1 - x : ~x), a.kind, a),
  not: (a) => scalar(Number(!truth(a)), "bool"),
};

/** Convert a single number to true or false; an array of several has no truth value. */
function truth(value) {
  if (isArray(value)) return value.values.length === 1 ? Boolean(value.values[0]) : refuse();
  return Boolean(value);
}

class Evaluator {
  constructor(text, given) {
    Object.assign(this, { text, given });
  }

  /** Evaluate a node: an array, null, a tuple, a function of `np`, or a type of numbers. */
  of(node) {
    return this[node.kind](node);
  }

  fail(node, key, values) {
    return new FormulaError(key, values, node.at, node.end);
  }

  written({ at, end }) {
    return this.text.slice(at, end);
  }

  /** Run `work`; an ArrayError becomes a FormulaError at the node. */
  worked(node, work, sign = "", sides = []) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ArrayError)) throw error;
      if (sign && sides.every(isArray)) {
        const [left, right] = sides.map(({ shape }) => formatShape(shape));
        const key = shapeError(sign, ...sides.map(({ shape }) => shape));
        if (key) throw this.fail(node, key, { sign, left, right });
      }
      throw this.fail(node, "formula_cannot", { came: this.written(node) });
    }
  }

  number(node) {
    return scalar(node.value, /[.eE]/u.test(this.written(node)) ? "float" : "int");
  }

  constant({ value }) {
    return value === null ? null : scalar(Number(value), "bool");
  }

  name(node) {
    if (Object.hasOwn(this.given, node.name)) return this.given[node.name];
    if (Object.hasOwn(TYPES, node.name)) return TYPES[node.name];
    const names = Object.keys(this.given).join(", ");
    throw this.fail(node, "formula_name", { came: node.name, names });
  }

  attribute(node) {
    if (node.of.kind === "name" && node.of.name === "np") {
      const came = `np.${node.name}`;
      if (Object.hasOwn(CONSTANTS, node.name)) return CONSTANTS[node.name];
      if (Object.hasOwn(FUNCTIONS, node.name)) return { call: FUNCTIONS[node.name] };
      throw this.fail(node, "formula_function", { came });
    }
    const of = this.of(node.of);
    const known = Object.hasOwn(METHODS, node.name) || Object.hasOwn(ATTRIBUTES, node.name);
    if (!known || of?.call || of?.type)
      throw this.fail(node, "formula_method", { came: `.${node.name}` });
    return this.worked(node, () => {
      const a = isArray(of) ? of : refuse();
      return Object.hasOwn(METHODS, node.name)
        ? { call: METHODS[node.name], on: a }
        : ATTRIBUTES[node.name](a);
    });
  }

  call(node) {
    const work = this.of(node.of);
    if (!work?.call) throw this.fail(node, "formula_no_function", { came: this.written(node.of) });
    const values = node.values.map((value) => this.of(value));
    const named = Object.fromEntries(node.named.map(({ name, value }) => [name, this.of(value)]));
    return this.worked(node, () => callFunction(work, values, named));
  }

  binary(node) {
    const sides = [this.of(node.left), this.of(node.right)];
    const work = () => (sides.every(isArray) ? BINARY[node.sign](...sides) : refuse());
    return this.worked(node, work, node.sign, sides);
  }

  unary(node) {
    const of = this.of(node.of);
    return this.worked(node, () =>
      isArray(of) || node.sign === "not" ? UNARY[node.sign](of) : refuse(),
    );
  }

  compare({ terms, signs, ...node }) {
    let left = this.of(terms[0]);
    let found;
    signs.forEach((sign, i) => {
      const sides = [left, this.of(terms[i + 1])];
      const work = () => (sides.every(isArray) ? each(asTruth(sign), "bool", ...sides) : refuse());
      const told = this.worked(node, work, sign, sides);
      found = i ? this.worked(node, () => (truth(found) ? told : found)) : told;
      left = sides[1];
    });
    return found;
  }

  logic({ terms, sign, ...node }) {
    let found = this.of(terms[0]);
    for (const term of terms.slice(1)) {
      const next = this.of(term);
      found = this.worked(node, () => (truth(found) === (sign === "and") ? next : found));
    }
    return found;
  }

  tuple({ items }) {
    return { tuple: items.map((item) => this.of(item)) };
  }

  list({ items }) {
    return { list: items.map((item) => this.of(item)) };
  }

  index(node) {
    const of = this.of(node.of);
    const items = node.items.map((item) => this.item(item));
    return this.worked(node, () => {
      if (of?.tuple) return of.tuple.at(wholeIndex(items[0])) ?? refuse();
      return isArray(of) ? indexed(of, items.map(asIndex)) : refuse();
    });
  }

  item(node) {
    if (node.kind === "rest") return "...";
    if (node.kind !== "slice") return this.of(node);
    const limits = [node.from, node.to, node.by].map((limit) => limit && this.of(limit));
    const [from, to, by] = this.worked(node, () =>
      limits.map((limit) => (limit === null ? null : wholeIndex(limit))),
    );
    return { from, to, by };
  }
}

const asTruth = (sign) => (x, y) => Number(COMPARISONS[sign](x, y));

const wholeIndex = (value) =>
  isArray(value) && !value.shape.length && value.kind !== "float" ? value.values[0] : refuse();

/** Convert an item of an index: a list of integers becomes an array. */
function asIndex(item) {
  if (item?.tuple || item?.call || item?.type) return refuse();
  return item?.list ? array([item.list.length], item.list.map(wholeIndex), "int") : item;
}

/** Key of the error message for two incompatible shapes, if they are. */
function shapeError(sign, left, right) {
  if (sign === "@") {
    const fits =
      left.length && right.length && left.at(-1) === right[Math.max(right.length - 2, 0)];
    return fits ? "" : "formula_product";
  }
  try {
    broadcastShape(left, right);
  } catch {
    return "formula_shapes";
  }
  return "";
}
