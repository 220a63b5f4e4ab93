// Links fragments (see `learn/playground/fragments.py`) to graphs: a step, a prediction, an update.
// All passes ran in Python; here nodes only get new numbers.
//
// A graph is { nodes, leaves, outputs, watched }, a node { op, args, shape, kind, scope }. Arguments
// are { node }, and constants and sizes: formulas, evaluated when the number of rows is known.

import { numbers } from "./functions.js";

const SHARED = new Set(["y", "learning_rate", "step", "dw_norm"]); // leaves of the whole graph

/** Evaluate a formula: a number, a name of `scope` as in "betas.0", or { operation: arguments }. */
export function valueOf(formula, scope) {
  if (formula === "inf") return Infinity;
  if (typeof formula === "string") {
    return formula.split(".").reduce((found, name) => found[name], scope);
  }
  if (typeof formula !== "object") return formula;
  const [[op, args]] = Object.entries(formula);
  return numbers[op](...args.map((part) => valueOf(part, scope)));
}

/** Replace the references "#3" in an argument. */
function renumbered(value, made) {
  if (Array.isArray(value)) return value.map((part) => renumbered(part, made));
  return typeof value === "string" && value[0] === "#" ? made[Number(value.slice(1))] : value;
}

/**
 * Graph to which fragments are added. With `lines` (a list), fragments without optimization are, and
 * their traced lines are added to the list; then references are { node, line }.
 */
export class Linker {
  constructor(lines = null) {
    Object.assign(this, { lines, nodes: [], leaves: {}, outputs: {}, watched: {} });
  }

  /** Add a node, which has a line of its own. */
  add(op, args, [shape, kind = "f"], scope = {}, line = {}) {
    const node = this.nodes.push({ op, args, shape, kind, scope }) - 1;
    return this.addLine(node, { kind, scope, ...line });
  }

  /** Reference to a node, with a line of its own where lines are kept. */
  addLine(node, line) {
    return this.lines ? { node, line: this.lines.push({ ...line, node }) - 1 } : { node };
  }

  /** Leaf of a name, made once. */
  leaf(name, shape, scope) {
    const line = { label: "{}", path: name, method: "leaf" };
    return (this.leaves[name] ??= this.add("leaf", [name], shape, scope, line));
  }

  /** Add what a penalty computes to a result of another fragment, with a line of its own. */
  sum(label, ...refs) {
    const { shape, kind, scope } = this.nodes[refs[0].node];
    const formula = ["", 0, " + ", 1, ""];
    const term = ["", [0, 0, 0, 1], " + ", [1, 1, 0, 1], ""];
    const line = { label, formula, term, refs, flat: true, path: "penalty", method: "penalty" };
    return this.add("add", refs, [shape, kind], scope, line);
  }

  /**
   * Begin with a fragment. `given` are some of its leaves, undefined if known later; the others are
   * leaves of the graph, named by the path. `rows` are sizes in place of n.
   */
  begin(fragment, given, { scope = {}, path = "", method, rows = ["n"] } = {}) {
    const form = this.lines ? fragment.lines : fragment;
    const made = fragment.given.map(([name, ...shape]) =>
      name in given
        ? given[name]
        : this.leaf(path && !SHARED.has(name) ? `${path}.${name}` : name, shape, scope),
    );
    return { fragment, form, made, refs: [...made], scope, rows, path, method };
  }

  /** Add passes of a fragment, 0 forward and 1 backward; returns the outputs by name. */
  run({ form, made, refs, scope, rows, path, method }, passes = [0, 1]) {
    for (const pass of passes) {
      for (const [op, args, sizes, kind = "f"] of form.nodes[pass]) {
        const stream = [path, args[0]].filter(Boolean).join(".");
        const own = op === "random" ? [stream] : renumbered(args, made);
        const shape = sizes.flatMap((size) => (size === "n" ? rows : [size]));
        made.push({ node: this.nodes.push({ op, args: own, shape, kind, scope }) - 1 });
      }
      const way = method ?? ["forward", "backward"][pass];
      const own = { path, method: way, flat: rows[0] !== "n", scope, refs };
      for (const [at, label, kind, formula, term, place] of form.lines?.[pass] ?? []) {
        const line = { ...own, label, kind, formula, term, ...place };
        refs.push(this.addLine(made[at].node, line));
      }
    }
    for (const [name, i] of Object.entries(form.watched ?? {})) this.watched[name] = made[i];
    const found = Object.entries(form.outputs);
    return Object.fromEntries(found.map(([name, i]) => [name, (this.lines ? refs : made)[i]]));
  }
}

/** A loss, optimizer or penalty, `{ name, …settings }` or a name alone, with its fragment. */
function named(pages, entry) {
  const { name, ...given } = typeof entry === "string" ? { name: entry } : entry;
  if (!pages[name]) throw new Error(`no page of ${name}`);
  return { title: name, page: pages[name], scope: { ...pages[name].settings, ...given } };
}

