// Handing in to the server of the class, where a page comes from one (`handgrad class`).

import { idOf } from "./address.js";

const AGAIN = 2000; // milliseconds between attempts
const WHO = "handgrad-class";
const WAITING = `${WHO}/waiting/`;

/** Address to send answers to, which the server of a class writes into its pages; or undefined. */
const receiver = () => document.querySelector('meta[name="handgrad-class"]')?.content;

/** Hexadecimal digits of 16 random bytes; pages without TLS have no crypto.randomUUID. */
const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");

/** The storage of this browser; where it is closed, one that lasts as long as the page. */
class Kept {
  constructor() {
    this.memory = new Map();
  }

  get(key) {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? this.memory.get(key);
    } catch {
      return this.memory.get(key);
    }
  }

  set(key, value) {
    this.memory.set(key, value);
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // it is in memory
    }
  }

  remove(key) {
    this.memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // it was in memory
    }
  }

  keys(begin) {
    let stored = [];
    try {
      stored = Object.keys(localStorage);
    } catch {
      // there are those in memory
    }
    const all = new Set([...stored, ...this.memory.keys()]);
    return [...all].filter((key) => key.startsWith(begin)).sort();
  }
}

/**
 * Sends hand-ins, in order. Each one that the server has not confirmed has a key of its own in the
 * storage, since several tabs write to it; the server knows what it has received before.
 */
class Sender {
  constructor(url) {
    Object.assign(this, { url, kept: new Kept(), told: new Map(), timer: 0, sending: false });
    this.rename(this.who.name);
    this.send();
  }

  /** The number that tells people of the same name apart, and the name. */
  get who() {
    const known = this.kept.get(WHO);
    return known?.who ? known : { who: randomId(), name: "" };
  }

  rename(name) {
    this.kept.set(WHO, { ...this.who, name });
  }

  /** Hand answers in; `tell` is called with the state of each attempt. */
  handIn(exercise, answers, tell) {
    const [id, { language }] = [randomId(), exercise.words];
    const handIn = { id, ...this.who, exercise: idOf(exercise), language, answers };
    this.kept.set(`${WAITING}${Date.now()}/${id}`, handIn);
    this.told.set(id, tell);
    tell("sending");
    this.send();
  }

  /** Send what waits; what the server does not confirm is sent again. */
  async send() {
    if (this.sending) return;
    clearTimeout(this.timer);
    this.sending = true;
    for (let key; ([key] = this.kept.keys(WAITING)) && key;) {
      const handIn = this.kept.get(key);
      const { state, came } = handIn ? await attempt(this.url, handIn) : { state: "handed_in" };
      if (state === "not_yet") {
        for (const tell of this.told.values()) tell(state);
        this.timer = setTimeout(() => this.send(), AGAIN);
        break;
      }
      this.told.get(handIn?.id)?.(state, came);
      this.told.delete(handIn?.id);
      this.kept.remove(key);
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
