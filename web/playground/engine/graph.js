// Graph: nodes in the order of computation, each an operation on earlier ones.
//
// A node is { op, args, options, shape, kind, origin }; kind is "f" for float32, "d" for float64
// (scalars only), "i" and "b" for integers and booleans. A graph is { nodes, leaves, outputs,
// watched }, the last three numbers of nodes by name; `watched` nodes can be read if the passes
// leave them, but are not kept alive.

import { textOf } from "./constants.js";

/** Reference to a node, by its number. */
export class Ref {
  constructor(node) {
    this.node = node;
  }
}

/** Slice with start, stop and step; null for the default. */
export class Slice {
  constructor(start, stop, step) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/** Map `change` over the references and constants in an argument. */
export function mapped(value, change) {
  if (Array.isArray(value)) return value.map((part) => mapped(part, change));
  return change(value);
}

/** Numbers of the nodes that a node reads. */
export function usedBy(node) {
  const found = [];
  const look = (value) => {
    if (value instanceof Ref) found.push(value.node);
    else if (Array.isArray(value)) value.forEach(look);
  };
  look(node.args);
  if (node.options.start) found.push(node.options.start.node);
  return found;
}

/** Users of each node, as often as they read it. */
export function usersOf(nodes) {
  const users = nodes.map(() => []);
  nodes.forEach((node, i) => usedBy(node).forEach((used) => users[used].push(i)));
  return users;
}

/** Hash key: the same for the same operation on the same arguments. */
export function keyOf(op, args, options = {}, kind = "") {
  const text = (value) => {
    if (value instanceof Ref) return `#${value.node}`;
    if (Array.isArray(value)) return `[${value.map(text)}]`;
    return typeof value === "object" && value && !value.text
      ? JSON.stringify(value)
      : textOf(value);
  };
  return [op, text(args), ...Object.entries(options).map((pair) => text(pair)), kind].join(" ");
}

/** Graph builder; `origin` is that of the node that new ones replace. */
export class Builder {
  constructor() {
    this.nodes = [];
    this.origin = null;
  }

  keep(node) {
    this.nodes.push(node);
    return new Ref(this.nodes.length - 1);
  }

  add(op, args, shape, kind, options = {}) {
    return this.keep({ op, args, options, shape, kind, origin: this.origin });
  }

  /** Add a node of the shape and kind of another. */
  alike(node, op, ...args) {
    return this.add(op, args, node.shape, node.kind);
  }

  /** Add an array filled with one number, of the shape and kind of a node. */
  filled(node, number) {
    return this.alike(node, "fill", number);
  }

  of(ref) {
    return this.nodes[ref.node];
  }

  is(value, op) {
    return value instanceof Ref && this.of(value).op === op;
  }
}

const renumbered = (names, number) =>
  Object.fromEntries(
    Object.entries(names)
      .map(([name, i]) => [name, number(i)])
      .filter(([, i]) => i !== undefined),
  );

/** Rewrite a graph: `rewrite` maps each node; nodes not in `only` are dropped. */
export function rewritten(graph, rewrite, only = null) {
  const builder = new Builder();
  const made = new Map();
  const change = (value) => (value instanceof Ref ? made.get(value.node) : value);
  graph.nodes.forEach((old, i) => {
    if (only && !only.has(i)) return;
    builder.origin = old.origin;
    const options = old.options.start
      ? { ...old.options, start: change(old.options.start) }
      : old.options;
    const node = { ...old, args: mapped(old.args, change), options };
    made.set(i, node.op === "leaf" ? builder.keep(node) : rewrite(builder, node));
  });
  const number = (i) => made.get(i)?.node;
  return {
    nodes: builder.nodes,
    leaves: renumbered(graph.leaves, number),
    outputs: renumbered(graph.outputs, number),
    watched: renumbered(graph.watched, number),
  };
}
