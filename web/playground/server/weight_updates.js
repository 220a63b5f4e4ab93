// Weights sent to Python, for `page.net`.

/** Interval between two sendings of weights, in milliseconds. */
const PAUSE = 1000;

/** Send the weights of frames to `take`, at most once a second, the last ones always. */
export function sendWeights(store, take) {
  let waiting = null;
  let last = null;
  store.watch("frame", ({ parameters, step }) => {
    if (!parameters || (!last && !step)) return; // Python has the initial weights
    last = parameters.slice();
    waiting ??= setTimeout(() => {
      waiting = null;
      take(last);
    }, PAUSE);
  });
}
