"""C99 printer of plain programs, and the runtime of its files: bit casts, square roots, PCG64.

In texts `$` stands for the prefix of a file's names.
"""

import math
import re

import numpy as np

from handgrad.engines.loops.functions.function import Function
from handgrad.engines.loops.ir import Expression, Type, Var
from handgrad.engines.loops.random_streams import HALF, MULTIPLIER
from handgrad.engines.portable.printing.c_family import (
    COMPARISON,
    SIGN,
    SUM,
    CFamilyPrinter,
    RuntimeSnippets,
)

SHARED = {
    "next64": f"""\
/* The next 64 bits of NumPy's PCG64: s = a s + c of 128 bits, then mixed (O'Neill, 2014).
   A stream is s and c, low halves first, then whether half of a word is left, and that half. */
static uint64_t $next64(uint64_t *stream) {{
  const uint64_t s = stream[0], a = UINT64_C(0x{MULTIPLIER % HALF:x});
  const uint64_t s0 = s & 0xffffffffu, s1 = s >> 32, a0 = a & 0xffffffffu, a1 = a >> 32;
  const uint64_t outer = s1 * a0 + (s0 * a0 >> 32), inner = s0 * a1 + (outer & 0xffffffffu);
  uint64_t high = s1 * a1 + (outer >> 32) + (inner >> 32);
  const uint64_t low = s * a + stream[2];
  high += s * UINT64_C(0x{MULTIPLIER // HALF:x}) + stream[1] * a + stream[3] + (low < stream[2]);
  stream[0] = low;
  stream[1] = high;
  const uint64_t mixed = low ^ high;
  const int turn = (int)(high >> 58);
  return mixed >> turn | mixed << (-turn & 63);
}}""",
    "seeded": """\
/* NumPy's generator of a seed: PCG64, its state and step hashed from the seed (O'Neill, 2015). */
static void $seeded(uint64_t *stream, uint64_t seed) {
  uint32_t pool[4] = {(uint32_t)seed, (uint32_t)(seed >> 32), 0, 0}, a = 0x43b0d7e5u, word[8];
  for (int i = 0; i < 20; i++) { /* each word is hashed, then mixed into the other three */
    const int from = i < 4 ? i : (i - 4) / 4, to = i % 4;
    if (i >= 4 && from == to) continue;
    uint32_t hash = pool[from] ^ a;
    hash *= a *= 0x931e8875u;
    hash ^= hash >> 16;
    if (i >= 4) hash = pool[to] * 0xca01f9ddu - hash * 0x4973f715u;
    pool[to] = i < 4 ? hash : hash ^ hash >> 16;
  }
  a = 0x8b51f9ddu;
  for (int i = 0; i < 8; i++) {
    word[i] = pool[i % 4] ^ a;
    word[i] *= a *= 0x58f38dedu;
    word[i] ^= word[i] >> 16;
  }
  uint64_t half[4];
  for (int i = 0; i < 4; i++) half[i] = (uint64_t)word[2 * i + 1] << 32 | word[2 * i];
  stream[2] = half[3] << 1 | 1;
  stream[3] = half[2] << 1 | half[3] >> 63;
  stream[0] = stream[2] + half[1];
  stream[1] = stream[3] + half[0] + (stream[0] < half[1]);
  stream[4] = stream[5] = 0;
  $next64(stream);
}""",
    "next32": """\
/* The next 32 bits: half of a word, the low half first. */
static uint32_t $next32(uint64_t *stream) {
  if (stream[4]) {
    stream[4] = 0;
    return (uint32_t)stream[5];
  }
  const uint64_t word = $next64(stream);
  stream[4] = 1;
  stream[5] = word >> 32;
  return (uint32_t)word;
}""",
    "shuffle": """\
/* Shuffle an order, as NumPy's Generator.shuffle does. */
static void $shuffle(int32_t *order, int32_t n, uint64_t *stream) {
  for (int32_t i = n - 1; i > 0; i--) {
    uint32_t digits = (uint32_t)i, j;
    for (int k = 1; k < 32; k *= 2) digits |= digits >> k;
    do j = $next32(stream) & digits;
    while (j > (uint32_t)i);
    const int32_t other = order[j];
    order[j] = order[i];
    order[i] = other;
  }
}""",
}

