"""Export of a language model to one JavaScript module."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.printing.javascript_module import javascript_step
from handgrad.exchange.exporting.portable.node import ABSENT, node_version, run_in_node
from handgrad.exchange.exporting.portable.programs import AGAINST
from handgrad.exchange.exporting.proof import Check
from handgrad.exchange.exporting.text.writer_spec import SPACE, WriterSpec, kinds_of
from handgrad.files.scripts import json_in_script
from handgrad.textbook.net.next_token import NextToken
from handgrad.textbook.version import __version__

WIDEST = 94
HEAD = """\
{title}

    import {{ generate }} from {name};
    for (const text of generate("start", {{ length: 400, temperature: 0.8, seed: 7 }})) …

gives the text that follows, token by token, {length} characters in all: for a seed the same in each
browser, and as by handgrad's engine "portable". At the temperature 0 each token is the most likely
one. `encode` gives the tokens of a text by number, and `new Reader()` the probabilities of the next
one: `reader.read(token, temperature)`."""
ENCODE = """\
const codes = new Map(Array.from(characters, (character, code) => [character, code]).slice(1));

/** The numbers of the characters of a text. */
function codesOf(text) {
  return Array.from(text, (character, i) => {
    const code = codes.get(character);
    if (code === undefined) {
      throw new RangeError(`${JSON.stringify(character)} at position ${i} is unknown`);
    }
    return code;
  });
}"""
ALONE = """\
/** The tokens of a text, by number. */
export const encode = codesOf;"""
PAIRS = """\
/** The tokens of a text, by number: of each piece, pairs are joined as they were learned. */
export const encode = (text) =>
  pieces(codesOf(text)).flatMap((piece) => merges.reduce(joined, piece));

/** Words and signs, each with a space before it, and space. */
function pieces(codes) {
  const result = [];
  let kind, body;
  for (const code of codes) {
    const piece = result.at(-1);
    if (piece?.length === 1 && piece[0] === %(space)d && kinds[code] !== %(of_space)d) {
      [kind, body] = [kinds[code], 0];
    } else if (!piece || kinds[code] !== kind || body === (kind === %(of_space)d ? 64 : 63)) {
      result.push([]);
      [kind, body] = [kinds[code], 0];
    }
    result.at(-1).push(code);
    body++;
  }
  return result;
}

function joined(piece, [first, second], k) {
  const result = [];
  for (let i = 0; i < piece.length; i++) {
    const joins = piece[i] === first && piece[i + 1] === second;
    result.push(joins ? codes.size + 1 + k : piece[i]);
    if (joins) i++;
  }
  return result;
}"""
GENERATE = """\
/** Reads a text token by token; keeps keys, values and states of what it has read. */
export class Reader {
  constructor() {
    this.row = new %(array)s(%(n_in)d);
    this.output = new %(array)s(%(n_out)d);
    this.position = 0;
  }

  /** Read a token; the probabilities of all tokens but the first, the unknown one, to follow it. */
  read(token, temperature = 1) {
    const { row, output } = this;
    if (this.position === 0) row.fill(0, 3, 3 + %(n_states)d);
    row.set([token, this.position, temperature]);
    step(row, output);
    row.set(output.subarray(%(n_drawn)d, %(n_drawn)d + %(n_states)d), 3);
    const cached = output.subarray(%(n_drawn)d + %(n_states)d, %(n_kept)d);
    row.set(cached, 3 + %(n_states)d + this.position * %(n_cached)d);
    this.position++;
    return output.subarray(0, %(n_drawn)d);
  }
}

