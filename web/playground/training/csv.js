// CSV import: text to columns of numbers and texts, by the rules of handgrad.tables.data.

import { numberOf, numberParts, trimmed } from "../../model/numbers.js";
import { TableRefused, rowsIn, separatorOf } from "./csv_parser.js";

/** Maximum number of rows; a larger table is sampled at even spacing. */
export const MOST_ROWS = 10000;
/** Maximum length of a text, in characters. */
const LONGEST = 2e8;
/** Number of rows for detecting the decimal separator. */
const ROWS = 1000;

/**
 * Parse a table: `{ columns: [{ name, numbers | texts, gaps }], n, of }`, where `of` is the number
 * of rows in the text and `n` of those kept. A gap is NaN among numbers, "" among texts.
 *
 * `reading` has the patterns of handgrad.tables.data. Throws TableRefused if the text is no table.
 */
export function tableIn(text, reading) {
  if (text.length > LONGEST) throw new TableRefused("csv_long", { size: text.length });
  const { separator, skipped } = separatorOf(text, reading.separators);
  const body = text.slice(skipped);
  const { rows, of, each } = sampledRows(body, separator);
  if (!rows.length) throw new TableRefused("csv_empty");
  const [first] = rows;
  const isHead = first.cells.every((cell) => !numberParts(cell, reading));
  const below = isHead ? rows.slice(1) : rows;
  if (below.length < 2) throw new TableRefused("csv_no_rows", { rows: below.length });
  const width = first.cells.length;
  for (const row of below) fit(row, width, skipped > 0);
  const names = namesOf(isHead ? first.cells : first.cells.map(() => ""));
  const cells = names.map((_, k) => below.map((row) => trimmed(row.cells[k])));
  const decimal = decimalOf(cells, separator, reading);
  const columns = names.map((name, k) => columnOf(name, cells[k], decimal, reading));
  const named = columns.filter(({ gaps }, k) => gaps < below.length || trimmed(first.cells[k]));
  return { columns: named, n: below.length, of: each === 1 ? below.length : of - (isHead ? 1 : 0) };
}

/** Header and rows, sampled if there are more than the maximum. */
function sampledRows(text, separator) {
  let of = 0;
  for (const row of rowsIn(text, separator, () => false)) of += row ? 1 : 0;
  const each = Math.ceil((of - 1) / MOST_ROWS) || 1;
  const isKept = (i) => i === 0 || (i - 1) % each === 0;
  const rows = [];
  for (const row of rowsIn(text, separator, isKept)) if (row.cells) rows.push(row);
  return { rows, of, each };
}

/** Remove the empty cell after a trailing separator; refuse rows of another width. */
function fit(row, width, isSkipped) {
  if (row.cells.length === width + 1 && row.cells.at(-1) === "") row.cells.pop();
  if (row.cells.length === width) return;
  const line = row.line + (isSkipped ? 1 : 0);
  throw new TableRefused("csv_ragged", { line, cells: row.cells.length, columns: width });
}

/** Column names, none empty and none twice. */
function namesOf(given) {
  const names = [];
  for (const [i, cell] of given.entries()) {
    const name = trimmed(cell).slice(0, 100) || `column ${i + 1}`;
    let own = name;
    for (let k = 2; names.includes(own); k++) own = `${name} ${k}`;
    names.push(own);
  }
  return names;
}

const isMissing = (cell, { missing }) => missing.includes(trimmed(cell));

/** Infer a column's type: numbers if all cells parse with one decimal separator, else texts. */
function columnOf(name, cells, decimal, reading) {
  const there = new Map(
    cells.filter((cell) => !isMissing(cell, reading)).map((cell) => [cell, null]),
  );
  const asTexts = { name, texts: cells, gaps: cells.filter((cell) => !cell).length };
  for (const cell of there.keys()) {
    const parts = numberParts(cell, reading);
    if (!parts) return asTexts;
    there.set(cell, parts);
  }
  const all = [...there.values()];
  const signs = commonDecimals(all);
  const currencies = new Set(all.flatMap((parts) => parts.currencies));
  const percents = new Set(all.map(({ percent }) => percent));
  if (!signs.length || currencies.size > 1 || percents.size > 1) return asTexts;
  const sign = signs.includes(decimal) ? decimal : signs[0];
  for (const [cell, parts] of there) there.set(cell, numberOf(parts, sign));
  const numbers = Float64Array.from(cells, (cell) => there.get(cell) ?? NaN);
  return { name, numbers, gaps: cells.filter((cell) => !there.has(cell)).length };
}

/** Decimal separators that are possible in all numbers; none if there is no number. */
const commonDecimals = (all) =>
  (all[0]?.decimals ?? []).filter((sign) => all.every((parts) => parts?.decimals.includes(sign)));

/** Detect the decimal separator by majority of the numeric columns. */
function decimalOf(columns, separator, reading) {
  const votes = { ",": 0, ".": 0, both: 0 };
  for (const column of columns) {
    const cells = column.slice(0, ROWS).filter((cell) => /[.,]/.test(cell));
    if (!cells.length) continue;
    const fits = commonDecimals(cells.map((cell) => numberParts(cell, reading)));
    if (fits.length === 1) votes[fits[0]] += 1;
    else if (fits.length === 2) votes.both += 1;
  }
  if (votes[","] === votes["."]) return votes.both && separator === ";" ? "," : ".";
  return votes[","] > votes["."] ? "," : ".";
}
