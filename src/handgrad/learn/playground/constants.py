"""What a constant of a recorded page is made of: settings of the page, and its width.

A page is recorded three times, with other settings and widths each time. A constant that is not
the same in all of them is one of a few formulas of a setting, found by its numbers, to the bit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from handgrad.textbook.errors import RecordingError

WIDTH = "k"  # the size of the last axis of what a page is given

# As the page of the playground computes them too: s is a setting, k the width.
FORMULAS: Mapping[str, Callable[[float, int], float]] = {
    "s": lambda s, k: s,
    "-s": lambda s, k: -s,
    "1-s": lambda s, k: 1 - s,
    "-(1-s)": lambda s, k: -(1 - s),
    "2s-1": lambda s, k: 2 * s - 1,
    "1-2s": lambda s, k: 1 - 2 * s,
    "s/2": lambda s, k: s / 2,
    "(1-s)/2": lambda s, k: (1 - s) / 2,
    "s/k": lambda s, k: s / k,
}

Settings = Mapping[str, float]


@dataclass(frozen=True)
class Formula:
    """A constant that is computed from a setting: `1-s` of `momentum`."""

    formula: str
    setting: str


def unified(given: Sequence[object], settings: Sequence[Settings]) -> Any:
    """The structure that all recordings have, with a `Formula` for each number that differs.

    >>> runs = [{"p": 0.3, "k": 3}, {"p": 0.2, "k": 5}, {"p": 0.6, "k": 7}]
    >>> unified([(2, 0.7), (2, 0.8), (2, 0.4)], runs)
    (2, Formula(formula='1-s', setting='p'))
    """
    values: list[Any] = [*given]
    first = values[0]
    kind = type(first)
    if any(type(value) is not kind for value in values):
        raise _without_formula(values)
    if isinstance(first, tuple | list):
        if len({len(value) for value in values}) > 1:
            raise _without_formula(values)
        return kind(unified(parts, settings) for parts in zip(*values, strict=True))
    if isinstance(first, Mapping):
        return {name: unified([value[name] for value in values], settings) for name in first}
    if isinstance(first, slice):
        ends = ([getattr(v, end) for v in values] for end in ("start", "stop", "step"))
        return slice(*(unified(end, settings) for end in ends))
    if all(value == first for value in values):
        return first
    if is_dataclass(first) and not isinstance(first, type):
        parts = ([getattr(value, field.name) for value in values] for field in fields(first))
        return kind(*(unified(part, settings) for part in parts))
    return _formula_of(values, settings)


def _formula_of(values: Sequence[float], settings: Sequence[Settings]) -> Formula:
    for name in settings[0]:
        for text, compute in FORMULAS.items():
            found = (compute(run[name], int(run[WIDTH])) for run in settings)
            if all(a == b for a, b in zip(values, found, strict=True)):
                return Formula(text, name)
    raise _without_formula(values)


def _without_formula(values: Sequence[object]) -> RecordingError:
    return RecordingError(
        f"constants {', '.join(map(repr, values))} with three settings",
        f"one of {', '.join(FORMULAS)} of a setting s and the width k",
        "another line among FORMULAS, here and in engine/constants.js",
    )
