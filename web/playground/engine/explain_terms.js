// Terms of a traced step: each number as the arithmetic that computed it. Nodes with a line of
// their own are numbers, the others are expanded. As `learn/explaining/elements.py` and
// `learn/explaining/terms.py`.
//
// A term is { number, node, place }, { op, parts } of single numbers, { many, parts, divisor } of a
// sum or a maximum, or { count, kind, rest }: omitted terms, as one number.

import { countOf, stridesOf } from "./strided.js";

const MOST_TERMS = 4; // written terms of a sum; beyond that the largest, and the rest as one number
const ATOMS = new Set(["leaf", "random", "empty_like"]);
const FILLED = { zeros_like: 0, ones_like: 1 };
const SAME = new Set(["copy", "astype", "reshape", "ravel", "squeeze", "expand_dims"]);

const isNode = (value) => value !== null && typeof value === "object" && "node" in value;

/** Flat index of a position in an array, row-major. */
export function indexOf(shape, place) {
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(place % size);
    place = Math.floor(place / size);
  }
  return index;
}

const placeOf = (shape, index) => {
  const strides = stridesOf(shape);
  return index.reduce((place, k, axis) => place + k * strides[axis], 0);
};

/** Terms of a step's nodes; `lines` are the nodes with a line of their own. */
export class Terms {
  constructor(nodes, lines) {
    this.nodes = nodes;
    this.lines = lines;
  }

  number(node, place) {
    return { number: this.nodes[node].value[place], node, place };
  }

  constant(number) {
    return { number, node: -1, place: 0 };
  }

  /** Term of a number; the number itself if it is an input, a draw, or has no expansion. */
  line(i, place) {
    const { op, args, options, shape } = this.nodes[i];
    if (ATOMS.has(op)) return this.number(i, place);
    if (op in FILLED) return this.constant(FILLED[op]);
    if (SAME.has(op)) return this.at(args[0], place);
    const index = indexOf(shape, place);
    if (op === "full_like") return this.broadcast(args[1], index);
    if (op === "transpose") return this.transposed(args, index) ?? this.number(i, place);
    if (op === "getitem" || op === "setitem") return this[op](args, index) ?? this.number(i, place);
    if (op === "matmul") return this.product(args, index) ?? this.number(i, place);
    if (["sum", "mean", "max", "min", "prod"].includes(op)) {
      return this.reduction(op, args, options, index);
    }
    if (op === "clip") return this.clipped(args, index);
    return { op, parts: args.map((part) => this.broadcast(part, index)) };
  }

  /** Shape and values of an argument. */
  known(value) {
    if (isNode(value)) return this.nodes[value.node];
    return { shape: [], value: [typeof value === "object" ? value.value : Number(value)] };
  }

  /** Term of an argument at a position of its own. */
  at(value, place) {
    if (!isNode(value)) return this.constant(this.known(value).value[0]);
    const { node } = value;
    if (this.lines.has(node) || ATOMS.has(this.nodes[node].op)) return this.number(node, place);
    return this.line(node, place);
  }

  /** Term of a broadcast argument at an index of the result. */
  broadcast(value, index) {
    const { shape } = this.known(value);
    const own = index.slice(index.length - shape.length);
    return this.at(
      value,
      placeOf(
        shape,
        own.map((k, axis) => (shape[axis] === 1 ? 0 : k)),
      ),
    );
  }

  transposed([value, axes], index) {
    const { shape } = this.known(value);
    const order = axes ?? [...shape.keys()].reverse();
    if (!Array.isArray(order)) return null;
    const own = [];
    order.forEach((axis, k) => (own[axis] = index[k]));
    return this.at(value, placeOf(shape, own));
  }

  getitem([value, where], index) {
    const { shape } = this.known(value);
    const own = this.picked(shape, Array.isArray(where) ? where : [where], index);
    return own && this.at(value, placeOf(shape, own));
  }

  /** Position in the array that a `getitem` read from; null if unknown. */
  picked(shape, where, index) {
    const parts = spelledOut(shape, where);
    if (parts.some((part) => isArray(part))) return this.byArrays(parts, index);
    const own = [];
    let axis = 0;
    let k = 0;
    for (const part of parts) {
      if (part === null) k++;
      else if (typeof part === "number") own[axis++] = part;
      else own[axis] = startOf(part.slice, shape[axis++]) + (part.slice[2] ?? 1) * index[k++];
    }
    return own;
  }

  /** Position for an index of arrays, as in p[arange(n), y]. */
  byArrays(parts, index) {
    if (!parts.every(isArray) || index.length !== 1) return null;
    return parts.map((part) => (isNode(part) ? this.known(part).value[index[0]] : index[0]));
  }

