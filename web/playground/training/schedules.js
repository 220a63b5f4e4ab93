// Learning-rate schedules: the formulas of ../state.schema.json, bit-identical to Python's.

import { rowFunction } from "./formulas.js";
import { alternatives, defaultsOf, schemaAt } from "./schema.js";

const KINDS = alternatives(schemaAt("schedule"));

/**
 * Function from a step, counted from 0, to the factor of the learning rate.
 *
 * After the `epochs` of the schedule the last factor stays.
 */
export function factorsOf(schedule, perEpoch) {
  if (!schedule) return () => 1;
  const { name, epochs, ...given } = schedule;
  const settings = { ...defaultsOf(KINDS[name]), ...given };
  const names = Object.keys(settings);
  const places = new Map(["progress", ...names].map((key, i) => [key, i]));
  const factor = rowFunction(KINDS[name].factor, places);
  const row = [0, ...Object.values(settings)];
  const steps = epochs * perEpoch;
  return (step) => {
    row[0] = Math.min(step, steps - 1) / steps;
    return factor(row);
  };
}
