// Traced lines of a step with their numbers, for explanations.
//
// No pass runs here: each line computes what the layer's line states. So its numbers may differ
// from those of a training in their last digits.

import { Linker, linkNet, linkUpdate } from "./link.js";
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
 * Record a step of a model: its lines in order, with their values, row-major: `{ label, kind,
 * formula, term, refs, scope, flat, path, method, shape, values }`. The texts, which
 * `learn/playground/line_texts.py` describes, are filled in from the lines `refs`, at an index, or at
 * the place where an array is `flat`. `method` is "forward", "backward", "penalty", "update" or
 * "leaf"; `path` is that of the layer, "loss", "penalty", or the name of the parameter or leaf.
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
  const all = { ...graph.outputs, ...graph.lines };
  const plan = new Plan({ ...graph, outputs: all }, n, { given, streams });
  plan.fill(x, y);
  plan.run();
  if (model.updates.clipped) {
    given.dw_norm[0] = lengthOf(model, plan, graph.outputs);
    plan.run();
  }
  const lines = graph.lines.map(({ node, scope, ...line }) => {
    const { shape } = plan.values[node];
    return { ...line, scope: { ...scope, n }, shape, values: valuesOf(plan, { node }) };
  });
  const outputs = Object.entries(graph.outputs).map(([name, { line }]) => [name, line]);
  return { lines, outputs: Object.fromEntries(outputs) };
}

/** Norm of all gradients together. */
function lengthOf(model, plan, outputs) {
  const trained = model.names.filter(({ trainable }) => trainable);
  const numbers = trained.flatMap(({ name }) => [...valuesOf(plan, outputs[`d ${name}`])]);
  return Math.sqrt(numbers.reduce((squares, number) => squares + number * number, 0));
}

const onlyLeaves = (buffers) =>
  Object.fromEntries(Object.entries(buffers).filter(([name]) => !/^(d|new) /.test(name)));

/** Values of a node, row-major. */
function valuesOf(plan, { node }) {
  const { data, offset, strides, shape } = plan.values[node];
  return Float64Array.from(offsetsOf(shape, strides), (place) => data[offset + place]);
}
