"""Export of a language model to one C99 file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from textwrap import wrap

from handgrad.engines.portable.printing.c import PREFIX
from handgrad.engines.portable.printing.c_family import wrapped
from handgrad.engines.portable.printing.c_module import WIDEST, c_module_with
from handgrad.exchange.exporting.portable.c_file import (
    FLAGS,
    c_compiler,
    own_check,
    prefix_of,
)
from handgrad.exchange.exporting.portable.programs import AGAINST
from handgrad.exchange.exporting.proof import Check
from handgrad.exchange.exporting.text.writer_spec import LENGTH, SPACE, WriterSpec, kinds_of
from handgrad.textbook.version import __version__

CALLS = (
    "int32_t $begin(const char *start, double temperature, uint64_t seed)",
    "const char *$next(void)",
)
# The memory of a text, and its characters.
STATE = """\
/* Keys, values and states of what was read; the tokens of this context, of which some were read. */
static {number} $row[{n_in}], $output[{n_out}];
static int32_t $codes[{context} + 1], $count, $done;
static uint64_t $stream[6];
static int $greedy;

static void $append(int32_t code) {{
  if ($count == {context}) {{ /* of a long start the end is read */
    for (int32_t i = 1; i < $count; i++) $codes[i - 1] = $codes[i];
    $count--;
  }}
  $codes[$count++] = code;
}}

/* The number of the character at `*text`, which moves on to the next one; 0 if it is unknown. */
static int32_t $character(const char **text) {{
  const unsigned char *bytes = (const unsigned char *)*text;
  const int more = bytes[0] < 0xc0 ? 0 : bytes[0] < 0xe0 ? 1 : bytes[0] < 0xf0 ? 2 : 3;
  uint32_t point = more ? bytes[0] & (0x3fu >> more) : bytes[0];
  for (int i = 1; i <= more; i++) {{
    if ((bytes[i] & 0xc0) != 0x80) return 0;
    point = point << 6 | (bytes[i] & 0x3fu);
  }}
  *text += more + 1;
  int32_t low = 1, high = {n_characters};
  while (low < high) {{
    const int32_t middle = (low + high) / 2;
    if ($points[middle] < point) low = middle + 1;
    else high = middle;
  }}
  return low < {n_characters} && $points[low] == point ? low : 0;
}}"""
# Byte-pair encoding: `piece` has the characters of a word, with its kind and their number.
PAIRS = """\
static int32_t $piece[64], $length, $kind, $body;

/* Join pairs in the order in which they were learned; append the tokens of the piece. */
static void $flush(void) {{
  for (int32_t k = 0; k < {n_merges}; k++) {{
    int32_t kept = 0;
    for (int32_t i = 0; i < $length; i++) {{
      const int joins = i + 1 < $length && $piece[i] == $merges[k][0] &&
                        $piece[i + 1] == $merges[k][1];
      $piece[kept++] = joins ? {n_characters} + k : $piece[i];
      i += joins;
    }}
    $length = kept;
  }}
  for (int32_t i = 0; i < $length; i++) $append($piece[i]);
  $length = 0;
}}

/* A character of the start: words and signs, each with a space before it, and space are pieces. */
static void $take(int32_t code) {{
  const int32_t kind = $kinds[code];
  if ($length == 1 && $piece[0] == {space} && kind != {of_space}) {{
    $kind = kind;
    $body = 0;
  }} else if ($length && (kind != $kind || $body == (kind == {of_space} ? 64 : 63))) {{
    $flush();
  }}
  if ($length == 0) {{
    $kind = kind;
    $body = 0;
  }}
  $piece[$length++] = code;
  $body++;
}}"""
BEGIN = """\
/* Begin a text after `start`, in UTF-8. At the temperature 0 each token is the most likely one.
   Returns -1, or the position of the first character that the model does not know. */
int32_t $begin(const char *start, double temperature, uint64_t seed) {{
  {emptied} = 0;
  $greedy = ({number})temperature == 0;
  $row[2] = $greedy ? 1 : ({number})temperature;
  $seeded($stream, seed);
  for (int32_t i = 0; *start; i++) {{
    const int32_t code = $character(&start);
    if (code == 0) return i;
    {take}(code);
  }}{flush}
  if ($count == 0) $append({first});
  return -1;
}}

