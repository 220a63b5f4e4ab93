// The losses of training and test as numbers and lines, and how good the net is beside them.

import { element, formatNumber, formatPercent, say, speak, speakBy } from "../../shared/words.js";
import { chart, legend, table } from "./chart.js";
import { checkbox, rarely, sentences, viewIn } from "./view.js";

/** So many epochs stand in the table of the curves. */
const ROWS = 12;
const KINDS = ["train", "test"];

/** The curves of a session's losses in `place`. */
export function curvesIn(place, session) {
  const view = viewIn(place, "curves", draw);
  const numbers = element("dl", { class: "figures" });
  const curve = chart();
  const names = element("div");
  speakBy(() => {
    const entries = KINDS.map((kind) => ({ kind, name: say(`curves_${kind}`) }));
    names.replaceChildren(legend(entries));
  });
  const log = checkbox("curves_log", session.state.view?.log ?? false, (isOn) => {
    session.set({ view: { ...session.state.view, log: isOn } });
    if (view.last) draw(view.last);
  });
  const opened = element(
    "details",
    {},
    speak(element("summary"), () => say("as_table")),
  );
  const rows = element("div", { class: "wide" });
  opened.append(rows);
  view.body.append(numbers, curve.svg, names, log.label, opened);
  const write = rarely((frame) => {
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
    curve.show({ x: epochs, lines, isLog: log.box.checked, across: say("epoch") });
    view.problem(frame.failure ? failed(frame.failure) : null);
    write(frame);
  }
  return view;
}

/** What a training that came to an end says of it. */
export function failed({ epoch, layer, column }) {
  if (layer === null || layer === undefined) return say("failed", { epoch });
  return say("failed_in", { epoch, layer: column ?? layer });
}

const number = (value, digits = 4) =>
  Number.isFinite(value) ? formatNumber(value, digits) : say("no_number");

/** The metric of a set as it is written: a share, or R². */
const metric = (name, value) => (name === "accuracy" ? formatPercent(value) : number(value, 3));

function figures(list, { losses, metrics }) {
  const made = [];
  for (const kind of KINDS) {
    const scores = Object.entries(metrics?.[kind] ?? {}).filter(([, value]) => value !== null);
    const scored = scores.map(([name, value]) => `${say(`metric_${name}`)} ${metric(name, value)}`);
    const value = element("b", {}, number(losses[kind]));
    const more = element("span", { class: "more" }, scored.join(" · "));
    const term = element("dt", {}, say(`curves_loss_${kind}`));
    made.push(element("div", { class: kind }, term, element("dd", {}, value, " ", more)));
  }
  list.replaceChildren(...made);
}

/** The curves in a sentence: where they began, where they are, where the test was best. */
function said({ history, losses, epoch }) {
  const { train, test, epochs } = history;
  if (!train.length) return say("curves_none");
  const first = number(train[0]);
  const now = { train: number(losses.train), test: number(losses.test), epoch };
  const sentence = say("curves_said", { first, ...now });
  let best = -1;
  for (let i = 0; i < (test?.length ?? 0); i++)
    if (Number.isFinite(test[i]) && (best < 0 || test[i] < test[best])) best = i;
  if (best < 0) return sentence;
  return sentences(
    sentence,
    say("curves_best", { least: number(test[best]), epoch: epochs[best] }),
  );
}

function asTable({ epochs, train, test }) {
  const n = epochs.length;
  const every = Math.max(1, (n - 1) / (ROWS - 1));
  const chosen = [];
  for (let i = 0; i < Math.min(n, ROWS); i++) chosen.push(Math.floor(i * every + 0.5));
  const head = [say("epoch"), ...KINDS.map((kind) => say(`curves_loss_${kind}`))];
  const rows = chosen.map((i) => [String(epochs[i]), number(train[i]), number(test?.[i])]);
  return table(say("curves_title"), head, rows);
}
