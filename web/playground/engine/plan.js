// Execution plan of a graph for a number of rows: steps that loop over preallocated arrays.

import { Following, ROWS, valueAt } from "./constants.js";
import { summing } from "./einsum.js";
import { f32, loops, numbers, random, reductions, Stream } from "./functions.js";
import { Ref } from "./graph.js";
import { argumentsOf, asRows, begins, calling, everywhere, inRows } from "./strided.js";
import { multiply } from "./products.js";
import { reducing } from "./reductions.js";
import { ELEMENTWISE, REDUCTIONS } from "./shapes.js";
import { countOf, sizeAt } from "./symbolic_sizes.js";
import { isContiguousAs, materializedNodes } from "./materialize.js";

const MOST_ONE_BY_ONE = 16; // summands; more are summed in lanes
const MOST_MULTIPLIED = 64; // largest integer exponent

/**
 * Steps of a graph for `n` rows, of a batch that has `full` rows if complete. `given` are the
 * arrays of leaves and outputs, by name; `streams` the words of random streams, by path.
 */
export class Plan {
  constructor(graph, n, { full = n, given = {}, streams = {} } = {}) {
    this.graph = graph;
    this.n = n;
    this.full = full;
    this.streams = streams;
    this.materialized = materializedNodes(graph);
    this.values = [];
    this.steps = [];
    this.given = given;
    this.places = new Map();
    const copied = [];
    for (const [name, i] of Object.entries(graph.outputs)) {
      const { op } = graph.nodes[i];
      if (!(name in given)) continue;
      if (["leaf", "view", "fill"].includes(op) || this.places.has(i) || name.startsWith("new ")) {
        copied.push([i, given[name]]);
      } else {
        this.places.set(i, given[name]);
      }
    }
    graph.nodes.forEach((node, i) => this.values.push(this.made(node, i)));
    this.xData = this.value("x")?.data;
    this.yData = this.value("y")?.data;
    this.lossData = this.value("loss")?.data;
    this.last = copied.map(([i, place]) => this.copied(this.values[i], place));
  }

  /** Run all steps; `finish` copies new state and parameters into place. */
  run() {
    const { steps } = this;
    for (let i = 0; i < steps.length; i++) steps[i]();
  }

  finish() {
    for (const step of this.last) step();
  }

  /** Array of a leaf, an output or a watched node, by name. */
  value(name) {
    const { leaves, outputs, watched } = this.graph;
    return this.values[leaves[name] ?? outputs[name] ?? watched[name]];
  }

  made(node, i) {
    const shape = node.shape.map((size) => sizeAt(size, this.n));
    const { op } = node;
    if (op === "leaf") return this.leaf(node, shape);
    if (op === "view") return this.view(node, shape);
    if (op === "fill") return everywhere(valueAt(node.args[0], this.n), shape);
    if (shape.length === 0 && node.kind !== "f") return this.single(node);
    const data = this.places.get(i) ?? new Float32Array(countOf(shape));
    const out = inRows(data, shape);
    if (ELEMENTWISE.has(op)) this.elementwise(node, out);
    else if (REDUCTIONS.has(op)) this.reduction(node, out);
    else if (op === "product") this.product(node, out);
    else if (op === "einsum") this.byLetters(node, out);
    else if (op === "getitem") this.picked(node, out);
    else if (op === "setitem" || op === "add_at") this.scattered(node, out);
    else if (op === "concatenate") this.concatenated(node, out);
    else if (op === "random") this.drawn(node, out);
    else throw new Error(`the operation ${op}`);
    return out;
  }

  leaf(node, shape) {
    const own = this.given[node.options.name];
    const Numbers = node.kind === "f" || shape.length ? Float32Array : Float64Array;
    return inRows(own ?? new Numbers(countOf(shape)), shape);
  }

  view(node, shape) {
    const base = this.values[node.args[0].node];
    const { offset, strides } = node.args[1];
    if (this.graph.nodes[node.args[0].node].op === "fill") return everywhere(base.data[0], shape);
    const at = (size) => sizeAt(size, this.n);
    return { data: base.data, offset: base.offset + at(offset), strides: strides.map(at), shape };
  }

  /** Evaluate a float64 or integer scalar. */
  single(node) {
    const data = new Float64Array(1);
    const [a, b] = node.args.map((value) =>
      value instanceof Ref ? this.values[value.node].data : Float64Array.of(valueAt(value, this.n)),
    );
    const compute = numbers[node.op];
    if (!compute) throw new Error(`${node.op} of single numbers`);
    this.steps.push(() => {
      data[0] = compute(a[0], b && b[0]);
    });
    return inRows(data, []);
  }

  /** Convert an argument to an array: a constant or a float64 scalar becomes float32. */
  argument(value) {
    if (!(value instanceof Ref)) return everywhere(f32(valueAt(value, this.n)), []);
    const array = this.values[value.node];
    if (array.data instanceof Float32Array) return array;
    const rounded = inRows(new Float32Array(1), []);
    this.steps.push(() => {
      rounded.data[0] = array.data[0];
    });
    return rounded;
  }

