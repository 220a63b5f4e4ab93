"""JavaScript printer of plain programs, and its runtime: bit casts, PCG64.

Each float32 is rounded by Math.fround where it is computed.
"""

import math

import numpy as np

from handgrad.engines.loops.functions.function import Function
from handgrad.engines.loops.ir import Expression, Type, Var
from handgrad.engines.loops.program import FINISHED, Program
from handgrad.engines.loops.random_streams import MULTIPLIER
from handgrad.engines.portable.printing.c_family import (
    COMPARISON,
    INDENT,
    SUM,
    CFamilyPrinter,
    RuntimeSnippets,
)
from handgrad.engines.portable.printing.specialize import buffers_of

FIRST = "const f32 = Math.fround; // rounds to the nearest float32"

SHARED = {
    "single": "const single = new Float32Array(1);",
    "bits": "const bits = new Int32Array(single.buffer);",
    "double": "const double = new Float64Array(1);",
    "halves": "const halves = new Int32Array(double.buffer); // low half first",
    "maximum": """\
/** The larger of two numbers; propagates NaN. */
const maximum = (x, y) => (x > y || x !== x ? x : y);""",
    "minimum": """\
/** The smaller of two numbers; propagates NaN. */
const minimum = (x, y) => (x < y || x !== x ? x : y);""",
    "whole": """\
/** Truncate to an integer; the lowest integer if the number is out of range. */
const whole = (x) => (Math.abs(x) < 2 ** 63 ? Math.trunc(x) + 0 : -(2 ** 63));""",
    "rint": """\
/** Round to the nearest integer, ties to even. */
function rint(x) {
  const most = 2 ** 52; // larger numbers are integers
  if (!(Math.abs(x) < most)) return x;
  return x > 0 ? x + most - most : x < 0 ? -(most - x - most) : x;
}""",
    "has_bit": """\
/** Bit k of an integer. */
const has_bit = (n, k) => (n & (1 << k)) !== 0;""",
    "signbit": """\
/** The sign bit, which -0 has too. */
const signbit = (x) => x < 0 || Object.is(x, -0);""",
}

SINGLE = {
    "times_power_of_two": """\
/** 2 to the power of n, times y, in two factors: one factor could overflow. */
function times_power_of_two(y, n) {
  const half = n >> 1;
  return f32(f32(y * power_of_two(half)) * power_of_two(n - half));
}""",
    "power_of_two": """\
/** 2 to the power of n, made from its bits. */
function power_of_two(n) {
  bits[0] = (n + 127) << 23;
  return single[0];
}""",
    "exponent": """\
/** The integer n of x = 2^n m, with m between the square roots of 1/2 and 2. */
function exponent(x) {
  single[0] = x;
  return (bits[0] - 0x3f3504f3) >> 23;
}""",
    "significand": """\
/** The m of x = 2^n m. */
function significand(x) {
  const n = exponent(x);
  bits[0] -= n << 23;
  return single[0];
}""",
    "random": """\
/** A random number from [0, 1) as NumPy draws a float32. */
const random = (stream) => (stream.next32() >>> 8) / 2 ** 24;""",
}

