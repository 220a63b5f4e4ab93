// Training: a net, its rows and its steps; can return to any step, bit-identical.

import { unpacked } from "./base64.js";
import { shuffle } from "../engine/functions.js";
import { History, States } from "./history.js";
import { accuracy, borderOf, errors } from "./metrics.js";
import { drawFirstWeights, modelOf } from "./net.js";
import { factorsOf } from "./schedules.js";
import { seeded } from "./random_streams.js";

const WORDS = 6;

/**
 * Training of a state's net on a task.
 *
 * `makeModel` creates the engine's model of a net; `own` is a custom net with weights, which no
 * state can describe.
 */
export class Training {
  constructor(state, task, makeModel, own = null) {
    this.state = state;
    this.task = task;
    this.own = own;
    this.spec = own ?? modelOf(state);
    this.border = borderOf(state.loss);
    const { n, x, y } = task.train;
    this.size = Math.min(state.batch_size, n);
    this.perEpoch = Math.ceil(n / this.size);
    this.factor = factorsOf(state.schedule, this.perEpoch);
    this.isConstant = !state.schedule;
    this.isReplayed = state.exact && !own;
    this.events = structuredClone(state.events);
    this.batchX = new Float32Array((this.size * x.length) / n);
    this.batchY = new Float32Array((this.size * y.length) / n);
    this.begin(makeModel(this.spec));
  }

  /** Start with a model that has the initial weights. */
  begin(model) {
    const { seed, initializer } = this.state;
    this.model = model;
    drawFirstWeights(model, initializer, seed);
    if (this.own?.weights) model.parameters.set(unpacked(this.own.weights));
    if (this.own?.state) model.state.set(unpacked(this.own.state));
    this.outputs = model.predict(this.task.train.x, 1).length;
    this.shuffling = seeded([seed]);
    model.streamPaths.forEach((path, i) => {
      // one stream for each layer of net.walk(), the net itself first
      const place = this.own ? this.own.paths.indexOf(path) : Number(path) + 1;
      model.streams.set(seeded([seed], [place]), WORDS * i);
    });
    const { n } = this.task.train;
    this.order = Int32Array.from({ length: n }, (_, i) => i);
    this.step = this.last = 0;
    this.total = 0;
    this.epochLoss = NaN;
    this.failure = null;
    this.isNative = false; // whether weights of another engine were taken over
    this.reported = null; // the metrics of a step that another engine has led to
    this.history = new History();
    this.applyWeights();
    const state = this.copied();
    const bytes = Object.values(state).reduce((sum, part) => sum + (part?.byteLength ?? 8), 0);
    this.states = new States(bytes);
    this.arrive();
  }

  get epoch() {
    return Math.floor(this.step / this.perEpoch);
  }

  /** True if hg.learn.replay reproduces this bit for bit; false for a custom net. */
  get isExact() {
    return this.isReplayed && !this.isNative;
  }

  get batch() {
    return this.step % this.perEpoch;
  }

  /** Continue with another engine of the same net, which takes over the state. */
  continueWith(model) {
    for (const name of ["parameters", "gradients", "state", "optimizerState", "streams"]) {
      model[name].set(this.model[name]);
    }
    model.stepsTaken = this.model.stepsTaken;
    this.model = model;
  }

  /** Continue from an epoch report of an engine that is not bit-identical. */
  continueFrom({ epoch, losses, scores, weights, state }) {
    const { model } = this;
    model.parameters.set(unpacked(weights));
    model.state.set(unpacked(state));
    model.gradients.fill(0);
    model.optimizerState.fill(0); // the server keeps its optimizer state
    model.stepsTaken = 0;
    const pair = ({ train, test }) => ({ train: train ?? NaN, test: test ?? NaN });
    const pairs = Object.entries(scores).map(([name, found]) => [name, pair(found)]);
    this.step = epoch * this.perEpoch;
    this.epochLoss = losses.epoch ?? NaN;
    this.reported = { epoch, losses: pair(losses), scores: Object.fromEntries(pairs) };
    this.isNative = true;
    this.arrive();
  }

  /** Learning rate of a step, by earlier events and the schedule. */
  rateOf(step) {
    return this.rateSetBy(step) * this.factor(step);
  }

  rateSetBy(step) {
    let rate = this.state.optimizer.learning_rate;
    for (const event of this.events) {
      if (event.step <= step && event.set) rate = event.set.learning_rate;
    }
    return rate;
  }

  /** Test if no event lies after `begin` and before `end`. */
  hasNoEvents(begin, end) {
    return !this.events.some(({ step }) => step > begin && step < end);
  }

  /** Apply edited weights of this step. */
  applyWeights() {
    for (const { step, weights } of this.events) {
      const numbers = step === this.step && weights ? unpacked(weights) : null;
      if (numbers?.length === this.model.parameters.length) this.model.parameters.set(numbers);
    }
  }

  /** Train to a step, or until `isOver()`; returns false if it diverged. */
  run(until, isOver) {
    while (this.step < until && !this.failure && !isOver()) {
      const end = this.step + this.perEpoch;
      if (!this.batch && end <= until && this.hasNoEvents(this.step, end)) this.runEpoch();
      else this.runBatch();
    }
    return !this.failure;
  }

  /** Train an epoch by one call of the engine. */
  runEpoch() {
    const { model, order, size, perEpoch } = this;
    const { x, y } = this.task.train;
    this.applyWeights();
    this.reported = null;
    const before = this.copied();
    if (this.state.shuffle) shuffle(order, this.shuffling);
    const rates = this.isConstant
      ? this.rateOf(this.step)
      : Float64Array.from({ length: perEpoch }, (_, i) => this.rateOf(this.step + i));
    this.epochLoss = model.epoch(x, y, order, size, rates);
    if (Number.isFinite(this.epochLoss)) {
      this.step += perEpoch;
      this.arrive();
    } else {
      this.restore(before);
      while (!this.failure) this.runBatch(); // up to the failing step
    }
  }

