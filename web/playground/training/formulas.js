// Compiled formulas: syntax trees to functions of a row, bit-identical to Python's.

import { FormulaError, parseFormula } from "../../shared/formula.js";
import { cos, erf, exp, expm1, log, log1p, power, sign, sin, tanh } from "./functions.js";

const maximum = (x, y) => (x > y || x !== x ? x : y);
const minimum = (x, y) => (x < y || x !== x ? x : y);

const FUNCTIONS = {
  sin,
  cos,
  exp,
  expm1,
  log,
  log1p,
  tanh,
  erf,
  sign,
  sqrt: Math.sqrt,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  maximum,
  minimum,
  power,
  where: (condition, x, y) => (condition !== 0 ? x : y),
};
const ARGUMENTS = { maximum: 2, minimum: 2, power: 2, where: 3 };
const ALSO = { max: "maximum", min: "minimum" };
const CONSTANTS = { pi: 3.141592653589793, e: 2.718281828459045 };
const OPERATIONS = {
  "+": (x, y) => x + y,
  "-": (x, y) => x - y,
  "*": (x, y) => x * y,
  "/": (x, y) => x / y,
  "**": power,
};
/** Comparisons of two numbers. */
export const COMPARISONS = {
  "<": (x, y) => x < y,
  "<=": (x, y) => x <= y,
  ">": (x, y) => x > y,
  ">=": (x, y) => x >= y,
  "==": (x, y) => x === y,
  "!=": (x, y) => x !== y,
};
/** Largest integer power computed by multiplication. */
const MOST_POWER = 64;

/**
 * Compile a formula to a function of a row; a FormulaError if it is none.
 *
 * `places` are the indices of names in the row.
 */
export const rowFunction = (text, places) => functionOf(parseFormula(text), places);

function functionOf(node, places) {
  const inner = (part) => functionOf(part, places);
  const refuse = (key, came) => {
    throw new FormulaError(key, { came }, node.at, node.end);
  };
  if (node.kind === "number") return () => node.value;
  if (node.kind === "name" || node.kind === "attribute") {
    const name = nameOf(node);
    if (node.kind === "name" && places.has(name)) {
      const i = places.get(name);
      return (row) => row[i];
    }
    if (!Object.hasOwn(CONSTANTS, name)) refuse("formula_name", name);
    return () => CONSTANTS[name];
  }
  if (node.kind === "unary" && "+-".includes(node.sign)) {
    const of = inner(node.of);
    return node.sign === "-" ? (row) => -of(row) : of;
  }
  if (node.kind === "binary" && Object.hasOwn(OPERATIONS, node.sign)) return binary(node, inner);
  if (node.kind === "compare") return comparison(node, inner);
  if (node.kind === "call" && !node.named.length) {
    const called = nameOf(node.of);
    const name = ALSO[called] ?? called;
    if (!Object.hasOwn(FUNCTIONS, name)) refuse("formula_function", called);
    if (node.values.length !== (ARGUMENTS[name] ?? 1)) refuse("formula_arguments", called);
    const [of, values] = [FUNCTIONS[name], node.values.map(inner)];
    return (row) => of(...values.map((value) => value(row)));
  }
  return refuse("formula_numbers", node.sign ?? node.kind);
}

const isNp = (node) => node.kind === "name" && node.name === "np";

const nameOf = (node) => (node.kind === "attribute" && !isNp(node.of) ? "" : (node.name ?? ""));

function binary(node, inner) {
  const [left, right] = [inner(node.left), inner(node.right)];
  const whole = node.sign === "**" ? wholeIn(node.right) : null;
  if (whole !== null) return (row) => product(left(row), whole);
  const operation = OPERATIONS[node.sign];
  return (row) => operation(left(row), right(row));
}

/** Integer value of a literal exponent; null for any other. */
function wholeIn(node) {
  const minus = node.kind === "unary" && node.sign === "-";
  const { kind, value } = minus ? node.of : node;
  if (kind !== "number" || !Number.isInteger(value) || value > MOST_POWER) return null;
  return minus ? -value : value;
}

function product(x, exponent) {
  let found = exponent ? x : 1;
  for (let k = 1; k < Math.abs(exponent); k++) found *= x;
  return exponent < 0 ? 1 / found : found;
}

function comparison({ signs, terms }, inner) {
  const values = terms.map(inner);
  const holds = signs.map((sign) => COMPARISONS[sign]);
  return (row) => {
    const found = values.map((value) => value(row));
    return holds.every((hold, i) => hold(found[i], found[i + 1])) ? 1 : 0;
  };
}
