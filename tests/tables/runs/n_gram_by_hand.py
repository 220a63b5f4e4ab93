"""An n-gram with back-off as it is defined: by fractions, one character after the other."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction


def probabilities(
    text: Sequence[object], end: int, before: int, amount: int, n_kinds: int
) -> list[Fraction]:
    """p of each item from `end` on by the `before` items before it, as counted up to `end`."""
    return [
        _p(text[:end], text[i], text[i - before : i], amount, n_kinds)
        for i in range(end, len(text))
    ]


def _p(
    known: Sequence[object], item: object, context: Sequence[object], amount: int, n_kinds: int
) -> Fraction:
    n = len(context)
    shorter = _p(known, item, context[1:], amount, n_kinds) if n else Fraction(1, n_kinds)
    places = [i for i in range(n, len(known)) if known[i - n : i] == context]
    if not places:
        return shorter
    after = Counter(known[i] for i in places)
    weight = amount * len(after)
    return (after[item] + weight * shorter) / Fraction(len(places) + weight)
