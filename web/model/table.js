// Encoding of table rows: cells as text to the net's inputs.

import { dateIn } from "./dates.js";
import { numberIn, trimmed } from "./numbers.js";

/**
 * Column as read in training, of handgrad.files.features, is `{ name, read_as, … }`, its fields by
 * their names in Python. A column of a net without a table is an `Input`, a number, or an `Index`,
 * an integer below `n`; it is required. `reading` has the patterns of numbers and dates, and the
 * parameters that features share.
 */

/** Test if a text is a missing value. */
export const isMissing = (text) => trimmed(text) === "" || text === "NaT";

/**
 * Parse a cell by its column: `{ value }`, a number, days since 1970 or a text; null if missing; `{
 * refused: true }` if it does not fit the column.
 */
export function cellRead(column, text, reading) {
  const needed = column.read_as === "Input" || column.read_as === "Index";
  if (isMissing(text) && !needed) return { value: null };
  const value = READ[column.read_as](column, text, reading);
  return value === null ? { refused: true } : { value };
}

const READ = {
  Number: (column, text, reading) => numberIn(text, column.written, reading),
  Date: (column, text, reading) => dateIn(text, column.time.written, reading),
  Binary: (_, text) => text,
  Category: (_, text) => text,
  Code: (_, text) => text,
  Input: (_, text, reading) => finite(numberIn(text, "", reading)),
  Index: ({ n }, text, reading) => indexOf(numberIn(text, "", reading), n),
};

const finite = (value) => (Number.isFinite(value) ? value : null);

const indexOf = (value, n) => (Number.isInteger(value) && value >= 0 && value < n ? value : null);

/** Order of encoded columns: numbers first, codes last. */
const TURN = { Number: 0, Code: 2 };

const turnOf = (column) => TURN[column.read_as] ?? 1;

/** Encode the values of a row; those of a table in float32. */
export function encodedRow(columns, values, reading) {
  const cells = columns.map((column, i) => ({ column, value: values[i] }));
  cells.sort((one, other) => turnOf(one.column) - turnOf(other.column));
  const row = [];
  let firstCode = 0;
  for (const { column, value } of cells) {
    row.push(...ENCODED[column.read_as](column, value, reading).map((x) => x + firstCode));
    if (column.read_as === "Code") firstCode += column.values.length + 1;
  }
  const fromTable = columns.some(({ read_as }) => read_as !== "Input" && read_as !== "Index");
  return fromTable ? row.map(Math.fround) : row;
}

/** Encode a row of valid texts. */
export const encodedTexts = (columns, texts, reading) =>
  encodedRow(
    columns,
    columns.map((column, i) => cellRead(column, texts[i], reading).value),
    reading,
  );

const ENCODED = {
  Number: encodedNumber,
  Date: encodedDate,
  Binary: ({ values }, text) => [Number(text === values[1]) - Number(text === values[0])],
  Category: ({ values }, text) => values.map((value) => Number(value === text)),
  Code: ({ values }, text) => [values.indexOf(text) + 1],
  Input: (_, value) => [value],
  Index: (_, value) => [value],
};

/** Robust z-score (median, IQR), outliers squashed; and a missing-value flag. */
function encodedNumber(feature, value, { limit, huge }) {
  const z = ((value ?? feature.center) - feature.center) * feature.factor;
  const clipped = Math.min(Math.max(z, -huge), huge);
  const turned = clipped / limit;
  const bent = clipped / Math.sqrt(1 + turned * turned);
  return feature.marks_missing ? [bent, Number(value === null)] : [bent];
}

/** Time, and a cyclic encoding for each clock; the last bit may differ from the engine's. */
function encodedDate({ time, cycles }, days, reading) {
  const hands = cycles.flatMap((cycle) => {
    const turn = (2 * Math.PI * (days ?? 0)) / reading.cycles[cycle];
    return days === null ? [0, 0] : [Math.sin(turn), Math.cos(turn)];
  });
  return [...encodedNumber(time, days, reading), ...hands];
}
