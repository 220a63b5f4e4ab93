// Registry of views: the module and area of each.

import { confusionIn } from "../views/confusion.js";
import { curvesIn } from "../views/curves.js";
import { explainBandIn } from "../views/explain_band.js";
import { healthIn } from "../views/health.js";
import { hiddenIn } from "../views/hidden.js";
import { lossPlaneIn } from "../views/loss_plane.js";
import { planeIn } from "../views/plane.js";
import { raceIn } from "../views/race.js";
import { seedsIn } from "../views/seeds.js";
import { sliderIn } from "../views/slider.js";

/**
 * Views; each is created once: `make(place, session)` puts its element into `place` and returns `{
 * update(frame), leave() }`. Its area is "output" or "progress" (beside the diagram), "below" (in
 * tabs; the title is the translation of `name`), "band" (below the diagram) or "time" (in the
 * toolbar). `name` may be in `state.hide`.
 */
export const PLACES = [
  { name: "plane", where: "output", make: planeIn },
  { name: "curves", where: "progress", make: curvesIn },
  { name: "slider", where: "time", make: sliderIn },
  { name: "explain", where: "band", make: explainBandIn },
  { name: "hidden", where: "below", make: hiddenIn },
  { name: "loss_plane", where: "below", make: lossPlaneIn },
  { name: "race", where: "below", make: raceIn },
  { name: "seeds", where: "below", make: seedsIn },
  { name: "health", where: "below", make: healthIn },
  { name: "confusion", where: "below", make: confusionIn },
];
