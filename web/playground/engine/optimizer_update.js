// Optimizer update: gradient clipping, weight decay, and the optimizer's rule.

import { Composer, named, pageNamed } from "./compose.js";
import { evaluateTrace, settingsOf } from "./pages.js";
import { N } from "./symbolic_sizes.js";

const SINGLE = { learning_rate: "d", step: "i", dw_norm: "f" };

/** Update rule of an optimizer with its settings: clipping and decay, the rule, its state. */
export function updateRule(pages, optimizer, clip) {
  const { name: title, settings: given } = named(optimizer);
  const recorded = pageNamed(pages.optimizers, title);
  const settings = settingsOf(recorded.settings, given);
  if (settings.groups) throw new Error("groups of parameters");
  const norm = clip ?? settings.clip_norm;
  const form = settings.nesterov ? "nesterov" : settings.momentum ? "momentum" : "";
  const decay = settings.weight_decay ? (recorded.decoupled ? "decoupled" : "decay") : "";
  const clips = { clip_norm: norm, clip_value: settings.clip_value };
  const asked = [...Object.keys(clips).filter((name) => clips[name]), ...(decay ? [decay] : [])];
  const before = pages.before[asked.join("+")];
  const read = (page) => evaluateTrace(page, { ...settings, clip_norm: norm }, 1);
  const memory = recorded.training[form].state;
  return {
    title,
    before: read(before),
    rule: read(recorded.training[form]),
    memory,
    clipped: Boolean(norm),
  };
}

/** Add the scalars of a rule as leaves. */
export function numbersOf(composer, { before, rule }) {
  const names = new Set([...before.given, ...rule.given].filter((name) => name in SINGLE));
  return Object.fromEntries(
    [...names].map((name) => [name, composer.leaf(name, [], SINGLE[name])]),
  );
}

/** Add a rule to a graph: maps w, dw, state and scalars to the new ones. */
export function addRule(composer, { title, before, rule }, given, path) {
  const add = (page, known) => {
    const at = composer.page(page, known, path, title, "update");
    composer.run(at, page.given.length, Infinity);
    return (name) => at.made[page.outputs[name]];
  };
  const first = add(before, given);
  return add(rule, { ...given, w: first("new w"), dw: first("new handed_on") });
}

/** Graph of an update of flat parameters. */
export function ruleGraph(rule) {
  const composer = new Composer();
  const given = numbersOf(composer, rule);
  for (const name of ["w", "dw", ...rule.memory]) given[name] = composer.leaf(name, [N]);
  const found = addRule(composer, rule, given, "");
  for (const name of ["w", ...rule.memory]) {
    composer.outputs[`new ${name}`] = found(`new ${name}`).node;
  }
  return composer.graph();
}
