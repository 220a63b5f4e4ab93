// Keyboard shortcuts of the page, and the list of them.

import { element, translate, bindText } from "../../shared/words.js";
import { button, translated } from "./elements.js";

/** Shortcuts with the key of their description. */
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

/** Register the shortcuts within `whole`; returns the button that opens their list. */
export function keyboardShortcuts(store, whole) {
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
    // fields use letters, buttons the space bar
    if (target.closest("input:not([type=checkbox], [type=range]), textarea, select")) return;
    if (key === " " && target.closest("button, input, summary, a")) return;
    const act = acts[key.length === 1 ? key.toLowerCase() : key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  return button("keys", open, { kind: "quiet" });
}

/** Test if a key event belongs to this page: its target is within the page, or the body. */
const isOurs = (target, whole) => target === document.body || whole.contains(target);

function keyList() {
  const dialog = element("dialog", { class: "keys" });
  bindText(dialog, () => translate("keys"), "aria-label");
  const rows = KEYS.map(([key, word]) =>
    element("div", {}, element("dt", {}, element("kbd", {}, key)), translated("dd", word)),
  );
  const close = button("close", () => dialog.close());
  dialog.append(translated("h2", "keys"), element("dl", {}, ...rows), close);
  return dialog;
}
