// A table in text as columns of numbers and of texts, by the rules of handgrad.tables.data.

import { plain, trimmed } from "../../model/numbers.js";
import { TableRefused, rowsIn, separatorOf } from "./csv_text.js";

/** The page keeps so many rows; of more, evenly spaced ones. */
export const MOST_ROWS = 10000;
/** The longest text that a page takes, in characters. */
const LONGEST = 2e8;
const SIGNS = [".", ","];
/** Rows that tell the decimal sign. */
const ROWS = 1000;

/**
 * The table of a text: `{ columns: [{ name, numbers | texts, gaps }], n, of }`, where `of` is how
 * many rows the text has and `n` how many are kept. A gap is NaN among numbers, "" among texts.
 *
 * `reading` are the patterns of handgrad.tables.data. A TableRefused where it is no table.
 */
export function tableIn(text, reading) {
  if (text.length > LONGEST) throw new TableRefused("csv_long", { size: text.length });
  const { separator, skipped } = separatorOf(text);
  const body = text.slice(skipped);
  const { rows, of, each } = sampledRows(body, separator);
  if (!rows.length) throw new TableRefused("csv_empty");
  const [first] = rows;
  const isHead = first.cells.every((cell) => isMissing(cell, reading) || !read(cell, reading));
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

/** The first row, and the others if they are no more than the page keeps, else some of them. */
function sampledRows(text, separator) {
  let of = 0;
  for (const row of rowsIn(text, separator, () => false)) of += row ? 1 : 0;
  const each = Math.ceil((of - 1) / MOST_ROWS) || 1;
  const isKept = (i) => i === 0 || (i - 1) % each === 0;
  const rows = [];
  for (const row of rowsIn(text, separator, isKept)) if (row.cells) rows.push(row);
  return { rows, of, each };
}

/** Take an empty cell at the end off, which a separator there leaves; refuse other widths. */
function fit(row, width, isSkipped) {
  if (row.cells.length === width + 1 && row.cells.at(-1) === "") row.cells.pop();
  if (row.cells.length === width) return;
  const line = row.line + (isSkipped ? 1 : 0);
  throw new TableRefused("csv_ragged", { line, cells: row.cells.length, columns: width });
}

/** Names, none empty and none twice. */
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

/** The parts of a number, and by which decimal signs it reads; null where it is none. */
function read(cell, patterns) {
  const found = new RegExp(patterns.number, "u").exec(plain(cell, patterns))?.groups;
  if (!found) return null;
  const signs = found.s1 + found.s2 + found.s3;
  const debit = found.debit === "(";
  if (debit !== (found.credit === ")") || signs.length + debit > 1) return null;
  const digits = trimmed(found.digits);
  const fits = SIGNS.filter((sign) => new RegExp(patterns.digits[sign], "u").test(digits));
  if (!fits.length) return null;
  const isNegative = debit || signs === "-" || signs === "−";
  const beside = [found.c1, found.c2].filter(Boolean);
  const isPercent = found.percent === "%";
  return { digits, exponent: found.exponent, fits, isNegative, beside, isPercent };
}

const PLAIN = /^-?(\d+|\d+\.\d+)$/;

/** A column as numbers if all that is there reads as such by one sign, else as texts. */
function columnOf(name, cells, decimal, reading) {
  const there = new Map();
  for (const cell of cells) if (!isMissing(cell, reading)) there.set(cell, null);
  const asTexts = { name, texts: cells, gaps: cells.filter((cell) => !cell).length };
  if (!there.size) return asTexts;
  let fits = SIGNS;
  const beside = new Set();
  const percents = new Set();
  for (const cell of there.keys()) {
    const found = read(cell, reading);
    fits = fits.filter((sign) => found?.fits.includes(sign));
    if (!fits.length) return asTexts;
    found.beside.forEach((sign) => beside.add(sign));
    percents.add(found.isPercent);
    there.set(cell, found);
  }
  if (beside.size > 1 || percents.size > 1) return asTexts;
  const sign = fits.includes(decimal) ? decimal : [...fits].sort()[0];
  for (const [cell, found] of there) there.set(cell, numberBy(sign, found, cell));
  const numbers = Float64Array.from(cells, (cell) => there.get(cell) ?? NaN);
  return { name, numbers, gaps: cells.filter((cell) => !there.has(cell)).length };
}

function numberBy(sign, { digits, exponent, isNegative }, cell) {
  if (sign === "." && PLAIN.test(cell)) return Number(cell);
  const other = sign === "," ? "." : ",";
  const size = digits.replaceAll(other, "").replaceAll(/[’' ]/g, "").replace(sign, ".");
  const value = Number(size + exponent);
  return isNegative ? -value : value;
}

/** The decimal sign: that of the most columns of numbers with one that says so. */
function decimalOf(columns, separator, reading) {
  const votes = { ",": 0, ".": 0, both: 0 };
  for (const column of columns) {
    const cells = column.slice(0, ROWS).filter((cell) => /[.,]/.test(cell));
    if (!cells.length) continue;
    const fits = SIGNS.filter((sign) =>
      cells.every((cell) => read(cell, reading)?.fits.includes(sign)),
    );
    if (fits.length === 1) votes[fits[0]] += 1;
    else if (fits.length === 2) votes.both += 1;
  }
  if (votes[","] === votes["."]) return votes.both && separator === ";" ? "," : ".";
  return votes[","] > votes["."] ? "," : ".";
}
