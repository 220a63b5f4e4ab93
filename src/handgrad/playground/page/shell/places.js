// Which views there are and where each stands: every module of views/ has its lines here.

/**
 * Each view is made once: `make(place, session)` puts its element into `place` and gives
 * `{ update(frame), leave() }`. It stands in "output" (beside the net, always seen), "below" (one
 * at a time; the word of its tab is `name`), "band" (under the net) or "time" (in the bar above).
 * `name` may be in `state.hide`.
 */
export const PLACES = [];
