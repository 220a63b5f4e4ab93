// Training in the page: epochs in slices, between which it answers, and the curve of the loss.

import { numberIn } from "./numbers.js";
import { formatNumber, say, speakBy } from "../shared/words.js";

/** So long, in milliseconds, it trains before the page may draw and answer. */
const SLICE = 12;
/** So many points a curve has at most. */
const MOST_POINTS = 400;

/** Rows that came with the page: numbers of a type, as bytes, and how many a row has. */
export function rowsIn({ type, width, bytes }) {
  const kinds = { float32: Float32Array, float64: Float64Array, int32: Int32Array };
  const buffer = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0)).buffer;
  const numbers = new kinds[type](buffer);
  const n = numbers.length / width;
  return Array.from({ length: n }, (_, i) => [...numbers.subarray(i * width, (i + 1) * width)]);
}

/**
 * Rows in text, one a line: `widths` say how many numbers of x and of the target y a line has.
 *
 * Gives `{ x, y }`; or `{ line, text }`, the number of the first line that cannot be read, and it.
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
 * Trains in `place`: buttons to `train` and to begin `again`, a field for the `epochs`, the
 * `progress` in words, a `curve` and its `caption`.
 *
 * `begin()` gives a new learner, whose `epoch()` gives the loss; `changed(learner)` is called when
 * the net is another, with null where it is the one that came with the page. What comes back
 * begins again.
 */
export function trainingIn(place, begin, changed) {
  let learner = null;
  let losses = [];
  let left = 0;
  let failed = false;
  const draw = () => {
    place.progress.textContent = progressLabel(losses, failed);
    place.train.textContent = say(left ? "stop" : "train");
    drawCurve(place, losses);
  };
  const slice = () => {
    const end = performance.now() + SLICE;
    try {
      for (; left && performance.now() < end; left -= 1) losses.push(learner.epoch());
    } catch {
      failed = true; // it left the finite numbers
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
  speakBy(draw);
  return again;
}

function progressLabel(losses, failed) {
  if (failed) return say("diverged", { n: losses.length + 1 });
  if (!losses.length) return say("untrained");
  return say("trained", { n: losses.length, loss: formatNumber(losses.at(-1), 4) });
}

/** The losses, epoch by epoch, from 0 up to the largest. */
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
  caption.textContent = losses.length < 2 ? "" : say("curve", { first, last });
}