static void $read(int32_t code, int32_t position) {{
  const {number} *after = $output + {n_drawn};
  $row[0] = ({number})code;
  $row[1] = ({number})position;
  for (int i = 0; position == 0 && i < {n_states}; i++) $row[3 + i] = 0;
  $predict($row, $output);
  for (int i = 0; i < {n_states}; i++) $row[3 + i] = after[i];
  {number} *memory = $row + 3 + {n_states} + position * {n_cached};
  for (int i = 0; i < {n_cached}; i++) memory[i] = after[{n_states} + i];
}}

/* The next token, in UTF-8. When the context is full, its second half is read anew. */
const char *$next(void) {{
  if ($count > {context}) {{
    for (int32_t i = 0; i < {half}; i++) $codes[i] = $codes[$count - {half} + i];
    $count = {half};
    $done = 0;
  }}
  for (; $done < $count; $done++) $read($codes[$done], $done);
  int32_t drawn = 0;
  if ($greedy) {{
    for (int32_t i = 1; i < {n_drawn}; i++) drawn = $output[i] > $output[drawn] ? i : drawn;
  }} else {{
    drawn = $drawn($output, {n_drawn});
  }}
  $codes[$count++] = drawn + 1;
  return $tokens[drawn + 1];
}}"""
DRAWN = """\
/* The first index whose cumulative sum of `p` is above a random part of the sum of all n. */
static int32_t {name}(const {type} *p, int32_t n) {{
  double sum = 0, part = 0;
  for (int32_t i = 0; i < n; i++) sum += (double)p[i];
  const double most = {random}($stream) * sum;
  int32_t drawn = 0;
  while ((part += (double)p[drawn]) <= most && drawn < n - 1) drawn++;
  return drawn;
}}"""
MAIN = """\
#ifdef HANDGRAD_CHECK
#include <stdio.h>

int main(void) {{
  static const struct {{
    const char *start, *text;
    double temperature;
    uint64_t seed;
  }} samples[] = {{
{samples}
  }};
  for (int i = 0; i < {n_samples}; i++) {{
    const char *text = samples[i].text;
    $begin(samples[i].start, samples[i].temperature, samples[i].seed);
    while (*text) {{
      for (const char *token = $next(); *text && *token; token++, text++) {{
        if (*token == *text) continue;
        printf("text %d differs; was it compiled with -std=c99 -ffp-contract=off?\\n", i);
        return 1;
      }}
    }}
  }}
  printf("{n_samples} texts, the same\\n");
  return 0;
}}
#endif

#ifdef HANDGRAD_MAIN
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {{
  const char *start = argc > 1 ? argv[1] : "";
  long length = argc > 2 ? atol(argv[2]) : 400;
  const double temperature = argc > 3 ? atof(argv[3]) : 0.8;
  const uint64_t seed = argc > 4 ? strtoull(argv[4], 0, 10) : 0;
  if (length < 1 || !(temperature >= 0)) {{
    fprintf(stderr, "a.out START LENGTH TEMPERATURE SEED; the length is at least 1\\n");
    return 1;
  }}
  const int32_t unknown = $begin(start, temperature, seed);
  if (unknown >= 0) {{
    fprintf(stderr, "character %d of the start, from 0, is unknown\\n", (int)unknown);
    return 1;
  }}
  fputs(start, stdout);
  while (length >= 0) {{
    for (const char *token = $next(); *token; token++) {{
      if ((*token & 0xc0) != 0x80 && --length < 0) break;
      putchar(*token);
    }}
    fflush(stdout);
  }}
  putchar('\\n');
  return 0;
}}
#endif"""
PLAIN = " .,;:!'()-"  # what strings have as it is, beside letters and digits


def write_c_text(spec: WriterSpec, path: Path) -> Sequence[Check]:
    """Write the file; compile it, and compare its texts."""
    path.write_text(c_text(spec, path), "utf-8", newline="\n")
    compiler, right = c_compiler(), spec.check_of_probabilities()
    if compiler is None:
        return [Check("a C compiler", AGAINST, not_run="there is none here"), right]
    n = sum(len(sample.text) for sample in spec.portable_samples)
    return [replace(own_check(compiler, path, n), of="character"), right]


