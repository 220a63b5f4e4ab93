// What the parts of the playground share: the state, the training, and what is pointed at.

import { knows, say } from "../../shared/words.js";
import { merged, stateOf } from "../training/state.js";

/**
 * The store at which all parts of the page sit. Parts read `store.state` (its schema is that of
 * training/state.js) and `store.session`; they change the state by `change` and hear of changes by
 * `watch`: "state" (state), "frame" (frame), "pointed" (place or null), "notice" (a message).
 *
 * A place is `{ column, unit, from }`: column 0 has the inputs, 1 … the hidden layers, the last one
 * the outputs; `from` is the unit of the column before, where a link is meant; `fixed` is true
 * where it was clicked on.
 */
export class Store {
  constructor(state, given) {
    this.state = state;
    this.given = given;
    this.session = null;
    this.pointed = null;
    this.frame = null;
    this.broken = null; // the last message of an unexpected error
    this.watchers = { state: [], frame: [], pointed: [], notice: [] };
  }

  /** Let `act` run whenever `what` happens. */
  watch(what, act) {
    this.watchers[what].push(act);
  }

  /** Tell everybody who watches `what`; where one of them fails, the others hear of it still. */
  notify(what, ...values) {
    for (const act of this.watchers[what]) {
      try {
        act(...values);
      } catch (error) {
        this.broke(error);
      }
    }
  }

  /** Say that a part of the page failed, which nobody expected: once, though each frame may. */
  broke(error) {
    const told = String(error?.message ?? error);
    if (told === this.broken) return;
    this.broken = told;
    reportError(error); // to the console, with the place
    this.notice("page_failed", { told }, true);
  }

  /** Let a control show `valueOf(state)`, now and after each change. */
  bind(control, valueOf) {
    const show = () => control.set(valueOf(this.state));
    this.watch("state", show);
    show();
  }

  /** Change parts of the state, `{ share: 60 }`; reports values that are not valid. */
  change(part) {
    const { state, problems } = merged(this.state, part);
    if (problems.length) {
      this.problems(problems);
      this.notify("state", this.state);
      return;
    }
    this.state = state;
    this.session?.set(part);
    this.notify("state", state);
  }

  /** Take another state, from a link or a file; reports what is wrong in it. */
  become(given) {
    const { state, problems } = stateOf(given);
    this.problems(problems);
    this.state = state;
    this.session?.set(state);
    this.notify("state", state);
  }

  /** The new state does not fit the rows: report it and restore the state before. */
  goesOn(problem, state) {
    this.state = state;
    this.problems([problem]);
    this.notify("state", state);
  }

  /** Restart with other initial weights. */
  reset() {
    this.session.reset();
    this.state = this.session.state;
    this.notify("state", this.state);
  }

  /** Take what the training shows of itself. */
  show(frame) {
    this.frame = frame;
    this.notify("frame", frame);
  }

  /** Say what is pointed at; a fixed place stays until another is clicked on. */
  point(place, fixed = false) {
    if (this.pointed?.fixed && !fixed) return;
    this.pointed = place && { ...place, fixed };
    this.notify("pointed", this.pointed);
  }

  /**
   * Say the words of `key` to all, those who hear the page included; null takes them away. A value
   * may be a function, which is called again when the language changes.
   */
  notice(key, values = {}, grave = false) {
    this.notify("notice", key, values, grave);
  }

  /** Say why something was refused, by the three parts that came with it. */
  refused(error) {
    if (error.gone) this.notice("server_gone", {}, true);
    else this.notice("problems", { told: messageOf(error) }, true);
  }

  /** Give one weight or bias another value; the training goes on from there. */
  setParameter(place, value) {
    const parameters = Float32Array.from(this.frame.parameters);
    parameters[place] = value;
    this.session.setParameters(parameters, this.frame.begun);
  }

  /** Say what is wrong with a state that came from elsewhere. */
  problems(problems) {
    const said = ({ key, field, value = "", ...rest }) => {
      const word = [`fault_${key}`, key].find(knows) ?? "fault_other";
      const what = say(word, { text: value, field, value, ...rest });
      return say("problem_told", { field, what });
    };
    if (problems.length)
      this.notice("problems", { told: () => problems.map(said).join(" ") }, true);
  }

  /** The session as views see it: what they set, everybody hears of. */
  seen() {
    const { session } = this;
    const store = this;
    const names = ["goTo", "play", "pause", "request", "rewind", "stepEpoch", "stepBatch"];
    const seen = Object.fromEntries(
      [...names, "stepLayer"].map((name) => [name, (...given) => session[name](...given)]),
    );
    return Object.defineProperties(seen, {
      state: { get: () => store.state },
      names: { get: () => session.names },
      server: { get: () => store.given.server },
      set: { value: (part) => store.change(part) },
    });
  }
}

/** The three parts of an error as a text. */
export const messageOf = ({ came, expected, hint, message }) =>
  [came ?? message, expected, hint].filter(Boolean).join(" ");
