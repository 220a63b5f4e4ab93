// The playground: opens a session, lays out the page, and gives every frame to who shows it.

import { element, language, learn, say, speakBy, speakIn } from "../../shared/words.js";
import { openSession } from "../training/session.js";
import { addressing } from "./address.js";
import { dataControls } from "./data_controls.js";
import { Desk, toldOf } from "./desk.js";
import { diagramIn } from "./diagram.js";
import { said } from "./elements.js";
import { hiding, lessonIn } from "./lesson.js";
import { inputControls } from "./input_controls.js";
import { keysOf } from "./keys.js";
import { layout, tabs } from "./layout.js";
import { learningControls } from "./learning_controls.js";
import { netControls } from "./net_controls.js";
import { peopleControls } from "./people_controls.js";
import { PLACES } from "./places.js";
import { runControls } from "./run_controls.js";
import { tableControls } from "./table_controls.js";
import { telling } from "./telling.js";
import { viewControls } from "./view_controls.js";
import { weightEditor, weightTables } from "./weights.js";

/**
 * Begin in `place`, an element; `given` is what page/README.md lists. The state comes whole.
 *
 * Gives the desk, at which the parts of the page meet.
 */
export function start(place, given) {
  const preferred = [given.state.language, given.language, ...navigator.languages];
  learn(given.words, given.steering, preferred.filter(Boolean));
  const desk = new Desk(given.state, given);
  const areas = layout();
  place.replaceChildren(areas.whole);
  speakBy(() => namePage(place, areas.whole));
  desk.session = openSession(desk.state, {
    ...given,
    onFrame: (frame) => desk.show(frame),
    // it may show before there is a place to say it
    onWorkerRefused: () => setTimeout(() => desk.notice("worker_refused")),
    onServerRefused: (failure) => desk.notice("native_refused", { told: toldOf(failure) }, true),
    onProblem: (problem, state) => desk.goesOn(problem, state),
    onBroken: (text) => desk.broke(new Error(text)),
  });
  const views = placed(desk, areas);
  furnish(desk, areas);
  desk.watch("frame", (frame) => views.forEach((view) => view.update(frame)));
  desk.watch("pointed", (at) => {
    for (const view of views) {
      view.pick?.(at && at.from === undefined ? at : null);
      view.pointAt?.(at);
    }
  });
  desk.watch("state", ({ language: chosen }) => {
    if (chosen && chosen !== language()) speakIn(chosen);
  });
  addressing(desk);
  restsUnseen(desk.session, areas.whole);
  if (given.problems?.length) desk.problems(given.problems);
  const { matches: isStill } = matchMedia("(prefers-reduced-motion: reduce)");
  if (!desk.state.at.step && !isStill) desk.session.play();
  return desk;
}

/** The session rests while nothing of `whole` is in view, as where a page has it further below. */
function restsUnseen(session, whole) {
  // where a tab is hidden no intersection is told; else it is told soon
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
function furnish(desk, areas) {
  const heads = element("div", { class: "heads", "data-control": "layer_heads" });
  const diagram = diagramIn(desk, heads);
  const net = netControls(desk, heads);
  const plane = () => areas.output.querySelector(".plane canvas");
  telling(desk, areas);
  runControls(desk, areas.run);
  dataControls(desk, areas.data);
  areas.data.append(tableControls(desk, areas.whole));
  inputControls(desk, areas.inputs);
  areas.net.append(net.count, diagram.element, said("p", "net_legend", { class: "hint" }));
  areas.net.append(viewControls(desk), weightEditor(desk, diagram.net), net.panel);
  areas.band.after(weightTables(desk, diagram.net));
  learningControls(desk, areas.learning);
  const keys = keysOf(desk, areas.whole);
  peopleControls(desk, areas.people, { keys, diagram, plane });
  lessonIn(desk, areas.lesson);
  hiding(desk, areas.whole);
}

/** Every view where it stands; those below are behind tabs. */
function placed(desk, areas) {
  const views = [];
  const below = [];
  for (const { name, where, make } of PLACES) {
    const place = element("div", { class: "placed", "data-control": name });
    views.push(make(place, desk.seen()));
    if (where === "below") below.push([name, place]);
    else areas[where].append(place);
  }
  if (below.length) areas.below.append(tabs("more_views", below));
  return views;
}
