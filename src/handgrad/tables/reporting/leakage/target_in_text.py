"""Target leakage: the value of the target in a column of text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.reporting.checklist import NotApplicableError, SkippedCheckError
from handgrad.tables.reporting.leakage.single_columns import LEAKAGE, OF_MISTAKES
from handgrad.tables.reporting.leakage.target_sample import TargetSample
from handgrad.tables.reporting.scores import percent, rows_of
from handgrad.textbook.layers import Array

# Rows whose text names its own target, at least, and at most if the targets are shuffled, as a
# fraction of those; and rows that name no other class, of those that name one.
NAMED, BY_CHANCE, RIGHT = 0.5, 0.2, 0.98
MOST_CLASSES = 200
NUMBER = re.compile(r"(?<![\w.,])[+-]?\d(?:[\d.,'\u00a0]*\d)?")
# Decimal point and decimal comma, without separators of thousands.
SIGNS = (str.maketrans("", "", ",'\u00a0"), str.maketrans({",": ".", ".": None, "'": None}))


def targets_in_text(sample: TargetSample, names: Sequence[str]) -> Iterator[Finding]:
    """Findings for columns of text that name the class or the number in most rows."""
    texts = [name for name in names if sample.is_text(name)]
    if not texts:
        raise NotApplicableError("no column of text")
    sample.check_size()
    classes = sample.class_names
    if len(classes) > MOST_CLASSES:
        raise SkippedCheckError(f"over {MOST_CLASSES} classes")
    named, rule = (_classes_named(classes), _class_share) if classes else (_numbers, _number_share)
    what = "the name of its class" if classes else "the number to predict"
    for column in texts:
        share = rule([named(text) for text in sample.texts(column)], sample.t)
        if share:
            yield Finding(
                LEAKAGE,
                f"column “{column}”",
                f"its text has {what} in {percent(share)} of {rows_of(len(sample.t))}: is it known "
                "at the time of prediction?",
                "leave it out, or remove these words, if it is written only later",
            )


def _classes_named(classes: Sequence[str]) -> Callable[[str], set[float]]:
    """Function that finds the classes that a text names, by whole words in any case."""
    codes = {name.casefold(): float(k) for k, name in enumerate(classes) if name.strip()}
    longest = sorted(codes, key=len, reverse=True)
    words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)")
    return lambda text: {codes[word] for word in words.findall(text.casefold())}


def _numbers(text: str) -> set[float]:
    """Numbers in a text, with a decimal point and with a decimal comma."""
    numbers = set[float]()
    for word in NUMBER.findall(text):
        for signs in SIGNS:
            try:
                numbers.add(float(word.translate(signs)))
            except ValueError:  # two points
                continue
    return numbers


def _class_share(named: Sequence[set[float]], t: Array) -> float:
    """Fraction of the rows that name their own class only; 0 if it is low, or by chance."""
    one = np.array([len(values) == 1 for values in named])
    if one.mean() < NAMED:
        return 0.0
    classes = np.array([min(values) for values in named if len(values) == 1])
    right, by_chance = ((classes == each[one]).mean() for each in (t, _shuffled(t)))
    some = np.array([bool(values) for values in named])
    leaks = right >= RIGHT and 1 - right <= OF_MISTAKES * (1 - by_chance)
    return float(right * one.mean()) if leaks and one.sum() >= RIGHT * some.sum() else 0.0


def _number_share(named: Sequence[set[float]], t: Array) -> float:
    """Fraction of the rows that name their own number; 0 if it is low, or by chance."""
    right, by_chance = (
        float(np.mean([y in values for y, values in zip(each.tolist(), named, strict=True)]))
        for each in (t, _shuffled(t))
    )
    return right if right >= NAMED and by_chance <= BY_CHANCE * right else 0.0


def _shuffled(t: Array) -> Array:
    return t[np.random.default_rng(0).permutation(len(t))]
