// URL of the page: its fragment follows the state, and the browser's history has the views shown.

import { fragmentOf } from "../training/links.js";

/** Interval between changes of the URL in milliseconds; browsers limit their rate. */
const PAUSE = 400;

/** Maximum length of the fragment; states with a larger table are saved as files. */
export const LONGEST = 60000;

/** Options of `state.view` that say which view is shown: Back returns to the one before. */
export const PLACE = ["more", "tab"];

const placeIn = ({ view }) => Object.fromEntries(PLACE.map((name) => [name, view[name]]));

/**
 * Current state, at the displayed step, or the one it is on the way to; step 0 if the page cannot
 * reproduce that step.
 */
export function stateNow({ session, frame }) {
  if (frame?.begun !== session.begun) return session.state; // its first frame is not there yet
  const step = frame.isNative ? 0 : (frame.target ?? frame.step);
  return { ...session.state, at: { step } };
}

/** Keep the URL and the history in step with the state, if the page has a URL of its own. */
export function syncFragment(store) {
  if (!/^(https?|file):$/.test(location.protocol)) return;
  let timer = null;
  let place = placeIn(store.state);
  history.replaceState(place, "");
  const write = () => {
    const now = stateNow(store);
    // while training, the link opens the start of the run; when paused, the displayed step
    const state = store.frame?.playing ? { ...now, at: { step: 0 } } : now;
    const fragment = fragmentOf(state);
    if (fragment.length <= LONGEST) history.replaceState(place, "", `#${fragment}`);
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, PAUSE);
  };
  store.watch("state", (state) => {
    soon();
    const now = placeIn(state);
    if (JSON.stringify(now) === JSON.stringify(place)) return;
    place = now;
    history.pushState(place, "");
  });
  addEventListener("popstate", ({ state }) => {
    if (!state) return; // a fragment typed by hand
    place = Object.fromEntries(PLACE.map((name) => [name, state[name]]));
    store.change({ view: place });
  });
  let last = "";
  store.watch("frame", ({ events, exact, playing, step }) => {
    const key = [events.length, exact, playing || step].join();
    if (key !== last) soon();
    last = key;
  });
}
