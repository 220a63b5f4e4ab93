// Sends the weights of the page's net to Python, for `page.net`.

/** Between two times that weights go back, in milliseconds. */
const PAUSE = 1000;

/** Send the weights of frames to `take`, the last ones always, at most one every second. */
export function sendBack(store, take) {
  let waiting = null;
  let last = null;
  store.watch("frame", ({ parameters, step }) => {
    if (!parameters || (!last && !step)) return; // Python has those at first
    last = parameters.slice();
    waiting ??= setTimeout(() => {
      waiting = null;
      take(last);
    }, PAUSE);
  });
}
