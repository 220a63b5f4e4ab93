// The playground: opens a session, lays out the page, and gives every frame to who shows it.

import { element, language, learn, say, speakBy, speakIn } from "../../shared/words.js";
import { openSession } from "../training/session.js";
import { addressing } from "./address.js";
import { dataControls } from "./data_controls.js";
import { Store, messageOf } from "./store.js";
import { diagramIn } from "./diagram.js";
import { said } from "./elements.js";
import { hiding, lessonIn } from "./lesson.js";
import { inputControls } from "./input_controls.js";
import { keysOf } from "./keys.js";
import { layout, tabs } from "./layout.js";
import { learningControls } from "./learning_controls.js";
import { netControls } from "./net_controls.js";
import { peopleControls } from "./share_controls.js";
import { PLACES } from "./view_registry.js";
import { runControls } from "./run_controls.js";
import { tableControls } from "./table_controls.js";
import { announcer } from "./announcer.js";
import { viewControls } from "./view_controls.js";
import { weightEditor, weightTables } from "./weights.js";

/**
 * Begin in `place`, an element; `given` is what page/README.md lists. The state comes whole.
 *
 * Gives the store, at which the parts of the page meet.
 */
export function start(place, given) {
  const preferred = [given.state.language, given.language, ...navigator.languages];
  learn(given.words, given.steering, preferred.filter(Boolean));
  const store = new Store(given.state, given);
  const areas = layout();
  place.replaceChildren(areas.whole);
  speakBy(() => namePage(place, areas.whole));
  store.session = openSession(store.state, {
    ...given,
    onFrame: (frame) => store.show(frame),
    // it may show before there is a place to say it
    onWorkerRefused: () => setTimeout(() => store.notice("worker_refused")),
    onServerRefused: (failure) =>
      store.notice("native_refused", { told: messageOf(failure) }, true),
    onProblem: (problem, state) => store.goesOn(problem, state),
    onBroken: (text) => store.broke(new Error(text)),
  });
  const views = placed(store, areas);
  furnish(store, areas);
  store.watch("frame", (frame) => views.forEach((view) => view.update(frame)));
  store.watch("pointed", (at) => {
    for (const view of views) {
      view.pick?.(at && at.from === undefined ? at : null);
      view.pointAt?.(at);
    }
  });
  store.watch("state", ({ language: chosen }) => {
    if (chosen && chosen !== language()) speakIn(chosen);
  });
  addressing(store);
  restsUnseen(store.session, areas.whole);
  if (given.problems?.length) store.problems(given.problems);
  const { matches: isStill } = matchMedia("(prefers-reduced-motion: reduce)");
  if (!store.state.at.step && !isStill) store.session.play();
  return store;
}

/** The session rests while nothing of `whole` is in view, as where a page has it further below. */
function restsUnseen(session, whole) {
  // hidden tabs report no intersection; visible ones do so soon
  if (document.visibilityState === "visible") session.rest();
  const watcher = new IntersectionObserver((told) => {
    if (told.at(-1).isIntersecting) session.wake();
    else session.rest();
  });
  watcher.observe(whole);
}

/** Say the language, and where the playground is the whole page, its title. */
function namePage(place, whole) {
  whole.lang = language();
  if (!place.matches("body > main")) return;
  document.documentElement.lang = language();
  document.title = say("title");
}

/** The controls and the net, each in its area. */
function furnish(store, areas) {
  const heads = element("div", { class: "heads", "data-control": "layer_heads" });
  const diagram = diagramIn(store, heads);
  const net = netControls(store, heads);
  const plane = () => areas.output.querySelector(".plane canvas");
  announcer(store, areas);
  runControls(store, areas.run);
  dataControls(store, areas.data);
  areas.data.append(tableControls(store, areas.whole));
  inputControls(store, areas.inputs);
  areas.net.append(net.count, diagram.element, said("p", "net_legend", { class: "hint" }));
  areas.net.append(viewControls(store), weightEditor(store, diagram.net), net.panel);
  areas.band.after(weightTables(store, diagram.net));
  learningControls(store, areas.learning);
  const keys = keysOf(store, areas.whole);
  peopleControls(store, areas.people, { keys, diagram, plane });
  lessonIn(store, areas.lesson);
  hiding(store, areas.whole);
}

/** Every view where it stands; those below are behind tabs. */
function placed(store, areas) {
  const views = [];
  const below = [];
  for (const { name, where, make } of PLACES) {
    const place = element("div", { class: "placed", "data-control": name });
    views.push(make(place, store.seen()));
    if (where === "below") below.push([name, place]);
    else areas[where].append(place);
  }
  if (below.length) areas.below.append(tabs("more_views", below));
  return views;
}
