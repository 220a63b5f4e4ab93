// Drawing, moving and deleting points on the plane: by pointer, by touch, and by keyboard.

import { element, say, speak } from "../../shared/words.js";
import { nearest, placeOf, withMoved, withRow, withoutRow } from "./points.js";
import { chooser, numberField, sentences } from "./view.js";

const TOOLS = ["look", "draw", "move", "delete"];
/** A stroke leaves a point each so many pixels. */
const APART = 14;
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * What points are edited with, in `tools`, upon `stage`, which takes the keyboard's focus.
 *
 * `plane()` gives `{ rows, columns, ranges, held, size }` as they are shown; `shown(rows)` shows
 * others, `done(rows)` keeps them, `looked(place, isKeyboard)` gets the point of the pointer or crosshair, or null.
 */
export function editingOn(stage, tools, given) {
  const kind = kindOf(given.plane);
  const hand = new Hand(given, kind);
  const chosen = toolsIn(tools, { kind, drawn: () => drawnSummary(given, hand) }, (tool) => {
    stage.style.touchAction = tool === "look" ? "" : "none";
    hand.take(tool);
    if (given.plane().rows) given.shown(given.plane().rows);
  });
  chosen.choose(0);
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button || !hand.press(at(event))) return;
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => hand.drag(at(event)));
  for (const name of ["pointerup", "pointercancel"])
    stage.addEventListener(name, () => hand.release());
  stage.addEventListener("pointerleave", () => hand.isDown || given.looked(null, false));
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !hand.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  return {
    isOn: () => hand.tool !== "look",
    /** The rows have changed: update their description. */
    drawn() {
      kind.fill();
      chosen.say();
    },
  };
}

/** Whether the last point that was drawn trains or tests: the split decides, not the hand. */
function drawnSummary({ plane }, { drawn }) {
  const rows = drawn && plane().rows;
  if (!rows || rows.n !== drawn.n || rows.x.some((value, i) => value !== drawn.x[i])) return "";
  const train = rows.trains.reduce((sum, trains) => sum + trains, 0);
  const values = { n: rows.n, train, test: rows.n - train };
  return say(rows.trains.at(-1) ? "plane_drawn_trains" : "plane_drawn_tests", values);
}

/** What a hand does on the plane with its tool: where it is, and the row that it holds. */
class Hand {
  constructor({ plane, shown, done, looked }, kind) {
    Object.assign(this, { plane, shown, done, looked, kind });
    Object.assign(this, { tool: "look", place: null, held: -1, isDown: false, changed: null });
    this.drawn = null; // the rows of which it drew the last one
  }

  take(tool) {
    [this.tool, this.held, this.drawn] = [tool, -1, null];
  }

  change(rows) {
    this.changed = rows;
    this.shown(rows);
  }

  /** Keep what was changed. */
  finish() {
    if (this.changed) {
      this.drawn = this.tool === "draw" ? this.changed : null;
      this.done(this.changed);
    }
    [this.changed, this.held] = [null, -1];
  }

  /** Do at its place what the tool does. */
  act(isFirst) {
    const now = this.plane();
    const rows = this.changed ?? now.rows;
    const { tool, place } = this;
    if (tool === "draw") this.change(withRow(rows, valuesOf(place, now), this.kind.value()));
    else if (tool === "delete") {
      const i = nearest(rows, place, now, now.size);
      if (i >= 0) this.change(withoutRow(rows, i));
    } else {
      if (isFirst) this.held = nearest(rows, place, now, now.size);
      if (this.held >= 0) this.change(withMoved(rows, this.held, now.columns, onAxes(place, now)));
    }
  }

  press(place) {
    if (this.tool === "look" || !this.plane().rows) return false;
    [this.place, this.isDown] = [place, true];
    this.act(true);
    return true;
  }

  drag(place) {
    const far = this.place
      ? Math.abs(place[0] - this.place[0]) + Math.abs(place[1] - this.place[1])
      : 0;
    if (this.isDown && (this.tool === "move" || far > APART)) {
      this.place = place;
      this.act(false);
    }
    this.looked(place, false);
  }

