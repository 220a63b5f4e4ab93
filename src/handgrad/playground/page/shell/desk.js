// What the parts of the playground share: the state, the training, and what is pointed at.

/**
 * The desk at which all parts of the page sit. Parts read `desk.state` (its schema is that of
 * training/state.js), `desk.session` and `desk.pointed`; they change the state by `change` and hear
 * of changes by `watch`: "state" (state, part), "frame" (frame), "pointed" (place or null).
 *
 * A place is `{ column, unit, from }`: column 0 has the inputs, 1 … the layers, the last one the
 * outputs; `from` is the unit of the column before, where a link is meant; `fixed` is true where it
 * was clicked on.
 */
export class Desk {
  constructor(state, given) {
    this.state = state;
    this.given = given;
    this.session = null;
    this.pointed = null;
    this.frame = null;
    this.watchers = { state: [], frame: [], pointed: [], notice: [] };
  }

  /** Let `act` run whenever `what` happens. */
  watch(what, act) {
    this.watchers[what].push(act);
  }

  /** Tell everybody who watches `what`. */
  tell(what, ...values) {
    for (const act of this.watchers[what]) act(...values);
  }

  /** Take another value for parts of the state: `change({ share: 60 })`. */
  change(part) {
    this.state = { ...this.state, ...part };
    this.session?.set(part);
    this.tell("state", this.state, part);
  }

  /** Take a whole other state, as a link or a file has it. */
  become(state) {
    this.state = state;
    this.session?.set(state);
    this.tell("state", state, state);
  }

  /** Take what the training shows of itself. */
  show(frame) {
    this.frame = frame;
    this.tell("frame", frame);
  }

  /** Say what is pointed at; a fixed place stays until another is clicked on. */
  point(place, fixed = false) {
    if (this.pointed?.fixed && !fixed) return;
    this.pointed = place && { ...place, fixed };
    this.tell("pointed", this.pointed);
  }

  /** Say something to all, those who hear the page included. */
  notice(key, values = {}, grave = false) {
    this.tell("notice", { key, values, grave });
  }

  /** Whether a control is hidden, for a lesson. */
  hides(name) {
    return (this.state.hide ?? []).includes(name);
  }
}
