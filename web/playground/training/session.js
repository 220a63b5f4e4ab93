// Session: the training of a state, in a web worker or in slices of the page's main thread.

import { modelKey } from "./net.js";
import { defaults, merged, withUsual } from "./state.js";
import { hostOf } from "./worker.js";

/** Delay in milliseconds after which a hidden page, which gets no animation frames, acknowledges one. */
const UNSEEN = 250;

/**
 * Open a session of a state.
 *
 * `given` has `pages` (traces), `onFrame(frame)`, and optionally `worker` (text of a script that
 * hosts a session; `onWorkerRefused()` is called if the browser refuses it), `programFor(model)` (a
 * promise of a WebAssembly program, or of null), `net` (a custom one), `isStill` (a requested step
 * is reached without an animation), `server` (which trains what is too large for the page; `whole`
 * are the `x` of rows of which it has more; `onServerRefused(failure)` is called with its refusal),
 * `onProblem(problem, state)`: the problem of a state that was set, and the state that continues,
 * at first the same one with defaults in place of invalid fields; and `onBroken(text)`, called on
 * unexpected errors, after which the session continues.
 */
export const openSession = (state, given) => new Session(state, given);

class Session {
  constructor(state, given) {
    this.given = given;
    this.state = state;
    this.names = []; // of the parameters in the last frame
    this.coming = []; // of those in the next one
    this.answers = new Map();
    this.asked = 0;
    this.begun = this.begins = 1;
    const hear = (message) => this.hear(message);
    this.host = workerHost(given.worker, {
      hear,
      refused: () => this.restartOnMainThread(),
      broken: (text) => given.onBroken?.(text),
    });
    if (!this.host) {
      if (given.worker) given.onWorkerRefused?.();
      this.host = this.mainThreadHost();
    }
    this.open();
  }

  open() {
    const { pages, net, server, whole, isStill = false } = this.given;
    const near = { isServed: Boolean(server), whole: whole ?? null, isStill };
    this.send("open", { pages, own: net ?? null, state: this.state, begun: this.begun, ...near });
  }

  send(act, given = {}) {
    this.host.send({ act, given });
  }

  /** Host on the page's main thread, which yields between slices. */
  mainThreadHost() {
    const post = (message) => queueMicrotask(() => this.hear(message)); // asynchronous, as with a worker
    const hear = hostOf(post, (act, time) => setTimeout(act, time));
    return { send: hear, close: () => hear({ act: "pause", given: {} }) };
  }

  /** Restart on the main thread where a worker is refused. */
  restartOnMainThread() {
    this.given.onWorkerRefused?.();
    this.host = this.mainThreadHost();
    this.open();
    this.resume();
  }

  /** Send the messages that were queued before a host was ready. */
  resume() {
    if (this.isResting) this.rest();
    if (this.wantsToPlay) this.play();
  }

  hear({ frame, began, answer, refused, id, train, broken, ...problem }) {
    if (train !== undefined) this.trainOnServer(train);
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

  /** Return to the previous state; if there is none, start with the valid fields of this one. */
  goBack({ problem, asked, begun, goesOn }) {
    if (asked !== this.begun) return; // another state was set meanwhile
    if (goesOn) {
      const { view, stop, language } = this.state;
      this.state = goesOn;
      this.begun = begun;
      this.set({ view, stop, language }); // the valid fields that were set meanwhile
    } else if (!isUsual(this.state)) {
      this.state = withUsual(this.state, problem.field);
      this.send("begin", { state: this.state, begun: this.begun });
      this.resume();
    }
    this.given.onProblem?.(problem, this.state);
  }

  /** Start the server's training, and pass its reports to the host; null stops it. */
  trainOnServer(asked) {
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
    if (begun === this.begun) this.switchToProgram(spec);
  }

  /** Switch to WebAssembly, if there is a program for this net. */
  async switchToProgram(spec) {
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

  /** Suspend training while the page is out of view; playing resumes on wake. */
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

  /** Draw other initial weights, from the next seed. */
  reset() {
    this.pause();
    this.set({ seed: (this.state.seed + 1) % 2 ** 32 });
  }

  /** Go to a step; the promise resolves when it is reached. */
  goTo(step) {
    return this.ask("goTo", { step });
  }

  /**
   * Request of the host; the promise resolves to null if a later one replaces it, or if the net is
   * no longer that of the frame whose `version` is among the options.
   */
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

  /** Continue with other weights, of the net that `begun` of a frame identifies. */
  setParameters(parameters, begun = this.begun) {
    this.send("setParameters", { parameters: Float32Array.from(parameters), begun });
  }

  /**
   * Change parts of the state; returns its problems, in which case nothing is changed.
   *
   * Another learning rate is an event of the training, and display options change nothing; all else
   * restarts, at the given step and with the given events, if any.
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

  /** Close the session, and terminate its worker. */
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

/** Create a host in a worker; null if that fails, and `refused` is called if it fails later. */
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
