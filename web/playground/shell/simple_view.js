// Simple view: the net, the output map and one button; all else comes with "More controls".

import { element, onLanguageChange, translate } from "../../shared/words.js";
import { defaults } from "../training/state.js";

/** Parts of a state that say nothing about the wish for more controls. */
const UNTOLD = ["version", "at", "events", "exact", "language", "seed", "view"];

/** Test if a page opens in the simple view: nobody chose data, a net or settings. */
function isUntouched({ net, state }) {
  const isUsual = ([name, usual]) =>
    UNTOLD.includes(name) || JSON.stringify(state[name]) === JSON.stringify(usual);
  return !net && Object.entries(defaults()).every(isUsual);
}

/** Show `whole` in the simple view or with all controls; returns the button that switches. */
export function simpleView(store, whole) {
  const isFirst = isUntouched(store.given);
  const hasMore = () => store.state.view.more ?? !isFirst;
  const made = element("button", { type: "button", "data-control": "more" });
  made.addEventListener("click", () => store.change({ view: { more: !hasMore() } }));
  const show = () => {
    whole.classList.toggle("simple", !hasMore());
    made.textContent = translate(hasMore() ? "fewer_controls" : "more_controls");
  };
  store.watch("state", show);
  onLanguageChange(show);
  return made;
}
