// Contributions of the columns of a row to its prediction, by predictions alone.

import { element, formatNumber, formatPercent, translate, visible } from "../shared/words.js";

/** Most columns with a bar each. */
const MOST_BARS = 8;
/** Length of a slice in milliseconds; between slices the page draws and responds. */
const SLICE = 12;
/** Delay in milliseconds after the last change before contributions are computed. */
const PAUSE = 300;

/**
 * Contributions of the columns of a row, as handgrad.tables.contributions samples them; yields
 * after each order.
 *
 * `background` are rows, each with `orders` of the columns in which its cells are replaced by those
 * of the row; the contribution of a column is its mean effect on `outputOf`, a row's output.
 */
export function* contributionsOf(values, background, orders, outputOf) {
  const sums = values.map(() => 0);
  for (const [i, other] of background.entries()) {
    for (const order of orders[i]) {
      const row = [...other];
      let before = outputOf(row);
      for (const j of order) {
        row[j] = values[j];
        const after = outputOf(row);
        sums[j] += after - before;
        before = after;
      }
      yield;
    }
  }
  return sums.map((sum) => sum / orders.flat().length);
}

/**
 * Show contributions in `place`: `parts`, a list, and `base`, a sentence. Returns a function of a
 * row's values, its output, the function of any row's output, and the class; null for no row.
 */
export function contributionsIn(place, { columns, orders, output }, background) {
  let timer;
  const signed = (value) => {
    const isShare = output === "probabilities";
    const rounded = isShare ? Math.round(1000 * value) / 10 : value;
    const sign = ["−", "", "+"][Math.sign(rounded) + 1];
    const size = sign + formatNumber(Math.abs(rounded), 3);
    return isShare ? translate("points", { value: size }) : size;
  };
  const show = (found, result, name) => {
    const order = [...found.keys()].sort((i, j) => Math.abs(found[j]) - Math.abs(found[i]));
    const most = Math.abs(found[order[0]]) || 1;
    const bars = order
      .slice(0, MOST_BARS)
      .map((i) => bar(visible(columns[i].name), signed(found[i]), found[i], found[i] / most));
    const left = order.slice(MOST_BARS);
    const rest = left.reduce((sum, i) => sum + found[i], 0);
    const more = translate("more_columns", { n: left.length, value: signed(rest) });
    place.parts.replaceChildren(
      ...bars,
      ...(left.length ? [element("li", { class: "rest" }, more)] : []),
    );
    const base = result - found.reduce((sum, value) => sum + value, 0);
    place.base.textContent = translate(name ? "contributions_class" : "contributions_value", {
      name: name && visible(name),
      base: output === "probabilities" ? formatPercent(base) : formatNumber(base, 4),
      n: background.length,
      orders: orders.flat().length,
    });
  };
  return (values, result, outputOf, name) => {
    clearTimeout(timer);
    place.contributions.hidden = !values;
    if (!values) return;
    const steps = contributionsOf(values, background, orders, outputOf);
    const slice = () => {
      const end = performance.now() + SLICE;
      let step;
      do step = steps.next();
      while (!step.done && performance.now() < end);
      if (step.done) show(step.value, result, name);
      else timer = setTimeout(slice);
    };
    timer = setTimeout(slice, PAUSE);
  };
}

/** Create a line: a column, a bar from the middle to the left or the right, and the number. */
function bar(name, text, value, share) {
  const filled = element("span", { class: share < 0 ? "less" : "" });
  filled.style.width = `${50 * Math.abs(share)}%`;
  filled.style.marginInlineStart = `${50 + Math.min(50 * share, 0)}%`;
  return element(
    "li",
    {},
    element("span", { class: "name" }, name),
    element("data", { value }, text),
    element("span", { class: "bar", "aria-hidden": "true" }, filled),
  );
}
