// Encoding of table rows: cells as text to the net's inputs.

import { dateIn } from "./dates.js";
import { placeIn } from "./cycles.js";
import { encoded } from "./encoding.js";
import { numberIn, trimmed } from "./numbers.js";

/**
 * Column as read in training, of handgrad.files.features, is `{ name, read_as, … }`, its fields by
 * their names in Python. A column of a net without a table is an `Input`, a number, or an `Index`,
 * an integer below `n`; it is required. `kind` is "number", "date" or "text", "input" or "index";
 * a number in a cycle, such as a time of day, has a `place`. `reading` has the patterns of numbers,
 * dates and times. The module `encoding.js` is that of a model.
 */

/** Test if a text is a missing value. */
export const isMissing = (text, { no_time }) => trimmed(text) === "" || text === no_time;

/**
 * Parse a cell by its column: `{ value }`, a number, days since 1970 or a text; null if missing; `{
 * refused: true }` if it does not fit the column.
 */
export function cellRead(column, text, reading) {
  const needed = column.kind === "input" || column.kind === "index";
  if (isMissing(text, reading) && !needed) return { value: null };
  const value = READ[column.kind](column, text, reading);
  return value === null ? { refused: true } : { value };
}

const READ = {
  number: (column, text, reading) =>
    (column.place ? placeIn(text, column.place.written, reading) : null) ??
    numberIn(text, column.written, reading),
  date: (column, text, reading) => dateIn(text, column.time.written, reading),
  text: (_, text) => text,
  input: (_, text, reading) => finite(numberIn(text, "", reading)),
  index: ({ n }, text, reading) => indexOf(numberIn(text, "", reading), n),
};

const finite = (value) => (Number.isFinite(value) ? value : null);

const indexOf = (value, n) => (Number.isInteger(value) && value >= 0 && value < n ? value : null);

/** Number of a value for the encoder: its own, or the index of a text; NaN if missing, else −1. */
const numberOf = ({ values }, value) => (values ? values.indexOf(value) : (value ?? NaN));

/** Encode the values of a row. */
export const encodedRow = (columns, values) =>
  encoded([columns.map((column, i) => numberOf(column, values[i]))])[0];

/** Encode a row of valid texts. */
export const encodedTexts = (columns, texts, reading) =>
  encodedRow(
    columns,
    columns.map((column, i) => cellRead(column, texts[i], reading).value),
  );
