// Execution plan of a graph for a number of rows: steps that loop over preallocated arrays.

import { f32, loops, numbers, random, reductions, Stream } from "./functions.js";
import { valueOf } from "./link.js";
import { multiply } from "./products.js";
import { argumentsOf, asRows, begins, calling, countOf } from "./strided.js";
import { everywhere, inRows, offsetsOf, spread } from "./strided.js";

const MOST_ONE_BY_ONE = 16; // summands; more are summed in lanes
const MOST_MULTIPLIED = 64; // largest integer exponent
const MATRICES = /^(.)(?!\1)(.),\2(.)->\1\3$/;

/** Nodes that outputs need, and draws, which advance a stream. */
function neededNodes({ nodes, outputs }) {
  const needed = nodes.map(({ op }) => op === "random");
  const need = (value) => {
    if (Array.isArray(value)) value.forEach(need);
    else if (value?.node !== undefined) needed[value.node] = true;
  };
  need(Object.values(outputs));
  for (let i = nodes.length - 1; i >= 0; i--) if (needed[i]) need(nodes[i].args);
  return needed;
}

/**
 * Steps of a graph for `n` rows, of a batch that has `full` rows if complete. `given` are the
 * arrays of leaves and outputs, by name; `streams` the words of random streams, by path.
 */
export class Plan {
  constructor(graph, n, { full = n, given = {}, streams = {} } = {}) {
    Object.assign(this, { graph, n, full, given, streams, values: [], steps: [] });
    this.places = new Map();
    const copied = [];
    for (const [name, { node }] of Object.entries(graph.outputs)) {
      if (!(name in given)) continue;
      const { op } = graph.nodes[node];
      const isNew = name.startsWith("new ") || this.places.has(node);
      if (isNew || ["leaf", "view", "fill"].includes(op)) copied.push([node, given[name]]);
      else this.places.set(node, given[name]);
    }
    const needed = neededNodes(graph);
    graph.nodes.forEach((node, i) => this.values.push(needed[i] ? this.made(node, i) : null));
    this.xData = this.value("x")?.data;
    this.yData = this.value("y")?.data;
    this.lossData = this.value("loss")?.data;
    this.last = copied.map(([i, place]) => this.copied(this.values[i], place));
  }

  /** Copy rows into x and y, as many as there are. */
  fill(x, y) {
    this.xData.set(x.subarray(0, this.xData.length));
    this.yData.set(y.subarray(0, this.yData.length));
  }

  /** Run all steps; `finish` copies new state and parameters into place. */
  run() {
    const { steps } = this;
    for (let i = 0; i < steps.length; i++) steps[i]();
  }

  finish() {
    for (const step of this.last) step();
  }

  /** Array of a leaf, an output or a watched node, by name; null if no output needs it. */
  value(name) {
    const { leaves, outputs, watched } = this.graph;
    return this.values[(leaves[name] ?? outputs[name] ?? watched[name])?.node] ?? null;
  }

  /** Sizes or constants of a node; by default for the rows of this plan. */
  sized({ scope }, formulas, n = this.n) {
    return formulas.map((formula) => valueOf(formula, { ...scope, n }));
  }

  made(node, i) {
    const shape = this.sized(node, node.shape);
    const { op, args } = node;
    if (op === "leaf") return this.leaf(node, shape);
    if (op === "view") return this.view(node, shape);
    if (op === "fill") return everywhere(this.sized(node, args)[0], shape);
    if (shape.length === 0 && node.kind !== "f") return this.single(node);
    const out = inRows(this.places.get(i) ?? new Float32Array(countOf(shape)), shape);
    if (op in reductions) this.reduction(node, out);
    else if (op === "einsum") this.product(node, out);
    else if (op === "getitem") this.picked(node, out);
    else if (op === "setitem" || op === "add_at") this.scattered(node, out);
    else if (op === "concatenate") this.concatenated(node, out);
    else if (op === "random") this.drawn(node, out);
    else this.elementwise(node, out);
    return out;
  }

  leaf({ args: [name], kind }, shape) {
    const Numbers = kind === "f" || shape.length ? Float32Array : Float64Array;
    return inRows(this.given[name] ?? new Numbers(countOf(shape)), shape);
  }

  view(node, shape) {
    const [{ node: base }, offset, steps] = node.args;
    const { data, offset: begin } = this.values[base];
    if (this.graph.nodes[base].op === "fill") return everywhere(data[0], shape);
    const [start, ...strides] = this.sized(node, [offset, ...steps]);
    return { data, offset: begin + start, strides, shape };
  }

