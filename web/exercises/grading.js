// Grading without Python: numerical gradients and the diagnosis of errors, as in diagnosis.py.

import { FormulaError } from "../shared/formula.js";
import { array, broadcast, indices, reduced, scalar, transposed } from "./arrays.js";
import { formatShape, valueOf } from "./evaluate.js";

const CLOSE = 1e-5; // relative tolerance of a fitted number
const STEP = 6e-6; // cube root of the machine precision: balances truncation and rounding errors

/**
 * Grade answers: { hole: [{ key, values, at, end }] }.
 *
 * `answers` has a formula by hole; `forward` is the exercise's or an edited one, as lines [name,
 * formula]. Diagnoses that use the correct answer apply to the exercise's forward only.
 */
export function grade(exercise, answers, forward = exercise.forward) {
  const own = forward === exercise.forward;
  const known = run(forward, exercise.arrays);
  return Object.fromEntries(
    exercise.holes.map((hole) => {
      const measured = measuredOf(exercise, hole, forward, known);
      const remarks = graded(answers[hole.name], known, (answer) =>
        diagnose(answer, measured, known.n.values[0], own ? hole.known : NOTHING),
      );
      known[hole.name] = measured;
      return [hole.name, remarks];
    }),
  );
}

const NOTHING = { terms: [], factors: [], regions: [], mistakes: [] };

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

/** Elementwise comparison of two arrays of one shape, within the measurement error. */
function isClose(a, b) {
  const scale = largest(b.values);
  return a.values.map((x, i) => {
    const most = Math.max(Math.abs(x), Math.abs(b.values[i]));
    return Number.isFinite(x) && Math.abs(x - b.values[i]) <= 1e-6 * most + 1e-8 * scale;
  });
}

const largest = (values) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const agree = (a, b) => isClose(a, b).every(Boolean);
const same = (a, b) => a.shape.join() === b.shape.join();
const remark = (key, values = {}) => ({ key, values });

/** Diagnose an answer; a single remark `right` if it is correct. */
export function diagnose(answer, measured, n, known) {
  if (!same(answer, measured)) return [wrongShape(answer, measured)];
  const good = isClose(answer, measured);
  const count = measured.values.length;
  if (good.every(Boolean)) return [remark("right", { count })];
  const odd = answer.values.findIndex((x) => !Number.isFinite(x));
  if (odd >= 0) {
    const at = placeLabel(answer.shape, odd);
    return [remark("not_finite", { at, came: formatNumber(answer.values[odd]) })];
  }
  const i = good.indexOf(false);
  const [mine, right] = [answer.values[i], measured.values[i]];
  const ratio = right ? mine / right : Infinity;
  const numbers = {
    answer: formatNumber(mine),
    measured: formatNumber(right),
    ratio: formatNumber(ratio),
  };
  const wrong = good.filter((is) => !is).length;
  const opening = { wrong, count, at: placeLabel(answer.shape, i), ...numbers };
  return [remark("wrong", opening), ...patternOf(answer, measured, n, known)];
}

/** Find the first matching error pattern, the most specific first. */
function patternOf(answer, measured, n, known) {
  const { mistakes, factors, terms, regions } = known;
  const mistake = mistakes.find((one) => same(one, measured) && agree(answer, one));
  if (mistake) return [remark("mistake", { note: mistake.note })];
  if (answer.values.every((x) => x === 0)) return [remark("zero")];
  const turned = transposed(answer);
  if (answer.shape.length === 2 && same(turned, measured) && agree(turned, measured))
    return [remark("transposed")];
  const constants = factors.filter(({ values }) => values.length === 1);
  const constant = factorsOf(answer, measured, n, constants).find((said) => said.length === 1);
  if (constant) return constant;
  const ratio = constantRatio(answer.values, measured.values);
  if (ratio !== null) return [ratioRemark(ratio, n, measured.shape)];
  const [factor] = factorsOf(answer, measured, n, factors);
  if (factor) return factor;
  const shares = fitTerms(answer, terms);
  if (shares.length)
    return terms.flatMap(({ note }, i) =>
      Math.abs(shares[i] - 1) > CLOSE ? [termRemark(note, shares[i])] : [],
    );
  return regionOf(answer, measured, regions) ?? lineOf(answer, measured) ?? [];
}

/** Constant c with a = c b everywhere, or null. */
function constantRatio(a, b) {
  const square = b.reduce((sum, x) => sum + x * x, 0);
  if (square === 0) return null;
  const c = a.reduce((sum, x, i) => sum + x * b[i], 0) / square;
  const scaled = b.map((x) => c * x);
  return c && agree(array([a.length], a), array([a.length], scaled)) ? c : null;
}

function ratioRemark(ratio, n, shape) {
  const size = shape.reduce((all, k) => all * k, 1);
  const columns = shape.length > 1 ? shape.at(-1) : n;
  const sign = ratio < 0 ? "_sign" : "";
  const factor = Math.abs(ratio);
  if (Math.abs(factor - 1) <= CLOSE) return remark("ratio_sign");
  for (const [name, k] of Object.entries({ two: 2, rows: n, columns, entries: size })) {
    if (k > 1 && Math.abs(factor / k - 1) <= CLOSE)
      return remark(`ratio_times_${name}${sign}`, { n: k });
    if (k > 1 && Math.abs(factor * k - 1) <= CLOSE)
      return remark(`ratio_by_${name}${sign}`, { n: k });
  }
  return remark("ratio", { ratio: formatNumber(ratio) });
}

