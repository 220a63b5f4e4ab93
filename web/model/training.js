// Training in the page: epochs in time slices, with a progress line and a loss curve.

import { numberIn } from "./numbers.js";
import { formatNumber, translate, onLanguageChange } from "../shared/words.js";

/** Length of a slice in milliseconds; between slices the page draws and responds. */
const SLICE = 12;
/** Most points of a curve. */
const MOST_POINTS = 400;

/**
 * Parse rows of text, one a line; `widths` are the numbers of x and of the target y in a line.
 *
 * Returns `{ x, y }`; or `{ line, text }`, the number and text of the first invalid line.
 */
export function rowsInText(text, widths, reading) {
  const [x, y] = [[], []];
  for (const [i, line] of text.split("\n").entries()) {
    const cells = line.split(/[\s,;]+/).filter(Boolean);
    if (!cells.length) continue;
    const numbers = cells.map((cell) => numberIn(cell, "", reading));
    if (numbers.length !== widths.x + widths.y || !numbers.every(Number.isFinite)) {
      return { line: i + 1, text: line };
    }
    x.push(numbers.slice(0, widths.x));
    y.push(numbers.slice(widths.x));
  }
  return { x, y };
}

/**
 * Add training to `place`: buttons `train` and `again` (restart), a field for `epochs`, `progress`
 * in words, a `curve` and its `caption`.
 *
 * `begin()` returns a new learner, whose `epoch()` returns the loss; `changed(learner)` is called
 * when the net changes, with null for the page's original one. Returns a function that restarts.
 */
export function trainingIn(place, begin, changed) {
  let learner = null;
  let losses = [];
  let left = 0;
  let failed = false;
  const draw = () => {
    place.progress.textContent = progressLabel(losses, failed);
    place.train.textContent = translate(left ? "stop" : "train");
    drawCurve(place, losses);
  };
  const slice = () => {
    const end = performance.now() + SLICE;
    try {
      for (; left && performance.now() < end; left -= 1) losses.push(learner.epoch());
    } catch {
      failed = true; // loss or weights are not finite
      left = 0;
    }
    changed(learner);
    draw();
    if (left) setTimeout(slice);
  };
  const again = () => {
    [learner, losses, left, failed] = [null, [], 0, false];
    changed(null);
    draw();
  };
  place.train.addEventListener("click", () => {
    const isToStop = left > 0 || failed || !place.epochs.validity.valid;
    learner ??= begin();
    left = isToStop || !learner ? 0 : Number(place.epochs.value);
    if (left) slice();
    else draw();
  });
  place.again.addEventListener("click", again);
  onLanguageChange(draw);
  return again;
}

function progressLabel(losses, failed) {
  if (failed) return translate("diverged", { n: losses.length + 1 });
  if (!losses.length) return translate("untrained");
  return translate("trained", { n: losses.length, loss: formatNumber(losses.at(-1), 4) });
}

/** Draw the losses by epoch, the axis from 0 to the largest. */
function drawCurve({ curve, caption }, losses) {
  const step = Math.ceil(losses.length / MOST_POINTS);
  const shown = [...losses.keys()].filter((i) => i % step === 0 || i === losses.length - 1);
  const most = shown.reduce((top, i) => Math.max(top, losses[i]), 0) || 1;
  const at = (i) => [(100 * i) / Math.max(losses.length - 1, 1), 98 - (94 * losses[i]) / most];
  const points = shown.map((i) =>
    at(i)
      .map((size) => size.toFixed(2))
      .join(),
  );
  curve.querySelector("polyline").setAttribute("points", points.join(" "));
  curve.toggleAttribute("hidden", losses.length < 2);
  const [first, last] = [losses[0], losses.at(-1)].map((loss) => formatNumber(loss ?? 0, 3));
  caption.textContent = losses.length < 2 ? "" : translate("curve", { first, last });
}
