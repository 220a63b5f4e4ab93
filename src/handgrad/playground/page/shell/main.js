// The playground: opens a session, lays out the page, and gives every frame to who shows it.

import { element, language, learn, speakBy, speakIn } from "../../../html/words.js";
import { openSession } from "../training/session.js";
import { Desk } from "./desk.js";
import { layout, tabs } from "./layout.js";
import { PLACES } from "./places.js";

/**
 * Begin in `place`, an element.
 *
 * `given` has `words` (of shell and views, by language), `steering` (signs that no eye sees),
 * `pages` (recorded), `state` (or none: the first screen), `program` and `server` (where a library
 * is near), `data` (a table that came with the page), `language`.
 */
export function start(place, given) {
  learn(given.words, given.steering, [given.language, ...navigator.languages].filter(Boolean));
  const desk = new Desk(given.state, given);
  const areas = layout();
  place.replaceChildren(areas.whole);
  speakBy(() => (areas.whole.lang = language()));
  desk.session = openSession(desk.state, { ...given, onFrame: (frame) => desk.show(frame) });
  const views = placed(desk, areas);
  desk.watch("frame", (frame) => views.forEach((view) => view.update(frame)));
  desk.watch("pointed", (at) => {
    for (const view of views) {
      view.pick?.(at);
      view.pointAt?.(at);
    }
  });
  if (given.state.language) speakIn(given.state.language);
  desk.session.play();
  return desk;
}

/** Every view where it stands; those below are behind tabs. */
function placed(desk, areas) {
  const views = [];
  const below = [];
  for (const { name, where, make } of PLACES) {
    if (desk.hides(name)) continue;
    const place = element("div", { class: `view ${name}` });
    views.push(make(place, desk.session));
    if (where === "below") below.push([name, place]);
    else areas[where].append(place);
  }
  if (below.length) areas.below.append(tabs("more_views", below));
  return views;
}
