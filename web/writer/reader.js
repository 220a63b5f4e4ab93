// Reading a text token by token, with attention weights, and without the blocks that are off.

import { Reader } from "./text.js";

/** Reader with attention weights, and a factor for each residual block: 0 skips it. */
export class InspectedReader extends Reader {
  constructor({ factors: [begin, n], context, states, kept }, skipped = []) {
    super();
    Object.assign(this, { context, states, kept });
    for (let i = 0; i < n; i++) this.row[begin + i] = skipped.includes(i) ? 0 : 1;
  }

  /** Attention weights of each head at the last position read, to each position up to it. */
  attention() {
    const width = this.context + 1;
    const all = this.output.subarray(this.kept);
    return Array.from({ length: all.length / width }, (_, head) => {
      const earlier = all.slice(head * width, head * width + this.position);
      earlier[this.position - 1] = all[head * width + this.context]; // its own is the last
      return earlier;
    });
  }

  /** States of recurrent layers, to go on from a position later. */
  get state() {
    return this.row.slice(3, 3 + this.states);
  }

  goTo(position, state) {
    this.position = position;
    if (position) this.row.set(state, 3);
  }
}

/** Positions at the end of a text of which attention is kept. */
const MOST_ROWS = 128;

/** Reads a text that changes: what comes before the first change is not read again. */
export class TextReader {
  constructor(data, skipped) {
    this.reader = new InspectedReader(data, skipped);
    this.tokens = [];
    this.states = [];
    this.surprisals = [];
    this.attentions = [];
    this.next = null;
  }

  /** Read tokens; yields after each one. `surprisals` are in bits, that of the first is NaN. */
  *read(tokens) {
    const changed = tokens.findIndex((token, i) => token !== this.tokens[i]);
    const same = changed < 0 ? tokens.length : changed;
    let i = same;
    if (same < this.tokens.length) {
      i = Math.max(same - 1, 0); // again the last one of them, for what follows it
      this.cut(i);
    }
    for (; i < tokens.length; i++) {
      if (this.next) this.surprisals[i] = -Math.log2(this.next[tokens[i] - 1]);
      this.reader.goTo(i, this.states[i - 1]);
      this.next = this.reader.read(tokens[i]).slice();
      this.tokens[i] = tokens[i];
      this.states[i] = this.reader.state;
      this.attentions[i] = this.reader.attention();
      delete this.attentions[i - MOST_ROWS];
      yield;
    }
    this.surprisals[0] = NaN;
  }

  cut(length) {
    for (const all of [this.tokens, this.states, this.attentions]) all.length = length;
    this.surprisals.length = length + 1; // that of the token that is read again is known
    this.next = null;
  }

  /** Probabilities of each token but the unknown one to follow, at a temperature above 0. */
  probabilities(temperature) {
    const last = this.tokens.length - 1;
    if (temperature === 1) return this.next;
    this.reader.goTo(last, this.states[last - 1]);
    return this.reader.read(this.tokens[last], temperature).slice();
  }
}
