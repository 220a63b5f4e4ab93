// Prediction for table rows given as objects.

import { columns, reading } from "./columns.js";
import { DAY } from "./dates.js";
import { net } from "./net.js";
import { cellRead, encodedRow } from "./table.js";

/** Value of a column in a row: a number, days since 1970, a text; null if missing. */
function valueOf(column, row) {
  if (!Object.hasOwn(row, column.name)) throw new RangeError(`no column ${column.name} in a row`);
  const value = row[column.name];
  if (value === null || value === undefined || Number.isNaN(value)) return null;
  if (value instanceof Date) return value.getTime() / (1000 * DAY);
  if (column.kind === "text") return String(typeof value === "boolean" ? Number(value) : value);
  const read =
    typeof value === "string" ? cellRead(column, value, reading) : { value: Number(value) };
  if (read.refused || (read.value !== null && !Number.isFinite(read.value)))
    throw new RangeError(`${value} in the column ${column.name}`);
  return read.value;
}

/** Encode a row, an object with a value for each column, as the net's inputs. */
export const encoded = (row) =>
  encodedRow(
    columns,
    columns.map((column) => valueOf(column, row)),
  );

/** Predict rows, objects with a value for each column. */
export const predict = (rows) => net.predict(rows.map(encoded));
