// CSV parser: character encoding, separator, quoted cells, rows.

/** Error of an unreadable table: `key` names its three parts among the translations. */
export class TableRefused extends Error {
  constructor(key, values = {}) {
    super(`${key} ${JSON.stringify(values)}`);
    this.key = key;
    this.values = values;
  }
}

const MARKS = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];
/** Number of bytes for detecting the encoding. */
const SAMPLE = 2 ** 17;

/** Decode a file's bytes: UTF-8, UTF-16, or another encoding that handgrad.tables.data reads. */
export function textOf(bytes) {
  const text = new TextDecoder(encodingOf(bytes)).decode(bytes);
  // eslint-disable-next-line no-control-regex -- signs that no text has
  if (/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text.slice(0, SAMPLE)))
    throw new TableRefused("csv_binary");
  return text.replace(/^\uFEFF/, "");
}

function encodingOf(bytes) {
  const marked = MARKS.find(([mark]) => mark.every((byte, i) => bytes[i] === byte));
  if (marked) return marked[1];
  const head = bytes.subarray(0, SAMPLE);
  const zeros = [0, 0];
  for (let i = 0; i < head.length; i++) zeros[i % 2] += head[i] === 0;
  if (zeros[1] > 9 * zeros[0]) return "utf-16le";
  if (zeros[0] > 9 * zeros[1]) return "utf-16be";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return "utf-8";
  } catch {
    return comesInPairs(bytes) ? "gb18030" : "windows-1252";
  }
}

/** Test if bytes above 160 come in pairs, as only in East Asian encodings. */
function comesInPairs(bytes) {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] < 0x80) continue;
    if (bytes[i] < 0xa1 || bytes[i] > 0xf7 || !(bytes[i + 1] >= 0xa1)) return false;
    i += 1;
  }
  return true;
}

const ROWS = 1000;

/**
 * Detect the separator, one of `separators` in order of preference: it splits all rows into as many
 * cells as the first, more than one.
 */
export function separatorOf(text, separators) {
  const said = /^sep=(.)\r?\n?/i.exec(text);
  if (said) return { separator: said[1], skipped: said[0].length };
  const head = text.length > SAMPLE ? text.slice(0, text.lastIndexOf("\n", SAMPLE) + 1) : text;
  let best = { separator: ",", share: 0, width: 1 };
  for (const separator of separators) {
    const rows = [];
    try {
      for (const { cells } of rowsIn(head, separator)) {
        if (rows.push(cells) === ROWS) break;
      }
    } catch (error) {
      if (!(error instanceof TableRefused)) throw error; // a quote cut off by the sample
    }
    const [names = [], ...others] = rows;
    const width = names.length;
    const own = width - (names.at(-1) === "");
    const fitting = others.filter((row) => row.length - (row.at(-1) === "") === own);
    const share = others.length ? fitting.length / others.length : 1;
    if (width > 1 && (share > best.share || (share === best.share && width > best.width))) {
      best = { separator, share, width };
    }
  }
  return { separator: best.separator, skipped: 0 };
}

/**
 * Iterate over the nonempty rows of a text: `{ line, cells }`, lines numbered from 1. Quoted cells
 * may contain separators, line breaks and doubled quotes.
 *
 * `wanted(i)` selects the rows with cells; others are `{ line, cells: null }`.
 */
export function* rowsIn(text, separator, wanted = () => true) {
  const ends = lineEnds(text);
  let at = 0;
  let line = 1;
  for (let i = 0; at < text.length;) {
    const end = ends(at);
    const raw = text.slice(at, end.at);
    if (!raw.includes('"')) {
      at = end.next;
      if (raw) yield { line, cells: wanted(i++) ? raw.split(separator) : null };
      line += 1;
      continue;
    }
    const row = quotedRow(text, at, separator, line);
    yield { line, cells: wanted(i++) ? row.cells : null };
    line += row.lines;
    at = row.next;
  }
}

/** Create a function that finds the end of a line, and the begin of the next. */
function lineEnds(text) {
  const place = (sign, from) => {
    const at = text.indexOf(sign, from);
    return at < 0 ? Infinity : at;
  };
  let [feed, back] = [-1, -1]; // next occurrences; searched again when passed
  return (from) => {
    if (feed < from) feed = place("\n", from);
    if (back < from) back = place("\r", from);
    if (feed < back) return { at: feed, next: feed + 1 };
    if (back < Infinity) return { at: back, next: back + (text[back + 1] === "\n" ? 2 : 1) };
    return { at: text.length, next: text.length };
  };
}

/** Parse a row with quotes, which may span several lines. */
function quotedRow(text, begin, separator, line) {
  const cells = [];
  let at = begin;
  for (;;) {
    let cell = "";
    if (text[at] === '"') {
      for (at += 1; ; at += 2) {
        const end = text.indexOf('"', at);
        if (end < 0) throw new TableRefused("csv_quote", { line });
        cell += text.slice(at, end);
        at = end;
        if (text[end + 1] !== '"') break;
        cell += '"';
      }
      at += 1;
    }
    const from = at;
    while (at < text.length && text[at] !== separator && !"\r\n".includes(text[at])) at += 1;
    cells.push(cell + text.slice(from, at));
    if (text[at] !== separator) break;
    at += 1;
  }
  const next = at + (text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1);
  const lines = text.slice(begin, next).split(/\r\n|\r|\n/).length;
  return { cells, next, lines: next > text.length ? lines : lines - 1 };
}
