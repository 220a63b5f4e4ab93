// Loss curves of training and test, with current losses and metrics.

import {
  element,
  formatNumber,
  formatPercent,
  translate,
  bindText,
  onLanguageChange,
} from "../../shared/words.js";
import { chart, legend, table } from "./chart.js";
import { checkbox, throttle, sentences, viewIn } from "./view.js";

/** Number of epochs in the table of the curves. */
const ROWS = 12;
const KINDS = ["train", "test"];

/** Create the loss curves of a session in `place`. */
export function curvesIn(place, session) {
  const view = viewIn(place, "curves", draw);
  const numbers = element("dl", { class: "figures" });
  const curve = chart();
  const names = element("div");
  onLanguageChange(() => {
    const entries = KINDS.map((kind) => ({ kind, name: translate(`curves_${kind}`) }));
    names.replaceChildren(legend(entries));
  });
  const log = checkbox("curves_log", session.state.view?.log ?? false, (isOn) => {
    session.set({ view: { ...session.state.view, log: isOn } });
    if (view.last) draw(view.last);
  });
  const opened = element(
    "details",
    {},
    bindText(element("summary"), () => translate("as_table")),
  );
  const rows = element("div", { class: "wide" });
  opened.append(rows);
  const describe = () => (view.last ? said(view.last) : translate("curves_none"));
  bindText(curve.svg, describe, "aria-label");
  view.body.append(numbers, curve.svg, names, log.label, opened);
  const write = throttle((frame) => {
    figures(numbers, frame);
    curve.svg.setAttribute("aria-label", said(frame));
    if (opened.open) rows.replaceChildren(asTable(frame.history));
  }, 120);
  opened.addEventListener(
    "toggle",
    () => view.last && rows.replaceChildren(asTable(view.last.history)),
  );

  function draw(frame) {
    const { epochs, ...history } = frame.history;
    const lines = KINDS.map((kind) => ({ kind, y: history[kind] ?? [] }));
    curve.show({ x: epochs, lines, isLog: log.box.checked, across: translate("epoch") });
    view.problem(frame.failure ? failed(frame.failure) : null);
    write(frame);
  }
  return view;
}

/** Message of a diverged training. */
export function failed({ epoch, layer, column }) {
  if (layer === null || layer === undefined) return translate("failed", { epoch });
  return translate("failed_in", { epoch, layer: column ?? layer });
}

const number = (value, digits = 4) =>
  Number.isFinite(value) ? formatNumber(value, digits) : translate("no_number");

/** Format a metric: a percentage, or R². */
const metric = (name, value) => (name === "accuracy" ? formatPercent(value) : number(value, 3));

function figures(list, { losses, metrics }) {
  const made = [];
  for (const kind of KINDS) {
    const scores = Object.entries(metrics?.[kind] ?? {}).filter(([, value]) => value !== null);
    const scored = scores.map(
      ([name, value]) => `${translate(`metric_${name}`)} ${metric(name, value)}`,
    );
    const value = element("b", {}, number(losses[kind]));
    const more = element("span", { class: "more" }, scored.join(" · "));
    const term = element("dt", {}, translate(`curves_loss_${kind}`));
    made.push(element("div", { class: kind }, term, element("dd", {}, value, " ", more)));
  }
  list.replaceChildren(...made);
}

/** Description of the curves: first and last losses, and the lowest test loss. */
function said({ history, losses, epoch }) {
  const { train, test, epochs } = history;
  if (!train.length) return translate("curves_none");
  const first = number(train[0]);
  const now = { train: number(losses.train), test: number(losses.test), epoch };
  const sentence = translate("curves_said", { first, ...now });
  let best = -1;
  for (let i = 0; i < (test?.length ?? 0); i++)
    if (Number.isFinite(test[i]) && (best < 0 || test[i] < test[best])) best = i;
  if (best < 0) return sentence;
  return sentences(
    sentence,
    translate("curves_best", { least: number(test[best]), epoch: epochs[best] }),
  );
}

function asTable({ epochs, train, test }) {
  const n = epochs.length;
  const every = Math.max(1, (n - 1) / (ROWS - 1));
  const chosen = [];
  for (let i = 0; i < Math.min(n, ROWS); i++) chosen.push(Math.floor(i * every + 0.5));
  const head = [translate("epoch"), ...KINDS.map((kind) => translate(`curves_loss_${kind}`))];
  const rows = chosen.map((i) => [String(epochs[i]), number(train[i]), number(test?.[i])]);
  return table(translate("curves_title"), head, rows);
}