  setitem([value, where, put], index) {
    const { shape } = this.known(value);
    const parts = spelledOut(shape, Array.isArray(where) ? where : [where]);
    if (!parts.every(isArray)) return null;
    for (let row = 0; row < shape[0]; row++) {
      const at = this.byArrays(parts, [row]);
      if (at.every((k, axis) => k === index[axis])) return this.broadcast(put, [row]);
    }
    return this.broadcast(value, index);
  }

  product([a, b], index) {
    const [p, q] = [this.known(a), this.known(b)];
    if (p.shape.length !== 2 || q.shape.length !== 2) return null;
    const [row, column] = index;
    const [deep, wide] = q.shape;
    const places = (k) => [row * deep + k, k * wide + column];
    const values = Array.from({ length: deep }, (_, k) => {
      const [left, right] = places(k);
      return p.value[left] * q.value[right];
    });
    const term = (k) => {
      const [left, right] = places(k);
      return { op: "multiply", parts: [this.at(a, left), this.at(b, right)] };
    };
    return { many: "sum", parts: shortened("sum", values, term), divisor: 1 };
  }

  reduction(op, [value, given], options, index) {
    const { shape, value: numbers } = this.known(value);
    const axis = options.axis ?? given;
    const axes = axis === undefined || axis === null ? [...shape.keys()] : [axis].flat();
    const gone = new Set(axes.map((k) => (Number(k) + shape.length) % shape.length));
    const kept = options.keepdims ? index : spread(index, gone, shape.length);
    const sizes = shape.map((size, k) => (gone.has(k) ? size : 1));
    const places = Array.from({ length: countOf(sizes) }, (_, k) => {
      const within = indexOf(sizes, k);
      return placeOf(
        shape,
        shape.map((_, a) => (gone.has(a) ? within[a] : kept[a])),
      );
    });
    const many = op === "mean" ? "sum" : op;
    const values = places.map((place) => numbers[place]);
    const parts = shortened(many, values, (k) => this.at(value, places[k]));
    return { many, parts, divisor: op === "mean" ? places.length : 1 };
  }

  clipped([value, low, high], index) {
    let found = this.broadcast(value, index);
    if (low !== null) found = { op: "maximum", parts: [found, this.broadcast(low, index)] };
    if (high !== null) found = { op: "minimum", parts: [found, this.broadcast(high, index)] };
    return found;
  }
}

const isArray = (part) => isNode(part) || part?.n === "rows";

/** Expand `...` and trailing axes of an index. */
function spelledOut(shape, where) {
  const all = { slice: [null, null, null] };
  const counted = where.filter((part) => part !== null && !part?.dots).length;
  const left = Array(shape.length - counted).fill(all);
  const parts = where.map((part) => (part === null || isArray(part) ? part : numeric(part)));
  const dots = parts.findIndex((part) => part?.dots);
  if (dots < 0) return [...parts, ...left];
  return [...parts.slice(0, dots), ...left, ...parts.slice(dots + 1)];
}

const numeric = (part) => (typeof part === "object" && !("n" in part) ? part : numberOf(part));

const numberOf = (part) => (typeof part === "object" && part ? part.value : Number(part));

function startOf([start, , step], size) {
  const first = start === null ? (step < 0 ? size - 1 : 0) : numberOf(start);
  return first < 0 ? first + size : first;
}

function spread(index, gone, ndim) {
  const own = [...index];
  return Array.from({ length: ndim }, (_, axis) => (gone.has(axis) ? 0 : own.shift()));
}

/** Shorten an operation on many numbers: most are combined into one term. */
function shortened(op, values, term) {
  if (values.length <= MOST_TERMS) return values.map((_, k) => term(k));
  const size = (v) =>
    Number.isNaN(v) ? Infinity : op === "min" ? -v : op === "max" ? v : Math.abs(v);
  const order = [...values.keys()].sort((a, b) => size(values[b]) - size(values[a]) || a - b);
  const kept = order.slice(0, MOST_TERMS - 1).sort((a, b) => a - b);
  const others = values.filter((_, k) => !kept.includes(k));
  return [...kept.map(term), { count: others.length, kind: KINDS[op], rest: REST[op](others) }];
}

const KINDS = { sum: "smaller", max: "smaller", min: "larger", prod: "others" };
const REST = {
  sum: (values) => values.reduce((sum, v) => sum + v, 0),
  prod: (values) => values.reduce((product, v) => product * v, 1),
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
};
