// Training on the server: requested, and reported, by messages of the training loop.

import { ANSWERS } from "./request_handlers.js";

/**
 * Number of products above which a step runs on the server. So many take the traced layers a slice,
 * about 10 ms, and WebAssembly half a millisecond; the native engine needs a tenth of that, or
 * less. Below the limit a page makes thousands of steps a second, bit-identical.
 */
const MOST_PRODUCTS = 1e6;
const MOST_EPOCHS = 1e6;

/**
 * Remote part of a training loop: posts `{ train: { id, model } }`, and `{ train: null }` to stop.
 * `whole` are the `x` of the rows, as in their state, if the server has more than the page; else
 * null.
 */
export class RemoteTraining {
  constructor(loop, whole) {
    Object.assign(this, { loop, whole });
    this.isOn = this.isGone = false;
    this.id = 0;
  }

  /** Start the training on the server from the current step, if it is too large for the page. */
  begin() {
    this.stop();
    const { loop } = this;
    this.isOn = !this.isGone && this.isLarge(loop.training);
    if (!this.isOn) return;
    this.id += 1;
    this.begun = loop.training.epoch;
    this.asking = changingOf(loop.state);
    this.isEnough = loop.stopping.of(loop.training, loop.state.stop);
    loop.post({ train: { id: this.id, model: this.asked(loop) } });
  }

  /** Restart the request if the state changed in a field that it depends on. */
  adjust() {
    if (this.isOn && changingOf(this.loop.state) !== this.asking) this.begin();
  }

  stop() {
    if (this.isOn) this.loop.post({ train: null });
    this.isOn = false;
  }

  isLarge({ model, size, state }) {
    return this.hasMore(state) || 3 * model.parameters.length * size > MOST_PRODUCTS;
  }

  hasMore({ data }) {
    return this.whole !== null && data.rows?.x === this.whole;
  }

  /** Request to the server: its routes are in trainings.py. */
  asked({ training, state }) {
    const { stop, schedule, shuffle, inputs, view } = state;
    const tests = Int32Array.from(training.task.split.test);
    const model = ANSWERS.model(training);
    const learning_rate = training.rateSetBy(training.step);
    return {
      ...model,
      optimizer: { ...model.optimizer, learning_rate },
      schedule,
      shuffle,
      begun: this.begun,
      epochs: stop?.epoch > this.begun ? stop.epoch - this.begun : MOST_EPOCHS,
      speed: Math.max(0, Number(view.speed) || 0),
      whole: this.hasMore(state) ? { inputs, tests } : null,
    };
  }

  /** Handle a report of the server: an epoch, or a failure, after which the page trains. */
  hear({ id, failure, ended, ...report }) {
    if (!this.isOn || id !== this.id) return;
    const { loop } = this;
    if (failure) {
      this.isOn = false;
      this.isGone = Boolean(failure.gone);
    } else {
      loop.training.continueFrom({ ...report, epoch: this.begun + report.epoch });
      if (ended || this.isEnough()) loop.pause();
    }
    loop.changed();
  }
}

/** Fields that may change during a training. */
const changingOf = ({ optimizer, stop, view }) =>
  JSON.stringify([optimizer.learning_rate, stop, view.speed]);
