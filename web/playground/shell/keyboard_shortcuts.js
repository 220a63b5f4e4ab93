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
  ["Ctrl Z", "keys_undo"],
  ["Ctrl Shift Z", "keys_redo"],
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
  const isTyping = typingIn(whole);
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.defaultPrevented || event.altKey || dialog.open || !isOurs(target, whole)) return;
    const name = key.length === 1 ? key.toLowerCase() : key;
    let act;
    if (event.ctrlKey || event.metaKey) {
      if (!isTyping(target)) act = changeOf(store, name, event.shiftKey);
    } else {
      // fields use letters, buttons the space bar
      if (target.closest("input:not([type=checkbox], [type=range]), textarea, select")) return;
      if (key === " " && target.closest("button, input, summary, a")) return;
      act = acts[name];
    }
    if (!act) return;
    event.preventDefault();
    act();
  });
  return button("keys", open, { kind: "quiet" });
}

/** Action of Ctrl with a key: undo by Z, redo by Shift Z or Y; undefined for others. */
function changeOf({ changes }, key, hasShift) {
  if (key === "y" || (key === "z" && hasShift)) return () => changes.redo();
  return key === "z" ? () => changes.undo() : undefined;
}

/** Create a test whether a field has text that is not applied yet: the browser undoes that. */
function typingIn(whole) {
  let typed = null;
  whole.addEventListener("input", ({ target }) => (typed = target));
  for (const end of ["change", "focusout"]) whole.addEventListener(end, () => (typed = null));
  whole.addEventListener("keydown", ({ key, target }) => {
    if (key === "Enter" && !target.matches("textarea")) typed = null;
  });
  return (target) => target === typed;
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
