// NumPy functions and array methods that a formula may use.

import { cos, exp, expm1, log, log1p, sin, tanh } from "../playground/training/functions.js";
import {
  ArrayError,
  array,
  each,
  indices,
  isArray,
  resultKind,
  product,
  reduced,
  reshaped,
  scalar,
  transposed,
} from "./arrays.js";

const refuse = () => {
  throw new ArrayError("argument");
};

/** Convert a value, such as a list of numbers, to an array. */
function numbers(value) {
  if (isArray(value)) return value;
  const items = value?.list ?? value?.tuple ?? refuse();
  const parts = items.map(numbers);
  if (parts.some(({ shape }) => shape.join() !== parts[0].shape.join())) refuse();
  return array(
    [parts.length, ...(parts[0]?.shape ?? [])],
    parts.flatMap((part) => part.values),
    resultKind(...parts.map((part) => part.kind)),
  );
}

function integer(value) {
  const a = numbers(value);
  return a.shape.length === 0 && a.kind !== "float" ? a.values[0] : refuse();
}

const axesOf = (value) => {
  if (value === null || value === undefined) return null;
  return value.tuple ? value.tuple.map(integer) : [integer(value)];
};

const keeps = (value) => value !== undefined && Boolean(numbers(value).values[0]);
/** Convert a value to an array, booleans to float64; NumPy would use float16. */
const reals = (value) => {
  const a = numbers(value);
  return a.kind === "bool" ? { ...a, kind: "float" } : a;
};
const floats = (work) => (x) => each(work, "float", numbers(x));
const choose = (isBetter) => (a, b) => (a !== a || b !== b ? NaN : isBetter(a, b) ? a : b);
const larger = choose((a, b) => a > b);
const smaller = choose((a, b) => a < b);
const total = (list) => list.reduce((sum, x) => sum + x, 0);
const signOf = (x) => (x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : NaN);

const reduction = (work, kindOf) => (x, axis, keepdims) => {
  const a = numbers(x);
  return reduced(a, work, kindOf(a.kind), axesOf(axis), keeps(keepdims));
};

const most = (better) => (list) => (list.length ? list.reduce(better) : refuse());
const sum = reduction(total, (kind) => (kind === "float" ? kind : "int"));
const average = reduction(
  (list) => total(list) / list.length,
  () => "float",
);
const mean = (x, axis, keepdims) =>
  axis && !numbers(x).shape.length ? refuse() : average(x, axis, keepdims);
const max = reduction(most(larger), (kind) => kind);
const min = reduction(most(smaller), (kind) => kind);
// keyword arguments as in NumPy: x.sum(axis=0, keepdims=True)
[sum, mean, max, min].forEach((work) => (work.names = ["axis", "keepdims"]));

const pair = (work) => (a, b) => {
  const [x, y] = [reals(a), reals(b)];
  return each(work, resultKind(x.kind, y.kind), x, y);
};

const like = (value) => (x) => {
  const a = numbers(x);
  return { ...a, values: a.values.map(() => value) };
};

function where(condition, a, b) {
  const [c, x, y] = [condition, a, b].map(numbers);
  return each((chosen, one, other) => (chosen ? one : other), resultKind(x.kind, y.kind), c, x, y);
}

function clip(x, low, high) {
  const [a, least, greatest] = [x, low, high].map(numbers);
  const kind = resultKind(a.kind, least.kind, greatest.kind);
  return each((value, l, h) => smaller(larger(value, l), h), kind, a, least, greatest);
}

function arange(first, second, third) {
  const [start, stop] = second === undefined ? [0, integer(first)] : [first, second].map(integer);
  const step = third === undefined ? 1 : integer(third);
  if (step === 0) refuse();
  const length = Math.max(0, -Math.floor((start - stop) / step));
  return array(
    [length],
    Array.from({ length }, (_, i) => start + i * step),
    "int",
  );
}

function eye(size) {
  const n = integer(size);
  return array(
    [n, n],
    indices([n, n]).map(([i, j]) => Number(i === j)),
  );
}

function dot(a, b) {
  const [x, y] = [numbers(a), numbers(b)];
  const hasScalar = !x.shape.length || !y.shape.length;
  const kind = resultKind(x.kind, y.kind);
  return hasScalar ? each((p, q) => p * q, kind, x, y) : product(x, y);
}

function outer(a, b) {
  const [x, y] = [a, b].map((side) => numbers(side));
  return product(reshaped(x, [-1, 1]), reshaped(y, [1, -1]));
}

const absolute = (x) => {
  const a = reals(x);
  return each(Math.abs, a.kind, a);
};

function length(x) {
  if (x?.tuple ?? x?.list) return scalar((x.tuple ?? x.list).length, "int");
  const a = numbers(x);
  return a.shape.length ? scalar(a.shape[0], "int") : refuse();
}

export const FUNCTIONS = {
  abs: absolute,
  exp: floats(exp),
  expm1: floats(expm1),
  log: floats(log),
  log1p: floats(log1p),
  sqrt: floats(Math.sqrt),
  square: (x) => pair((a, b) => a * b)(x, x),
  tanh: floats(tanh),
  sin: floats(sin),
  cos: floats(cos),
  sign: (x) => each(signOf, reals(x).kind, reals(x)),
  maximum: pair(larger),
  minimum: pair(smaller),
  where,
  clip,
  sum,
  mean,
  max,
  min,
  zeros_like: like(0),
  ones_like: like(1),
  arange,
  eye,
  transpose: (x) => transposed(numbers(x)),
  dot,
  matmul: (a, b) => product(reals(a), reals(b)),
  outer,
};

// NumPy would take further positional arguments as `out`
const FIXED = new Set(Object.values(FUNCTIONS).filter((work) => work !== arange && !work.names));

export const CONSTANTS = { pi: scalar(3.141592653589793), newaxis: null };

export const TYPES = {
  len: { call: length },
  abs: { call: absolute },
  float: { type: "float" },
  int: { type: "int" },
  bool: { type: "bool" },
};

const AS = {
  float: (x) => x,
  int: (x) => (x < 0 ? -Math.floor(-x) : Math.floor(x)),
  bool: (x) => Number(x !== 0),
};

export const METHODS = {
  sum,
  mean,
  max,
  min,
  astype: (a, { type } = refuse()) => each(AS[type] ?? refuse(), type, a),
  reshape: (a, ...sizes) => reshaped(a, (sizes[0]?.tuple ?? sizes).map(integer)),
  transpose: (a, ...axes) => (axes.length ? refuse() : transposed(a)),
  copy: (a) => a,
};

const shapeOf = ({ shape }) => ({ tuple: shape.map((k) => scalar(k, "int")) });

export const ATTRIBUTES = {
  T: transposed,
  shape: shapeOf,
  size: ({ values }) => scalar(values.length, "int"),
  ndim: ({ shape }) => scalar(shape.length, "int"),
};

/** Call a function, or a method of the array `on`, with positional and keyword arguments. */
export function callFunction({ call, on }, values, named) {
  const given = on ? [on, ...values] : [...values];
  if (FIXED.has(call) && given.length !== call.length) refuse();
  for (const [name, value] of Object.entries(named)) {
    const place = 1 + (call.names ?? refuse()).indexOf(name);
    if (place === 0 || given[place] !== undefined) refuse();
    given[place] = value;
  }
  return call(...given);
}
