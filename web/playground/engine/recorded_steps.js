// Traced lines of a step with their numbers, for explanations.
//
// No pass runs here: each line computes what the layer's line states. So its numbers may differ
// from those of a training in their last digits.

import { composedStep } from "./compose.js";
import { Following, valueAt } from "./constants.js";
import { mapped, Ref, Slice } from "./graph.js";
import { lowered } from "./lower.js";
import { Plan } from "./plan.js";
import { addRule, numbersOf } from "./optimizer_update.js";
import { countOf, sizeAt } from "./symbolic_sizes.js";

/** Graph of a step with an update of each trained parameter. */
function explainedGraph(pages, layers, options, updates) {
  const composer = composedStep(pages, layers, options);
  const numbers = numbersOf(composer, updates);
  for (const { name, shape, trainable } of layers.flatMap((layer) => layer.parameters)) {
    if (!trainable) continue;
    const given = { ...numbers };
    given.w = new Ref(composer.leaves[name]);
    given.dw = new Ref(composer.outputs[`d ${name}`]);
    for (const state of updates.memory) given[state] = composer.leaf(`${name} ${state}`, shape);
    composer.outputs[`new ${name}`] = addRule(composer, updates, given, name)("new w").node;
  }
  const graph = composer.graph();
  graph.watched = Object.fromEntries(graph.nodes.map((_, i) => [i, i]));
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
  const plan = new Plan(lowered(graph), n, { given, streams });
  plan.value("x").data.set(x.subarray(0, plan.value("x").data.length));
  plan.value("y").data.set(y.subarray(0, plan.value("y").data.length));
  plan.run();
  if (model.updates.clipped) {
    given.dw_norm[0] = lengthOf(model, plan, graph.outputs);
    plan.run();
  }
  return {
    nodes: graph.nodes.map((node, i) => described(node, plan, i, n)),
    leaves: graph.leaves,
    outputs: graph.outputs,
  };
}

/** Norm of all gradients together. */
function lengthOf(model, plan, outputs) {
  let squares = 0;
  for (const { name, trainable } of model.names) {
    if (!trainable) continue;
    for (const number of numbers(plan, outputs[`d ${name}`])) squares += number * number;
  }
  return Math.sqrt(squares);
}

const onlyLeaves = (buffers) =>
  Object.fromEntries(Object.entries(buffers).filter(([name]) => !/^(d|new) /.test(name)));

function described(node, plan, i, n) {
  const { op, options, kind, origin } = node;
  const args = mapped(node.args, (value) => {
    if (value instanceof Ref) return { node: value.node };
    if (value instanceof Following) return { n: value.text, value: valueAt(value, n) };
    if (value instanceof Slice) return { slice: [value.start, value.stop, value.step] };
    return value;
  });
  const shape = node.shape.map((size) => sizeAt(size, n));
  return { op, args, options, kind, shape, ...origin, name: options.name, value: numbers(plan, i) };
}

/** Values of a node, row-major. */
function numbers(plan, i) {
  const { data, offset, strides, shape } = plan.value(i);
  const found = new Float64Array(countOf(shape));
  for (let k = 0; k < found.length; k++) {
    let place = offset;
    let rest = k;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += (rest % shape[axis]) * strides[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    found[k] = data[place];
  }
  return found;
}
