// The passes that a graph goes through before it is run, in the order of `graph/passes`.

import { lowered } from "./lower.js";
import { withFoldedConstants, withoutDeadCode, withSharedSubexpressions } from "./simplify.js";
import { stabilized } from "./stabilize.js";
import { withFoldedBiases } from "./fold_bias.js";

const PASSES = [
  withoutDeadCode,
  lowered,
  withFoldedConstants,
  withSharedSubexpressions,
  stabilized,
  withFoldedConstants,
  withSharedSubexpressions,
  withFoldedBiases,
  withoutDeadCode,
];

/** The graph after all passes. */
export const optimized = (graph) => PASSES.reduce((made, pass) => pass(made), graph);
