"""Check of the TOML file of an exercise, which a teacher may write."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from handgrad.textbook.errors import SettingError, did_you_mean
from handgrad.textbook.language import LANGUAGES

Table: TypeAlias = Mapping[str, Any]  # as TOML has it
Refuse: TypeAlias = partial[SettingError]
KINDS = ("formula", "layer", "loss")
KEYS = (
    *("arrays", "forward", "holes", "inputs", "kind", "made_with", "output", "page", "random"),
    *("rows", "upstream", *LANGUAGES),
)
HINTS = ("terms", "factors", "regions", "mistakes")
MOST_ENTRIES = 200  # of an array: each is moved twice, to measure a gradient
MOST_ARRAYS, MOST_HOLES, MOST_LINES = 10, 10, 20
DOCUMENT = "docs/class.md has a file to begin with"


def checked_file(text: str, name: str) -> Table:
    """Read the file of the exercise `name`.

    Raises
    ------
    SettingError
        If the text is not TOML, or a key is missing, unknown or of another type.
    """
    try:
        read = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingError(f"{name}: {error}", "a TOML file", DOCUMENT) from error
    refuse = partial(_refused, name)
    for key in read:
        if key not in KEYS:
            raise SettingError(
                f"{name}: the key {key!r}",
                f"one of {', '.join(KEYS)}",
                did_you_mean(key, KEYS, DOCUMENT),
            )
    if read.get("kind", "formula") not in KINDS:
        raise refuse(f"kind = {read['kind']!r}", f"one of {', '.join(KINDS)}")
    arrays = _checked_arrays(read, refuse)
    names = [*arrays, *_checked_lines(read, refuse)]
    for key in ("output", "upstream"):
        if (of := read.get(key)) not in names and (key == "output" or of is not None):
            raise refuse(f"{key} = {of!r}", f"one of {', '.join(names)}")
    _check_page(read, arrays, refuse)
    _check_holes(read, names, refuse)
    _check_texts(read, refuse)
    return read


def _refused(name: str, came: str, expected: str) -> SettingError:
    return SettingError(f"{name}: {came}", expected, DOCUMENT)


def _checked_arrays(read: Table, refuse: Refuse) -> Table:
    arrays = read.get("arrays")
    if not isinstance(arrays, dict) or not 0 < len(arrays) <= MOST_ARRAYS:
        raise refuse("no [arrays]", f"1 to {MOST_ARRAYS} arrays, by name")
    for name, rule in arrays.items():
        if not name.isidentifier() or not _is_array(rule):
            raise refuse(
                f"the array {name} = {rule!r}",
                f"at most {MOST_ENTRIES} numbers, or {{ shape = [5, 3], from = -2, to = 2 }}",
            )
    return arrays


def _is_array(rule: object) -> bool:
    """True for a number, a list of rows of numbers, or a shape with bounds."""
    if isinstance(rule, dict):
        shape: Any = rule.get("shape")
        bounds = [rule.get("from"), rule.get("to")]
        sizes = _are(shape, int) and all(0 < k <= MOST_ENTRIES for k in shape)
        numbers = all(_is_number(bound) for bound in bounds)
        return sizes and math.prod(shape) <= MOST_ENTRIES and numbers and len(rule) == 3
    if isinstance(rule, list):
        try:
            values = np.asarray(rule)
        except ValueError:
            return False
        return values.dtype.kind in "fi" and 0 < values.size <= MOST_ENTRIES
    return _is_number(rule)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are(values: object, kind: type) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, kind) and not isinstance(value, bool) for value in values
    )


def _checked_lines(read: Table, refuse: Refuse) -> Sequence[str]:
    lines = read.get("forward")
    expected = f'1 to {MOST_LINES} lines, such as forward = ["y = np.tanh(x)"]'
    if not _are(lines, str) or not 0 < len(read["forward"]) <= MOST_LINES:
        raise refuse("no forward", expected)
    names = [line.partition(" = ")[0] for line in read["forward"]]
    for name, line in zip(names, read["forward"], strict=True):
        if not name.isidentifier() or " = " not in line:
            raise refuse(f"the line {line!r} of forward", expected)
    return names


def _check_page(read: Table, arrays: Table, refuse: Refuse) -> None:
    """Check what a class of one's own is tested with."""
    for key, kind in (("page", str), ("random", bool), ("rows", int)):
        if key in read and not isinstance(read[key], kind):
            raise refuse(f"{key} = {read[key]!r}", f"a value of type {kind.__name__}")
    if not isinstance(read.get("made_with", []), list):
        raise refuse(f"made_with = {read['made_with']!r}", "a list of arguments")
    inputs = read.get("inputs", [])
    if not _are(inputs, str) or not {*inputs} <= {*arrays}:
        raise refuse(f"inputs = {inputs!r}", f"a list of {', '.join(arrays)}")
    if read.get("page") and not inputs:
        raise refuse("a page without inputs", 'the arguments of its forward, inputs = ["x"]')


def _check_holes(read: Table, names: Sequence[str], refuse: Refuse) -> None:
    holes = read.get("holes")
    if not isinstance(holes, list) or not 0 < len(holes) <= MOST_HOLES:
        raise refuse("no [[holes]]", f"1 to {MOST_HOLES} formulas to be written")
    known = [*names]
    for hole in holes:
        name = hole.get("name") if isinstance(hole, dict) else None
        if not isinstance(name, str) or not name.isidentifier() or name in known:
            raise refuse(f"a hole with the name {name!r}", "a name of its own, such as dx")
        ways = [key for key in ("of", "equals") if key in hole]
        if len(ways) != 1 or not isinstance(hole[ways[0]], str):
            raise refuse(
                f"the hole {name} with {' and '.join(ways) or 'nothing'}",
                'of = "x", if it is the gradient of x, or equals = a formula',
            )
        if "of" in hole and hole["of"] not in names:
            raise refuse(f"the gradient of {hole['of']!r}", f"one of {', '.join(names)}")
        for kind in HINTS:
            notes = hole.get(kind, {})
            if not isinstance(notes, dict) or not _are([*notes.values()], str):
                raise refuse(f"{kind} of {name}", "formulas by a name")
        known.append(name)


def _check_texts(read: Table, refuse: Refuse) -> None:
    languages = [language for language in LANGUAGES if language in read]
    if not languages:
        raise refuse("no texts", f"[{'] or ['.join(LANGUAGES)}] with a title")
    for language in languages:
        texts = read[language]
        if not isinstance(texts, dict) or not isinstance(texts.get("title"), str):
            raise refuse(f"[{language}] without a title", 'title = "…"')
        try:
            holes, notes = texts.get("holes", {}), texts.get("notes", {})
            asked = [own.get("ask", "") for own in holes.values()]
            hints = [hint for own in holes.values() for hint in own.get("hints", [])]
            are_texts = _are([texts.get("about", ""), *asked, *hints, *notes.values()], str)
        except (AttributeError, TypeError):
            are_texts = False
        if not are_texts:
            raise refuse(f"[{language}] with a value that is not text", "texts alone")
