// Composition of traced layers into the graph of a training step, a prediction or an update.

import { Builder, mapped, Ref } from "./graph.js";
import { evaluateTrace, settingsOf, shapeOfState } from "./pages.js";
import { shapeOf } from "./shapes.js";
import { N } from "./symbolic_sizes.js";

/** Graph builder that traces are added to. */
export class Composer {
  constructor() {
    this.builder = new Builder();
    this.leaves = {};
    this.outputs = {};
    this.watched = {};
  }

  /** Add a leaf by its name. */
  leaf(name, shape, kind = "f") {
    this.builder.origin = null;
    const ref = this.builder.add("leaf", [], shape, kind, { name });
    this.leaves[name] = ref.node;
    return ref;
  }

  /** Prepare a trace for `run`: `given` are its leaves by name; its lines belong to a method. */
  page(page, given, path, title, method = null) {
    const made = page.given.map((name) => given[name]);
    return { page, made, path, title, method };
  }

  /** Add the nodes of a trace from `begin` to `end`, numbered as in the trace. */
  run({ page, made, path, title, method: only }, begin, end) {
    const first = page.given.length;
    for (let i = begin; i < Math.min(end, first + page.nodes.length); i++) {
      const { op, args, options, kind, line } = page.nodes[i - first];
      const own = mapped(args, (value) => (value instanceof Ref ? made[value.node] : value));
      const shape = shapeOf(op, own, options, (ref) => this.shape(ref));
      const method = only ?? (i < page.backward ? "forward" : "backward");
      const label = page.labels[i];
      this.builder.origin = { path, title, method, file: page.file, line, label };
      if (op === "random") own.unshift(options.path ? `${path}.${options.path}` : path);
      made[i] = this.builder.add(op, own, shape, kind, options);
    }
  }

  shape(ref) {
    return this.builder.of(ref).shape;
  }

  /** Add an operation that connects traces; `path` is that of the later one. */
  joined(path, op, ...refs) {
    this.builder.origin = { path, method: path };
    return this.builder.alike(this.builder.of(refs.find((ref) => ref instanceof Ref)), op, ...refs);
  }

  graph() {
    const { leaves, outputs, watched } = this;
    return { nodes: this.builder.nodes, leaves, outputs, watched };
  }
}

/** Trace of a layer, loss, optimizer or penalty in `kinds`; an entry may contain a custom one. */
export function pageNamed(kinds, name, entry = {}) {
  const page = entry.page ?? kinds[name];
  if (!page) throw new Error(`no page of ${name}`);
  return page;
}

/** Normalize a loss, optimizer or penalty: `{ name, …settings }`, or a name alone. */
export function named(entry) {
  const { name, page, ...settings } = typeof entry === "string" ? { name: entry } : entry;
  return { name, page, settings };
}

/** Layers of an architecture: traces with settings and parameters. */
export function layersOf(pages, architecture) {
  let width = architecture.width ?? architecture.layers[0].settings?.n_in;
  return architecture.layers.map((entry, i) => {
    const title = entry.layer ?? entry.own_layer;
    const page = pageNamed(pages.layers, title, entry);
    const settings = settingsOf(page.settings, entry.settings);
    const arrays = (names, kind) =>
      names.map((name) => ({
        name: `${i}.${name}`,
        short: name,
        kind,
        shape: shapeOfState(page.shapes[name], settings, width),
        start: page.start[name] ?? 0,
        trainable: (entry.trainable ?? true) && !page.frozen?.includes(name),
      }));
    const layer = {
      path: String(i),
      title,
      page,
      settings,
      width,
      parameters: arrays(page.parameters, "parameter"),
      state: arrays(page.state, "state"),
      trainable: entry.trainable ?? true,
    };
    width = widthAfter(layer);
    return layer;
  });
}

function widthAfter(layer) {
  const composer = new Composer();
  const { ref } = forward(composer, layer, composer.leaf("x", [N, layer.width]));
  return composer.shape(ref).at(-1);
}

