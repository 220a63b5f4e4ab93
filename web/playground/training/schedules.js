// Learning-rate schedules as formulas, bit-identical to handgrad.learn.playground.formulas.

import { rowFunction } from "./formulas.js";

const WAVE = (begin, end, share) =>
  `(${end}) + ((${begin}) - (${end})) * (1 + cos(pi * (${share}))) / 2`;
/** Tolerance: a fraction like 0.7/0.1 just below an integer counts as the integer. */
const ROUNDING = "1e-9";
const GROWN = `growth ** floor(log(1 + progress * (growth ** cycles - 1)) / log(growth) + ${ROUNDING})`;
const ALIKE = `progress * cycles - floor(progress * cycles + ${ROUNDING})`;
const GROWING = `((1 + progress * (growth ** cycles - 1)) / ${GROWN} - 1) / (growth - 1)`;

/**
 * Factor of the learning rate by `progress`, the fraction of the training done, and the settings.
 */
export const FACTORS = {
  step: `gamma ** floor(progress / every + ${ROUNDING})`,
  exponential: "end ** progress",
  cosine: WAVE("1", "end", "progress"),
  cyclic_cosine: WAVE("1", "end", `max(0, where(growth == 1, ${ALIKE}, ${GROWING}))`),
  coslog: "(1 - cos(2 * pi * log(1 + (2 ** cycles - 1) * progress) / log(2))) / 2",
  one_cycle:
    `where(progress < rise, ${WAVE("start", "1", "progress / rise")}, ` +
    `${WAVE("1", "end", "(progress - rise) / (1 - rise)")})`,
  warm_up: "where(progress < share, start + (1 - start) * progress / share, 1)",
};

/** Defaults of each schedule's settings. */
export const USUAL = {
  step: { every: 1 / 3, gamma: 0.1 },
  exponential: { end: 0.01 },
  cosine: { end: 0 },
  cyclic_cosine: { cycles: 4, growth: 1, end: 0 },
  coslog: { cycles: 4 },
  one_cycle: { rise: 0.3, start: 0.04, end: 4e-6 },
  warm_up: { share: 0.1, start: 1 / 3 },
};

/**
 * Function from a step, counted from 0, to the factor of the learning rate.
 *
 * After the `epochs` of the schedule the last factor stays.
 */
export function factorsOf(schedule, perEpoch) {
  if (!schedule) return () => 1;
  const { name, epochs, ...given } = schedule;
  const settings = { ...USUAL[name], ...given };
  const names = Object.keys(settings);
  const places = new Map(["progress", ...names].map((key, i) => [key, i]));
  const factor = rowFunction(FACTORS[name], places);
  const row = [0, ...Object.values(settings)];
  const steps = epochs * perEpoch;
  return (step) => {
    row[0] = Math.min(step, steps - 1) / steps;
    return factor(row);
  };
}
