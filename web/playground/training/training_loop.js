// Training loop: trains in time slices, between which it handles requests and posts frames.

import { packed } from "./base64.js";
import { ANSWERS, STUDIES } from "./request_handlers.js";
import { DataProblem } from "./data.js";
import { frameOf } from "./frames.js";
import { layerSteps } from "./layer_steps.js";
import { OutputMaps } from "./output_maps.js";
import { Stopping } from "./stopping.js";
import { Task, keyOf } from "./task.js";
import { Training } from "./trainer.js";

/** Length of a training slice in milliseconds. */
const SLICE = 10;
/** Minimum time between frames in milliseconds, over which their rate is measured. */
const FRAME = 15;
const RATE = 500;
/** Minimum time between frames on the way to a step where reduced motion is preferred. */
const STILL = 1000;

/**
 * Training loop of a state's net.
 *
 * `makeModel` creates the engine's model of a net; `post(message)` posts `{ frame }`, `{ answer, id
 * }`, `{ refused, id }`, or `{ broken }`, the message of an unexpected error; `later(act, time)`
 * schedules a callback after waiting events, and after `time` milliseconds; `now()` is the time in
 * milliseconds. If it `isStill`, a requested step is reached without frames in between, except for
 * one each second.
 */
export class TrainingLoop {
  constructor({ makeModel, post, later, now }) {
    Object.assign(this, { makeModel, post, later, now });
    this.isStill = false;
    this.version = 0;
    this.jobs = [];
    this.remote = null; // the training on the server, if any
    this.isPlaying = this.isResting = this.isScheduled = false;
    this.isAwaited = true; // whether another frame may be sent
    this.isNew = false; // whether anything changed since the last frame
    this.broken = null; // the last error message, until a frame is shown
    this.target = this.arrival = null;
    this.phases = this.phase = null;
    this.stopping = new Stopping();
    this.rate = 0;
    this.shownAt = 0;
    this.counted = { at: 0, step: 0 };
  }

  /** Start the training of a state; if that fails, the previous one continues. */
  begin({ state, begun, own = this.own ?? null }) {
    this.own = own;
    try {
      const isSame = this.task && this.task.key === keyOf(state);
      const task = isSame ? this.task : new Task(state);
      const training = new Training(state, task, this.makeModel, own);
      this.task = task;
      this.training = training;
    } catch (error) {
      this.refuse(error, begun);
      return;
    }
    this.arrive();
    this.begun = begun;
    this.engine = "pages";
    this.state = state;
    this.planes = new OutputMaps(this.training);
    this.version += 1;
    this.phases = this.phase = null;
    this.stopStudies();
    this.post({ began: { begun, spec: this.training.spec, names: this.training.model.names } });
    this.target = state.at.step || null;
    this.shownAt = this.now();
    this.lead();
    this.changed();
  }

  /** Report why a state cannot start, and which one continues. */
  refuse(error, asked) {
    const unexpected = { key: "failed", field: "net", value: String(error?.message ?? error) };
    const problem = error instanceof DataProblem ? error.problem : unexpected;
    const { state, begun, training } = this;
    const events = training?.events;
    const goesOn = state ? { ...state, events, exact: training.isExact } : null;
    this.post({ problem, asked, begun, goesOn });
    if (training) this.changed();
  }

  /** Apply a state in which neither rows nor layers changed. */
  adjust({ state, begun }) {
    if (begun !== this.begun) return; // a change of a state that did not start
    const rate = state.optimizer.learning_rate;
    if (rate !== this.state.optimizer.learning_rate) {
      this.leavePhases();
      this.training.happens({ set: { learning_rate: rate } });
    }
    this.state = state;
    this.training.state = state;
    this.remote?.adjust();
    this.changed();
  }

  /** Replace the net's weights from the current step on. */
  setParameters({ parameters, begun }) {
    if (begun !== this.begun) return;
    this.leavePhases();
    this.training.happens({ weights: packed(parameters) });
    this.lead();
    this.changed();
  }

  /** Continue with another engine, `engine` by name. */
  takeModel(model, engine) {
    this.leavePhases();
    this.training.continueWith(model);
    this.engine = engine;
    this.changed();
  }

  play() {
    this.leavePhases();
    this.isPlaying = !this.training.failure;
    this.arrive();
    this.count();
    this.lead();
    this.changed();
  }

  /** Restart the measurement of rate and speed. */
  count() {
    this.counted = { at: this.now(), step: this.training.step };
    this.pace = null;
  }

  /** Suspend playing; requested steps are still done. */
  rest() {
    this.isResting = true;
    this.lead();
  }

  wake() {
    this.isResting = false;
    this.count();
    this.lead();
    this.schedule();
  }

  /** True if this loop has steps to do. */
  get isMoving() {
    const isPlaying = this.isPlaying && !this.isResting && !this.remote?.isOn;
    return isPlaying || this.target !== null;
  }

  /** Let the server continue the training while playing, if it is responsible for it. */
  lead() {
    this.remote?.stop();
    if (this.isPlaying && !this.isResting && this.target === null) this.remote?.begin();
  }

  /** Last step allowed by now, where `view.speed` limits the epochs per second. */
  reachable() {
    const { step, perEpoch } = this.training;
    const speed = Number(this.state.view.speed) || 0;
    if (!(speed > 0)) return Infinity;
    if (this.pace?.speed !== speed) this.pace = { speed, step, at: this.now() };
    const seconds = (this.now() - this.pace.at) / 1000;
    return this.pace.step + Math.floor(seconds * speed * perEpoch);
  }

  pause() {
    this.halt();
    this.changed();
  }

  halt() {
    this.isPlaying = false;
    this.remote?.stop();
    this.arrive();
  }