  /**
   * Shuffle at the begin of an epoch, and gather the rows of the next batch; returns their number.
   */
  gather() {
    const { order, size, batch, batchX, batchY } = this;
    const { x, y, n } = this.task.train;
    if (!batch && this.state.shuffle) shuffle(order, this.shuffling);
    const begin = batch * size;
    const rows = Math.min(size, n - begin);
    const width = batchX.length / size;
    for (let i = 0; i < rows; i++) {
      const row = order[begin + i];
      batchX.set(x.subarray(row * width, (row + 1) * width), i * width);
      batchY[i] = y[row];
    }
    return rows;
  }

  /** Run one step of the optimizer; one that fails is undone, so that a link can lead here. */
  runBatch() {
    this.applyWeights();
    this.reported = null;
    const before = this.copied();
    const rows = this.gather();
    if (!this.batch) this.total = 0;
    const { model, batchX, batchY, size } = this;
    const loss = model.batch(batchX, batchY, rows, this.rateOf(this.step), size);
    if (!Number.isFinite(loss) || !model.parameters.every(Number.isFinite)) {
      this.fail(loss);
      this.restore(before);
      return;
    }
    this.total += loss * rows;
    this.step += 1;
    if (!this.batch) this.epochLoss = this.total / this.task.train.n;
    this.arrive();
  }

  /** Record losses and state at a new step. */
  arrive() {
    this.last = Math.max(this.last, this.step);
    if (this.batch) return;
    const { epoch } = this;
    if (this.history.wants(epoch)) this.history.add(this.point());
    if (this.states.wants(epoch)) this.states.add(epoch, this.copied());
  }

  /** Current losses and metrics. */
  point() {
    if (this.reported) return this.reported;
    const train = this.scored(this.task.train);
    const test = this.scored(this.task.test);
    const pair = (key) => ({ train: train[key], test: test[key] });
    const score = this.task.rows.classes ? "accuracy" : "r2";
    return {
      epoch: this.step / this.perEpoch,
      losses: pair("loss"),
      scores: { [score]: pair(score) },
    };
  }

  scored({ x, y, n }) {
    if (!n) return { loss: NaN, accuracy: NaN, r2: NaN };
    const { loss, predictions } = this.model.evaluate(x, y, n);
    if (this.task.rows.classes) {
      return { loss, accuracy: accuracy(predictions, y, this.outputs, this.border) };
    }
    return { loss, r2: errors(predictions, y).r2 };
  }

  /** Copy all that determines the further training. */
  copied() {
    const { model } = this;
    return {
      step: this.step,
      stepsTaken: model.stepsTaken,
      total: this.total,
      epochLoss: this.epochLoss,
      reported: this.reported,
      isNative: this.isNative,
      parameters: model.parameters.slice(),
      running: model.state.slice(),
      optimizerState: model.optimizerState.slice(),
      streams: model.streams.slice(),
      shuffling: this.shuffling.slice(),
      order: this.order.length < 2 ** 16 ? new Uint16Array(this.order) : this.order.slice(),
    };
  }

  /** Restore a copy. */
  restore(copy) {
    const { model } = this;
    model.parameters.set(copy.parameters);
    model.state.set(copy.running);
    model.optimizerState.set(copy.optimizerState);
    model.streams.set(copy.streams);
    model.stepsTaken = copy.stepsTaken;
    this.shuffling.set(copy.shuffling);
    this.order.set(copy.order);
    this.step = copy.step;
    this.total = copy.total;
    this.epochLoss = copy.epochLoss;
    this.reported = copy.reported;
    this.isNative = copy.isNative;
  }

  /** Restore the last stored state before a step, from which `run` leads to it. */
  restoreBefore(step) {
    const { state } = this.states.before(Math.floor(step / this.perEpoch));
    if (step >= this.step && state.step <= this.step) return;
    this.restore(state);
    this.failure = null;
  }

  /** Record an event at this step; later ones are discarded. */
  happens(event) {
    const isSame = ({ step, set }) => step === this.step && Boolean(set) === Boolean(event.set);
    this.events = this.events.filter((old) => old.step <= this.step && !isSame(old));
    if (event.set && !this.events.some(({ set }) => set) && this.step) {
      this.events.unshift({ step: 0, set: { learning_rate: this.state.optimizer.learning_rate } });
    }
    if (event.weights || this.step) this.events.push({ step: this.step, ...event });
    this.last = this.step;
    this.history.cut(this.epoch - (this.batch ? 0 : 1));
    this.states.cut(this.epoch);
    this.applyWeights();
    if (event.weights) this.reported = null;
    this.failure = null;
    this.arrive();
  }

  /** Record where numbers became NaN or infinite: in a layer, or in the loss alone. */
  fail(loss) {
    const { model, task } = this;
    const where = ["parameters", "state"].find((name) => !model[name].every(Number.isFinite));
    const activations = model.activations(task.train.x, Math.min(task.train.n, 256));
    const layer = activations.findIndex((values) => !values.every(Number.isFinite));
    this.failure = {
      epoch: this.epoch + 1,
      batch: this.batch + 1,
      layer: layer < 0 ? null : layer,
      loss,
      words: where ? "failure_weights" : layer < 0 ? "failure_loss" : "failure_layer",
    };
  }
}
