// What the page's engine cannot do, or not with the bits of handgrad's: for pages that say so.

import { named } from "./compose.js";

/**
 * What a model computes in the page with other last digits than Python does: losses of rows that
 * are not trained on (Python sums them in NumPy), and recorded lines, which are neither made
 * stable nor put together. All else has the bits of engine "portable".
 */
export const ROUNDED_OTHERWISE = ["evaluate", "steps"];

/** What of a model has no recorded page here, as `{ kind, name }`: it needs Python. */
export function withoutPages(pages, { layers, loss, optimizer, penalty = null }) {
  const asked = [
    ...layers.map(({ layer, page }) => ["layers", { name: layer, page }]),
    ["losses", named(loss)],
    ["optimizers", named(optimizer)],
    ...(penalty ? [["penalties", named(penalty)]] : []),
  ];
  return asked
    .filter(([kind, { name, page }]) => !page && !(name in pages[kind]))
    .map(([kind, { name }]) => ({ kind, name }));
}
