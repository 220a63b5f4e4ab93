// Store: shared state of the page, the training session, the hovered unit; notifies its watchers.

import { hasTranslation, translate } from "../../shared/words.js";
import { merged, stateOf } from "../training/state.js";
import { Changes, isOther } from "./changes.js";

/**
 * Store that all parts of the page share. Parts read `store.state` (its schema is that of
 * training/state.js) and `store.session`; they change the state by `change` and observe changes by
 * `watch`: "state" (state), "frame" (frame), "pointed" (place or null), "notice" (a message),
 * "changes" (what can be undone). `store.changes` undoes and redoes.
 *
 * A place is `{ column, unit, from }`: column 0 has the inputs, 1 … the hidden layers, the last one
 * the outputs; `from` is the unit of the previous column, for a link; `fixed` is true after a
 * click.
 */
export class Store {
  constructor(state, given) {
    this.state = state;
    this.given = given;
    this.session = null;
    this.pointed = null;
    this.frame = null;
    this.broken = null; // the last message of an unexpected error
    this.watchers = { state: [], frame: [], pointed: [], notice: [], changes: [] };
    this.changes = new Changes(this);
  }

  /** Call `act` on each event `what`. */
  watch(what, act) {
    this.watchers[what].push(act);
  }

  /** Notify all watchers of `what`; an error in one does not stop the others. */
  notify(what, ...values) {
    for (const act of this.watchers[what]) {
      try {
        act(...values);
      } catch (error) {
        this.reportUnexpected(error);
      }
    }
  }

  /** Report an unexpected error: once, although each frame may raise it. */
  reportUnexpected(error) {
    const told = String(error?.message ?? error);
    if (told === this.broken) return;
    this.broken = told;
    reportError(error); // to the console, with the stack
    this.notice("page_failed", { told }, true);
  }

  /** Bind a control to `valueOf(state)`: updated now and after each change. */
  bind(control, valueOf) {
    const show = () => control.set(valueOf(this.state));
    this.watch("state", show);
    show();
  }

  /** Change parts of the state, `{ share: 60 }`; reports invalid values. */
  change(part) {
    const { state, problems } = merged(this.state, part);
    if (problems.length) {
      this.problems(problems);
      this.notify("state", this.state);
      return;
    }
    if (this.session && isOther(this.state, state)) this.changes.record();
    this.state = state;
    this.session?.set(part);
    this.notify("state", state);
  }

  /** Replace the state by one from a link or a file; reports its problems. */
  replaceState(given) {
    const { state, problems } = stateOf(given);
    this.problems(problems);
    this.changes.record();
    this.restore(state);
  }

  /** Replace the state, with the step and the edits of its training. */
  restore(state) {
    this.state = state;
    this.session.set(state);
    this.notify("state", state);
  }

  /** Handle a state that does not fit the rows: report it and restore the previous state. */
  goesOn(problem, state) {
    this.state = state;
    this.changes.refused(state);
    this.problems([problem]);
    this.notify("state", state);
  }

  /** Restart with other initial weights. */
  reset() {
    this.changes.record();
    this.session.reset();
    this.state = this.session.state;
    this.notify("state", this.state);
  }

  /** Pass a frame to its watchers. */
  show(frame) {
    this.frame = frame;
    this.notify("frame", frame);
  }

  /** Set the hovered place; a fixed place stays until another click. */
  point(place, fixed = false) {
    if (this.pointed?.fixed && !fixed) return;
    this.pointed = place && { ...place, fixed };
    this.notify("pointed", this.pointed);
  }

  /**
   * Show the notice `key`, also to screen readers; null removes it. A value may be a function,
   * which is called again when the language changes.
   */
  notice(key, values = {}, grave = false) {
    this.notify("notice", key, values, grave);
  }

  /** Show an error by its three parts. */
  refused(error) {
    if (error.gone) this.notice("server_gone", {}, true);
    else this.notice("problems", { told: messageOf(error) }, true);
  }

  /** Set one weight or bias; the training continues from there. */
  setParameter(place, value) {
    const parameters = Float32Array.from(this.frame.parameters);
    parameters[place] = value;
    this.changes.record();
    this.session.setParameters(parameters, this.frame.begun);
  }

  /** Report problems of a state from a link or a file. */
  problems(problems) {
    const said = ({ key, field, value = "", ...rest }) => {
      const word = [`fault_${key}`, key].find(hasTranslation) ?? "fault_other";
      const what = translate(word, { text: value, field, value, ...rest });
      return translate("problem_told", { field, what });
    };
    if (problems.length)
      this.notice("problems", { told: () => problems.map(said).join(" ") }, true);
  }

  /** Session for the views: changes of its state pass through the store. */
  viewSession() {
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

/** Text of an error's three parts. */
export const messageOf = ({ came, expected, hint, message }) =>
  [came ?? message, expected, hint].filter(Boolean).join(" ");
