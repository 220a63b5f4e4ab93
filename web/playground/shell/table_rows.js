// Encoding of a table as training rows: one-hot categories, standardized numbers, the target.

import { packed } from "../training/base64.js";
import { schemaAt } from "../training/schema.js";
import { TableRefused } from "../training/csv_parser.js";

const MOST_VALUES = 12;
const MOST_CLASSES = 20;
/** Most inputs of a net. */
export const MOST_INPUTS = schemaAt("inputs").maxItems;
/** Maximum number of distinct integers that count as classes. */
const FEW = 10;

/**
 * Convert a table to parts of a state, `{ data, inputs, told }`, for a target and features.
 *
 * `told` is a description of each column's encoding, as keys and values of translations.
 */
export function stateOfTable({ columns }, target, chosen) {
  const aim = columns.find(({ name }) => name === target);
  const sources = columns.filter(({ name }) => chosen.includes(name) && name !== target);
  if (!sources.length) throw new TableRefused("csv_no_columns", { target });
  const { y, classes, told } = targetOf(aim);
  const made = sources.map(encoded);
  const names = made.flatMap((one) => one.names);
  if (names.length > MOST_INPUTS) {
    throw new TableRefused("csv_wide", { inputs: names.length, most: MOST_INPUTS });
  }
  const n = y.length;
  const x = new Float32Array(n * names.length);
  let k = 0;
  const inputs = [];
  for (const { values, scales } of made) {
    for (const column of values) {
      for (let i = 0; i < n; i++) x[i * names.length + k] = column[i];
      inputs.push(scales ? scaled(k, scales) : names[k]);
      k += 1;
    }
  }
  const rows = { names, classes, x: packed(x), y: packed(y) };
  const problem = classes ? "classification" : "regression";
  return {
    data: { kind: "rows", problem, rows },
    inputs,
    told: [told, ...made.map((m) => m.told)],
  };
}

/** Formula of a standardized column, shown among the inputs. */
const scaled = (k, { mean, spread }) =>
  mean < 0 ? `(x${k + 1} + ${-mean}) / ${spread}` : `(x${k + 1} - ${mean}) / ${spread}`;

/** Encode the target: classes, or numbers, standardized where they are large. */
function targetOf({ name, numbers, texts, gaps }) {
  if (gaps) throw new TableRefused("csv_target_gaps", { name, gaps });
  const distinct = [...new Set(texts ?? numbers)];
  const areWhole = numbers?.every(Number.isInteger);
  if (texts || (areWhole && distinct.length <= FEW)) {
    const order = texts ? distinct.sort() : distinct.sort((a, b) => a - b);
    if (order.length < 2)
      throw new TableRefused("csv_one_class", { name, value: String(order[0]) });
    if (order.length > MOST_CLASSES) {
      throw new TableRefused("csv_classes", { name, n: order.length, most: MOST_CLASSES });
    }
    const y = Float32Array.from(texts ?? numbers, (value) => order.indexOf(value));
    return { y, classes: order.map(String), told: { key: "read_classes", name, n: order.length } };
  }
  const { mean, spread } = scaleOf(numbers);
  const isPlain = Math.abs(mean) < 2 && spread > 0.2 && spread < 5;
  const y = Float32Array.from(numbers, (value) => (isPlain ? value : (value - mean) / spread));
  const told = { key: isPlain ? "read_target" : "read_target_scaled", name, mean, spread };
  return { y, classes: null, told };
}

/** Encode a feature as numeric columns. */
function encoded({ name, numbers, texts, gaps }) {
  if (numbers) {
    const there = numbers.filter((value) => value === value).sort();
    const middle = there[Math.floor(there.length / 2)];
    const filled = numbers.map((value) => (value === value ? value : middle));
    const scales = scaleOf(filled);
    const told = { key: gaps ? "read_number_gaps" : "read_number", name, gaps, middle, ...scales };
    return { names: [name], values: [filled], scales, told };
  }
  const distinct = [...new Set(texts)].sort();
  if (distinct.length > MOST_VALUES) {
    throw new TableRefused("csv_values", { name, n: distinct.length, most: MOST_VALUES });
  }
  const values = distinct.map((value) => texts.map((text) => (text === value ? 1 : 0)));
  const names = distinct.map((value) => `${name} = ${value}`.slice(0, 200));
  return { names, values, scales: null, told: { key: "read_category", name, n: distinct.length } };
}

/** Mean and standard deviation to three digits, for readable formulas. */
function scaleOf(numbers) {
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
  const short = (value) => Number(value.toPrecision(3));
  return { mean: short(mean), spread: short(Math.sqrt(variance)) || 1 };
}
