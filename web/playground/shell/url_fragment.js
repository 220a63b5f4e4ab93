// URL fragment of the page: follows the state, so that a copied URL opens the same view.

import { fragmentOf } from "../training/links.js";

/** Interval between changes of the URL in milliseconds; browsers limit their rate. */
const PAUSE = 400;

/** Maximum length of the fragment; states with a larger table are saved as files. */
export const LONGEST = 60000;

/** Current state, at the displayed step; step 0 if the page cannot reproduce that step. */
export function stateNow({ session, frame }) {
  return { ...session.state, at: { step: frame?.isNative ? 0 : (frame?.step ?? 0) } };
}

/** Keep the URL fragment in step with the state, if the page has a URL of its own. */
export function syncFragment(store) {
  if (!/^(https?|file):$/.test(location.protocol)) return;
  let timer = null;
  const write = () => {
    const now = stateNow(store);
    // while training, the link opens the start of the run; when paused, the displayed step
    const state = store.frame?.playing ? { ...now, at: { step: 0 } } : now;
    const fragment = fragmentOf(state);
    if (fragment.length <= LONGEST) history.replaceState(null, "", `#${fragment}`);
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, PAUSE);
  };
  store.watch("state", soon);
  let last = "";
  store.watch("frame", ({ events, exact, playing, step }) => {
    const key = [events.length, exact, playing || step].join();
    if (key !== last) soon();
    last = key;
  });
}
