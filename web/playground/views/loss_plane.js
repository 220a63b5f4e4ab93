// Loss landscape: contour lines on a plane through parameter space, with the optimizer's path.

import {
  element,
  language,
  formatNumber,
  formatPercent,
  translate,
  bindText,
} from "../../shared/words.js";
import { rangeOf } from "./heatmap.js";
import { lossPicture } from "./contours.js";
import { requesterOf, button, sentences, viewIn } from "./view.js";

const SIDE = 25;

/** Create the loss landscape of a session's net in `place`. */
export function lossPlaneIn(place, session) {
  const view = viewIn(place, "loss_plane", draw);
  const lead = bindText(element("p", { class: "lead" }), () => translate("loss_plane_lead"));
  const picture = element("div", { class: "picture" });
  const said = element("p", { class: "said" });
  const again = button("loss_plane_again", () => ask());
  view.body.append(lead, picture, said, element("div", { class: "row" }, again));
  const seen = { version: null, found: null, step: null, at: null, count: 0 };
  const planeOf = requesterOf(session, "lossPlane", view, (found) => {
    again.removeAttribute("aria-busy");
    Object.assign(seen, { found, step: view.last.step, at: view.last, count: seen.count + 1 });
    show();
  });
  const ask = () => {
    if (!seen.found) said.textContent = translate("loss_plane_wait");
    again.setAttribute("aria-busy", "true");
    planeOf({ side: SIDE });
  };

  function draw(frame) {
    const isNew = frame.version !== seen.version;
    // expensive: during training it is updated only on request
    const isBehind = !frame.playing && seen.step !== null && frame.step !== seen.step;
    if (isNew) Object.assign(seen, { version: frame.version, found: null });
    if (isNew || isBehind) {
      seen.step = frame.step;
      ask();
    } else show();
  }

  function show() {
    const key = `${language()} ${seen.count}`;
    if (!seen.found || key === seen.shown) return;
    seen.shown = key;
    const text = described(seen.found, seen.at);
    said.textContent = text;
    picture.replaceChildren(
      lossPicture(seen.found, [{ path: seen.found.path, kind: "way" }], text),
    );
  }
  return view;
}

/** Description of the landscape; the path's losses are the net's, which lies off the plane. */
function described({ losses, shares }, { history, losses: now }) {
  const number = (value) =>
    Number.isFinite(value) ? formatNumber(value, 3) : translate("no_number");
  const [low, high] = (rangeOf(losses) ?? [NaN, NaN]).map(number);
  const more = shares
    ? translate("loss_plane_shares", {
        percent: formatPercent(shares.reduce((sum, one) => sum + one, 0)),
      })
    : translate("loss_plane_random");
  const words = { low, high, start: number(history.train[0]), now: number(now.train) };
  return sentences(translate("loss_plane_said", words), more);
}
