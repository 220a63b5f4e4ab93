"""Export of a language model to one Python file that needs only NumPy."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from handgrad.exchange.exporting.model_spec import recorded
from handgrad.exchange.exporting.proof import Check
from handgrad.exchange.exporting.python.copied import copied
from handgrad.exchange.exporting.python.numpy_file import helpers_of
from handgrad.exchange.exporting.python.numpy_function import numpy_function
from handgrad.exchange.exporting.python.source import dtype_text
from handgrad.exchange.exporting.python.text import array, docstring, literal, stored
from handgrad.exchange.exporting.text.writer_spec import WriterSpec
from handgrad.files import byte_pairs
from handgrad.files.byte_pairs import CODE_POINTS, OTHER, WORD
from handgrad.textbook.net.generation import drawn, generated, step_by_step
from handgrad.textbook.version import __version__

COPIED: Sequence[Callable[..., object]] = (generated, step_by_step, drawn, byte_pairs.code_points)
OF_PAIRS = (byte_pairs.encoded, byte_pairs.codes_of_words, byte_pairs.joined)
# Reserved names, which lines of the net do not assign.
TAKEN = {"np", "math", "n", "net", "write", "encode", "check", "sys", "re", "array"} | {
    function.__name__ for function in [*COPIED, *OF_PAIRS]
}
HEAD = """{title}

Written by handgrad {version}. Requires NumPy only:

    from {module} import write

    write("start", length=400, temperature=0.8, rng=7)  # the text of handgrad's model.write

    python {module}.py "start" 400 0.8 7
"""
FUNCTIONS = '''
def write(start="", length=400, temperature=0.8, rng=None):
    """Text that continues `start` by `length` characters; `rng` is a seed or a Generator.

    At the temperature 0 each token is the most likely one.
    """
    if not (length > 0 and temperature >= 0):
        raise ValueError(f"length={length}, temperature={temperature}; expected positive numbers")
    rng = np.random.default_rng(rng)
    codes = encode(start).tolist() or [%(first)s]
    read = step_by_step(net, np.zeros((1, %(n_in)d), %(dtype)s), len(TOKENS), %(n_states)d)
    text = ""
    with np.errstate(over="ignore"):
        following = generated(read, codes, %(context)d, temperature, rng)
        while len(text) < length:
            text += TOKENS[next(following)]
    return start + text[:length]


def encode(text):
    """The tokens of a text, by number."""
    unknown = np.flatnonzero(codes_of(text, VOCABULARY) == 0)
    if len(unknown):
        i = unknown[0]
        raise ValueError(f"{text[i]!r} at position {i}; expected some of {VOCABULARY[1:]!r}")
    return %(encoded)s
'''
END = '''
def check():
    """Compare generated texts with SAMPLES, which the model wrote."""
    return all(
        write(start, len(text), temperature, seed) == start + text
        for start, temperature, seed, text in SAMPLES
    )


if __name__ == "__main__":
    given = [*sys.argv[1:5], *("", 400, 0.8, 0)[len(sys.argv) - 1 :]]
    print(write(given[0], int(given[1]), float(given[2]), int(given[3])))
'''


def write_numpy_text(spec: WriterSpec, path: Path) -> Sequence[Check]:
    """Write the file, and run it."""
    path.write_text(numpy_text(spec, path.stem), "utf-8", newline="\n")
    write = runpy.run_path(str(path))["write"]
    samples = spec.eager_samples
    texts = [write(s.start, len(s.text), s.temperature, s.seed)[len(s.start) :] for s in samples]
    ran = f"NumPy {np.__version__}"
    return [spec.check_of_texts(ran, texts, samples, "the layers"), spec.check_of_probabilities()]


def numpy_text(spec: WriterSpec, module: str) -> str:
    """Source of the file; `module` is its name in the usage example."""
    step, pairs = spec.step, spec.pairs
    graph = recorded(step, step.row(4))
    doc = "Probabilities of the next token and what it leaves in memory, for rows of a memory."
    net = numpy_function("net", graph, step.state(), doc, TAKEN)
    codes = "codes_of(text, VOCABULARY)"
    values = {
        "first": spec.first or "1 + drawn(np.array(WEIGHTS), rng.random())",
        "n_in": step.n_in,
        "dtype": dtype_text(step.dtype),
        "n_states": step.n_states,
        "context": spec.context,
        "encoded": "encoded(text, VOCABULARY, MERGES)" if pairs.merges else codes,
    }
    head = docstring(HEAD.format(title=spec.title, version=__version__, module=module))
    imports = ["import re"] * bool(pairs.merges) + ["import sys", "from base64 import b64decode"]
    functions = [*COPIED, byte_pairs.codes_of, *OF_PAIRS * bool(pairs.merges), array]
    lines = [f"CODE_POINTS = {CODE_POINTS!r}", f"VOCABULARY = {literal(pairs.vocabulary)}"]
    if spec.first is None:
        lines.append(f"WEIGHTS = {literal([*spec.weights])}")
    if pairs.merges:
        lines += [f"OTHER, WORD = {OTHER!r}, {WORD!r}", f"MERGES = {literal([*pairs.merges])}"]
    lines.append("TOKENS = [*VOCABULARY]")
    if pairs.merges:
        lines.append("for a, b in MERGES:\n    TOKENS.append(TOKENS[a] + TOKENS[b])")
    lines += [f"{name} = {stored(values)}" for name, values in net.arrays.items()]
    samples = [(s.start, s.temperature, s.seed, s.text) for s in spec.eager_samples]
    lines.append(f"SAMPLES = {literal(samples)}")
    parts = [f"{head}\n\n{chr(10).join(imports)}\n\nimport numpy as np", FUNCTIONS % values]
    parts += [net.text, *helpers_of(net, step.dtype), *map(copied, functions)]
    parts += ["\n".join(lines), END]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"
