// Keys for all of the page, and the list of them.

import { element, say, speak } from "../../shared/words.js";
import { button, said } from "./elements.js";

/** Every key that the page takes, with the word for what it does. */
const KEYS = [
  ["Space", "keys_play"],
  [".", "keys_epoch"],
  [",", "keys_batch"],
  ["/", "keys_layer"],
  ["R", "keys_rewind"],
  ["N", "keys_reset"],
  ["↑ ↓ ← →", "keys_walk"],
  ["Enter", "keys_choose"],
  ["Esc", "keys_leave"],
  ["?", "keys_list"],
];

/** Take the page's keys within `whole`; gives the button that opens their list. */
export function keysOf(store, whole) {
  const { session } = store;
  const dialog = keyList();
  whole.append(dialog);
  const open = () => dialog.showModal();
  const acts = {
    " ": () => (store.frame?.playing ? session.pause() : session.play()),
    ".": () => session.stepEpoch(),
    ",": () => session.stepBatch(),
    "/": () => session.stepLayer(),
    r: () => session.rewind(),
    n: () => store.reset(),
    "?": open,
  };
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (dialog.open || !isOurs(target, whole)) return;
    // fields take letters, buttons the space bar
    if (target.closest("input:not([type=checkbox], [type=range]), textarea, select")) return;
    if (key === " " && target.closest("button, input, summary, a")) return;
    const act = acts[key.length === 1 ? key.toLowerCase() : key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  return button("keys", open, { kind: "quiet" });
}

/** Whether a key belongs to this page: it was pressed within it, or nowhere. */
const isOurs = (target, whole) => target === document.body || whole.contains(target);

function keyList() {
  const dialog = element("dialog", { class: "keys" });
  speak(dialog, () => say("keys"), "aria-label");
  const rows = KEYS.map(([key, word]) =>
    element("div", {}, element("dt", {}, element("kbd", {}, key)), said("dd", word)),
  );
  const close = button("close", () => dialog.close());
  dialog.append(said("h2", "keys"), element("dl", {}, ...rows), close);
  return dialog;
}
