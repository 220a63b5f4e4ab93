// Number parser: spreadsheet notation, as handgrad.tables.data reads a column of one cell.

/** Whitespace at the ends of a text, as Python defines it. */
const BLANK =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const ENDS = new RegExp(`^${BLANK}+|${BLANK}+$`, "gu");

/** Trim a text as Python's `str.strip` does. */
export const trimmed = (text) => text.replace(ENDS, "");

/** Normalize whitespace: narrow and no-break spaces become plain ones, the ends are trimmed. */
export const plain = (text, patterns) =>
  trimmed(text.replaceAll(new RegExp(patterns.blanks, "gu"), " "));

/**
 * Parse a text to the parts of a number; null if it is none. `decimals` are the possible decimal
 * separators; `patterns` are those of handgrad.files.cell_patterns.
 */
export function numberParts(text, patterns) {
  const found = new RegExp(patterns.number, "u").exec(plain(text, patterns))?.groups;
  if (!found || patterns.missing.includes(trimmed(text))) return null;
  const signs = found.s1 + found.s2 + found.s3;
  const debit = found.debit === "(";
  const currencies = [found.c1, found.c2].filter(Boolean);
  if (debit !== (found.credit === ")") || signs.length + debit > 1) return null;
  const digits = trimmed(found.digits);
  const decimals = Object.keys(patterns.digits).filter((sign) =>
    new RegExp(patterns.digits[sign], "u").test(digits),
  );
  const negative = debit || signs === "-" || signs === "−";
  const { exponent, percent } = found;
  return decimals.length
    ? { digits, exponent, decimals, currencies, negative, percent: percent === "%" }
    : null;
}

/** Number of the parts with a decimal separator: `decimal` if it is possible, else the other one. */
export function numberOf({ digits, exponent, decimals, negative }, decimal) {
  const sign = decimals.includes(decimal) ? decimal : decimals[0];
  const other = sign === "," ? "." : ",";
  const written = digits.replaceAll(other, "").replaceAll(/[’' ]/g, "").replace(sign, ".");
  const size = Number(written + exponent);
  return negative ? -size : size;
}

/**
 * Parse a number; null if the text is none. `decimal` is the decimal separator where both are
 * possible, "," or "." or "", which is ".".
 */
export function numberIn(text, decimal, patterns) {
  const parts = numberParts(text, patterns);
  if (!parts || new Set(parts.currencies).size > 1) return null;
  const value = numberOf(parts, decimal || ".");
  const { digits, exponent } = parts;
  const isWhole = /^\d+$/.test(digits) && !exponent && digits.length <= patterns.most_digits;
  return isWhole && value === 0 ? 0 : value; // integers have no −0
}

/** Format a number with a decimal separator, so that it parses to the same number. */
export const numberText = (value, decimal) => String(value).replace(".", decimal || ".");
