// Compiler passes in the order of `graph/passes`.

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

/** Run all passes on a graph. */
export const optimized = (graph) => PASSES.reduce((made, pass) => pass(made), graph);
