// A table in text, read in the page: separators, quotes, numbers and categories.

import { numberIn, trimmed } from "../../../exporting/portable/page/numbers.js";

/** The page keeps so many rows; of more, evenly spaced ones. */
export const MOST_ROWS = 10000;
/** The longest text that a page takes, in characters. */
const LONGEST = 2e8;
const PLAIN = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const GAPS = ["", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-"];

/** A table that cannot be read: `key` names its three parts among the words. */
export class TableRefused extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/**
 * The table of a text: `{ columns: [{ name, numbers | texts, gaps }], n, of }`, where `of` is how
 * many rows the text has and `n` how many are kept.
 */
export function tableIn(text, reading) {
  if (text.length > LONGEST) throw new TableRefused("csv_long", { size: text.length });
  const body = text.replace(/^\uFEFF/, "");
  if (!trimmed(body)) throw new TableRefused("csv_empty");
  const separator = separatorOf(body);
  const lines = body.includes('"') ? quoted(body, separator) : plainLines(body, separator);
  if (!lines.length) throw new TableRefused("csv_empty");
  const first = lines.cells(0);
  const isHead = !first.some((cell) => isNumber(cell, reading));
  const of = lines.length - (isHead ? 1 : 0);
  if (of < 2) throw new TableRefused("csv_no_rows", { rows: of });
  const names = namesOf(isHead ? first : first.map((_, i) => `column ${i + 1}`));
  const each = Math.max(1, Math.floor(of / MOST_ROWS));
  const n = Math.min(MOST_ROWS, Math.floor((of - 1) / each) + 1);
  const cells = names.map(() => new Array(n));
  for (let i = 0; i < n; i++) {
    const line = i * each + (isHead ? 1 : 0);
    const row = lines.cells(line);
    if (row.length !== names.length) {
      const said = { line: line + 1, cells: row.length, columns: names.length };
      throw new TableRefused("csv_ragged", said);
    }
    for (let k = 0; k < names.length; k++) cells[k][i] = trimmed(row[k]);
  }
  return { columns: names.map((name, k) => columnOf(name, cells[k], reading)), n, of };
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

/** The sign that stands most often in the first line, outside quotes. */
function separatorOf(text) {
  const end = text.indexOf("\n");
  const line = (end < 0 ? text : text.slice(0, end)).replace(/"[^"]*"/g, "");
  const count = (sign) => line.split(sign).length;
  return [",", ";", "\t", "|"].reduce((best, sign) => (count(sign) > count(best) ? sign : best));
}

function plainLines(text, separator) {
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== "");
  return { length: lines.length, cells: (i) => lines[i].split(separator) };
}

/** Lines in which cells are quoted: a quote may hold separators, line ends and doubled quotes. */
function quoted(text, separator) {
  const rows = [];
  let row = [];
  let at = 0;
  while (at <= text.length) {
    let cell = "";
    if (text[at] === '"') {
      const began = at;
      for (at += 1; ; at += 2) {
        const end = text.indexOf('"', at);
        if (end < 0) throw new TableRefused("csv_quote", { line: lineOf(text, began) });
        cell += text.slice(at, end);
        at = end;
        if (text[end + 1] !== '"') break;
        cell += '"';
      }
      at += 1;
    }
    const rest = endOfCell(text, at, separator);
    row.push(cell + text.slice(at, rest));
    at = rest;
    if (text[at] === separator) {
      at += 1;
      continue;
    }
    if (row.length > 1 || row[0].trim()) rows.push(row);
    row = [];
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
  }
  return { length: rows.length, cells: (i) => rows[i] };
}

function endOfCell(text, from, separator) {
  let at = from;
  while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at++;
  return at;
}

const lineOf = (text, at) => text.slice(0, at).split("\n").length;

const isNumber = (cell, reading) => numberOf(trimmed(cell), reading) !== null;

/** A cell as a number; what is plain is read at once, the rest as handgrad.data reads it. */
function numberOf(cell, reading) {
  if (PLAIN.test(cell)) return Number(cell);
  return reading && cell ? numberIn(cell, "", reading) : null;
}

/** A column as numbers, if all that is there is one; else as texts. */
function columnOf(name, cells, reading) {
  const numbers = new Float64Array(cells.length);
  let gaps = 0;
  for (const [i, cell] of cells.entries()) {
    const isGap = GAPS.includes(cell);
    const value = isGap ? NaN : numberOf(cell, reading);
    if (value === null || value === Infinity || value === -Infinity) {
      return { name, texts: cells, gaps: cells.filter((one) => GAPS.includes(one)).length };
    }
    if (isGap) gaps += 1;
    numbers[i] = value;
  }
  return gaps === cells.length ? { name, texts: cells, gaps } : { name, numbers, gaps };
}
