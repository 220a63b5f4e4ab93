// Undo and redo: the states before changes of data, net and training, and those undone.

import { modelKey } from "../training/net.js";
import { stateNow } from "./url_fragment.js";

/** Number of changes that can be undone. */
const MOST = 200;

/** Test if states differ in more than what is displayed, and when training stops. */
export const isOther = (one, other) =>
  modelKey(one) !== modelKey(other) ||
  one.optimizer.learning_rate !== other.optimizer.learning_rate;

/** History of changes in a store; each state has the step and the edits of its training. */
export class Changes {
  constructor(store) {
    this.store = store;
    this.past = [];
    this.future = [];
  }

  /** Record the current state before it changes. */
  record() {
    this.put(this.past);
    this.future = [];
    this.store.notify("changes");
  }

  /** Push the current state; states with equal rows share them, as a table may be large. */
  put(states) {
    const state = stateNow(this.store);
    const { rows } = states.at(-1)?.data ?? {};
    const isAlike = rows && JSON.stringify(rows) === JSON.stringify(state.data.rows);
    states.push(isAlike ? { ...state, data: { ...state.data, rows } } : state);
    if (states.length > MOST) states.shift();
  }

  /** Discard changes that could not start, after which `state` continues. */
  refused(state) {
    const last = this.past.findLastIndex((before) => !isOther(before, state));
    if (last >= 0) this.past.length = last;
    this.store.notify("changes");
  }

  undo() {
    this.go(this.past, this.future);
  }

  redo() {
    this.go(this.future, this.past);
  }

  /** Return to the last of the states `from`; the current one is pushed to `to`. */
  go(from, to) {
    if (!from.length) return;
    this.put(to);
    const { view, language, stop } = this.store.state;
    this.store.restore({ ...from.pop(), view, language, stop });
    this.store.notify("changes");
  }
}