  /** Evaluate a float64 or integer scalar. */
  single(node) {
    const data = new Float64Array(1);
    const [a, b] = node.args.map((value) =>
      value.node === undefined
        ? Float64Array.from(this.sized(node, [value]))
        : this.values[value.node].data,
    );
    const compute = numbers[node.op];
    if (!compute) throw new Error(`${node.op} of single numbers`);
    this.steps.push(() => (data[0] = compute(a[0], b && b[0])));
    return inRows(data, []);
  }

  /** Convert an argument to an array: a constant or a float64 scalar becomes float32. */
  argument(node, value) {
    if (value.node === undefined) return everywhere(f32(this.sized(node, [value])[0]), []);
    const array = this.values[value.node];
    if (array.data instanceof Float32Array) return array;
    const rounded = inRows(new Float32Array(1), []);
    this.steps.push(() => (rounded.data[0] = array.data[0]));
    return rounded;
  }

  elementwise(node, out) {
    if (node.op === "power" && this.multiplied(node, out)) return;
    const args = node.args.map((value) => this.argument(node, value));
    this.loop(node.op === "astype" ? this.cast(node) : node.op, out, args);
  }

  cast(node) {
    const from = this.graph.nodes[node.args[0].node].kind;
    if (node.kind === "b") return "truth";
    return node.kind === "i" && from === "f" ? "whole" : "copy";
  }

  loop(op, out, args) {
    const at = asRows(out.shape, args);
    const loop = loops[op];
    if (!loop) throw new Error(`the operation ${op}`);
    const [rows, columns] = [at.rows.size, at.columns.size];
    begins(at, args).forEach((begun, i) => {
      const data = at.outer.length ? out.data.subarray(i * rows * columns) : out.data;
      this.steps.push(calling(loop, data, rows, columns, argumentsOf(at, begun)));
    });
  }

  /** Lower a power with a constant exponent, an integer or 1/2; false for another. */
  multiplied(node, out) {
    const [, power] = node.args;
    const exponent = power.node === undefined ? this.sized(node, [power])[0] : NaN;
    const isWhole = Number.isInteger(exponent) && Math.abs(exponent) <= MOST_MULTIPLIED;
    if (!isWhole && exponent !== 0.5) return false;
    const base = this.argument(node, node.args[0]);
    if (!isWhole) {
      this.loop("sqrt", out, [base]);
      return true;
    }
    const product = (a, b) => {
      const made = inRows(new Float32Array(out.data.length), out.shape);
      this.loop("multiply", made, [a, b]);
      return made;
    };
    let [square, found] = [base, null];
    for (let left = Math.abs(exponent); left; left = Math.floor(left / 2)) {
      if (left % 2) found = found ? product(found, square) : square;
      if (left > 1) square = product(square, square);
    }
    const one = everywhere(1, []);
    if (exponent < 0) this.loop("divide", out, [one, found]);
    else this.loop("copy", out, [found ?? one]);
    return true;
  }

  /** Reduce axes; `flat`: all numbers are one row in memory. */
  reduction({ op, args: [ref, axes, flat] }, { data }) {
    const { shape, strides, data: from, offset } = this.values[ref.node];
    const node = this.graph.nodes[ref.node];
    const full = this.sized(node, node.shape, this.full);
    const { each, inLanes, down } = reductions[op];
    const isLast = axes.includes(shape.length - 1);
    const many = countOf(axes.map((axis) => full[axis])) > MOST_ONE_BY_ONE;
    const way = many && isLast ? inLanes : each;
    if (flat) {
      const count = countOf(shape);
      this.steps.push(() => (data[0] = way(from, offset, 1, 0, count, strides.at(-1))));
      return;
    }
    const wide = axes.filter((axis) => shape[axis] !== 1).sort((one, other) => other - one);
    if (wide.length > 2) throw new Error(`a sum over ${axes.length} of ${shape.length} axes`);
    const [columns, column, rows, row] = [0, 1].flatMap((k) =>
      wide[k] === undefined ? [1, 0] : [shape[wide[k]], strides[wide[k]]],
    );
    if (shape.length === 2 && axes.length === 1 && axes[0] === 0) {
      this.steps.push(() => down(data, from, offset, shape[0], strides[0], shape[1], strides[1]));
      return;
    }
    const kept = [...shape.keys()].filter((axis) => !axes.includes(axis));
    const begin = offsetsOf(
      kept.map((axis) => shape[axis]),
      kept.map((axis) => strides[axis]),
    );
    this.steps.push(() => {
      for (let i = 0; i < begin.length; i++) {
        data[i] = way(from, offset + begin[i], rows, row, columns, column);
      }
    });
  }

