// Playground: creates the session and the page, and passes each frame to the diagram and the views.

import {
  element,
  language,
  loadTranslations,
  translate,
  onLanguageChange,
  setLanguage,
} from "../../shared/words.js";
import { openSession } from "../training/session.js";
import { syncFragment } from "./url_fragment.js";
import { dataControls } from "./data_controls.js";
import { Store, messageOf } from "./store.js";
import { diagramIn } from "./diagram.js";
import { translated } from "./elements.js";
import { challenge } from "./challenges.js";
import { hiding, lessonIn } from "./lesson.js";
import { inputControls } from "./input_controls.js";
import { keyboardShortcuts } from "./keyboard_shortcuts.js";
import { layout, tabs } from "./layout.js";
import { hyperparameterControls } from "./hyperparameter_controls.js";
import { architectureControls } from "./architecture_controls.js";
import { shareControls } from "./share_controls.js";
import { simpleView } from "./simple_view.js";
import { PLACES } from "./view_registry.js";
import { runControls } from "./run_controls.js";
import { tableControls } from "./table_controls.js";
import { statusMessages } from "./status_messages.js";
import { viewControls } from "./view_controls.js";
import { weightEditor, weightTables } from "./weight_editor.js";

/**
 * Start the playground in the element `place`; `given` is as in playground/README.md, with a
 * complete state.
 *
 * Returns the store that all parts of the page share.
 */
export function start(place, given) {
  const preferred = [given.state.language, given.language, ...navigator.languages];
  loadTranslations(given.words, given.steering, preferred.filter(Boolean));
  const store = new Store(given.state, given);
  const areas = layout();
  place.replaceChildren(areas.whole);
  onLanguageChange(() => namePage(place, areas.whole));
  const { matches: isStill } = matchMedia("(prefers-reduced-motion: reduce)");
  store.session = openSession(store.state, {
    ...given,
    isStill,
    onFrame: (frame) => store.show(frame),
    // the refusal may come before the notice element exists
    onWorkerRefused: () => setTimeout(() => store.notice("worker_refused")),
    onServerRefused: (failure) =>
      store.notice("native_refused", { told: messageOf(failure) }, true),
    onProblem: (problem, state) => store.goesOn(problem, state),
    onBroken: (text) => store.reportUnexpected(new Error(text)),
  });
  const views = placeViews(store, areas);
  placeControls(store, areas);
  store.watch("frame", (frame) => views.forEach((view) => view.update(frame)));
  store.watch("pointed", (at) => {
    for (const view of views) {
      view.pick?.(at && at.from === undefined ? at : null);
      view.pointAt?.(at);
    }
  });
  store.watch("state", ({ language: chosen }) => {
    if (chosen && chosen !== language()) setLanguage(chosen);
  });
  syncFragment(store);
  suspendWhileHidden(store.session, areas.whole);
  if (given.problems?.length) store.problems(given.problems);
  if (!store.state.at.step && !isStill) store.session.play();
  return store;
}

/** Suspend the session while nothing of `whole` is in the viewport. */
function suspendWhileHidden(session, whole) {
  // hidden tabs report no intersection; visible ones soon will
  if (document.visibilityState === "visible") session.rest();
  const watcher = new IntersectionObserver((told) => {
    if (told.at(-1).isIntersecting) session.wake();
    else session.rest();
  });
  watcher.observe(whole);
}

/** Set the language of the page, and the title if the playground is the whole page. */
function namePage(place, whole) {
  whole.lang = language();
  if (!place.matches("body > main")) return;
  document.documentElement.lang = language();
  document.title = translate("title");
}

/** Place the controls and the diagram in their areas. */
function placeControls(store, areas) {
  const heads = element("div", { class: "heads", "data-control": "layer_heads" });
  const diagram = diagramIn(store, heads);
  const net = architectureControls(store, heads);
  const plane = () => areas.output.querySelector(".plane canvas");
  statusMessages(store, areas);
  runControls(store, areas.run);
  dataControls(store, areas.data);
  areas.data.append(tableControls(store, areas.whole));
  inputControls(store, areas.inputs);
  areas.net.append(net.count, diagram.element, translated("p", "net_legend", { class: "hint" }));
  areas.net.append(viewControls(store), weightEditor(store, diagram.net), net.panel);
  areas.band.after(weightTables(store, diagram.net));
  hyperparameterControls(store, areas.learning);
  const keys = keyboardShortcuts(store, areas.whole);
  areas.people.append(simpleView(store, areas.whole));
  shareControls(store, areas.people, { keys, diagram, plane });
  lessonIn(store, areas.lesson);
  areas.lesson.after(challenge(store));
  hiding(store, areas.whole);
}

/** Create every view in its area; those below are in tabs. */
function placeViews(store, areas) {
  const views = [];
  const below = [];
  for (const { name, where, make } of PLACES) {
    const place = element("div", { class: "placed", "data-control": name });
    views.push(make(place, store.viewSession()));
    if (where === "below") below.push([name, place]);
    else areas[where].append(place);
  }
  const made = tabs("more_views", below, (tab) => store.change({ view: { tab } }));
  areas.below.append(made.element);
  store.bind(made, ({ view }) => view.tab);
  return views;
}
