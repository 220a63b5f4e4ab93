// Grading without Python: numerical gradients, and the patterns of mistakes that diagnosis.py made.

import { FormulaError } from "../shared/formula.js";
import { array, broadcast, indices, reduced, scalar, transposed } from "./arrays.js";
import { formatShape, valueOf } from "./evaluate.js";

const CLOSE = 1e-5; // relative tolerance of a fitted number
const STEP = 6e-6; // cube root of the machine precision: balances truncation and rounding errors

/**
 * Grade answers: { hole: [{ key, values, at, end }] }.
 *
 * `answers` has a formula by hole; `forward` is the exercise's or an edited one, as lines [name,
 * formula]. The patterns of mistakes are those of the exercise's forward: of an edited one only the numbers
 * are compared.
 */
export function grade(exercise, answers, forward = exercise.forward) {
  const own = forward === exercise.forward;
  const known = run(forward, exercise.arrays);
  return Object.fromEntries(
    exercise.holes.map((hole) => {
      const measured = measuredOf(exercise, hole, forward, known);
      const remarks = graded(answers[hole.name], known, (answer) =>
        diagnose(answer, measured, own ? { ...exercise, ...hole } : { patterns: [] }),
      );
      known[hole.name] = measured;
      return [hole.name, remarks];
    }),
  );
}

function graded(formula, known, judge) {
  if (!formula?.trim()) return [{ key: "not_given", values: {} }];
  try {
    return judge(valueOf(formula, known));
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    return [error];
  }
}

/** Run the lines of forward and return all variables; an error has the number of its `line`. */
export function run(lines, arrays) {
  const known = { ...arrays };
  lines.forEach(([name, formula], line) => {
    try {
      known[name] = valueOf(formula, known);
    } catch (error) {
      throw Object.assign(error, { line });
    }
  });
  return known;
}

function measuredOf({ arrays, output, upstream }, hole, forward, known) {
  if (hole.equals) return valueOf(hole.equals, known);
  const at = forward.findIndex(([name]) => name === hole.of);
  const before = run(forward.slice(0, at + 1), arrays);
  const weights = upstream ? arrays[upstream] : scalar(1);
  const value = (moved) => {
    const out = run(forward.slice(at + 1), { ...before, [hole.of]: moved })[output];
    const shares = broadcast(weights, out.shape).values;
    return out.values.reduce((sum, x, i) => sum + x * shares[i], 0);
  };
  return slopes(before[hole.of], value);
}

function slopes(start, value) {
  const found = start.values.map((here, i) => {
    const step = STEP * Math.max(1, Math.abs(here));
    const [up, down] = [here + step, here - step];
    const moved = (x) => value(array(start.shape, start.values.with(i, x)));
    return (moved(up) - moved(down)) / (up - down);
  });
  return array(start.shape, found);
}

/** Elementwise comparison of two lists of numbers, within the measurement error. */
function isClose(a, b) {
  const scale = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return a.map((x, i) => {
    const most = Math.max(Math.abs(x), Math.abs(b[i]));
    return Number.isFinite(x) && Math.abs(x - b[i]) <= 1e-6 * most + 1e-8 * scale;
  });
}

const agree = (a, b) => same(a, b) && isClose(a.values, b.values).every(Boolean);
const same = (a, b) => a.shape.join() === b.shape.join();
const remark = (key, values = {}) => ({ key, values });

/** Diagnose an answer by the patterns of its mistakes; a single remark `right` if it is correct. */
export function diagnose(answer, measured, { patterns, column_remarks: remarks }) {
  if (!same(answer, measured)) return [wrongShape(answer, measured)];
  const good = isClose(answer.values, measured.values);
  const count = measured.values.length;
  if (good.every(Boolean)) return [remark("right", { count })];
  const odd = answer.values.findIndex((x) => !Number.isFinite(x));
  if (odd >= 0) {
    const at = placeLabel(answer.shape, odd);
    return [remark("not_finite", { at, came: formatNumber(answer.values[odd]) })];
  }
  const i = good.indexOf(false);
  const [mine, right] = [answer.values[i], measured.values[i]];
  const numbers = {
    answer: formatNumber(mine),
    measured: formatNumber(right),
    ratio: formatNumber(right ? mine / right : Infinity),
  };
  const wrong = good.filter((is) => !is).length;
  const opening = remark("wrong", { wrong, count, at: placeLabel(answer.shape, i), ...numbers });
  for (const pattern of patterns) {
    const found = fitted(answer.values, pattern, remarks);
    if (found) return [opening, ...found];
  }
  return [opening];
}

/** Remarks of a pattern on an answer, a linear combination of its columns; null if it is none. */
function fitted(values, { opening, columns, inverse, column_remarks: own }, known) {
  const coefficients = inverse.map((row) => dot(row, values));
  const sums = values.map((_, i) =>
    dot(
      coefficients,
      columns.map((column) => column[i]),
    ),
  );
  if (!isClose(values, sums).every(Boolean)) return null;
  const found = coefficients.map((coefficient, j) => remarksOn(coefficient, known[own[j]]));
  return found.includes(null) ? null : [...opening, ...found.flat()];
}

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

function remarksOn(coefficient, { cases, other }) {
  const isCase = ([number]) => Math.abs(coefficient - number) <= CLOSE * (Math.abs(number) || 1);
  const [, remarks] = cases.find(isCase) ?? [];
  if (remarks !== undefined) return remarks;
  const ratio = formatNumber(coefficient);
  return other && other.map(({ key, values }) => remark(key, { ...values, ratio }));
}

function wrongShape(answer, measured) {
  const values = { came: formatShape(answer.shape), expected: formatShape(measured.shape) };
  const turned = transposed(answer);
  if (answer.shape.length === 2 && agree(turned, measured))
    return remark("shape_transposed", values);
  for (let axis = 0; axis < answer.shape.length; axis += 1)
    for (const keep of [false, true]) {
      const sum = (list) => list.reduce((all, x) => all + x, 0);
      const summed = reduced(answer, sum, "float", [axis], keep);
      if (agree(summed, measured)) return remark("shape_sum", { ...values, axis });
    }
  return remark("shape", values);
}

/** Format a number to four digits, as Python does. */
export function formatNumber(number) {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "NaN" : number > 0 ? "∞" : "-∞";
  const rounded = Number(number.toExponential(3));
  const size = Math.abs(rounded);
  if (size !== 0 && !(size >= 1e-4 && size < 1e16)) {
    const [digits, power] = rounded.toExponential(3).split("e");
    return `${digits.replace(/\.?0+$/u, "")}e${Number(power)}`;
  }
  return rounded.toFixed(10).replace(/\.?0+$/u, "");
}

const placeLabel = (shape, i) => (shape.length ? `[${indices(shape)[i].join(", ")}]` : "");
