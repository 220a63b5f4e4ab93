// A session: the training of a state, in a worker or in slices of the page's own thread.

import { modelKey } from "./net.js";
import { defaults, merged, withUsual } from "./state.js";
import { hostOf } from "./worker.js";

/** While no eye sees the page, nothing is drawn: so long, in milliseconds, it waits for that. */
const UNSEEN = 250;

/**
 * Open a session of a state.
 *
 * `given` has `pages` (recorded), `onFrame(frame)`, and where there are any `worker` (the text of a
 * script that serves as the host of a session; `onWorkerRefused()` hears that it may not),
 * `programFor(model)` (a promise of WebAssembly for it, or of null), `net` (an own one), `server`
 * (which trains what is too large for the page; `whole` are the numbers of rows of which it has
 * more; `onServerRefused(failure)` hears why it does not), `onProblem(problem, state)`: what
 * makes no sense of a state that was set, and the state that goes on; at first that is the same
 * one, with what makes no sense as usual; and `onBroken(text)`, which hears of errors that nobody
 * expected, after which it goes on.
 */
export const openSession = (state, given) => new Session(state, given);

class Session {
  constructor(state, given) {
    this.given = given;
    this.state = state;
    this.names = []; // of the parameters that the last frame has
    this.coming = []; // of those that the next one has
    this.answers = new Map();
    this.asked = 0;
    this.begun = this.begins = 1;
    const hear = (message) => this.hear(message);
    this.host = workerHost(given.worker, {
      hear,
      refused: () => this.moveHere(),
      broken: (text) => given.onBroken?.(text),
    });
    if (!this.host) {
      if (given.worker) given.onWorkerRefused?.();
      this.host = this.ownHost();
    }
    this.open();
  }

  open() {
    const { pages, net, server, whole } = this.given;
    const near = { isServed: Boolean(server), whole: whole ?? null };
    this.send("open", { pages, own: net ?? null, state: this.state, begun: this.begun, ...near });
  }

  send(act, given = {}) {
    this.host.send({ act, given });
  }

  /** The host in the page's own thread, which leaves room between slices. */
  ownHost() {
    const post = (message) => queueMicrotask(() => this.hear(message)); // as a worker: never at once
    const hear = hostOf(post, (act, time) => setTimeout(act, time));
    return { send: hear, close: () => hear({ act: "pause", given: {} }) };
  }

  /** Where a worker is refused, begin again without one. */
  moveHere() {
    this.given.onWorkerRefused?.();
    this.host = this.ownHost();
    this.open();
    this.resume();
  }

  /** What was asked for before a host was ready. */
  resume() {
    if (this.isResting) this.rest();
    if (this.wantsToPlay) this.play();
  }

  hear({ frame, began, answer, refused, id, train, broken, ...problem }) {
    if (train !== undefined) this.trainNear(train);
    if (broken !== undefined) this.given.onBroken?.(broken);
    if (frame) this.show(frame);
    if (began) this.begin(began);
    if (problem.problem) this.goBack(problem);
    if (id !== undefined) {
      const { resolve, reject } = this.answers.get(id);
      this.answers.delete(id);
      if (refused === undefined) resolve(answer);
      else reject(new Error(refused));
    }
  }

  /** Go on with the state before; where there is none, begin with what makes sense of this one. */
  goBack({ problem, asked, begun, goesOn }) {
    if (asked !== this.begun) return; // another one was set meanwhile
    if (goesOn) {
      const { view, stop, language } = this.state;
      this.state = goesOn;
      this.begun = begun;
      this.set({ view, stop, language }); // what made sense of what was set meanwhile
    } else if (!isUsual(this.state)) {
      this.state = withUsual(this.state, problem.field);
      this.send("begin", { state: this.state, begun: this.begun });
      this.resume();
    }
    this.given.onProblem?.(problem, this.state);
  }

  /** Let the server train, and the host hear of it; null stops it. */
  trainNear(asked) {
    this.near?.stop();
    this.near =
      asked &&
      this.given.server.train(asked.model, (report) => {
        const { failure } = report;
        if (failure && !failure.gone) this.given.onServerRefused?.(failure);
        this.send("report", { ...report, id: asked.id });
      });
  }

