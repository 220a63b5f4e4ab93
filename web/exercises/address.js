// Answers in the address of a page: #answers&tanh.dx=…&name=Ada. Nothing else keeps them.

const PAUSE = 300; // milliseconds between a key and the change of the address

/** Name of an exercise in addresses: tanh, and tanh@7 with the seed 7. */
export const idOf = ({ name, seed }) => (seed === null ? name : `${name}@${seed}`);

/** Read the fragment of an address; null if it has no answers. */
function fragmentIn(hash) {
  const read = new URLSearchParams(hash.slice(1).replaceAll("+", "%2B"));
  return read.has("answers") ? read : null;
}

/** Fragment of the address with the answers, { "tanh.dx": formula }; "" if all are empty. */
export function fragmentOf(answers) {
  const filled = Object.entries(answers).filter(([, text]) => text.trim());
  const pairs = filled.map(([key, text]) => `${encode(key)}=${encode(text)}`);
  return pairs.length ? `#answers&${pairs.join("&")}` : "";
}

// apostrophes and brackets often end a link in a message
const encode = (text) =>
  encodeURIComponent(text).replace(/['()*!]/gu, (c) => `%${c.charCodeAt(0).toString(16)}`);

/** The answers in the address of this page, kept there as they change. */
export class Address {
  constructor() {
    this.answers = Object.fromEntries(fragmentIn(location.hash) ?? []);
    delete this.answers.answers;
    // a link within the page replaces the fragment: `at` is where it led
    addEventListener("hashchange", () => {
      if (fragmentIn(location.hash) || !fragmentOf(this.answers)) return;
      this.answers.at = new URLSearchParams(`at=${location.hash.slice(1)}`).get("at");
      this.show();
    });
    if (this.answers.at) document.getElementById(this.answers.at)?.scrollIntoView();
  }

  get(key) {
    return this.answers[key] ?? "";
  }

  set(key, text) {
    this.answers[key] = text;
    clearTimeout(this.waiting); // browsers refuse a change for each key
    this.waiting = setTimeout(() => this.show(), PAUSE);
  }

  /** Put the answers into the address, and return it. */
  show() {
    clearTimeout(this.waiting);
    const [page] = location.href.split("#");
    const fragment = fragmentOf(this.answers);
    if (fragment || fragmentIn(location.hash))
      history.replaceState(history.state, "", fragment || page);
    return page + fragment;
  }
}
