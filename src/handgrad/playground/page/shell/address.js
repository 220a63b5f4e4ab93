// The page's address follows the state: what is copied from there opens as it is seen.

import { fragmentOf } from "../training/links.js";

/** A browser refuses addresses that change all the time. */
const PAUSE = 400;

/** Keep the fragment of the address as the state is, where the page has an address of its own. */
export function addressing(desk) {
  if (!/^(https?|file):$/.test(location.protocol)) return;
  let timer = null;
  desk.watch("state", () => {
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(null, "", `#${fragmentOf(desk.state)}`), PAUSE);
  });
}
