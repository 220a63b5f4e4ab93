// Point editing on the plane: draw, move and delete, by pointer, touch and keyboard.

import { element, translate, bindText } from "../../shared/words.js";
import { nearest, placeOf, withMoved, withRow, withoutRow } from "./points.js";
import { chooser, numberField, sentences } from "./view.js";

const TOOLS = ["look", "draw", "move", "delete"];
/** Distance in pixels between the points of a stroke. */
const APART = 14;
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * Create the tools in `tools` for editing on `stage`, which takes the keyboard focus.
 *
 * `plane()` returns the displayed `{ rows, columns, ranges, held, size }`; `shown(rows)` displays a
 * change, `done(rows)` applies it, `looked(place, isKeyboard)` gets the point of the pointer or
 * crosshair, or null.
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
    /** Update the description of changed rows. */
    drawn() {
      kind.fill();
      chosen.say();
    },
  };
}

/** Describe the last drawn point: the split decides if it is a training or test row. */
function drawnSummary({ plane }, { drawn }) {
  const rows = drawn && plane().rows;
  if (!rows || rows.n !== drawn.n || rows.x.some((value, i) => value !== drawn.x[i])) return "";
  const train = rows.trains.reduce((sum, trains) => sum + trains, 0);
  const values = { n: rows.n, train, test: rows.n - train };
  return translate(rows.trains.at(-1) ? "plane_drawn_trains" : "plane_drawn_tests", values);
}

/** Pointer state: its tool, its position, and the dragged row. */
class Hand {
  constructor({ plane, shown, done, looked }, kind) {
    Object.assign(this, { plane, shown, done, looked, kind });
    Object.assign(this, { tool: "look", place: null, held: -1, isDown: false, changed: null });
    this.drawn = null; // the rows with the last drawn point
  }

  take(tool) {
    [this.tool, this.held, this.drawn] = [tool, -1, null];
  }

  change(rows) {
    this.changed = rows;
    this.shown(rows);
  }

  /** Apply the change. */
  finish() {
    if (this.changed) {
      this.drawn = this.tool === "draw" ? this.changed : null;
      this.done(this.changed);
    }
    [this.changed, this.held] = [null, -1];
  }

  /** Apply the tool at the current position. */
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

  /** Handle a key; returns whether it has a meaning here. */
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

/** Move the crosshair by a key: arrows by a step, Shift by a pixel, Page keys to the next point. */
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

/** Values of the two axes at a position of the stage. */
export const onAxes = (place, { ranges, size }) =>
  ranges.map(([low, high], axis) => {
    const share = place[axis] / size;
    return low + (axis ? 1 - share : share) * (high - low);
  });

/** Values of all columns at a position: the two of the axes, the others held. */
export function valuesOf(place, now) {
  const values = [...now.held];
  onAxes(place, now).forEach((value, axis) => (values[now.columns[axis]] = value));
  return values;
}

/** Create the control for a drawn point's target: a class, or a number. */
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
    look: () =>
      translate(plane().rows?.classes === null ? "plane_hint_look_numbers" : "plane_hint_look"),
    value: () => Number((plane().rows.classes ? classes.select : number.field).value) || 0,
  };
}

/** Create the choice of a tool with its hint: `choose(i)` selects one, `say()` updates the hint. */
function toolsIn(place, { kind, drawn }, chosen) {
  const name = `tool-${Math.floor(performance.now())}`;
  const hint = element("p", { class: "hint", id: `${name}-hint` });
  const fieldset = element("fieldset", { class: "tools", "aria-describedby": hint.id });
  fieldset.append(bindText(element("legend"), () => translate("plane_tools")));
  let tool = TOOLS[0];
  const words = () =>
    tool === "look"
      ? kind.look()
      : sentences(translate(`plane_hint_${tool}`), tool === "draw" && drawn());
  bindText(hint, words);
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
    const said = bindText(element("span"), () => translate(`plane_tool_${one}`));
    fieldset.append(element("label", { class: "check" }, radio, said));
    return radio;
  });
  fieldset.append(...kind.parts);
  place.append(fieldset, hint);
  return { choose, say: () => (hint.textContent = words()) };
}