# For each type: its name {number}, the integer of its bits {word}, the suffix of constants {f}.
TYPED = {
    "bits": """\
static {word} $bits({number} x) {{
  union {{
    {number} x;
    {word} bits;
  }} both;
  both.x = x;
  return both.bits;
}}""",
    "of_bits": """\
static {number} $of_bits({word} bits) {{
  union {{
    {number} x;
    {word} bits;
  }} both;
  both.bits = bits;
  return both.x;
}}""",
    "maximum": """\
/* The larger of two numbers; propagates NaN. */
static {number} $maximum({number} x, {number} y) {{ return x > y || x != x ? x : y; }}""",
    "minimum": """\
/* The smaller of two numbers; propagates NaN. */
static {number} $minimum({number} x, {number} y) {{ return x < y || x != x ? x : y; }}""",
    "whole": """\
/* Truncate to an integer; the lowest integer if the number is out of range. */
static int32_t $whole({number} x) {{
  return x >= -2147483648.0{f} && x < 2147483648.0{f} ? (int32_t)x : INT32_MIN;
}}""",
    "rint": """\
/* Round to the nearest integer, ties to even. */
static {number} $rint({number} x) {{
  const {number} most = {most}; /* larger numbers are integers */
  if (!(x > -most && x < most)) return x;
  return x > 0 ? x + most - most : x < 0 ? -(most - x - most) : x;
}}""",
    "floor": """\
/* The largest integer that is not above x. */
static {number} $floor({number} x) {{
  const {number} nearest = $rint(x);
  return nearest > x ? nearest - 1 : nearest;
}}""",
    "ceil": """\
/* The smallest integer that is not below x. */
static {number} $ceil({number} x) {{ return -$floor(-x); }}""",
    "abs": """\
static {number} $abs({number} x) {{ return $of_bits($bits(x) & {positive}); }}""",
    "signbit": """\
/* The sign bit, which -0 has too. */
static int $signbit({number} x) {{ return $bits(x) > {positive}; }}""",
    "has_bit": """\
/* Bit k of an integer. */
static int $has_bit({number} n, int k) {{ return ((int64_t)n >> k & 1) != 0; }}""",
    "power_of_two": """\
/* 2 to the power of n, made from its bits. */
static {number} $power_of_two(int32_t n) {{
  return $of_bits(({word})(n + {bias}) << {digits});
}}""",
    "times_power_of_two": """\
/* 2 to the power of n, times y, in two factors: one factor could overflow. */
static {number} $times_power_of_two({number} y, {number} n) {{
  const int32_t all = (int32_t)n, half = all >> 1;
  return y * $power_of_two(half) * $power_of_two(all - half);
}}""",
    "exponent": """\
/* The integer n of x = 2^n m, with m between the square roots of 1/2 and 2. */
static {number} $exponent({number} x) {{
  return ({number})(({signed})($bits(x) - {root}) >> {digits});
}}""",
    "significand": """\
/* The m of x = 2^n m. */
static {number} $significand({number} x) {{
  const {word} bits = $bits(x);
  return $of_bits(bits - (({word})(({signed})(bits - {root}) >> {digits}) << {digits}));
}}""",
    "sqrt": """\
/* The square root, correctly rounded: the processor's, or computed bit by bit. */
static {number} $sqrt({number} x) {{
#if defined(__GNUC__) && defined(__SSE2__)
  __asm__("sqrts{s} %1, %0" : "=x"(x) : "x"(x));
  return x;
#elif defined(__GNUC__) && defined(__aarch64__)
  __asm__("fsqrt %{a}0, %{a}1" : "=w"(x) : "w"(x));
  return x;
#elif defined(__GNUC__) && defined(__ARM_FP) && __ARM_FP & {arm}
  __asm__("vsqrt.{vfp} %{p}0, %{p}1" : "={t}"(x) : "{t}"(x));
  return x;
#endif
  if (!(x > 0 && x - x == 0)) return x < 0 ? (x - x) / (x - x) : x;
  int32_t n = 0;
  for (; x < {least}; n -= 2) x *= 4; /* exact */
  n += (int32_t)($bits(x) >> {digits}) - {bias} - {digits} - {more};
  {word} m = (($bits(x) & {fraction}) | {one}) << {more}, root = 0, rest = 0;
  if (n % 2 != 0) {{
    m *= 2;
    n -= 1;
  }}
  for (int k = {first}; k >= -{places}; k -= 2) {{
    rest = rest << 2 | (k < 0 ? 0 : m >> k & 3);
    const {word} next = root << 2 | 1;
    root *= 2;
    if (rest >= next) {{
      rest -= next;
      root += 1;
    }}
  }}
  return ({number})((root + 1) / 2) * $power_of_two((n - {places}) / 2 + 1);
}}""",
    "random": """\
/* A random number from [0, 1), as NumPy draws it. */
static {number} $random(uint64_t *stream) {{ return ({number})($next{random}; }}""",
    "draw": """\
static void $draw(uint64_t *stream, {number} *numbers, int32_t count) {{
  for (int32_t k = 0; k < count; k++) numbers[k] = $random(stream);
}}""",
}

