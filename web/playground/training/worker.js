// Worker side of a session: a conductor that receives and posts messages.

import { Model } from "../engine/model.js";
import { wasmModel } from "../engine/wasm_model.js";
import { Conductor } from "./conductor.js";
import { Near } from "./remote_training.js";

/** What is called by a message, `{ act, given }`: the session's side is session.js. */
export function hostOf(post, later) {
  let pages = null;
  const conductor = new Conductor({
    makeModel: (spec) => new Model(pages, spec),
    post,
    later,
    now: () => performance.now(),
  });
  const acts = {
    open(given) {
      pages = given.pages;
      if (given.isServed) conductor.near = new Near(conductor, given.whole);
      conductor.begin(given);
    },
    begin: (given) => conductor.begin(given),
    adjust: (given) => conductor.adjust(given),
    setParameters: (given) => conductor.setParameters(given),
    play: () => conductor.play(),
    pause: () => conductor.pause(),
    rest: () => conductor.rest(),
    wake: () => conductor.wake(),
    advance: (given) => conductor.advance(given),
    stepLayer: () => conductor.stepLayer(),
    rewind: () => conductor.rewind(),
    goTo: ({ step, id }) => conductor.goTo(step, id),
    request: ({ id, kind, options }) => conductor.answer(id, kind, options),
    shown: () => conductor.shown(),
    report: (report) => conductor.near.hear(report),
    async takeProgram({ program }) {
      const { training } = conductor;
      try {
        const model = await wasmModel(pages, training.spec, program);
        if (conductor.training === training) conductor.takeModel(model, "wasm");
      } catch {
        // without WebAssembly the traced layers continue, bit-identical
      }
    },
  };
  return ({ act, given }) => {
    if (conductor.training || act === "open" || act === "begin") {
      conductor.withoutFailing(() => acts[act](given));
    } else if ("id" in given) post({ answer: null, id: given.id });
  };
}

/** Let this worker be the host of a session. */
export function serve(scope) {
  const channel = new MessageChannel();
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()();
  const host = hostOf(
    // copied, not transferred: what was transferred would be gone from here
    (message) => scope.postMessage(message),
    (act, time) => {
      if (time) {
        setTimeout(act, time);
        return;
      }
      waiting.push(act);
      channel.port2.postMessage(null);
    },
  );
  scope.onmessage = ({ data }) => host(data);
}

if (typeof WorkerGlobalScope !== "undefined") serve(self);
