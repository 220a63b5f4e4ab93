// Model: a net that trains by its traced layers, bit-identical to handgrad's engine "portable".

import { reductions } from "./functions.js";
import { layersOf, Linker, linkNet, linkUpdate, updateRule, valueOf } from "./link.js";
import { Plan } from "./plan.js";
import { recordedSteps } from "./recorded_steps.js";
import { countOf } from "./strided.js";

const PREDICTED_AT_ONCE = 128; // rows
const EVALUATED_AT_ONCE = 1024; // rows: one mean each
const MOST_PLANS = 32; // by number of rows
const WORDS = 6; // 64-bit words of a random stream

/**
 * Net of traced layers. `layers` are `{ layer, settings, trainable }`, loss, optimizer and penalty
 * `{ name, …settings }`, or a name alone; `clip` is the maximum gradient norm.
 *
 * `parameters`, `gradients`, `state` (running statistics) and `optimizerState` are flat, in the
 * order of hg.Net's buffers; `streams` has six 64-bit words for each layer that draws, by
 * `streamPaths`. All may be read and written between batches.
 */
export class Model {
  constructor(pages, { layers, loss, optimizer, penalty = null, clip = null, width, graphs }) {
    Object.assign(this, linked(pages, { layers, width, loss, optimizer, penalty, clip, graphs }));
    this.given = [pages, { loss, penalty, graphs }];
    const { memory } = this.updates;
    this.names = placed(this.layers.flatMap((layer) => layer.parameters));
    this.stateNames = placed(this.layers.flatMap((layer) => layer.state));
    this.parameters = startOf(this.names);
    this.gradients = new Float32Array(this.parameters.length);
    this.state = startOf(this.stateNames);
    this.optimizerState = new Float32Array(this.parameters.length * memory.length);
    const draws = this.graphs.step.nodes.filter(({ op }) => op === "random");
    this.streamPaths = [...new Set(draws.map(({ args }) => args[0]))];
    this.streams = new BigUint64Array(WORDS * this.streamPaths.length);
    this.stepsTaken = 0;
    this.plans = new Map();
    this.rules = this.slices().map(([begin, end]) => this.rule(begin, end));
  }

  /** Slices of the trainable parameters: begin and end. */
  slices() {
    const found = [];
    for (const { offset, shape, trainable } of this.names) {
      if (!trainable) continue;
      const end = offset + countOf(shape);
      if (found.at(-1)?.[1] === offset) found.at(-1)[1] = end;
      else found.push([offset, end]);
    }
    return found;
  }

  /** Plan of the optimizer's update for a slice of the parameters. */
  rule(begin, end) {
    this.rate ??= new Float64Array(1);
    this.step ??= new Float64Array(1);
    this.norm ??= new Float32Array(1);
    const given = { learning_rate: this.rate, step: this.step, dw_norm: this.norm };
    const size = this.parameters.length;
    given.w = given["new w"] = this.parameters.subarray(begin, end);
    given.dw = this.gradients.subarray(begin, end);
    this.updates.memory.forEach((name, i) => {
      const part = this.optimizerState.subarray(i * size + begin, i * size + end);
      given[name] = given[`new ${name}`] = part;
    });
    return new Plan(this.graphs.rule, end - begin, { given });
  }

  /** Buffers of parameters and running state by their names in graphs. */
  buffers() {
    const given = {};
    for (const { name, offset, shape } of this.names) {
      const end = offset + countOf(shape);
      given[name] = this.parameters.subarray(offset, end);
      given[`d ${name}`] = this.gradients.subarray(offset, end);
    }
    for (const { name, offset, shape } of this.stateNames) {
      given[name] = given[`new ${name}`] = this.state.subarray(offset, offset + countOf(shape));
    }
    return given;
  }

  /** Plan of a graph for `n` rows, of a batch that has `full` rows if complete. */
  plan(kind, n, full = n) {
    const key = `${kind} ${n} ${full}`;
    let plan = this.plans.get(key);
    if (plan)
      this.plans.delete(key); // moves to the end: the least recently used are evicted first
    else {
      const [given, streams] = [this.buffers(), this.streamsByPath()];
      plan = new Plan(this.graphs[kind], n, { full, given, streams });
      if (this.plans.size >= MOST_PLANS) this.plans.delete(this.plans.keys().next().value);
    }
    this.plans.set(key, plan);
    return plan;
  }

  /** Words of the random streams by the paths of their layers. */
  streamsByPath(streams = this.streams) {
    const part = (i) => streams.subarray(WORDS * i, WORDS * (i + 1));
    return Object.fromEntries(this.streamPaths.map((path, i) => [path, part(i)]));
  }

  /** Train on the first `n` rows of a batch, of `full` rows if complete; returns the loss. */
  batch(x, y, n, learningRate, full = n) {
    const plan = this.plan("step", n, full);
    plan.fill(x, y);
    return this.trained(plan, learningRate);
  }

  /** Loss and gradients of `n` rows; advances only the random streams. */
  gradientsOf(x, y, n, full = n) {
    const plan = this.plan("step", n, full);
    plan.fill(x, y);
    plan.run();
    this.activationGradients = this.watched(plan, "d");
    return plan.value("loss").data[0];
  }

  /** Train an epoch on all rows in an order; returns the mean loss, not finite if it diverged. */
  epoch(x, y, order, batchSize, learningRates) {
    const rows = order.length;
    const full = Math.min(batchSize, rows);
    const whole = this.plan("step", full);
    const rest = rows % full ? this.plan("step", rows % full, full) : null;
    let total = 0;
    for (let start = 0, i = 0; start < rows; start += full, i++) {
      const n = Math.min(full, rows - start);
      const plan = n === full ? whole : rest;
      gather(plan, x, y, order, start, n);
      const rate = typeof learningRates === "number" ? learningRates : learningRates[i];
      const loss = this.trained(plan, rate);
      if (!Number.isFinite(loss)) return loss;
      total += loss * n;
    }
    return this.parameters.every(Number.isFinite) ? total / rows : NaN;
  }

