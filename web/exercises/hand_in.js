// Handing in to the server of the class, where a page comes from one (`handgrad class`).

import { idOf } from "./address.js";

const AGAIN = 2000; // milliseconds between attempts
const KEY = "handgrad-class";

/** Address to send answers to, which the server of a class writes into its pages; or undefined. */
const receiver = () => document.querySelector('meta[name="handgrad-class"]')?.content;

/** Hexadecimal digits of 16 random bytes; pages without TLS have no crypto.randomUUID. */
const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");

/** State of this browser: who it is, the name, and hand-ins that the server has not confirmed. */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    if (found?.who) return found;
  } catch {
    // storage is closed, or holds something else: then it lasts as long as the page
  }
  return { who: randomId(), name: "", waiting: [] };
}

class Sender {
  constructor(url) {
    Object.assign(this, { url, kept: kept(), told: new Map(), timer: 0, sending: false });
    this.send();
  }

  store() {
    try {
      localStorage.setItem(KEY, JSON.stringify(this.kept));
    } catch {
      // see kept()
    }
  }

  rename(name) {
    this.kept.name = name;
    this.store();
  }

  /** Hand answers in; `tell` is called with the state of each attempt. */
  handIn(exercise, answers, tell) {
    const { who, name } = this.kept;
    const id = randomId();
    const { language } = exercise.words;
    this.kept.waiting.push({ id, who, name, exercise: idOf(exercise), language, answers });
    this.store();
    this.told.set(id, tell);
    tell("sending");
    this.send();
  }

  /** Send what waits, in order; what the server does not confirm is sent again. */
  async send() {
    if (this.sending) return;
    clearTimeout(this.timer);
    this.sending = true;
    while (this.kept.waiting.length) {
      const [first] = this.kept.waiting;
      const tell = this.told.get(first.id) ?? (() => {});
      const { state, came } = await attempt(this.url, first);
      tell(state, came);
      if (state === "not_yet") {
        this.timer = setTimeout(() => this.send(), AGAIN);
        break;
      }
      this.kept.waiting.shift();
      this.store();
    }
    this.sending = false;
  }
}

/** One attempt: "handed_in", "refused" with the reason, or "not_yet". */
async function attempt(url, handIn) {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(handIn),
    });
    if (response.ok) return { state: "handed_in" };
    // the server is stopping, or has too much to do
    if (response.status >= 500 || response.status === 408) return { state: "not_yet" };
    return { state: "refused", came: (await response.json()).came };
  } catch {
    return { state: "not_yet" };
  }
}

let sender;

/** The sender of this page; null where no class is. */
export function senderOfClass() {
  const url = receiver();
  return url ? (sender ??= new Sender(url)) : null;
}