  /** Sums of products: of two matrices, or of the axes that letters name. */
  product({ args: [letters, ...refs] }, out) {
    const [a, b, start = everywhere(0, [1])] = refs.map((ref) => this.values[ref.node]);
    const starts = spread(start, out.shape);
    if (!MATRICES.test(letters))
      return this.byLetters(letters, b ? [a, b] : [a], start, starts, out);
    const [ai, ak] = a.strides;
    const [bk, bj] = b.strides;
    const [[m, k], n, { data }, step] = [a.shape, b.shape[1], out, starts.at(-1)];
    const [s, s0] = [start.data, start.offset];
    this.steps.push(() => {
      multiply(data, m, n, k, a.data, a.offset, ai, ak, b.data, b.offset, bk, bj, s, s0, step);
    });
  }

  /** Each number is one chain of products, summed in the order of the letters. */
  byLetters(letters, arrays, start, starts, { data, shape }) {
    const [inputs, output] = letters.split("->");
    const operands = inputs.split(",");
    const sizes = new Map();
    operands.forEach((own, k) => [...own].forEach((x, i) => sizes.set(x, arrays[k].shape[i])));
    const over = (axes, k) => {
      const step = (axis) =>
        [...operands[k]].reduce((sum, x, i) => sum + (x === axis ? arrays[k].strides[i] : 0), 0);
      return offsetsOf(
        axes.map((axis) => sizes.get(axis)),
        axes.map(step),
      );
    };
    const summed = [...sizes.keys()].filter((axis) => !output.includes(axis));
    const outer = operands.map((_, k) => over([...output], k));
    const along = operands.map((_, k) => over(summed, k));
    const [a, b] = arrays;
    const begin = offsetsOf(shape, starts);
    this.steps.push(() => {
      for (let i = 0; i < data.length; i++) {
        let total = start.data[start.offset + begin[i]];
        const p = a.offset + outer[0][i];
        const q = b ? b.offset + outer[1][i] : 0;
        for (let j = 0; j < along[0].length; j++) {
          const number = a.data[p + along[0][j]];
          total = f32(total + (b ? f32(number * b.data[q + along[1][j]]) : number));
        }
        data[i] = total;
      }
    });
  }

  /** Number of positions in an index of two arrays, and their offsets. */
  indexed(node, x, index) {
    const counts = [1];
    const [first, second] = index.map((part, axis) => {
      const step = x.strides[axis];
      if (part === "rows") {
        counts.push(x.shape[axis]);
        return (i) => i * step;
      }
      if (part.node === undefined) {
        const place = this.sized(node, [part])[0] * step;
        return () => place;
      }
      const { data, offset, strides, shape } = this.values[part.node];
      const own = strides[0] ?? 0;
      counts.push(shape[0] ?? 1);
      return (i) => data[offset + i * own] * step;
    });
    return [Math.max(...counts), (i) => x.offset + first(i) + second(i)];
  }

  picked(node, { data }) {
    const x = this.values[node.args[0].node];
    const [count, place] = this.indexed(node, x, node.args[1]);
    this.steps.push(() => {
      for (let i = 0; i < count; i++) data[i] = x.data[place(i)];
    });
  }

  scattered(node, out) {
    const [x, index, values] = node.args;
    this.loop("copy", out, [this.argument(node, x)]);
    const [count, place] = this.indexed(node, out, index);
    const v = this.argument(node, values);
    const step = v.strides[0] ?? 0;
    const { data } = out;
    const adds = node.op === "add_at";
    this.steps.push(() => {
      for (let i = 0; i < count; i++) {
        const number = v.data[v.offset + i * step];
        const at = place(i);
        data[at] = adds ? data[at] + number : number;
      }
    });
  }

  concatenated({ args: [parts, axis] }, { data, strides }) {
    let offset = 0;
    for (const part of parts) {
      const x = this.values[part.node];
      this.steps.push(this.copied(x, data, { offset, strides }));
      offset += x.shape[axis] * strides[axis];
    }
  }

  /** Create a step that copies an array into another. */
  copied(x, data, place = { offset: 0 }) {
    const target = { ...inRows(data, x.shape), ...place };
    const at = asRows(x.shape, [x, target]);
    const { rows, columns } = at;
    const [from, to] = [0, 1].map((k) => [rows.steps[k], columns.steps[k]]);
    const places = begins(at, [x, target]).map((pair) => pair.map(({ offset }) => offset));
    return () => {
      for (const [first, second] of places) {
        for (let i = 0; i < rows.size; i++) {
          let p = first + i * from[0];
          let q = second + i * to[0];
          for (let j = 0; j < columns.size; j++, p += from[1], q += to[1]) data[q] = x.data[p];
        }
      }
    };
  }

  drawn({ args: [path] }, { data }) {
    const stream = new Stream(this.streams[path], 0);
    this.steps.push(() => {
      for (let i = 0; i < data.length; i++) data[i] = random(stream);
    });
  }
}
