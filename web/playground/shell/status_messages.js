// Status messages: visible notices, and a live region for screen readers.

import { formatNumber, translate, onLanguageChange } from "../../shared/words.js";
import { throttle } from "../views/view.js";
import { button } from "./elements.js";

/** Show notices in `notice`, and announce the progress of the training in `live`. */
export function statusMessages(store, { notice, live }) {
  let told = null;
  const text = document.createElement("p");
  const close = button("close", () => store.notice(null), { kind: "quiet" });
  notice.append(text, close);
  const show = () => {
    notice.hidden = !told;
    if (!told) return;
    const said = (value) => (typeof value === "function" ? value() : value);
    const values = Object.entries(told.values).map(([name, value]) => [name, said(value)]);
    text.textContent = translate(told.key, Object.fromEntries(values));
    notice.classList.toggle("grave", told.grave);
  };
  store.watch("notice", (key, values, grave) => {
    told = key && { key, values, grave };
    show();
  });
  onLanguageChange(show);
  failures(store, () => told);
  status(store, live);
}

/** Announce a diverged training at once, and until it is rewound. */
function failures(store, told) {
  let failed = null;
  store.watch("frame", ({ failure }) => {
    const now = failure ? JSON.stringify(failure) : null;
    if (now === failed) return;
    failed = now;
    if (failure) {
      store.notice(failure.words, failure, true);
    } else if (told()?.key.startsWith("failure_")) store.notice(null);
  });
}

/** Announce the epoch and loss when paused, and again when they change. */
function status(store, live) {
  let frame = null;
  let last = "";
  const short = (value) => (value === null || value === undefined ? "–" : formatNumber(value, 3));
  const write = () => {
    if (!frame) return;
    const { train, test } = frame.losses ?? {};
    const values = { epoch: frame.epoch, train: short(train), test: short(test) };
    const text = frame.playing ? translate("now_training") : translate("now_paused", values);
    if (text !== live.textContent) live.textContent = text;
  };
  const soon = throttle(write);
  store.watch("frame", (now) => {
    frame = now;
    const key = [now.begun, now.playing || now.step, now.events.length].join();
    if (key !== last) soon();
    last = key;
  });
  onLanguageChange(write);
}