  begin({ spec, names, begun }) {
    this.coming = names;
    if (begun === this.begun) this.lookForProgram(spec);
  }

  /** Let WebAssembly take over, where there is any for this net. */
  async lookForProgram(spec) {
    const { begun } = this;
    const model = { ...spec, batch_size: this.state.batch_size };
    const program = await this.given.programFor?.(model);
    if (program && begun === this.begun) this.send("takeProgram", { program });
  }

  show(frame) {
    const soon = onceOf(() => this.send("shown"));
    if (typeof requestAnimationFrame === "undefined") setTimeout(soon);
    else {
      requestAnimationFrame(soon);
      setTimeout(soon, UNSEEN);
    }
    if (frame.begun !== this.begun) return;
    this.names = this.coming;
    this.state = { ...this.state, events: frame.events, exact: frame.exact };
    this.given.onFrame(frame);
  }

  play() {
    this.wantsToPlay = true;
    this.send("play");
  }

  pause() {
    this.wantsToPlay = false;
    this.send("pause");
  }

  /** Do not train while nobody sees it; whether it is to play is as before once it wakes. */
  rest() {
    this.isResting = true;
    this.send("rest");
  }

  wake() {
    this.isResting = false;
    this.send("wake");
  }

  stepEpoch() {
    this.send("advance", { epochs: 1 });
  }

  stepBatch() {
    this.send("advance", { batches: 1 });
  }

  stepLayer() {
    this.send("stepLayer");
  }

  /** Restore the initial weights. */
  rewind() {
    this.pause();
    this.send("rewind");
  }

  /** Other initial weights: those of the next seed. */
  reset() {
    this.pause();
    this.set({ seed: (this.state.seed + 1) % 2 ** 32 });
  }

  /** A promise that it is at this step. */
  goTo(step) {
    return this.ask("goTo", { step });
  }

  /** A promise of an answer; null where another one took its place. */
  request(kind, options = {}) {
    return this.ask("request", { kind, options });
  }

  ask(act, given) {
    const id = (this.asked += 1);
    return new Promise((resolve, reject) => {
      this.answers.set(id, { resolve, reject });
      this.send(act, { ...given, id });
    });
  }

  /** Go on from here with other weights, of the net that `begun` says of a frame. */
  setParameters(parameters, begun = this.begun) {
    this.send("setParameters", { parameters: Float32Array.from(parameters), begun });
  }

  /**
   * Change parts of the state; gives what is wrong with them, and then nothing is changed.
   *
   * Another learning rate is something that happens on the way, and what is only looked at changes
   * nothing; all else begins anew, at the step and with the events that are given, if any.
   */
  set(part) {
    const { state, problems } = merged(this.state, part);
    if (problems.length) return problems;
    const isSame =
      modelKey(state) === modelKey(this.state) && !("events" in part) && !("at" in part);
    if (isSame) {
      this.state = state;
      this.send("adjust", { state, begun: this.begun });
      return [];
    }
    const { events = [], at = { step: 0 }, exact = true } = part;
    this.state = { ...state, events, at, exact };
    this.begun = this.begins += 1;
    this.send("begin", { state: this.state, begun: this.begun });
    return [];
  }

  /** End it: the worker, if there is one, is gone. */
  close() {
    this.near?.stop();
    this.host.close();
  }
}

const isUsual = (state) => JSON.stringify(state) === JSON.stringify(defaults());

const onceOf = (act) => {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
};

/** A host in a worker of its own; null where none can be made, `refused` where that shows later. */
function workerHost(text, { hear, refused, broken }) {
  if (!text || typeof Worker === "undefined") return null;
  try {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(url);
    let isHeard = false;
    worker.onmessage = ({ data }) => {
      isHeard = true;
      hear(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (isHeard) {
        broken(event.message);
        return;
      }
      worker.terminate();
      refused();
    };
    return { send: (message) => worker.postMessage(message), close: () => worker.terminate() };
  } catch {
    return null;
  }
}