/** Factors that are missing or superfluous in the answer, and a remaining constant. */
function factorsOf(answer, measured, n, factors) {
  return factors.flatMap(({ note, ...factor }) => {
    const times = (a) => a.values.map((x, i) => x * broadcast(factor, a.shape).values[i]);
    if (!broadcasts(factor.shape, answer.shape)) return [];
    return [
      ["factor_missing", constantRatio(times(answer), measured.values)],
      ["factor_extra", constantRatio(answer.values, times(measured))],
    ].flatMap(([key, ratio]) => {
      if (ratio === null) return [];
      const besides = Math.abs(ratio - 1) <= CLOSE ? [] : [ratioRemark(ratio, n, answer.shape)];
      return [[remark(key, { note }), ...besides]];
    });
  });
}

const broadcasts = (from, to) =>
  from.length <= to.length &&
  from.every((k, i) => k === 1 || k === to[to.length - from.length + i]);

/** Fit the answer as a linear combination of terms: their coefficients; none if that fails. */
function fitTerms(answer, terms) {
  if (terms.length < 2) return [];
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const square = terms.map((a) => terms.map((b) => dot(a.values, b.values)));
  const right = terms.map((a) => dot(a.values, answer.values));
  const shares = solveLinear(square, right);
  if (!shares) return [];
  const off = answer.values.map((x, i) =>
    Math.abs(x - terms.reduce((sum, term, j) => sum + shares[j] * term.values[i], 0)),
  );
  return largest(off) <= CLOSE * largest(answer.values) ? shares : [];
}

/** Solve a small linear system; null if it is singular. */
function solveLinear(square, right) {
  const rows = square.map((row, i) => [...row, right[i]]);
  for (let i = 0; i < rows.length; i += 1) {
    const best = rows
      .slice(i)
      .reduce((k, row, j) => (Math.abs(row[i]) > Math.abs(rows[k][i]) ? i + j : k), i);
    [rows[i], rows[best]] = [rows[best], rows[i]];
    if (rows[i][i] === 0) return null;
    for (let j = 0; j < rows.length; j += 1) {
      if (j === i) continue;
      const share = rows[j][i] / rows[i][i];
      rows[j] = rows[j].map((x, k) => x - share * rows[i][k]);
    }
  }
  return rows.map((row, i) => row.at(-1) / row[i]);
}

function termRemark(note, share) {
  if (Math.abs(share) <= CLOSE) return remark("term_missing", { note });
  if (Math.abs(share + 1) <= CLOSE) return remark("term_sign", { note });
  return remark("term_ratio", { note, ratio: formatNumber(share) });
}

/** Find a region in which alone the answer is wrong, and the error pattern there. */
function regionOf(answer, measured, regions) {
  const good = isClose(answer, measured);
  for (const { note, ...region } of regions) {
    const here = broadcast(region, answer.shape).values.map(Boolean);
    if (here.every(Boolean) || !here.some(Boolean)) continue;
    if (!good.every((is, i) => is || here[i])) continue;
    const inside = (values) => values.filter((_, i) => here[i]);
    const mine = inside(answer.values);
    const ratio = constantRatio(mine, inside(measured.values));
    if (ratio !== null)
      return [remark("region", { note }), remark("there_ratio", { ratio: formatNumber(ratio) })];
    const zero = mine.every((x) => x === 0) ? [remark("there_zero")] : [];
    return [remark("region", { note }), ...zero];
  }
  return null;
}

/** Find a constant factor for each row or each column. */
function lineOf(answer, measured) {
  if (answer.shape.length !== 2 || answer.shape.includes(1)) return null;
  const rowsOf = ({ shape, values }) =>
    Array.from({ length: shape[0] }, (_, i) => values.slice(i * shape[1], (i + 1) * shape[1]));
  const ways = { by_row: [answer, measured], by_column: [answer, measured].map(transposed) };
  for (const [key, sides] of Object.entries(ways)) {
    const [mine, right] = sides.map(rowsOf);
    if (mine.every((row, i) => constantRatio(row, right[i]) !== null)) return [remark(key)];
  }
  return null;
}

function wrongShape(answer, measured) {
  const values = { came: formatShape(answer.shape), expected: formatShape(measured.shape) };
  const turned = transposed(answer);
  if (answer.shape.length === 2 && same(turned, measured) && agree(turned, measured))
    return remark("shape_transposed", values);
  for (let axis = 0; axis < answer.shape.length; axis += 1)
    for (const keep of [false, true]) {
      const sum = (list) => list.reduce((all, x) => all + x, 0);
      const summed = reduced(answer, sum, "float", [axis], keep);
      if (same(summed, measured) && agree(summed, measured))
        return remark("shape_sum", { ...values, axis });
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