  release() {
    this.isDown = false;
    this.finish();
  }

  /** Whether a key means something here; it is done. */
  key(event) {
    const now = this.plane();
    if (!now.rows) return false;
    const moved = movedBy(event, this.place, now);
    if (moved) {
      this.place = moved;
      if (this.held >= 0) this.act(false);
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.tool === "look") return false;
      this.place ??= [now.size / 2, now.size / 2];
      const isPut = this.held >= 0;
      if (!isPut) this.act(true);
      if (isPut || this.held < 0) this.finish();
    } else if (event.key === "Escape" && this.place) {
      Object.assign(this, { held: -1, changed: null, place: null });
      this.shown(now.rows);
    } else return false;
    this.looked(this.place, true);
    return true;
  }
}

/** Where a key takes the cross: arrows by a step, Shift by a pixel, Page keys to the next point. */
function movedBy(event, place, now) {
  const { size } = now;
  const from = place ?? [size / 2, size / 2];
  const arrow = ARROWS[event.key];
  if (arrow) {
    const step = event.shiftKey ? 1 : size / 40;
    return from.map((value, i) => Math.max(0, Math.min(size - 0.5, value + arrow[i] * step)));
  }
  const way = { PageDown: 1, PageUp: -1 }[event.key];
  if (!way || !now.rows.n) return null;
  const here = nearest(now.rows, from, now, size, 1);
  return placeOf(now.rows, (here + way + now.rows.n) % now.rows.n, now, size);
}

/** The numbers of the two axes at a place of the stage. */
export const onAxes = (place, { ranges, size }) =>
  ranges.map(([low, high], axis) => {
    const share = place[axis] / size;
    return low + (axis ? 1 - share : share) * (high - low);
  });

/** The numbers of all columns at a place: the two of the axes, the others as they are held. */
export function valuesOf(place, now) {
  const values = [...now.held];
  onAxes(place, now).forEach((value, axis) => (values[now.columns[axis]] = value));
  return values;
}

/** What a drawn point is: a class to choose, or a number to type. */
function kindOf(plane) {
  const names = () => (plane().rows?.classes ?? []).map((name, k) => [k, name]);
  const classes = chooser("plane_kind", names, () => {});
  const number = numberField("plane_number", 1, { step: "any" });
  const fill = () => {
    const hasClasses = Boolean(plane().rows?.classes);
    classes.label.hidden = !hasClasses;
    number.label.hidden = hasClasses;
    classes.fill();
  };
  return {
    parts: [classes.label, number.label],
    fill,
    look: () => say(plane().rows?.classes === null ? "plane_hint_look_numbers" : "plane_hint_look"),
    value: () => Number((plane().rows.classes ? classes.select : number.field).value) || 0,
  };
}

/** The choice of a tool, which says what it does: `choose(i)` chooses one, `say()` says it anew. */
function toolsIn(place, { kind, drawn }, chosen) {
  const name = `tool-${Math.floor(performance.now())}`;
  const hint = element("p", { class: "hint", id: `${name}-hint` });
  const fieldset = element("fieldset", { class: "tools", "aria-describedby": hint.id });
  fieldset.append(speak(element("legend"), () => say("plane_tools")));
  let tool = TOOLS[0];
  const words = () =>
    tool === "look"
      ? kind.look()
      : sentences(say(`plane_hint_${tool}`), tool === "draw" && drawn());
  speak(hint, words);
  const choose = (i) => {
    tool = TOOLS[i];
    radios[i].checked = true;
    hint.textContent = words();
    for (const part of kind.parts) part.classList.toggle("folded", tool !== "draw");
    chosen(tool);
  };
  const radios = TOOLS.map((one, i) => {
    const radio = element("input", { type: "radio", name, value: one });
    radio.addEventListener("change", () => choose(i));
    const said = speak(element("span"), () => say(`plane_tool_${one}`));
    fieldset.append(element("label", { class: "check" }, radio, said));
    return radio;
  });
  fieldset.append(...kind.parts);
  place.append(fieldset, hint);
  return { choose, say: () => (hint.textContent = words()) };
}
