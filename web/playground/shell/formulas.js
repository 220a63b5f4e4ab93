// Formula typesetting: x1**2 with a subscript and a superscript.

import { element } from "../../shared/words.js";

const PART = /([A-Za-z]+)(\d+)\b|\*\*\s*(\d+(?:\.\d+)?)|(\*\*?)/g;
/** Operators as shown; a nonnumeric exponent is not raised. */
const SIGNS = { "*": "·", "**": "^" };

/** Create an element with a formula: subscripts, superscripts, products without a sign. */
export function formulaLabel(text) {
  const whole = element("span", { class: "formula" });
  if (!/^[-+*/ ().,\w]+$/.test(text) || !/x\d|\*|\(/.test(text)) {
    whole.textContent = text;
    return whole;
  }
  let from = 0;
  for (const found of text.matchAll(PART)) {
    whole.append(text.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[1]) whole.append(found[1], element("sub", {}, found[2]));
    else if (found[3]) whole.append(element("sup", {}, found[3]));
    else whole.append(SIGNS[found[4]]);
  }
  whole.append(text.slice(from));
  return whole;
}

/** Standardized column: it is shown by the column's name. */
const SCALED = /^\(x(\d+) [-+] [\d.e+-]+\) \/ [\d.e+-]+$/;

/** Index of the column that an input is or standardizes; −1 for other formulas. */
export function columnOfInput(text, names) {
  const scaled = SCALED.exec(text);
  return scaled ? Number(scaled[1]) - 1 : names.indexOf(text);
}

/** Text of an input: its column's name, or its formula. */
export function inputText(text, state) {
  const { kind, rows } = state.data;
  const own = kind === "rows" && rows ? rows.names : [];
  return own[columnOfInput(text, own)] ?? formulaText(text);
}

const LOW = "₀₁₂₃₄₅₆₇₈₉";
const HIGH = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const turned = (digits, signs) => digits.replace(/\d/g, (digit) => signs[digit]);

/** Plain text of a formula, for images and screen readers. */
export const formulaText = (text) =>
  text.replace(PART, (whole, letters, index, power, sign) => {
    if (letters) return letters + turned(index, LOW);
    if (power) return /^\d+$/.test(power) ? turned(power, HIGH) : whole;
    return SIGNS[sign];
  });