/** The text that follows `start`, token by token; `begin()` makes a Reader. */
export function* generate(
  start = "",
  { length = 400, temperature = 0.8, seed = anySeed(), begin = () => new Reader() } = {},
) {
  if (!(length >= 1 && temperature >= 0)) {
    throw new RangeError(`length ${length}, temperature ${temperature}, not positive numbers`);
  }
  const greedy = Math.fround(temperature) === 0;
  const stream = seeded(seed);
  const all = encode(start);
  if (all.length === 0) all.push(%(first)s);
  let unread = all.slice(-context);
  let reader = begin();
  for (let left = length; left > 0; ) {
    if (reader.position + unread.length > context) {
      unread = all.slice(-%(half)d);
      reader = begin();
    }
    let p;
    for (const token of unread) p = reader.read(token, greedy ? 1 : temperature);
    const token = 1 + (greedy ? p.indexOf(Math.max(...p)) : drawn(p, stream));
    unread = [token];
    all.push(token);
    const text = Array.from(tokens[token]).slice(0, left);
    left -= text.length;
    yield text.join("");
  }
}

const anySeed = () => Math.floor(Math.random() * 2 ** 32);

/** The first index whose cumulative sum of `p` is above a random part of the sum of all. */
function drawn(p, stream) {
  const most = %(random)s(stream) * p.reduce((sum, value) => sum + value, 0);
  let part = p[0];
  let i = 0;
  while (part <= most && i < p.length - 1) part += p[++i];
  return i;
}"""
MAIN = """
const main = (samples) =>
  samples.map(({ start, text, ...options }) =>
    [...generate(start, { ...options, length: Array.from(text).length })].join(""),
  );
"""


def write_javascript_text(spec: WriterSpec, path: Path) -> Sequence[Check]:
    """Write the module; compare its texts in Node, if installed."""
    text = javascript_text(spec, path.name)
    path.write_text(text, "utf-8", newline="\n")
    node, right, samples = node_version(), spec.check_of_probabilities(), spec.portable_samples
    if not node:
        return [Check("node", AGAINST, not_run=ABSENT), right]
    texts = run_in_node(text + MAIN, [*map(vars, samples)])
    return [spec.check_of_texts(node, texts, samples, AGAINST), right]


def javascript_text(spec: WriterSpec, name: str) -> str:
    """Source of the module."""
    head = HEAD.format(
        title="\n".join(wrap(f"{spec.title}, written by handgrad {__version__}.", WIDEST)),
        name=json.dumps(f"./{name}", ensure_ascii=False),
        length=400,
    )
    lines = [f"// {line}".rstrip() for line in head.split("\n")]
    return "\n".join(lines) + "\n\n" + generating_module(spec, spec.step, spec.model)


def generating_module(spec: WriterSpec, step: NextToken, model: PortableModel) -> str:
    """Module that generates text by a step and its portable model."""
    pairs, single = spec.pairs, step.dtype.itemsize == 4
    random = "random_double" if single else "random"
    n_drawn = step.n_tokens - 1
    values = {
        "array": "Float32Array" if single else "Float64Array",
        "n_in": step.n_in,
        "n_out": model.output_shape[0],
        "n_drawn": n_drawn,
        "n_states": step.n_states,
        "n_cached": step.n_cached,
        "n_kept": n_drawn + step.n_states + step.n_cached,
        "half": max(spec.context // 2, 1),
        "random": random,
        "first": spec.first or "1 + drawn(weights, stream)",
        "space": pairs.vocabulary.find(" "),
        "of_space": SPACE,
    }
    constants = {"context": spec.context, "characters": pairs.vocabulary, "merges": pairs.merges}
    lines = [f"const {key} = {json_in_script(value)};" for key, value in constants.items()]
    if pairs.merges:
        lines.append(f"const kinds = {json_in_script(kinds_of(pairs))}; // word, sign, space")
    if spec.first is None:
        lines.append(f"const weights = {json_in_script([*spec.weights])};")
    lines += [
        "/** The text of each token. */",
        "export const tokens = Array.from(characters);",
        "for (const [a, b] of merges) tokens.push(tokens[a] + tokens[b]);",
    ]
    parts = [
        "\n".join(lines),
        ENCODE,
        PAIRS % values if pairs.merges else ALONE,
        GENERATE % values,
        javascript_step(model, ["seeded", random]),
    ]
    return "\n\n".join(parts)
