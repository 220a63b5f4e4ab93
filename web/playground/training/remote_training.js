// The training by a server near the page, as a conductor has it: asked for, and heard of, by messages.

import { ANSWERS } from "./answers.js";

/**
 * A step of more products than this runs on the server. So many keep the traced layers busy for a
 * whole slice, some 10 ms, and WebAssembly for half a millisecond; the native engine needs a tenth
 * of that, or less. Below it a page makes thousands of steps a second, to the bit.
 */
const MOST_PRODUCTS = 1e6;
const MOST_EPOCHS = 1e6;

/**
 * Lets the server train for a conductor: tells `{ train: { id, model } }`, and `{ train: null }`
 * where it is to stop. `whole` are the numbers `x` of the rows, as their state has them, of which
 * the server has more than the page; null if there are none.
 */
export class Near {
  constructor(conductor, whole) {
    Object.assign(this, { conductor, whole });
    this.isOn = this.isGone = false;
    this.id = 0;
  }

  /** Train on there from where the conductor's training is, if that is too large for the page. */
  begin() {
    this.stop();
    const { conductor } = this;
    this.isOn = !this.isGone && this.isLarge(conductor.training);
    if (!this.isOn) return;
    this.id += 1;
    this.begun = conductor.training.epoch;
    this.asking = changingOf(conductor.state);
    this.isEnough = conductor.stopping.of(conductor.training, conductor.state.stop);
    conductor.post({ train: { id: this.id, model: this.asked(conductor) } });
  }

  /** Ask anew where the conductor's state has become another one in what was asked for. */
  adjust() {
    if (this.isOn && changingOf(this.conductor.state) !== this.asking) this.begin();
  }

  stop() {
    if (this.isOn) this.conductor.post({ train: null });
    this.isOn = false;
  }

  isLarge({ model, size, state }) {
    return this.hasMore(state) || 3 * model.parameters.length * size > MOST_PRODUCTS;
  }

  hasMore({ data }) {
    return this.whole !== null && data.rows?.x === this.whole;
  }

  /** What the server is asked for: routes are in trainings.py. */
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

  /** Hear a report of the server's: another epoch, or a failure, after which the page trains. */
  hear({ id, failure, ended, ...report }) {
    if (!this.isOn || id !== this.id) return;
    const { conductor } = this;
    if (failure) {
      this.isOn = false;
      this.isGone = Boolean(failure.gone);
    } else {
      conductor.training.goOnFrom({ ...report, epoch: this.begun + report.epoch });
      if (ended || this.isEnough()) conductor.pause();
    }
    conductor.changed();
  }
}

/** What may become another one on the way. */
const changingOf = ({ optimizer, stop, view }) =>
  JSON.stringify([optimizer.learning_rate, stop, view.speed]);