DOUBLE = {
    "times_power_of_two": """\
/** 2 to the power of n, times y, in two factors: one factor could overflow. */
function times_power_of_two(y, n) {
  const half = n >> 1;
  return y * power_of_two(half) * power_of_two(n - half);
}""",
    "power_of_two": """\
/** 2 to the power of n, made from its bits. */
function power_of_two(n) {
  halves[0] = 0;
  halves[1] = (n + 1023) << 20;
  return double[0];
}""",
    "exponent": """\
/** The integer n of x = 2^n m, with m between the square roots of 1/2 and 2. */
function exponent(x) {
  double[0] = x;
  return (halves[1] - 0x3fe6a09e - (halves[0] >>> 0 < 0x667f3bcd ? 1 : 0)) >> 20;
}""",
    "significand": """\
/** The m of x = 2^n m. */
function significand(x) {
  const n = exponent(x);
  halves[1] -= n << 20;
  return double[0];
}""",
    "random": """\
/** A random number from [0, 1) as NumPy draws a float64. */
function random(stream) {
  stream.next64();
  return (stream.high * 2 ** 21 + (stream.low >>> 11)) / 2 ** 53;
}""",
}
DIGITS = ", ".join(f"0x{MULTIPLIER >> 16 * k & 0xFFFF:04x}" for k in range(8))
STREAMS = {
    "Stream": """\
/**
 * NumPy's PCG64: a state s of 128 bits, s = a s + c, of which 64 are mixed (O'Neill, 2014).
 * In `streams` it has s, c, whether half of a word is left, and that half.
 */
class Stream {
  constructor(streams, i) {
    const begin = streams.byteOffset + 48 * i;
    this.words = new Uint32Array(streams.buffer, begin, 12);
    this.digits = new Uint16Array(streams.buffer, begin, 16);
    this.product = new Uint16Array(8);
  }

  /** The next 64 bits, into `low` and `high`. */
  next64() {
    const { words, digits, product } = this;
    let carry = 0;
    for (let k = 0; k < 8; k++) {
      carry += digits[8 + k];
      for (let i = 0; i <= k; i++) carry += digits[i] * MULTIPLIER[k - i];
      product[k] = carry % 65536;
      carry = Math.floor(carry / 65536);
    }
    digits.set(product);
    const low = words[0] ^ words[2];
    const high = words[1] ^ words[3];
    const turn = words[3] >>> 26;
    const [a, b] = turn & 32 ? [high, low] : [low, high];
    this.low = turned(a, b, turn & 31);
    this.high = turned(b, a, turn & 31);
  }

  /** The next 32 bits: half of a word, the low half first. */
  next32() {
    const { words } = this;
    if (words[8]) {
      words[8] = 0;
      return words[10];
    }
    this.next64();
    words[8] = 1;
    words[10] = this.high;
    return this.low;
  }
}

const turned = (low, high, n) => (n ? (low >>> n) | (high << (32 - n)) : low) >>> 0;

// low digits first
"""
    + f"const MULTIPLIER = [{DIGITS}];",
    "seeded": """\
/** NumPy's generator of a seed: PCG64, its state and step hashed from the seed (O'Neill, 2015). */
function seeded(seed) {
  const whole = BigInt(seed);
  if (BigInt.asUintN(64, whole) !== whole) throw new RangeError(`seed ${seed}, not of 64 bits`);
  const pool = new Uint32Array(BigUint64Array.of(whole, 0n).buffer);
  let a = 0x43b0d7e5;
  const hashed = (word, factor) => {
    word ^= a;
    a = Math.imul(a, factor);
    word = Math.imul(word, a);
    return word ^ (word >>> 16);
  };
  for (let i = 0; i < 4; i++) pool[i] = hashed(pool[i], 0x931e8875);
  for (let i = 0; i < 16; i++) {
    const [from, to] = [i >> 2, i & 3];
    if (from === to) continue;
    const hash = Math.imul(hashed(pool[from], 0x931e8875), 0x4973f715);
    const mixed = Math.imul(pool[to], 0xca01f9dd) - hash;
    pool[to] = mixed ^ ((mixed | 0) >>> 16);
  }
  a = 0x8b51f9dd;
  const words = Uint32Array.from({ length: 8 }, (_, i) => hashed(pool[i & 3], 0x58f38ded));
  const [high, low, second, first] = new BigUint64Array(words.buffer);
  const step = (((second << 64n) | first) << 1n) | 1n;
  const state = step + ((high << 64n) | low);
  const stream = new Stream(BigUint64Array.of(state, state >> 64n, step, step >> 64n, 0n, 0n), 0);
  stream.next64();
  return stream;
}""",
    "draw": """\
/** Draw random numbers from [0, 1), as NumPy does, into a buffer. */
function draw(streams, i, buffer, offset, count) {
  const stream = new Stream(streams, i);
  for (let k = offset; k < offset + count; k++) buffer[k] = random(stream);
}""",
    "shuffle": """\
/** Shuffle an order, as NumPy's Generator.shuffle does. */
function shuffle(order, streams) {
  const stream = new Stream(streams, 0);
  for (let i = order.length - 1; i > 0; i--) {
    const j = drawnUpTo(stream, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
}

/** A uniform random integer up to `most`: larger ones are rejected. */
function drawnUpTo(stream, most) {
  const digits = 0xffffffff >>> Math.clz32(most);
  for (;;) {
    const drawn = (stream.next32() & digits) >>> 0;
    if (drawn <= most) return drawn;
  }
}""",
}
RUNTIME = RuntimeSnippets(SHARED | STREAMS, SINGLE, DOUBLE)

# Operations without rounding.
EXACT_OPERATIONS = {
    "isfinite": "Number.isFinite",
    "isnan": "Number.isNaN",
    "floor": "Math.floor",
    "ceil": "Math.ceil",
    "abs": "Math.abs",
}


class JavaScriptPrinter(CFamilyPrinter):
    """Prints JavaScript; if `single`, a number of type float is a double with a float32 value."""

    runtime = RUNTIME

    def declared(self, variable: Var, value: str, *, constant: bool) -> str:
        word = "const" if constant else "let"
        return f"{word} {variable.name}" + (f" = {value}" if value else "")

    def symbol(self, operation: str) -> str:
        return {"equal": "===", "not_equal": "!=="}.get(operation) or super().symbol(operation)

    def rounded(self, text: str, type: Type) -> str | None:
        return f"f32({text})" if self.single and type == "float" else None

    def number(self, value: float, type: Type) -> str:
        if type == "bool":
            return str(bool(value)).lower()
        if type == "int":
            return str(int(value))
        if not math.isfinite(value):
            return repr(float(value)).replace("inf", "Infinity").replace("nan", "NaN")
        text = repr(float(value)).removesuffix(".0")
        if self.single and type == "float" and float(np.float32(value)) != value:
            return f"f32({text})"
        return text

    def cast(self, argument: Expression, type: Type, around: int) -> str:
        if type == "bool":
            return f"({self.text(argument, SUM)} !== 0)"
        if argument.type == "bool":
            return f"({self.text(argument, COMPARISON)} ? 1 : 0)"
        if type == "int":
            return self.called("whole", (argument,), "int")
        return self.rounded(self.text(argument), type) or self.text(argument, around)

    def operation(self, name: str, arguments: tuple[Expression, ...], type: Type) -> str | None:
        if name in EXACT_OPERATIONS:
            return f"{EXACT_OPERATIONS[name]}({self.text(arguments[0])})"
        if name == "sqrt":
            root = f"Math.sqrt({self.text(arguments[0])})"
            return self.rounded(root, type) or root
        return None

    def opening(self, function: Function) -> str:
        return f"function {function.name}({', '.join(p.name for p in function.parameters)}) {{"

    def program(self, program: Program) -> list[str]:
        """Print a program as a function of the numbers and buffers that it reads or writes."""
        buffers = buffers_of(program.body)
        names = [p.name for p in program.parameters if not p.buffer or p.name in buffers]
        return [
            f"function {program.name}({', '.join(names)}) {{",
            *self.lines(program.body),
            f"{INDENT}return {FINISHED};",
            "}",
        ]
