// Traced lines of a step with their numbers, for explanations.
//
// No pass runs here: each line computes what the layer's line states. So its numbers may differ
// from those of a training in their last digits.

import { numbers } from "./functions.js";
import { Linker, linkNet, linkUpdate, valueOf } from "./link.js";
import { Plan } from "./plan.js";
import { countOf, offsetsOf } from "./strided.js";

/** Graph of a step with an update of each trained parameter, and its lines. */
function explainedGraph(pages, layers, options, updates) {
  const graph = linkNet(new Linker([]), pages, layers, options, "step");
  for (const { name, shape, trainable } of layers.flatMap((layer) => layer.parameters)) {
    if (!trainable) continue;
    const given = { w: graph.leaves[name], dw: graph.outputs[`d ${name}`] };
    for (const state of updates.memory) given[state] = graph.leaf(`${name} ${state}`, [shape]);
    graph.outputs[`new ${name}`] = linkUpdate(graph, updates, given, name, shape)["new w"];
  }
  return graph;
}

/**
 * Record a step of a model: its nodes in order, with values: `{ op, args, options, shape, kind,
 * path, title, method, file, line, value, name }`. Arguments are `{ node }`, numbers, `{ n }` for
 * what depends on the number of rows (as text and value), slices. A leaf has its `name`; `path` is
 * that of the layer, "loss", "penalty", or in an update the name of the parameter; `method` is
 * "forward", "backward", "penalty" or "update".
 */
export function recordedSteps(model, x, y, n, learningRate) {
  const [pages, options] = model.given;
  const graph = explainedGraph(pages, model.layers, options, model.updates);
  const given = { ...onlyLeaves(model.buffers()), learning_rate: Float64Array.of(learningRate) };
  given.step = Float64Array.of(model.stepsTaken + 1);
  given.dw_norm = new Float32Array(1);
  model.updates.memory.forEach((state, i) => {
    const begin = i * model.parameters.length;
    for (const { name, offset, shape } of model.names) {
      const at = begin + offset;
      given[`${name} ${state}`] = model.optimizerState.subarray(at, at + countOf(shape));
    }
  });
  const streams = model.streamsByPath(model.streams.slice());
  const outputs = { ...graph.outputs, ...graph.lines };
  const plan = new Plan({ ...graph, outputs }, n, { given, streams });
  plan.value("x").data.set(x.subarray(0, plan.value("x").data.length));
  plan.value("y").data.set(y.subarray(0, plan.value("y").data.length));
  plan.run();
  if (model.updates.clipped) {
    given.dw_norm[0] = lengthOf(model, plan, graph.outputs);
    plan.run();
  }
  return {
    nodes: graph.lines.map((line) => described(line, plan, n)),
    leaves: linesOf(graph.leaves),
    outputs: linesOf(graph.outputs),
  };
}

const linesOf = (refs) =>
  Object.fromEntries(Object.entries(refs).map(([name, { line }]) => [name, line]));

/** Norm of all gradients together. */
function lengthOf(model, plan, outputs) {
  let squares = 0;
  for (const { name, trainable } of model.names) {
    if (!trainable) continue;
    for (const number of valuesOf(plan, outputs[`d ${name}`])) squares += number * number;
  }
  return Math.sqrt(squares);
}

const onlyLeaves = (buffers) =>
  Object.fromEntries(Object.entries(buffers).filter(([name]) => !/^(d|new) /.test(name)));

function described({ args, scope, ...line }, plan, n) {
  const told = (value) => toldArgument(value, { ...scope, n });
  const { shape } = plan.values[line.node];
  return { ...line, args: args.map(told), shape, value: valuesOf(plan, line) };
}

/** Argument of a line: { node }, a number, { n } with text and value, a slice, or as it is. */
function toldArgument(value, scope) {
  const told = (part) => toldArgument(part, scope);
  if (Array.isArray(value)) return value.map(told);
  if (typeof value === "string") return valueOf(value, scope);
  if (value === null || typeof value !== "object") return value;
  if (value.line !== undefined) return { node: value.line };
  if (value.slice) return { slice: value.slice.map(told) };
  if (value.n) {
    const [text, ...parts] = value.n;
    const filled = parts.reduce((done, part) => done.replace("{}", valueOf(part, scope)), text);
    return { n: filled, value: valueOf(value.value, scope) };
  }
  return Object.keys(value)[0] in numbers ? valueOf(value, scope) : value;
}

/** Values of a node, row-major. */
function valuesOf(plan, { node }) {
  const { data, offset, strides, shape } = plan.values[node];
  return Float64Array.from(offsetsOf(shape, strides), (place) => data[offset + place]);
}