def c_text(spec: WriterSpec, path: Path) -> str:
    """Source of the file."""
    step, pairs, samples = spec.step, spec.pairs, spec.portable_samples
    single = step.dtype.itemsize == 4
    random = "$random_double" if single else "$random"
    values = {
        "number": "float" if single else "double",
        "n_in": step.n_in,
        "n_out": step.n_tokens - 1 + step.n_states + step.n_cached,
        "n_drawn": step.n_tokens - 1,
        "n_states": step.n_states,
        "n_cached": step.n_cached,
        "context": spec.context,
        "half": max(spec.context // 2, 1),
        "n_characters": len(pairs.vocabulary),
        "n_merges": len(pairs.merges),
        "space": pairs.vocabulary.find(" "),
        "of_space": SPACE,
        "emptied": "$count = $done" + " = $length" * bool(pairs.merges),
        "take": "$take" if pairs.merges else "$append",
        "flush": "\n  $flush();" if pairs.merges else "",
        "first": spec.first or f"1 + $drawn_first($weights, {len(spec.weights)})",
        "samples": "\n".join(
            f"    {{{c_string(s.start)},\n     {c_string(s.text)},\n"
            f"     {s.temperature}, {s.seed}}},"
            for s in samples
        ),
        "n_samples": len(samples),
    }
    parts = _tables(spec)
    parts += [STATE.format(**values)]
    drawn = {"$drawn": values["number"], "$drawn_first": "uint32_t"}
    for name in [*drawn][: 1 + (spec.first is None)]:
        parts.append(DRAWN.format(name=name, type=drawn[name], random=random))
    parts += [PAIRS.format(**values)] if pairs.merges else []
    parts += [BEGIN.format(**values), MAIN.format(**values)]
    return c_module_with(
        spec.model,
        prefix_of(path),
        _opening(spec, path),
        parts,
        CALLS,
        ["seeded", random.removeprefix(PREFIX)],
        (step.n_in + values["n_out"]) * step.dtype.itemsize + 4 * (spec.context + 3) + 56,
    )


def _tables(spec: WriterSpec) -> list[str]:
    """Tokens, code points of characters, and merges."""
    pairs = spec.pairs
    points = [*map(ord, pairs.vocabulary)]
    tokens = ["", *pairs.tokens[1:]]
    parts = [
        "/* The tokens in UTF-8, and the Unicode code points of the characters among them. */\n"
        + _array("const char *const $tokens", map(c_string, tokens)),
        _array("const uint32_t $points", map(str, points)),
    ]
    if spec.first is None:
        parts.append(
            "/* How often each character was in the training text. */\n"
            + _array("const uint32_t $weights", map(str, spec.weights))
        )
    if pairs.merges:
        merges = [f"{{{a}, {b}}}" for a, b in pairs.merges]
        parts += [
            "/* Letters and digits 0, signs 1, space 2; the pairs of tokens that others join. */\n"
            + _array("const uint8_t $kinds", map(str, kinds_of(pairs))),
            _array("const uint16_t $merges", merges, "[2]"),
        ]
    return parts


def _array(name: str, values: Iterable[str], more: str = "") -> str:
    lines = wrapped([f"{value}," for value in values], WIDEST, "  ")
    return "\n".join([f"static {name}[]{more} = {{", *lines, "};"])


def c_string(text: str) -> str:
    r"""String literal of the UTF-8 of a text, in ASCII.

    >>> print(c_string('é"1\n?$'))
    "\303\251\0421\012\077\044"
    """
    plain = "".join(
        chr(byte) if byte < 128 and (chr(byte).isalnum() or chr(byte) in PLAIN) else f"\\{byte:03o}"
        for byte in text.encode("utf-8")
    )
    return f'"{plain}"'


def _opening(spec: WriterSpec, path: Path) -> list[str]:
    """Opening comment of the file."""
    command, name = f"    cc {' '.join(FLAGS)}", quote(path.name)
    return [
        *wrap(f"{spec.title}, written by handgrad {__version__}.", WIDEST),
        "",
        f'{command} -DHANDGRAD_MAIN {name} && ./a.out "start" 400 0.8 7',
        f"{command} -DHANDGRAD_CHECK {name} && ./a.out",
        "",
        "The first command continues a text by 400 characters, at the temperature 0.8, with the",
        "seed 7: the same text on every machine, and by handgrad's engine portable. The second one",
        f"checks {len(spec.portable_samples)} texts of {LENGTH} characters. Requires only C99 with "
        "<stdint.h>.",
    ]
