// Time slider: goes back to any step of the training, and forward again.

import { element, translate, bindText, onLanguageChange } from "../../shared/words.js";
import { viewIn } from "./view.js";

/** Create the slider of a session's steps in `place`. */
export function sliderIn(place, session) {
  const view = viewIn(place, "slider", draw);
  const input = element("input", { type: "range", min: 0, max: 0, value: 0, step: 1 });
  bindText(input, () => translate("slider_label"), "aria-label");
  const output = element("output");
  view.body.append(input, output);
  let isHeld = false;
  let isAsked = false;
  const write = () => {
    if (!view.last) return;
    const said = stepLabel(Number(input.value), view.last);
    if (output.textContent !== said) output.textContent = said;
    input.setAttribute("aria-valuetext", said);
  };
  const go = async () => {
    if (isAsked) return;
    isAsked = true;
    const step = Number(input.value);
    try {
      await session.goTo(step);
      view.problem(null);
    } catch (error) {
      view.problem(translate("not_computed", { why: error.message }));
    }
    isAsked = false;
    if (Number(input.value) !== step) go();
  };
  input.addEventListener("input", () => {
    isHeld = true;
    write();
    go();
  });
  const release = () => {
    isHeld = false;
  };
  input.addEventListener("change", () => {
    go();
    release();
  });
  onRelease(input, release); // the value stays where the pointer took it
  input.addEventListener("keydown", (event) => {
    const step = view.last ? stepBy(event, view.last.perEpoch || 1) : 0;
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    input.value = Number(input.value) + step;
    input.dispatchEvent(new Event("input"));
    isHeld = false;
  });
  onLanguageChange(write);

  function draw(frame) {
    const last = String(Math.max(frame.last ?? frame.step, frame.step));
    if (input.max !== last) input.max = last;
    if (!isHeld && !isAsked && input.value !== String(frame.step)) input.value = frame.step;
    write();
  }
  return view;
}

/** Call `act` when a pointer pressed on `input` is released anywhere. */
function onRelease(input, act) {
  input.addEventListener("pointerdown", () => {
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, act, { once: true });
  });
}

/** Step size of a key: arrows by an epoch, with Shift by a step; 0 for other keys. */
function stepBy({ key, shiftKey }, perEpoch) {
  const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[key] ?? 0;
  return way * (shiftKey ? 1 : perEpoch);
}

function stepLabel(step, { perEpoch, last }) {
  const [per, batch] = [perEpoch || 1, step % (perEpoch || 1)];
  const words = { epoch: Math.floor(step / per), batch, last: Math.floor(last / per) };
  return translate(batch ? "slider_batch" : "slider_at", words);
}
