// Random seeds: one net trained on the same rows from several initial weights, and the spread.

import {
  element,
  formatNumber,
  formatPercent,
  translate,
  bindText,
  onLanguageChange,
} from "../../shared/words.js";
import { chart, legend } from "./chart.js";
import { paletteOf } from "./colours.js";
import { balanced, paint, painterOf, rangeOf } from "./heatmap.js";
import { displayOutputs } from "./display_outputs.js";
import { button, chooser, numberField, sentences, viewIn } from "./view.js";

const COUNTS = [4, 9, 16, 25, 36, 64];
const EPOCHS = { min: 1, max: 2000, step: 1 };
const [SMALL, LARGE] = [72, 150];

/** Create the view of several seeds in `place`. */
export function seedsIn(place, session) {
  const view = viewIn(place, "seeds", () => found && show());
  const lead = bindText(element("p", { class: "lead" }), () => translate("seeds_lead"));
  const count = chooser(
    "seeds_n",
    () => COUNTS.map((n) => [n, String(n)]),
    () => {},
  );
  count.select.value = 16;
  const epochs = numberField("seeds_epochs", 100, EPOCHS);
  const said = element("p", { class: "said", role: "status" });
  const results = element("div", { class: "results" });
  const go = button("seeds_go", start);
  const choices = element("div", { class: "row" }, count.label, epochs.label, go);
  view.body.append(lead, choices, said, results);
  let found = null;
  let drawnFor = null;
  onLanguageChange(() => (drawnFor = null));

  async function start() {
    go.disabled = true;
    said.textContent = translate("seeds_running");
    const [n, most] = [Number(count.select.value), Number(epochs.field.value)];
    try {
      const given = await session.request("seeds", { n, epochs: most });
      drawnFor = null;
      found = given ?? found;
      view.problem(null);
      said.textContent = "";
      if (found) show();
    } catch (error) {
      said.textContent = "";
      view.problem(translate("not_computed", { why: error.message }));
    }
    go.disabled = false;
  }

  function show() {
    const palette = paletteOf(view.section);
    const key = palette.paper.join();
    if (drawnFor === key) return;
    drawnFor = key;
    const hasClasses = session.state.data.problem === "classification";
    results.replaceChildren(
      ...resultsOf(found, { palette, hasClasses, loss: session.state.loss, session }),
    );
    said.textContent = spreadSummary(found, hasClasses);
  }
  return view;
}

function resultsOf(found, look) {
  const { epochs, test, seeds } = found;
  const curves = chart();
  const all = { ...look, range: commonRange(found.planes, look) };
  const words = `${translate("seeds_curves")}: ${spreadSummary(found, look.hasClasses)}`;
  curves.svg.setAttribute("aria-label", words);
  const middle = Array.from(epochs, (_, k) => median(test.map((losses) => losses[k])));
  const lines = test.map((y) => ({ kind: "one", y }));
  curves.show({
    x: epochs,
    lines: [...lines, { kind: "median", y: middle }],
    isLog: true,
    across: translate("epoch"),
  });
  const names = legend([
    { kind: "one", name: translate("seeds_one") },
    { kind: "median", name: translate("seeds_median") },
  ]);
  const maps = element("ul", { class: "maps" });
  seeds.forEach((seed, i) => {
    const loss = said(test[i].at(-1));
    const canvas = mapOf(found, found.planes[i], all, SMALL);
    const take = element("button", { type: "button" });
    take.append(canvas, element("span", {}, translate("seeds_map", { seed, loss })));
    take.addEventListener("click", () => look.session.set({ seed }));
    maps.append(element("li", {}, take));
  });
  const hint = element("p", { class: "hint" }, translate("seeds_take"));
  return [curves.svg, names, averages(found, all), hint, maps];
}

/**
 * Common colour range of all maps, so that they can be compared; binary scores are centred at 0.
 */
function commonRange(planes, { hasClasses }) {
  const [low, high] = balanced(rangeOf(planes.flatMap(([...values]) => values)));
  const most = Math.max(Math.abs(low), Math.abs(high));
  return hasClasses ? [-most, most] : [low, high];
}

/** Create the maps of the mean and of the spread. */
function averages(found, look) {
  const figure = (key, canvas) => {
    const caption = element("figcaption", {}, translate(key));
    return element("figure", {}, canvas, caption);
  };
  const most = rangeOf(found.spread)?.[1] || 1;
  const spread = { ...look, hasClasses: false, range: [-most, most] };
  return element(
    "div",
    { class: "pair" },
    figure("seeds_mean", mapOf(found, found.mean, look, LARGE)),
    figure("seeds_spread", mapOf(found, found.spread, spread, LARGE)),
  );
}

function mapOf({ side }, values, { palette, hasClasses, loss, range }, size) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const outputs = values.length / (side * side);
  const map = { outputs, ...displayOutputs({ values, outputs }, { loss, hasClasses }) };
  if (map.kind === "numbers") map.range = range;
  const colour = painterOf({ ...map, paper: palette.paper });
  paint(canvas, { side, ...map }, colour, size, palette.soft);
  return canvas;
}

const said = (value) => (Number.isFinite(value) ? formatNumber(value, 3) : translate("no_number"));

/** Median; NaN counts as the largest. */
export function median(values) {
  const sorted = [...values].map((value) => (Number.isFinite(value) ? value : Infinity));
  sorted.sort((a, b) => a - b);
  const half = sorted.length / 2;
  const [first, second] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return first === second ? first : (first + second) / 2;
}

function spreadSummary({ seeds, test, epochs, accuracy }, hasClasses) {
  const last = test.map((losses) => (Number.isFinite(losses.at(-1)) ? losses.at(-1) : Infinity));
  const [low, high] = [Math.min(...last), Math.max(...last)];
  const sentence = translate("seeds_said", {
    epochs: epochs.at(-1),
    median: said(median(last)),
    low: said(low),
    high: said(high),
    best: seeds[last.indexOf(low)],
    worst: seeds[last.indexOf(high)],
  });
  const range = rangeOf(accuracy ?? []);
  if (!range) return sentence;
  const [least, most] = range.map(hasClasses ? formatPercent : said);
  const key = hasClasses ? "seeds_accuracy" : "seeds_r2";
  return sentences(sentence, translate(key, { low: least, high: most }));
}
