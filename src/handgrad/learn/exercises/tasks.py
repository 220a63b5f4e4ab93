"""Tasks of the exercises, read from one TOML file each in `tasks/`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from handgrad.learn.exercises.diagnosis import Hint, Known, Pattern, patterns
from handgrad.learn.exercises.formulas import Environment, Line, run, slopes, value_of
from handgrad.learn.exercises.i18n import FOLDER, words
from handgrad.textbook.errors import SettingError, did_you_mean
from handgrad.textbook.layers import Array

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
Table: TypeAlias = Mapping[str, Any]  # as TOML has it
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


@cache
def task(name: str, language: str = "en") -> Task:
    """Read the exercise `name` in a language."""
    if name not in NAMES:
        raise SettingError(
            f"exercise {name!r}", f"one of {', '.join(NAMES)}", did_you_mean(name, NAMES, "tanh")
        )
    read = tomllib.loads(FOLDER.joinpath("tasks", f"{name}.toml").read_text("utf-8"))
    forward = tuple(_line(line) for line in read["forward"])
    arrays = {key: _array(rule, i) for i, (key, rule) in enumerate(read["arrays"].items())}
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
        own = texts["holes"][hole["name"]]
        mistakes = patterns(measured, arrays["n"], Known(**hints))
        holes.append(_hole(hole, own, measured, mistakes))
        known[hole["name"]] = measured
    return Task(
        name,
        language,
        read["kind"],
        texts["title"],
        texts["about"].strip(),
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
    of, equals, hints = hole.get("of", ""), hole.get("equals", ""), tuple(texts["hints"])
    return Hole(hole["name"], of, equals, texts["ask"], hints, measured, patterns)


def _hints(hole: Table, notes: Table, known: Environment) -> dict[str, tuple[Hint, ...]]:
    return {
        kind: tuple(
            Hint(notes[key], value_of(text, known)) for key, text in hole.get(kind, {}).items()
        )
        for kind in ("terms", "factors", "regions", "mistakes")
    }


def _array(rule: object, i: int) -> Any:
    """Values of an array: literal, or spread evenly between two bounds, rounded to two digits.

    The fractional parts of multiples of an irrational root leave no gaps and do not repeat; each
    array has the root of another prime, so that no two are correlated.
    """
    if not isinstance(rule, dict | list):
        return rule
    values = np.asarray(rule) if isinstance(rule, list) else _spread(rule, PRIMES[i])
    values.flags.writeable = False  # a formula might name it as an output array
    return values


def _spread(rule: Table, prime: int) -> Array:
    low, high = float(rule["from"]), float(rule["to"])
    count = int(np.prod(rule["shape"], dtype=int))
    parts = np.arange(1, count + 1) * np.sqrt(prime) % 1.0
    return np.round(low + (high - low) * parts, 2).reshape(rule["shape"])
