// The page's address follows the state: what is copied from there opens as it is seen.

import { fragmentOf } from "../training/links.js";

/** A browser refuses addresses that change all the time. */
const PAUSE = 400;

/** The longest fragment: a table may be too large for an address, and goes as a file. */
export const LONGEST = 60000;

/** The state now, with the step that is shown; the page cannot come to those of another engine. */
export function stateNow({ session, frame }) {
  return { ...session.state, at: { step: frame?.isNative ? 0 : (frame?.step ?? 0) } };
}

/** Keep the fragment of the address as the state is, where the page has an address of its own. */
export function addressing(store) {
  if (!/^(https?|file):$/.test(location.protocol)) return;
  let timer = null;
  const write = () => {
    const now = stateNow(store);
    // while it trains, what opens is a training from its begin; in a pause, what is seen
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
