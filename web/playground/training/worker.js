// Web worker of a session: a training loop that receives and posts messages.

import { Model } from "../engine/model.js";
import { wasmModel } from "../engine/wasm_model.js";
import { TrainingLoop } from "./training_loop.js";
import { RemoteTraining } from "./remote_training.js";

/** Create a message handler, `{ act, given }`; the other side is session.js. */
export function hostOf(post, later) {
  let pages = null;
  const loop = new TrainingLoop({
    makeModel: (spec) => new Model(pages, spec),
    post,
    later,
    now: () => performance.now(),
  });
  const acts = {
    open(given) {
      pages = given.pages;
      loop.isStill = given.isStill;
      if (given.isServed) loop.remote = new RemoteTraining(loop, given.whole);
      loop.begin(given);
    },
    begin: (given) => loop.begin(given),
    adjust: (given) => loop.adjust(given),
    setParameters: (given) => loop.setParameters(given),
    play: () => loop.play(),
    pause: () => loop.pause(),
    rest: () => loop.rest(),
    wake: () => loop.wake(),
    advance: (given) => loop.advance(given),
    stepLayer: () => loop.stepLayer(),
    rewind: () => loop.rewind(),
    goTo: ({ step, id }) => loop.goTo(step, id),
    request: ({ id, kind, options }) => loop.answer(id, kind, options),
    shown: () => loop.shown(),
    report: (report) => loop.remote.hear(report),
    async takeProgram({ program }) {
      const { training } = loop;
      try {
        const model = await wasmModel(pages, training.spec, program);
        if (loop.training === training) loop.takeModel(model, "wasm");
      } catch {
        // without WebAssembly the traced layers continue, bit-identical
      }
    },
  };
  return ({ act, given }) => {
    if (loop.training || act === "open" || act === "begin") {
      loop.withoutFailing(() => acts[act](given));
    } else if ("id" in given) post({ answer: null, id: given.id });
  };
}

/** Host a session in this worker. */
export function serve(scope) {
  const channel = new MessageChannel();
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()();
  const host = hostOf(
    // copied, not transferred: transferred buffers would be detached here
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
