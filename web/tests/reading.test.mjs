// Tests of the formula parser, the CSV import, and the parsers of numbers and dates.

import assert from "node:assert/strict";
import test from "node:test";
import { FormulaError, namesIn, parseFormula } from "../shared/formula.js";
import { rowFunction } from "../playground/training/formulas.js";
import { separatorOf, textOf } from "../playground/training/csv_parser.js";
import { dayOf } from "../model/dates.js";

const places = new Map([
  ["x1", 0],
  ["x2", 1],
]);

test("a formula is worked out as Python does", () => {
  const of = (text) => rowFunction(text, places)(Float64Array.of(2, -3), 0);
  assert.equal(of("x1 ** 2 - x2"), 7);
  assert.equal(of("-x1 ** 2"), -4);
  assert.equal(of("where(x1 > x2, 1, 0)"), 1);
});

test("the names of a formula are known before it is worked out", () => {
  assert.deepEqual([...namesIn(parseFormula("sin(x1) * x2 + pi"))].sort(), [
    "pi",
    "sin",
    "x1",
    "x2",
  ]);
});

test("what is no formula is refused", () => {
  for (const text of ["x1 +", "(x1", "x1 x2", "import os"]) {
    assert.throws(() => parseFormula(text), FormulaError, text);
  }
});

test("the sign between cells is found", () => {
  const found = (text) => separatorOf(text, ["\t", ";", ","]).separator;
  assert.equal(found("a;b\n1,5;2\n"), ";");
  assert.equal(found("a,b\n1,2\n"), ",");
  assert.equal(found("a\tb\n1\t2\n"), "\t");
});

test("bytes are read in the encoding that they have", () => {
  assert.equal(textOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "a");
  assert.equal(textOf(Uint8Array.of(0x73, 0xfc, 0xdf)), "süß");
  assert.equal(textOf(new TextEncoder().encode("年")), "年");
});

test("days are counted from 1970", () => {
  assert.equal(dayOf(1970, 1, 2), 1);
  assert.equal(dayOf(2000, 3, 1) - dayOf(2000, 2, 28), 2);
});
