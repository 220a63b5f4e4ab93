// Prediction for a row: a class with its probability, or numbers; or a message that none is
// possible.

import { element, formatNumber, formatPercent, translate, visible } from "../shared/words.js";

/** Maximum number of classes with a bar each. */
const MOST_BARS = 8;
/** Delay in milliseconds after the last change before a screen reader reads the prediction. */
const PAUSE = 700;

/**
 * Show predictions in `place`: `headline`, `bars` and `status`, a live region.
 *
 * `described` is their description: `output`, `classes`, `shares` if each is a fraction of 1, and
 * the levels of `quantiles`.
 */
export function answersIn(place, described) {
  let timer;
  const show = (headline, more, bars) => {
    place.headline.replaceChildren(
      element("b", {}, headline),
      ...(more ? [" ", element("span", {}, more)] : []),
    );
    place.bars.replaceChildren(...bars);
    clearTimeout(timer);
    timer = setTimeout(() => (place.status.textContent = place.headline.textContent), PAUSE);
  };
  return {
    /** Show that some fields cannot be read, or that there is no picture. */
    none(names) {
      const key = ["no_picture", "unread_one"][names.length] ?? "unread_some";
      show(translate("unread"), translate(key, { n: names.length, names: names.join(", ") }), []);
    },
    /** Show the net's outputs. */
    of(outputs) {
      if (!outputs.every(Number.isFinite)) show("–", translate("no_number"), []);
      else show(...(described.classes ? classSaid : numbersLabel)(outputs, described));
    },
  };
}

/** Index of the output that is predicted: that of the class, or the one in the middle. */
export function predictedIndex(outputs, { classes, thresholds }) {
  if (!classes) return Math.floor((outputs.length - 1) / 2);
  const decided = outputs.map((value, i) => value / (thresholds?.[i] ?? 1));
  return decided.indexOf(Math.max(...decided));
}

function classSaid(outputs, described) {
  const { classes, output } = described;
  const best = predictedIndex(outputs, described);
  const isSure = output === "probabilities";
  const more = isSure ? translate("probability", { percent: formatPercent(outputs[best]) }) : null;
  const order = [...outputs.keys()];
  if (order.length > MOST_BARS) order.sort((i, j) => outputs[j] - outputs[i]);
  const shown = order.slice(0, MOST_BARS);
  const bars = shown.map((i) => bar(visible(classes[i]), outputs[i], isSure, i === best));
  const left = order.slice(MOST_BARS);
  if (left.length && isSure) {
    const percent = formatPercent(left.reduce((sum, i) => sum + outputs[i], 0));
    bars.push(
      element("li", { class: "rest" }, translate("more_classes", { n: left.length, percent })),
    );
  }
  return [visible(classes[best]), more, bars];
}

function numbersLabel(outputs, { shares, quantiles }) {
  if (outputs.length === 1)
    return [element("data", { value: outputs[0] }, formatNumber(outputs[0])), null, []];
  const best = outputs.indexOf(Math.max(...outputs));
  const names = outputs.map((_, i) =>
    quantiles
      ? translate("quantile", { percent: formatPercent(quantiles[i]) })
      : translate("output", { i: i + 1 }),
  );
  const bars = outputs.map((value, i) => bar(names[i], value, shares, shares && i === best));
  const headline = shares
    ? names[best]
    : outputs
        .slice(0, 3)
        .map((value) => formatNumber(value, 4))
        .join(" · ");
  const more = shares ? formatPercent(outputs[best]) : null;
  return [headline + (!shares && outputs.length > 3 ? " …" : ""), more, bars];
}

/** Create a line of the prediction: its name, a bar as long as its share, and the number. */
function bar(name, value, isShare, isBest) {
  const line = element(
    "li",
    isBest ? { class: "best" } : {},
    element("span", { class: "name" }, name),
  );
  line.append(element("data", { value }, isShare ? formatPercent(value) : formatNumber(value)));
  if (isShare) {
    const filled = element("span");
    filled.style.width = `${100 * value}%`;
    line.append(element("span", { class: "bar", "aria-hidden": "true" }, filled));
  }
  return line;
}
