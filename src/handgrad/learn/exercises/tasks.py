"""Tasks of the exercises, read from one TOML file each: those of `tasks/`, or a teacher's own."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.files.paths import as_path, opened
from handgrad.learn.exercises.diagnosis import Hint, Known, Pattern, patterns
from handgrad.learn.exercises.formulas import (
    Environment,
    FormulaError,
    KinkError,
    Line,
    run,
    slopes,
    value_of,
)
from handgrad.learn.exercises.i18n import FOLDER, words
from handgrad.learn.exercises.task_file import Table, checked_file
from handgrad.textbook.errors import FileError, SettingError, did_you_mean
from handgrad.textbook.language import LANGUAGES
from handgrad.textbook.layers import Array

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
MOST_SEED = 10**6 - 1
MOST_BYTES = 100_000  # of a file
TRIES = 20  # other numbers, where the forward pass has no derivative
# New letters of an exercise with a seed; the others are words, or have a meaning of their own.
SMALL, LARGE = "bcfghkmpqrstuvwxyz", "BCEFGHKMPQRSUVWXY"
RAISED = dict(zip("bcfghkmprstuvwxyz", "ᵇᶜᶠᵍʰᵏᵐᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True))
# In the order in which a learner meets them.
NAMES = (
    "linear",
    "tanh",
    "sigmoid",
    "relu",
    "leaky-relu",
    "softplus",
    "silu",
    "gelu",
    "mse",
    "huber",
    "binary-cross-entropy",
    "cross-entropy",
    "softmax",
    "softmax-cross-entropy",
    "residual",
    "dropout",
    "embedding",
    "convolution",
    "gru",
    "attention",
    "layer-norm",
    "batch-norm",
    "weight-penalty",
    "momentum",
    "adam",
)


@dataclass(frozen=True)
class Hole:
    """One formula to be written: its name, the variable `of` its gradient, and the correct values.

    Instead of a gradient it may be the value of another formula, `equals`.
    """

    name: str
    of: str
    equals: str
    ask: str
    hints: tuple[str, ...]
    measured: Array
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class Task:
    """An exercise in one language: the forward pass, the formulas asked for, and test arrays."""

    name: str
    language: str
    seed: int | None
    kind: str
    title: str
    about: str
    page: str
    forward: tuple[Line, ...]
    output: str
    upstream: str | None
    arrays: dict[str, Any]
    holes: tuple[Hole, ...]
    inputs: tuple[str, ...]
    made_with: tuple[Any, ...]
    random: bool

    @property
    def page_name(self) -> str:
        """Name of the class in the code of the exercise; '' if there is none."""
        return self.page.partition("class ")[2].partition("(")[0]

    @property
    def names(self) -> list[str]:
        """Names that a formula may use: the arrays and the values of the forward pass."""
        return [*self.arrays, *(name for name, _ in self.forward)]

    def known_before(self, hole: Hole) -> dict[str, Any]:
        """Values that the formula of a hole may use, with those of earlier holes correct."""
        before = self.holes[: self.holes.index(hole)]
        known: dict[str, Any] = run(self.forward, self.arrays)
        return known | {other.name: other.measured for other in before}


def task(name: str | os.PathLike[str], language: str = "en", seed: int | None = None) -> Task:
    """Read the exercise `name`, or that of a TOML file, in a language.

    A seed gives other numbers and other names of the arrays.
    """
    if seed is not None and (
        isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MOST_SEED
    ):
        raise SettingError(f"seed={seed!r}", f"a whole number from 0 to {MOST_SEED}", "seed=1")
    if isinstance(name, os.PathLike) or name.endswith(".toml"):
        return _task(as_path(name).stem, _text_of(as_path(name)), language, seed)
    if name not in NAMES:
        raise SettingError(
            f"exercise {name!r}",
            f"one of {', '.join(NAMES)}, or a TOML file",
            did_you_mean(name, NAMES, "tanh"),
        )
    text = FOLDER.joinpath("tasks", f"{name}.toml").read_text("utf-8")
    return _task(name, text, language, seed)


def _text_of(path: Path) -> str:
    with opened(path, "a TOML file with an exercise", "exercise.toml") as (file, size):
        if size > MOST_BYTES:
            came = f"{size:,} bytes"
            raise FileError(came, f"at most {MOST_BYTES:,}", "an exercise a file", str(path))
        try:
            return file.read().decode("utf-8")
        except UnicodeDecodeError as error:
            hint = "save the file as UTF-8"
            raise FileError("bytes that are not UTF-8", "text", hint, str(path)) from error


@lru_cache(512)
def _task(name: str, text: str, language: str, seed: int | None) -> Task:
    read = checked_file(text, name)
    if seed is not None:
        read = checked_file(_renamed(text, read, random.Random(f"{name} {seed}")), name)
    written = language if language in read else next(known for known in LANGUAGES if known in read)
    for shift in _shifts(name, seed):
        try:
            return _made(name, written, seed, read, shift)
        except KinkError:
            continue
        except FormulaError as error:
            came = words("en")[error.key].format(**error.values)
            raise SettingError(
                f"{name}: {came}", "formulas of the arrays and of the lines before", "check them"
            ) from error
    raise SettingError(
        f"{name}: a forward pass without a derivative at the numbers of the exercise",
        "a derivative at all entries",
        "arrays with other bounds",
    )


def _shifts(name: str, seed: int | None) -> Iterator[int]:
    """Beginnings of the sequences of numbers, in the order of the attempts: 0 without a seed."""
    rng = random.Random(f"numbers of {name} {seed}")
    if seed is None:
        yield 0
    for _ in range(TRIES):
        yield rng.randrange(1, 10_000)


def _renamed(text: str, read: Table, rng: random.Random) -> str:
    """The text of a file with other letters for arrays that have a gradient, W and dW."""
    names = {*read["arrays"], *(_line(line)[0] for line in read["forward"])}
    names |= {hole["name"] for hole in read["holes"]}
    new: dict[str, str] = {}
    for letters in (SMALL, LARGE):
        old = [name for name in letters if name in names and f"d{name}" in names]
        free = [c for c in letters if not names & {c, f"d{c}"} and not _is_word(c, text)]
        new |= dict(zip(rng.sample(old, len(old)), rng.sample(free, len(free)), strict=False))
    if not new:
        return text
    raised = {RAISED[old]: RAISED[c] for old, c in new.items() if old in RAISED and c in RAISED}
    for sign in RAISED.values():  # a name is renamed everywhere, or nowhere
        if sign in text and sign not in raised:
            new.pop(next(c for c, high in RAISED.items() if high == sign), None)
    text = "".join(raised.get(sign, sign) for sign in text)
    either = "|".join(new) or "(?!)"
    return re.sub(
        rf"(?<![A-Za-z0-9_'’\\])(d?)({either})(?![A-Za-z0-9_])", lambda m: m[1] + new[m[2]], text
    )


def _is_word(name: str, text: str) -> bool:
    return bool(re.search(rf"(?<![A-Za-z0-9_])d?{name}(?![A-Za-z0-9_])", text))


def _made(name: str, language: str, seed: int | None, read: Table, shift: int) -> Task:
    forward = tuple(_line(line) for line in read["forward"])
    arrays = {key: _array(rule, i, shift) for i, (key, rule) in enumerate(read["arrays"].items())}
    arrays["n"] = read.get("rows", 5)
    texts, upstream = read[language], read.get("upstream")
    known: dict[str, Any] = run(forward, arrays)
    holes = []
    for hole in read["holes"]:
        if "equals" in hole:
            measured = value_of(hole["equals"], known)
        else:
            measured = slopes(forward, arrays, read["output"], upstream, hole["of"])
        hints = _hints(hole, texts.get("notes", {}), known)
        if upstream:
            note = words(language)["upstream"].format(name=upstream)
            hints["factors"] += (Hint(note, np.asarray(known[upstream])),)
        own = texts.get("holes", {}).get(hole["name"], {})
        mistakes = patterns(measured, arrays["n"], Known(**hints))
        holes.append(_hole(hole, own, measured, mistakes))
        known[hole["name"]] = measured
    return Task(
        name,
        language,
        seed,
        read.get("kind", "formula"),
        texts["title"],
        texts.get("about", "").strip(),
        read.get("page", "").strip(),
        forward,
        read["output"],
        upstream,
        arrays,
        tuple(holes),
        tuple(read.get("inputs", ())),
        tuple(read.get("made_with", ())),
        read.get("random", False),
    )


def _line(line: str) -> Line:
    name, _, formula = line.partition(" = ")
    return name, formula


def _hole(hole: Table, texts: Table, measured: Array, patterns: tuple[Pattern, ...]) -> Hole:
    of, equals, hints = hole.get("of", ""), hole.get("equals", ""), tuple(texts.get("hints", ()))
    return Hole(hole["name"], of, equals, texts.get("ask", ""), hints, measured, patterns)


def _hints(hole: Table, notes: Table, known: Environment) -> dict[str, tuple[Hint, ...]]:
    return {
        kind: tuple(
            Hint(notes.get(key, text), value_of(text, known))
            for key, text in hole.get(kind, {}).items()
        )
        for kind in ("terms", "factors", "regions", "mistakes")
    }


def _array(rule: object, i: int, shift: int) -> Any:
    """Values of an array: literal, or spread evenly between two bounds, rounded to two digits.

    The fractional parts of multiples of an irrational root leave no gaps and do not repeat; each
    array has the root of another prime, so that no two are correlated.
    """
    if not isinstance(rule, dict | list):
        return rule
    values = np.asarray(rule) if isinstance(rule, list) else _spread(rule, PRIMES[i], shift)
    values.flags.writeable = False  # a formula might name it as an output array
    return values


def _spread(rule: Table, prime: int, shift: int) -> Array:
    low, high = float(rule["from"]), float(rule["to"])
    count = int(np.prod(rule["shape"], dtype=int))
    parts = np.arange(1 + shift, count + 1 + shift) * np.sqrt(prime) % 1.0
    return np.round(low + (high - low) * parts, 2).reshape(rule["shape"])