  trained(plan, learningRate) {
    plan.run();
    const loss = plan.lossData[0];
    if (Number.isFinite(loss)) {
      plan.finish();
      this.update(learningRate);
    }
    return loss;
  }

  /** Update the parameters by the current gradients. */
  update(learningRate) {
    this.stepsTaken++;
    this.rate[0] = learningRate;
    this.step[0] = this.stepsTaken;
    if (this.updates.clipped) this.norm[0] = this.lengthOfGradients();
    for (const rule of this.rules) {
      rule.run();
      rule.finish();
    }
  }

  lengthOfGradients() {
    let squares = 0;
    for (const [begin, end] of this.slices()) {
      squares += reductions.squares.inLanes(this.gradients, begin, 1, 0, end - begin, 1);
    }
    return Math.sqrt(squares);
  }

  /** Predict the first `n` rows of x. */
  predict(x, n) {
    return this.predicted(x, n, (plan) => [plan.value("prediction")])[0];
  }

  /** Evaluate the first `n` rows: the loss without dropout, and the predictions. */
  evaluate(x, y, n) {
    const [wide, deep] = [this.layers[0].width, y.length / (x.length / this.layers[0].width)];
    let [total, predictions] = [0, null];
    for (let start = 0; start < n; start += EVALUATED_AT_ONCE) {
      const count = Math.min(EVALUATED_AT_ONCE, n - start);
      const plan = this.plan("evaluation", count);
      plan.fill(x.subarray(start * wide), y.subarray(start * deep));
      plan.run();
      total += plan.lossData[0] * count;
      const { data } = plan.value("prediction");
      predictions ??= new Float32Array((n * data.length) / count);
      predictions.set(data, (predictions.length / n) * start);
    }
    return { loss: total / n, predictions: predictions ?? new Float32Array(0) };
  }

  /** Record a step on the first `n` rows line by line: see `recordedSteps`. */
  steps(x, y, n, learningRate = 0.1) {
    return recordedSteps(this, x, y, n, learningRate);
  }

  /** Outputs of each layer for the first `n` rows, in prediction. */
  activations(x, n) {
    return this.predicted(x, n, (plan) => this.layers.map((_, i) => plan.value(`y ${i}`)));
  }

  predicted(x, n, found) {
    const width = this.layers[0].width;
    let all = null;
    for (let start = 0; start < n; start += PREDICTED_AT_ONCE) {
      const count = Math.min(PREDICTED_AT_ONCE, n - start);
      const plan = this.plan("prediction", count);
      plan.value("x").data.set(x.subarray(start * width, (start + count) * width));
      plan.run();
      const parts = found(plan);
      all ??= parts.map(({ shape }) => new Float32Array(n * countOf(shape.slice(1))));
      parts.forEach((part, i) => all[i].set(part.data, (all[i].length / n) * start));
    }
    return all ?? found(this.plan("prediction", 1)).map(() => new Float32Array(0));
  }

  /** Arrays of watched nodes by layer; null where a pass removed it. */
  watched(plan, what) {
    return this.layers.map((_, i) => plan.value(`${what} ${i}`)?.data ?? null);
  }

  /** Number of outputs. */
  outputs() {
    const { nodes, outputs } = this.graphs.prediction;
    const { shape, scope } = nodes[outputs.prediction.node];
    return valueOf(shape.at(-1), scope);
  }
}

const LINKED = new WeakMap(); // cache by pages and architecture
const MOST_LINKED = 16;

/** Link the layers, graphs and update of a net; the results are shared, read-only. */
function linked(pages, asked) {
  const key = JSON.stringify(asked);
  if (!LINKED.has(pages)) LINKED.set(pages, new Map());
  const known = LINKED.get(pages);
  if (!known.has(key)) {
    if (known.size >= MOST_LINKED) known.delete(known.keys().next().value);
    const layers = layersOf(pages, asked);
    const updates = updateRule(pages, asked.optimizer, asked.clip);
    const step = linkNet(new Linker(), pages, layers, asked, "step");
    const evaluation = linkNet(new Linker(), pages, layers, asked, "evaluation");
    const prediction = { ...evaluation, outputs: { prediction: evaluation.outputs.prediction } };
    const rule = new Linker();
    rule.outputs = linkUpdate(rule, updates);
    known.set(key, { layers, updates, graphs: { step, prediction, evaluation, rule } });
  }
  return known.get(key);
}

/** Offsets of arrays in a flat buffer. */
function placed(arrays) {
  let offset = 0;
  return arrays.map(({ name, shape, start = 0, trainable }) => {
    const found = { name, shape, offset, start, trainable };
    offset += countOf(shape);
    return found;
  });
}

function startOf(names) {
  const { offset, shape } = names.at(-1) ?? { offset: 0, shape: [0] };
  const numbers = new Float32Array(offset + countOf(shape));
  for (const name of names) {
    numbers.fill(name.start, name.offset, name.offset + countOf(name.shape));
  }
  return numbers;
}

function gather(plan, x, y, order, start, n) {
  const a = plan.xData;
  const b = plan.yData;
  const [wide, deep] = [a.length / n, b.length / n];
  for (let i = 0, p = 0, q = 0; i < n; i++) {
    const row = order[start + i];
    for (let j = 0, k = row * wide; j < wide; j++) a[p++] = x[k++];
    for (let j = 0, k = row * deep; j < deep; j++) b[q++] = y[k++];
  }
}
