// The loss plane: a cut through the space of all weights, with the way that the optimizer took.

import { element, numberSaid, percentSaid, say, speak } from "../../../html/words.js";
import { rangeOf } from "./map_image.js";
import { lossPicture } from "./contours.js";
import { askerOf, button, sentences, viewIn } from "./view.js";

const SIDE = 25;

/** The loss plane of a session's net in `place`. */
export function lossPlaneIn(place, session) {
  const view = viewIn(place, "loss_plane", draw);
  const lead = speak(element("p", { class: "lead" }), () => say("loss_plane_lead"));
  const picture = element("div", { class: "picture" });
  const said = element("p", { class: "said" });
  const again = button("loss_plane_again", () => ask());
  view.body.append(lead, picture, said, element("div", { class: "row" }, again));
  const seen = { version: null, found: null, step: null };
  const planeOf = askerOf(session, "lossPlane", view, (found) => {
    again.removeAttribute("aria-busy");
    Object.assign(seen, { found, step: view.last.step });
    show();
  });
  const ask = () => {
    if (!seen.found) said.textContent = say("loss_plane_wait");
    again.setAttribute("aria-busy", "true");
    planeOf({ side: SIDE });
  };

  function draw(frame) {
    const isNew = frame.version !== seen.version;
    // a cut takes a while: while the net trains it is made anew only when asked for
    const isBehind = !frame.playing && seen.step !== null && frame.step !== seen.step;
    if (isNew) Object.assign(seen, { version: frame.version, found: null });
    if (isNew || isBehind) {
      seen.step = frame.step;
      ask();
    } else show();
  }

  function show() {
    if (!seen.found) return;
    const text = described(seen.found);
    said.textContent = text;
    picture.replaceChildren(
      lossPicture(seen.found, [{ path: seen.found.path, kind: "way" }], text),
    );
  }
  return view;
}

function described({ a, b, losses, path, shares }) {
  const number = (value) => (Number.isFinite(value) ? numberSaid(value, 3) : say("no_number"));
  const [low, high] = (rangeOf(losses) ?? [NaN, NaN]).map(number);
  const at = (i) => number(lossAt({ a, b, losses }, path[i], path[i + 1]));
  const more = shares
    ? say("loss_plane_shares", { percent: percentSaid(shares.reduce((sum, one) => sum + one, 0)) })
    : say("loss_plane_random");
  const words = { low, high, start: at(0), now: at(path.length - 2) };
  return sentences(say("loss_plane_said", words), more);
}

/** The loss of the grid's point nearest to a place. */
function lossAt({ a, b, losses }, x, y) {
  const index = (axis, value) => {
    const share = (value - axis[0]) / (axis.at(-1) - axis[0]);
    return Math.max(0, Math.min(axis.length - 1, Math.floor(share * (axis.length - 1) + 0.5)));
  };
  return losses[index(b, y) * a.length + index(a, x)];
}