/** Layers of an architecture: fragments with settings, widths and parameters. */
export function layersOf(pages, { layers, width: first }) {
  let width = first ?? layers[0].settings?.n_in;
  return layers.map(({ layer, own_layer, settings, trainable = true, parameters, state }, i) => {
    const made = { path: String(i), title: layer ?? own_layer, width, parameters, state };
    if (parameters) return made; // of a net that is linked whole
    const { page, scope } = named(pages.layers, { ...settings, name: made.title });
    scope.k = width;
    const { given, nodes, outputs } = page.training;
    const shapes = new Map(given.map(([name, shape]) => [name, shape]));
    const sized = (shape) => shape.map((size) => valueOf(size, scope));
    const arrays = (names) =>
      names.map((name) => {
        const [shape, start] = [sized(shapes.get(name)), page.start[name] ?? 0];
        return { name: `${i}.${name}`, short: name, shape, start, trainable };
      });
    width = valueOf(nodes[0][outputs.prediction - given.length][2].at(-1), scope);
    const [weights, running] = [arrays(page.parameters), arrays(page.state)];
    return { ...made, page, scope, outputs: width, parameters: weights, state: running };
  });
}

/** Link a net and its loss: `kind` is "step", with gradients, or "evaluation", in prediction mode. */
export function linkNet(linker, pages, layers, { loss, penalty, graphs }, kind) {
  if (graphs) linker.outputs = linker.run(linker.begin(graphs[kind], {}));
  else linkLayers(linker, pages, layers, loss, kind === "step");
  const parameters = layers.flatMap((layer) => layer.parameters);
  if (penalty && kind === "step") addPenalty(linker, pages, penalty, parameters);
  for (const { name, trainable } of parameters) if (!trainable) delete linker.outputs[`d ${name}`];
  return linker;
}

/** Link the layers forward, the loss, with the last layer if they share a fragment, and back. */
function linkLayers(linker, pages, layers, loss, training) {
  const { outputs, watched } = linker;
  const { title, page, scope } = named(pages.losses, loss);
  const last = layers.at(-1);
  const end = linker.lines ? null : pages.ends[`${last.title} ${title}`];
  let x = linker.leaf("x", [["n", "k"]], { k: layers[0].width });
  const parts = (end ? layers.slice(0, -1) : layers).map((layer, i) => {
    const fragment = (!training && layer.page.prediction) || layer.page.training;
    const part = linker.begin(fragment, { x, dy: undefined }, layer);
    const found = linker.run(part, [0]);
    x = watched[`y ${i}`] = found.prediction;
    for (const { name, short } of training ? layer.state : []) {
      if (found[`new ${short}`]) outputs[`new ${name}`] = found[`new ${short}`];
    }
    return part;
  });
  const origin = { path: "loss", scope: { ...scope, k: last.outputs } };
  const judged = linker.run(linker.begin(end ?? page.training, end ? { x } : { p: x }, origin));
  outputs.prediction = watched[`y ${last.path}`] = judged.prediction ?? x;
  outputs.loss = judged.loss;
  let dy = judged.dx ?? judged.dp;
  for (const part of training ? parts.reverse() : []) {
    const at = part.fragment.given.findIndex(([name]) => name === "dy");
    watched[`d ${part.path}`] = part.made[at] = part.refs[at] = dy;
    const found = linker.run(part, [1]);
    for (const { name, short } of layers[part.path].parameters) {
      outputs[`d ${name}`] = found[`d ${short}`];
    }
    dy = found.dx;
  }
}

/** Add the penalty to the loss, and its gradients to those of the weights. */
function addPenalty(linker, pages, penalty, parameters) {
  const { outputs } = linker;
  const { page, scope } = named(pages.penalties, penalty);
  let total = null;
  for (const { name, shape, trainable } of parameters) {
    if (!trainable || shape.length < 2) continue;
    const sized = { ...scope, m: shape[0], k: shape[1] };
    const origin = { scope: sized, path: "penalty", method: "penalty" };
    const part = linker.begin(page.training, { W: linker.leaves[name] }, origin);
    const { loss } = linker.run(part, [0]);
    total = total ? linker.sum("total{}", total, loss) : loss;
    const { dW } = linker.run(part, [1]);
    const { op, args, ...sum } = linker.nodes[outputs[`d ${name}`].node];
    const begins = op === "einsum" && page.begins.includes(shape[0]) && !linker.lines;
    outputs[`d ${name}`] = begins
      ? linker.add(op, [...args, dW], [sum.shape, sum.kind], sum.scope)
      : linker.sum("dW{}", outputs[`d ${name}`], dW);
  }
  if (total) outputs.loss = linker.sum("loss{}", outputs.loss, total);
}

/** Update rule of an optimizer with its settings: clipping and decay, the rule, its state. */
export function updateRule(pages, optimizer, clip) {
  const { page, scope } = named(pages.optimizers, optimizer);
  if (scope.groups) throw new Error("groups of parameters");
  const limits = { clip_norm: clip ?? scope.clip_norm, clip_value: scope.clip_value };
  const asked = Object.keys(limits).filter((name) => limits[name]);
  if (scope.weight_decay) asked.push(page.decoupled ? "decoupled" : "decay");
  const rule = page.training[scope.nesterov ? "nesterov" : scope.momentum ? "momentum" : ""];
  const [before, clipped] = [pages.before[asked.join("+")], Boolean(limits.clip_norm)];
  return { before, rule, memory: rule.state, scope: { ...scope, ...limits }, clipped };
}

/** Link an update; `given` are its leaves by name, and `rows` their shape. */
export function linkUpdate(linker, { before, rule, scope }, given = {}, path = "", rows) {
  const origin = { scope, path, method: "update", rows };
  const first = linker.run(linker.begin(before, { ...given, handed_on: undefined }, origin));
  const changed = { w: first["new w"], dw: first["new handed_on"] };
  return linker.run(linker.begin(rule, { ...given, ...changed }, origin));
}
