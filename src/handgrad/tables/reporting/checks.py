"""Warnings from the rows: what they are held out from, a class not found, over-fitting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.reporting.leaks import leaking
from handgrad.tables.reporting.scores import Score, ScoredRows, rows_of
from handgrad.tables.reporting.splits import Sides, repeated_groups, sorted_by_date
from handgrad.textbook.layers import Array

FEWEST_OF_A_CLASS = 5
NEVER = 0.05  # of the rows of a class, at most
# Of what it gained on guessing: so much is lost on rows held out, beyond what chance does.
LOST, DEVIATIONS = 1 / 3, 2.58
SURE = 1.96  # standard deviations: better than guessing with 95 % confidence
SMALLEST = 1e-7  # a probability whose logarithm does not outweigh all others
MOST_NAMED, FEW_ROWS = 5, 30


def warned(
    held: ScoredRows,
    training: ScoredRows | None,
    scores: Sequence[Score],
    names: Sequence[str],
    sides: Sides | None = None,
) -> list[Finding]:
    """All that is found; `names` are those of the columns, none where rows are pictures.

    `sides` are all rows, with the columns that are left out, where there are rows of a training.
    """
    both = [held] if training is None else [held, training]
    found = list[Finding]()
    if sides is not None:
        groups = repeated_groups(sides, of_classes=bool(held.class_names))
        told = [one for one in (groups, sorted_by_date(sides, held)) if one is not None]
        found += [finding for finding, _ in told]
        explained = [name for _, name in told]
        names = [name for name in names if name not in explained]
    found += leaking(both, names)
    found += _classes_not_found(both)
    found += _few_rows(held)
    if training is not None:
        more = "more rows, or fewer columns" if names else "more pictures"
        found += _gap(held, training, scores[0], more)
    return [*found, *_no_better(held, both[-1].y, scores[0])]


def _classes_not_found(sides: Sequence[ScoredRows]) -> Iterator[Finding]:
    """Classes that next to none of their rows is taken for, of all rows or of those held out."""
    for k, name in enumerate(sides[0].class_names):
        for some in (sides, sides[:1]):
            n = sum(int((side.y == k).sum()) for side in some)
            found = sum(int(((side.y == k) & (side.predicted == k)).sum()) for side in some)
            if n >= FEWEST_OF_A_CLASS and found <= NEVER * n:
                which = " held out" if len(some) == 1 else ", those of the training among them,"
                yield Finding(
                    "class never found" if not found else "class hardly ever found",
                    f"class “{name}”",
                    f"{found} of its {rows_of(n)}{which} are recognised",
                    "more rows of it, or rows of it that weigh more: --class-weight balanced, or "
                    "sample_weight",
                )
                break


def _few_rows(held: ScoredRows) -> Iterator[Finding]:
    """So few rows held out, or of a class, that no figure of them can be trusted."""
    if len(held) < FEW_ROWS:
        yield Finding(
            "few rows",
            "the rows held out",
            f"there are {len(held)}: all figures are rough",
            "more rows, or a larger share held out",
        )
    classes = held.class_names
    counts = np.array([(held.y == k).sum() for k in range(len(classes))])
    few = np.flatnonzero(counts < FEWEST_OF_A_CLASS)
    if not len(few):
        return
    named = [f"{rows_of(int(counts[k]))} of “{classes[k]}”" for k in few[:MOST_NAMED]]
    named += [f"few of {len(few) - MOST_NAMED} more classes"] * (len(few) > MOST_NAMED)
    yield Finding(
        "few rows",
        f"class “{classes[few[0]]}”" if len(few) == 1 else f"{len(few)} classes",
        f"held out are {', '.join(named)}: what is said of them may be chance, and so may balanced "
        "accuracy and ROC AUC, in which each class counts alike",
        "more rows of them, or a larger share held out",
    )


def _gap(held: ScoredRows, training: ScoredRows, score: Score, more: str) -> Iterator[Finding]:
    """Answers that are much better for rows that were learned from."""
    if score.held is None or score.training is None or score.baseline is None:
        return
    errors = [
        np.abs(side.predicted - side.y)
        if score.of == "numbers"
        else 1.0 * (side.predicted != side.y)
        for side in (held, training)
    ]
    apart = abs(score.training - score.held)
    by_chance = np.sqrt(sum(e.var() / len(e) for e in errors))
    gained = abs(score.training - score.baseline)
    worse = errors[0].mean() > errors[1].mean()
    if worse and apart > max(LOST * gained, DEVIATIONS * by_chance):
        yield Finding(
            "over-fitting",
            "the rows of the training",
            f"{score.name.lower()} is {score.shown(score.training)} for them, "
            f"{score.shown(score.held)} for the rows held out; guessing comes to "
            f"{score.shown(score.baseline)}",
            f"{more}; of new rows expect the figures of those held out",
        )


def _no_better(held: ScoredRows, learned: Array, score: Score) -> Iterator[Finding]:
    """Answers that are no better than guessing, or by chance, as far as the rows can tell."""
    if held.one_class:
        return
    gains = _gains(held, learned)
    if all(gain.mean() <= SURE * gain.std() / np.sqrt(len(gain)) for gain in gains):
        by_chance = f": of {rows_of(len(held))} that may be chance" if score.beats_baseline else ""
        yield Finding(
            "no better than guessing",
            "the rows held out",
            f"{score.name.lower()} is {score.shown(score.held)}, guessing comes to "
            f"{score.shown(score.baseline)}{by_chance}",
            "other columns, or more rows: in these it found nothing that tells of the target",
        )


def _gains(held: ScoredRows, learned: Array) -> list[Array]:
    """How much better each answer is than a guess: right or not and its logarithm, or its error."""
    if not held.class_names:
        return [np.abs(learned.mean() - held.y) - np.abs(held.predicted - held.y)]
    shares = np.bincount(learned, minlength=len(held.class_names)) / len(learned)
    gains = [1.0 * (held.predicted == held.y) - (shares.argmax() == held.y)]
    if held.p is not None:
        given = np.maximum([held.p[np.arange(len(held)), held.y], shares[held.y]], SMALLEST)
        gains.append(np.log(given[0] / given[1]))
    return gains