/** Add a layer's forward pass; returns its trace, built nodes and result. */
function forward(composer, layer, x, training = true) {
  const recorded = (!training && layer.page.prediction) || layer.page.training;
  const page = evaluateTrace(recorded, layer.settings, layer.width);
  const given = { x };
  for (const { name, short, shape } of [...layer.parameters, ...layer.state]) {
    const known = composer.leaves[name];
    given[short] = known === undefined ? composer.leaf(name, shape) : new Ref(known);
  }
  const at = composer.page(page, given, layer.path, layer.title);
  composer.run(at, page.given.length, page.backward);
  return { page: at, ref: at.made[page.outputs.prediction] };
}

/** Graph of a training step, with layer outputs and their gradients as watched nodes. */
export const stepGraph = (pages, layers, options) => composedStep(pages, layers, options).graph();

/** Composer with the graph of a training step, to which more may be added. */
export function composedStep(pages, layers, { loss, penalty }) {
  const composer = new Composer();
  let x = composer.leaf("x", [N, layers[0].width]);
  const passed = layers.map((layer, i) => {
    const { page, ref } = forward(composer, layer, x);
    composer.watched[`y ${i}`] = ref.node;
    x = ref;
    for (const { name, short } of layer.state) {
      const changed = page.page.outputs[`new ${short}`];
      if (changed !== undefined) composer.outputs[`new ${name}`] = page.made[changed].node;
    }
    return page;
  });
  composer.outputs.prediction = x.node;
  let [value, dy] = lossOf(composer, pages, loss, x);
  const gradients = {};
  [...layers.entries()].reverse().forEach(([i, layer]) => {
    const at = passed[i];
    composer.watched[`d ${i}`] = dy.node;
    at.made[at.page.given.indexOf("dy")] = dy;
    composer.run(at, at.page.backward, Infinity);
    for (const { name, short } of layer.parameters) {
      gradients[name] = at.made[at.page.outputs[`d ${short}`]];
    }
    dy = at.made[at.page.outputs.dx];
  });
  if (penalty) value = withPenalty(composer, pages, penalty, layers, gradients, value);
  composer.outputs.loss = value.node;
  for (const { name, trainable } of layers.flatMap((layer) => layer.parameters)) {
    if (trainable) composer.outputs[`d ${name}`] = gradients[name].node;
  }
  return composer;
}

function lossOf(composer, pages, entry, p) {
  const { name, page: own, settings } = named(entry);
  const recorded = pageNamed(pages.losses, name, { page: own });
  const width = composer.shape(p).at(-1);
  const page = evaluateTrace(recorded.training, settingsOf(recorded.settings, settings), width);
  const y = recorded.indices ? composer.leaf("y", [N], "i") : composer.leaf("y", [N, width]);
  const at = composer.page(page, { p, y }, "loss", name);
  composer.run(at, page.given.length, Infinity);
  return [at.made[page.outputs.loss], at.made[page.outputs.dp]];
}

/** Add the penalty to the loss, and its gradients to those of the weights. */
function withPenalty(composer, pages, entry, layers, gradients, value) {
  const { name: title, settings } = named(entry);
  const recorded = pageNamed(pages.penalties, title);
  const page = evaluateTrace(recorded.training, settingsOf(recorded.settings, settings), 1);
  let total = 0;
  for (const { name, shape, trainable } of layers.flatMap((layer) => layer.parameters)) {
    if (!trainable || shape.length < 2) continue;
    const W = new Ref(composer.leaves[name]);
    const at = composer.page(page, { W }, "penalty", title, "penalty");
    composer.run(at, page.given.length, page.backward);
    total = composer.joined("penalty", "add", total, at.made[page.outputs.loss]);
    composer.run(at, page.backward, Infinity);
    gradients[name] = composer.joined("penalty", "add", gradients[name], at.made[page.outputs.dW]);
  }
  return total === 0 ? value : composer.joined("penalty", "add", value, total);
}

/** Graph of a prediction, with each layer's output watched; with the loss, if one is given. */
export function predictionGraph(layers, pages = null, loss = null) {
  const composer = new Composer();
  let x = composer.leaf("x", [N, layers[0].width]);
  layers.forEach((layer, i) => {
    x = forward(composer, layer, x, false).ref;
    composer.watched[`y ${i}`] = x.node;
  });
  composer.outputs.prediction = x.node;
  if (loss) composer.outputs.loss = lossOf(composer, pages, loss, x)[0].node;
  return composer.graph();
}