  elementwise(node, out) {
    if (node.op === "power" && this.multiplied(node, out)) return;
    const args = node.args.map((value) => this.argument(value));
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

  /** Lower a power with a constant integer exponent to multiplications; false for another. */
  multiplied(node, out) {
    const exponent = node.args[1] instanceof Ref ? NaN : valueAt(node.args[1], this.n);
    if (!Number.isInteger(exponent) || Math.abs(exponent) > MOST_MULTIPLIED) return false;
    const product = (a, b) => {
      const made = inRows(new Float32Array(out.data.length), out.shape);
      this.loop("multiply", made, [a, b]);
      return made;
    };
    let square = this.argument(node.args[0]);
    let found = null;
    for (let left = Math.abs(exponent); left; left = Math.floor(left / 2)) {
      if (left % 2) found = found ? product(found, square) : square;
      if (left > 1) square = product(square, square);
    }
    const one = everywhere(1, []);
    if (exponent < 0) this.loop("divide", out, [one, found]);
    else this.loop("copy", out, [found ?? one]);
    return true;
  }

  reduction(node, out) {
    const [ref, axes] = node.args;
    const x = this.values[ref.node];
    const { shape } = this.graph.nodes[ref.node];
    const full = countOf(axes.map((axis) => sizeAt(shape[axis], this.full)));
    const way = reductions[node.op][full > MOST_ONE_BY_ONE ? "inLanes" : "each"];
    const last = shape.length - 1;
    if (shape.length > 2) {
      const isWhole =
        axes.length < shape.length ||
        isContiguousAs(this.graph, this.materialized, ref.node, shape);
      const chosen = axes.includes(last) ? way : reductions[node.op].each;
      this.steps.push(reducing(x, axes, isWhole, chosen, out.data));
    } else if (axes.length === shape.length) {
      const { rows, columns } = this.rowsOf(x, ref.node, shape);
      const { data } = out;
      this.steps.push(() => {
        data[0] = way(x.data, x.offset, rows.size, rows.steps[0], columns.size, columns.steps[0]);
      });
    } else {
      const [rows, columns] = x.shape;
      const [row, column] = x.strides;
      const { data } = out;
      const { down } = reductions[node.op];
      const along = () => {
        for (let i = 0; i < rows; i++) {
          data[i] = way(x.data, x.offset + i * row, 1, 0, columns, column);
        }
      };
      const downward = () => down(data, x.data, x.offset, rows, row, columns, column);
      this.steps.push(axes[0] === last ? along : downward);
    }
  }

  /** All numbers of an array as rows and columns: one row if a program reads them contiguously. */
  rowsOf(x, i, shape) {
    const [rows, columns] = x.shape.length === 2 ? x.shape : [1, x.shape[0] ?? 1];
    const [row, column] = x.strides.length === 2 ? x.strides : [0, x.strides[0] ?? 0];
    if (columns === 1)
      return { rows: { size: 1, steps: [0] }, columns: { size: rows, steps: [row] } };
    if (rows > 1 && isContiguousAs(this.graph, this.materialized, i, shape)) {
      return { rows: { size: 1, steps: [0] }, columns: { size: rows * columns, steps: [column] } };
    }
    return { rows: { size: rows, steps: [row] }, columns: { size: columns, steps: [column] } };
  }

  byLetters({ args: [text, ...refs], options: { start } }, out) {
    const arrays = refs.map((ref) => this.values[ref.node]);
    this.steps.push(summing(out, text, arrays, start && this.values[start.node]));
  }

  product(node, out) {
    const [a, b] = node.args.map((ref) => this.values[ref.node]);
    const { start } = node.options;
    const s = start ? this.values[start.node] : everywhere(0, [1]);
    const [m, k] = a.shape;
    const step = s.shape.at(-1) === 1 ? 0 : s.strides.at(-1);
    const [ai, ak] = a.strides;
    const [bk, bj] = b.strides;
    const n = b.shape[1];
    const { data } = out;
    this.steps.push(() => {
      multiply(
        data,
        m,
        n,
        k,
        a.data,
        a.offset,
        ai,
        ak,
        b.data,
        b.offset,
        bk,
        bj,
        s.data,
        s.offset,
        step,
      );
    });
  }

  /** Number of positions in an index of arrays, and their offsets. */
  places2(x, index) {
    const rows = Math.max(...index.map((part) => this.lengthOf(part)));
    const parts = index.map((part, axis) => {
      const step = x.strides[axis];
      if (part === ROWS) return (i) => i * step;
      if (part instanceof Ref) {
        const { data, offset, strides } = this.values[part.node];
        const own = strides[0] ?? 0;
        return (i) => data[offset + i * own] * step;
      }
      const size = x.shape[axis];
      return () => ((valueAt(part, this.n) + size) % size) * step;
    });
    if (parts.length !== 2) throw new Error("an index of other than two arrays");
    const [first, second] = parts;
    return [rows, (i) => x.offset + first(i) + second(i)];
  }

  lengthOf(part) {
    if (part instanceof Following) return this.n;
    return part instanceof Ref ? (this.values[part.node].shape[0] ?? 1) : 1;
  }

  picked(node, out) {
    const x = this.values[node.args[0].node];
    const [count, place] = this.places2(x, node.args[1]);
    const { data } = out;
    this.steps.push(() => {
      for (let i = 0; i < count; i++) data[i] = x.data[place(i)];
    });
  }

  scattered(node, out) {
    const [x, index, values] = node.args;
    this.loop("copy", out, [this.argument(x)]);
    const [count, place] = this.places2(out, index);
    const v = this.argument(values);
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

  concatenated(node, out) {
    const [parts, axis] = node.args;
    let offset = 0;
    for (const part of parts) {
      const x = this.values[part.node];
      this.steps.push(this.copied(x, out.data, { offset, strides: out.strides }));
      offset += x.shape[axis] * out.strides[axis];
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

  drawn(node, out) {
    const stream = new Stream(this.streams[node.args[0]], 0);
    const { data } = out;
    this.steps.push(() => {
      for (let i = 0; i < data.length; i++) data[i] = random(stream);
    });
  }
}