  /** Advance by batches, or to the end of an epoch. */
  advance({ epochs = 0, batches = 0 }) {
    this.leavePhases();
    const { epoch, perEpoch, step } = this.training;
    this.goTo(epochs ? (epoch + epochs) * perEpoch : step + batches);
  }

  /** Go to a step from the nearest stored state before it. */
  goTo(step, id = null) {
    this.leavePhases();
    this.halt();
    this.arrival = id;
    this.target = Math.max(0, step);
    this.shownAt = this.now();
    this.training.restoreBefore(this.target);
    this.changed();
  }

  /** Respond to all who requested a step. */
  arrive() {
    this.target = null;
    if (this.arrival !== null) this.post({ answer: this.training.step, id: this.arrival });
    this.arrival = null;
  }

  /** Restore the initial weights; edits during training are discarded. */
  rewind() {
    this.leavePhases();
    const { training } = this;
    training.restoreBefore(0);
    training.events = training.events.filter(({ step, weights }) => step === 0 && weights);
    training.last = 0;
    training.history.cut(0);
    training.states.cut(0);
    training.applyWeights();
    this.pause();
  }

  /** Run one more layer of the next batch: forward, then backward, then the update. */
  stepLayer() {
    this.halt();
    if (this.training.failure) return;
    this.phases ??= layerSteps(this.training, this.planes.shown);
    const { done, value } = this.phases.next();
    this.phase = done ? null : value;
    if (done) this.phases = null;
    this.changed();
  }

  /** Undo a batch that was begun layer by layer. */
  leavePhases() {
    this.phases?.return();
    this.phases = this.phase = null;
  }

  /** Handle a request, at once or when its study is done; null for another `version` of the net. */
  answer(id, kind, options) {
    if ((options.version ?? this.version) !== this.version) {
      this.post({ answer: null, id });
      return;
    }
    if (Object.hasOwn(STUDIES, kind)) {
      const old = this.jobs.find((job) => job.kind === kind);
      if (old) this.post({ answer: null, id: old.id });
      this.jobs = this.jobs.filter((job) => job !== old);
      const study = STUDIES[kind](this.training, this.makeModel, options);
      this.jobs.push({ id, kind, study });
      this.schedule();
      return;
    }
    try {
      this.post({ answer: ANSWERS[kind](this.training, this, options), id });
    } catch (error) {
      this.post({ refused: String(error?.message ?? error), id });
    }
  }

  stopStudies() {
    for (const { id } of this.jobs) this.post({ answer: null, id });
    this.jobs = [];
  }

  changed() {
    this.isNew = true;
    this.schedule();
  }

  /** Handle the page's signal that it has shown the last frame. */
  shown() {
    this.isAwaited = true;
    this.schedule();
  }

  schedule(time = 0) {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.later(() => {
      this.isScheduled = false;
      this.withoutFailing(() => this.slice());
    }, time);
  }

  /** Run a slice, and post a frame if the page is ready for one. */
  slice() {
    const end = this.now() + SLICE;
    const { training } = this;
    if (!training) return;
    const before = training.step;
    if (this.isMoving) this.train(end);
    this.study(this.now() > end - SLICE / 2 ? this.now() + SLICE / 2 : end);
    const { isMoving } = this;
    const interval = this.isStill && this.target !== null ? STILL : FRAME;
    const isDue = !isMoving || this.now() - this.shownAt >= interval;
    if (this.isNew && this.isAwaited && isDue) this.show();
    const isAhead = training.step === before && !this.jobs.length; // of the requested speed
    if (isMoving || this.jobs.length) this.schedule(isAhead ? SLICE : 0);
  }

  train(end) {
    const { training, target } = this;
    const until = target ?? this.reachable();
    const before = training.step;
    const isEnough = this.isPlaying ? this.stopping.of(training, this.state.stop) : () => false;
    let isStopped = false;
    training.run(until, () => (isStopped = isEnough()) || this.now() >= end);
    if (target !== null && training.step >= target) {
      training.applyWeights();
      this.arrive();
      this.lead();
    }
    if (isStopped || training.failure) this.halt();
    this.isNew ||= training.step !== before || !this.isPlaying;
  }

  study(end) {
    while (this.jobs.length && this.now() < end) {
      const [{ id, study }] = this.jobs;
      try {
        const { done, value } = study.next();
        if (!done) continue;
        this.post({ answer: value, id });
      } catch (error) {
        this.post({ refused: String(error?.message ?? error), id });
      }
      this.jobs.shift();
    }
  }

  /** Post a frame; on an error report it, and allow the next frame. */
  show() {
    this.isNew = false;
    this.shownAt = this.now();
    try {
      this.post({ frame: frameOf(this) });
      this.isAwaited = false;
      this.broken = null;
    } catch (error) {
      this.reportError(error);
    }
  }

  /** Run `act`; on an error the training stops and the error is reported. */
  withoutFailing(act) {
    try {
      act();
    } catch (error) {
      this.halt();
      this.reportError(error);
      if (this.training) this.changed();
    }
  }

  /** Report an unexpected error: once, although each frame may raise it. */
  reportError(error) {
    const broken = String(error?.message ?? error);
    if (broken !== this.broken) this.post({ broken });
    this.broken = broken;
  }

  epochsPerSecond() {
    const { at, step } = this.counted;
    const now = this.now();
    if (!this.isPlaying) return 0;
    if (now - at > RATE) {
      const { perEpoch } = this.training;
      this.rate = ((this.training.step - step) / perEpoch / (now - at)) * 1000;
      this.counted = { at: now, step: this.training.step };
    }
    return this.rate;
  }
}
