"""Sentinel values, such as -999 or 9999-12-31, that may stand for missing values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.files.cells import DAY
from handgrad.tables.data.table_options import option
from handgrad.tables.reporting.checklist import NotApplicableError
from handgrad.tables.reporting.scores import ScoredRows, number, rows_of
from handgrad.textbook.layers import Array

SENTINEL = "sentinel values"
# Rows and distinct values of the others, at least: of most columns, and of short scales of answers.
FEWEST_ROWS, DISTINCT, ANSWERS = 20, 10, 3
# Distance from the others, in units of their range: of a code, of a code that occurs once or
# beside a short scale, of any other value that is repeated; and of a code that is repeated.
FAR, VERY_FAR, ANY_FAR, REPEATED_FAR = 1.0, 5.0, 3.0, 0.25
# Occurrences of a repeated value, and how many times as often as its nearest values it occurs; or
# its distance from them, in units of theirs from each other.
OFTEN, RATIO, NEAREST, ISOLATED = 3, 3.0, 3, 10.0
ZEROS, MOST_NAMED, MOST_AT_AN_END = 0.2, 5, 3
# 99, 999, -9, -8888 and so on, and limits of integers.
NINES = re.compile(r"99+|999+\.9+|-9+(\.9+)?|-?(777+|888+)")
LIMITS = {"-32768", "32767", "65535", "-2147483648", "2147483647", "4294967295"}


@dataclass(frozen=True)
class Sentinel:
    """A value of a column that may stand for missing ones.

    `times` is the number of its rows among `of`; `low` and `high` are the ends of the others.
    """

    value: float
    times: int
    of: int
    low: float
    high: float
    dates: bool

    @property
    def text(self) -> str:
        """The value as in a file."""
        return self._written(self.value)

    @property
    def evidence(self) -> str:
        """Its rows and the range of the others, in words."""
        ends = self.low, self.high
        low, high = (self._written(end) if self.dates else number(end) for end in ends)
        return f"{self.text} in {self.times:,} of {rows_of(self.of)}, the others {low} to {high}"

    def _written(self, value: float) -> str:
        if not self.dates:
            return f"{value:.15g}"
        return str((np.array(value) * DAY).round().astype("datetime64[s]")).removesuffix(
            "T00:00:00"
        )


def sentinels(sides: Sequence[ScoredRows], target: str) -> Iterator[Finding]:
    """Findings for values of the columns, or of a target of numbers, that may be sentinels."""
    by_value = dict[str, dict[str, Sentinel]]()
    checked = False
    for name, values, dates in _columns_of(sides, target):
        checked = True
        for one in sentinels_of(values, dates=dates):
            # a code such as -999 is the same in all columns, 0 or -1 is not
            key = one.text if _is_code(one.text) else f"{one.text} {name}"
            by_value.setdefault(key, {})[name] = one
    if not checked:
        raise NotApplicableError("no column of numbers or dates")
    yield from map(_finding, by_value.values())


def _columns_of(sides: Sequence[ScoredRows], target: str) -> Iterator[tuple[str, Array, bool]]:
    """Names and values of the columns of numbers or dates; True for dates."""
    for name in sides[0].columns:
        parts = [side.columns[name] for side in sides]
        kinds = {part.kind for part in parts}
        if kinds in ({"number"}, {"date"}):
            yield name, np.concatenate([part.values for part in parts]), kinds == {"date"}
    if not sides[0].class_names:
        yield target, np.concatenate([side.y for side in sides]), False


def _finding(by_column: Mapping[str, Sentinel]) -> Finding:
    names, first = [*by_column], next(iter(by_column.values()))
    shown = [f"“{name}”" for name in names[:MOST_NAMED]]
    shown += [f"{len(names) - MOST_NAMED} more"] * (len(names) > MOST_NAMED)
    where = f"column {shown[0]}" if len(names) == 1 else f"columns {', '.join(shown)}"
    of_first = f"column “{names[0]}” has " * (len(names) > 1)
    asked = first.text if len(names) > 1 else f"{names[0]}={first.text}"
    return Finding(
        SENTINEL,
        where,
        f"{of_first}{first.evidence}: does it stand for a missing value?",
        f"{option('missing', asked)}, if it does",
    )


def sentinels_of(values: Array, *, dates: bool = False) -> list[Sentinel]:
    """Values at either end of the numbers, or days, that may stand for missing ones.

    >>> ages = np.array([*range(18, 80), -999.0, -999.0])
    >>> [one.evidence for one in sentinels_of(ages)]
    ['-999 in 2 of 64 rows, the others 18 to 79']
    """
    there = values[np.isfinite(values)]
    different, counts = np.unique(there, return_counts=True)
    results = list[Sentinel]()
    for _ in range(MOST_AT_AN_END):
        for at_end in (True, False):
            with np.errstate(over="ignore", invalid="ignore"):  # of numbers near the largest
                apart = _stands_apart(different, counts, at_end=at_end, dates=dates)
            if not apart:
                continue
            place, rest = (-1, slice(None, -1)) if at_end else (0, slice(1, None))
            value, times, different = float(different[place]), int(counts[place]), different[rest]
            ends, counts = (float(different[0]), float(different[-1])), counts[rest]
            results.append(Sentinel(value, times, len(values), *ends, dates))
    return results


def _is_code(text: str) -> bool:
    return bool(NINES.fullmatch(text)) or text in LIMITS


def _stands_apart(different: Array, counts: Array, *, at_end: bool, dates: bool) -> bool:
    """Return True if the last value, or the first one, is a sentinel beside the others."""
    if not at_end:  # mirrored, except for what depends on the sign
        different, counts = -different[::-1], counts[::-1]
    others, of_others = different[:-1], counts[:-1]
    if len(others) < ANSWERS or of_others.sum() < FEWEST_ROWS:
        return False
    value, times = float(different[-1]), int(counts[-1])
    span = float(others[-1] - others[0])
    gap = value - float(others[-1])
    few = len(others) < DISTINCT
    true = value if at_end else -value
    code = not dates and _is_code(f"{true:.15g}")
    if code:
        far = VERY_FAR if few or times == 1 else FAR
        if gap >= far * span:
            return True
    if few:
        return False
    if gap >= ANY_FAR * span and times >= OFTEN and (value or dates):
        return True
    often = times >= OFTEN and times >= RATIO * float(of_others[-NEAREST:].max())
    steps = float(np.median(np.diff(others[-NEAREST - 1 :])))
    alone = often or (times >= OFTEN and gap >= ISOLATED * steps)
    if code and alone and gap >= REPEATED_FAR * span:
        return True
    if dates or at_end or others[-1] > 0:
        return False
    return _below_positive(true, times, gap, -others[::-1], of_others[::-1], often=often)


def _below_positive(
    value: float, times: int, gap: float, others: Array, counts: Array, *, often: bool
) -> bool:
    """Return True for a sentinel below numbers that are not negative: 0, -1, -9 and so on."""
    low, high = np.quantile(np.repeat(others, counts), (0.25, 0.75))
    if value == 0:
        few = times <= ZEROS * (times + counts.sum())
        return bool(others[0] > 0 and few and times >= OFTEN and gap >= high - low)
    if _is_code(f"{value:.15g}") or value == -1:
        steps = float(np.median(np.diff(others[: NEAREST + 1])))
        apart = gap >= max((high - low) / 2, OFTEN * steps)
        return bool(times >= OFTEN and (often or apart))
    return often and gap >= REPEATED_FAR * float(others[-1] - others[0])