FLOAT = {
    "number": "float",
    "word": "uint32_t",
    "signed": "int32_t",
    "f": "f",
    "most": "8388608.0f",
    "positive": "0x7fffffffu",
    "bias": 127,
    "digits": 23,
    "fraction": "0x7fffffu",
    "one": "0x800000u",
    "root": "0x3f3504f3u",
    "least": "1.17549435e-38f",
    "more": 1,
    "first": 24,
    "places": 24,
    "s": "s",
    "a": "s",
    "arm": 4,
    "vfp": "f32",
    "t": "t",
    "p": "",
    "random": "32(stream) >> 8) * (1.0f / 16777216.0f)",
}
DOUBLE = {
    "number": "double",
    "word": "uint64_t",
    "signed": "int64_t",
    "f": "",
    "most": "4503599627370496.0",
    "positive": "UINT64_C(0x7fffffffffffffff)",
    "bias": 1023,
    "digits": 52,
    "fraction": "UINT64_C(0xfffffffffffff)",
    "one": "UINT64_C(0x10000000000000)",
    "root": "UINT64_C(0x3fe6a09e667f3bcd)",
    "least": "2.2250738585072014e-308",
    "more": 0,
    "first": 52,
    "places": 54,
    "s": "d",
    "a": "d",
    "arm": 8,
    "vfp": "f64",
    "t": "w",
    "p": "P",
    "random": "64(stream) >> 11) * (1.0 / 9007199254740992.0)",
}
RUNTIME = RuntimeSnippets(
    SHARED,
    {name: text.format(**FLOAT) for name, text in TYPED.items()},
    {name: text.format(**DOUBLE) for name, text in TYPED.items()},
    prefix="$",
)


PREFIX = "$"  # replaced by the prefix of a file's names; doubled, a dollar sign


class CPrinter(CFamilyPrinter):
    """Prints C; the names of functions and of static arrays begin with `PREFIX`.

    `given` are the buffers that are parameters of the current function, `tables` is the name of its
    constants.
    """

    runtime = RUNTIME
    given: tuple[str, ...] = ()
    tables = "tables"

    @property
    def types(self) -> dict[Type, str]:
        """The names of types; booleans are integers in C."""
        number = "float" if self.single else "double"
        return {"float": number, "double": "double", "int": "int32_t", "bool": "int"}

    def declared(self, variable: Var, value: str, *, constant: bool) -> str:
        word = "const " if constant else ""
        return f"{word}{self.types[variable.type]} {variable.name}" + (
            f" = {value}" if value else ""
        )

    def buffer(self, name: str) -> str:
        if name in self.given:
            return name
        return PREFIX + (self.tables if name == "tables" else name)

    def comment(self, text: str) -> str:
        return f"// {comment_text(text)}"

    def number(self, value: float, type: Type) -> str:
        if type in ("int", "bool"):
            return str(int(value))
        return c_number(np.float32(value) if self.types[type] == "float" else np.float64(value))

    def cast(self, argument: Expression, type: Type, around: int) -> str:
        if type == "bool":
            return f"({self.text(argument, SUM)} != 0)"
        if type == "int" and argument.type in ("float", "double"):
            return self.called("whole", (argument,), "int")
        if self.types[type] == self.types[argument.type]:
            return self.text(argument, around)
        return f"({self.types[type]}){self.text(argument, SIGN)}"

    def operation(self, name: str, arguments: tuple[Expression, ...], type: Type) -> str | None:
        x = arguments[0]
        if name == "isnan":
            return f"({self.text(x, SUM)} != {self.text(x, SUM)})"
        if name == "isfinite":
            return f"({self.text(x, SUM)} - {self.text(x, SUM + 1)} == 0)"
        if name in ("maximum", "minimum") and type == "int":
            sign = ">" if name == "maximum" else "<"
            a, b = (self.text(argument, COMPARISON + 1) for argument in arguments)
            return f"({a} {sign} {b} ? {a} : {b})"
        return None

    def call(self, name: str, arguments: str) -> str:
        return f"{PREFIX}{name}({arguments})"

    def opening(self, function: Function) -> str:
        types = self.types
        parameters = ", ".join(f"{types[p.type]} {p.name}" for p in function.parameters)
        return f"static {types[function.result.type]} {PREFIX}{function.name}({parameters}) {{"

    def draw(self, stream: int, buffer: str, offset: str, count: str) -> str:
        self.used["draw"] = None
        place = f"{self.buffer(buffer)} + {offset}"
        return f"{PREFIX}draw({PREFIX}streams + 6 * {stream}, {place}, {count});"


def c_number(number: np.generic) -> str:
    """A float32 or float64 number as a C constant."""
    value, suffix = number.item(), "f" if number.dtype == np.float32 else ""
    if math.isnan(value):
        return f"(0.0{suffix} / 0.0{suffix})"
    if math.isinf(value):
        return f"({math.copysign(1.0, value)}{suffix} / 0.0{suffix})"
    text = str(number) if suffix else repr(value)
    return text + (".0" if text.lstrip("-").isdigit() else "") + suffix


def comment_text(text: str) -> str:
    """Escape a text for a C comment: no end of comment, no trigraph, no line continuation."""
    line = re.sub(r"\?(?=\?)", "? ", " ".join(text.splitlines()).replace("*/", "* /"))
    return line.replace(PREFIX, PREFIX + PREFIX).rstrip("\\ ")
