// The answer for a row: a class and its probability, or numbers; and that there is none yet.

import { element, formatNumber, formatPercent, say, visible } from "../shared/words.js";

/** So many classes have a bar each. */
const MOST_BARS = 8;
/** So long after the last change the answer is read out, in milliseconds. */
const PAUSE = 700;

/**
 * Shows answers in `place`: `headline`, `bars` and a `status` that is read out.
 *
 * `described` says of what kind they are: `output`, `classes`, and `shares` where each is one of 1.
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
    /** That some fields cannot be read. */
    none(names) {
      const key = names.length === 1 ? "unread_one" : "unread_some";
      show(say("unread"), say(key, { n: names.length, names: names.join(", ") }), []);
    },
    /** What the net says. */
    of(outputs) {
      if (!outputs.every(Number.isFinite)) show("–", say("no_number"), []);
      else show(...(described.classes ? classSaid : numbersLabel)(outputs, described));
    },
  };
}

function classSaid(outputs, { classes, output }) {
  const best = outputs.indexOf(Math.max(...outputs));
  const isSure = output === "probabilities";
  const more = isSure ? say("probability", { percent: formatPercent(outputs[best]) }) : null;
  const order = [...outputs.keys()];
  if (order.length > MOST_BARS) order.sort((i, j) => outputs[j] - outputs[i]);
  const shown = order.slice(0, MOST_BARS);
  const bars = shown.map((i) => bar(visible(classes[i]), outputs[i], isSure, i === best));
  const left = order.slice(MOST_BARS);
  if (left.length && isSure) {
    const percent = formatPercent(left.reduce((sum, i) => sum + outputs[i], 0));
    bars.push(element("li", { class: "rest" }, say("more_classes", { n: left.length, percent })));
  }
  return [visible(classes[best]), more, bars];
}

function numbersLabel(outputs, { shares }) {
  if (outputs.length === 1)
    return [element("data", { value: outputs[0] }, formatNumber(outputs[0])), null, []];
  const best = outputs.indexOf(Math.max(...outputs));
  const names = outputs.map((_, i) => say("output", { i: i + 1 }));
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

/** A line of the answer: its name, a bar as long as its share, and the number. */
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
