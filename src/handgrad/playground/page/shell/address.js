// The page's address follows the state: what is copied from there opens as it is seen.

import { fragmentOf } from "../training/links.js";

/** A browser refuses addresses that change all the time. */
const PAUSE = 400;

/** The longest fragment: a table may be too large for an address, and goes as a file. */
export const LONGEST = 60000;

/** Keep the fragment of the address as the state is, where the page has an address of its own. */
export function addressing(desk) {
  if (!/^(https?|file):$/.test(location.protocol)) return;
  let timer = null;
  const write = () => {
    // it begins at the first step: what opens is a training, not its end
    const state = { ...desk.session.state, at: { step: 0 } };
    const fragment = fragmentOf(state);
    if (fragment.length <= LONGEST) history.replaceState(null, "", `#${fragment}`);
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, PAUSE);
  };
  desk.watch("state", soon);
  let events = 0;
  let exact = null;
  desk.watch("frame", (frame) => {
    if (frame.events.length === events && frame.exact === exact) return;
    events = frame.events.length;
    exact = frame.exact;
    soon();
  });
}
