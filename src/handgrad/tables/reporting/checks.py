"""Checks of rows, predictions and training: leakage, few rows, missed classes, over-fitting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.reporting.intervals import SURE, half_width
from handgrad.tables.reporting.leakage import Sides, leaking, repeated_groups, sorted_by_date
from handgrad.tables.reporting.scores import Score, ScoredRows, rows_of
from handgrad.textbook.layers import Array
from handgrad.training import History

FEWEST_OF_A_CLASS = 5
NEVER = 0.05  # recall of a class, at most
# Over-fitting: fraction of the gain over guessing that is lost on held-out rows, and its
# significance in standard deviations.
LOST, DEVIATIONS = 1 / 3, 2.58
SMALLEST = 1e-7  # lower bound of probabilities under a logarithm
MOST_NAMED, FEW_ROWS = 5, 30
STILL_LEARNING = "still improving"
MORE = 3  # suggested factor of the number of epochs


def check_rows(
    held: ScoredRows,
    training: ScoredRows | None,
    scores: Sequence[Score],
    names: Sequence[str],
    sides: Sides | None = None,
) -> list[Finding]:
    """Run all checks; `names` are those of the columns, none if rows are pictures.

    `sides` are held-out and training rows with all columns, if there are training rows.
    """
    both = [held] if training is None else [held, training]
    findings = list[Finding]()
    if sides is not None:
        groups = repeated_groups(sides, of_classes=bool(held.class_names))
        pairs = [pair for pair in (groups, sorted_by_date(sides, held)) if pair is not None]
        findings += [finding for finding, _ in pairs]
        explained = [name for _, name in pairs]
        names = [name for name in names if name not in explained]
    findings += leaking(both, names)
    findings += _missed_classes(both)
    findings += _few_rows(held)
    if training is not None:
        more = "more rows, or fewer columns" if names else "more pictures"
        findings += _over_fitting(held, training, scores[0], more)
    return [*findings, *_no_better(held, both[-1].y, scores[0])]


def _missed_classes(sides: Sequence[ScoredRows]) -> Iterator[Finding]:
    """Classes with a recall near 0, on all rows or on held-out rows."""
    for k, name in enumerate(sides[0].class_names):
        for some in (sides, sides[:1]):
            n = sum(int((side.y == k).sum()) for side in some)
            correct = sum(int(((side.y == k) & (side.predicted == k)).sum()) for side in some)
            if n >= FEWEST_OF_A_CLASS and correct <= NEVER * n:
                which = " held out" if len(some) == 1 else ", training rows included,"
                yield Finding(
                    "class never found" if not correct else "class hardly ever found",
                    f"class “{name}”",
                    f"{correct} of its {rows_of(n)}{which} are predicted correctly",
                    "more rows of it, or larger weights: --class-weight balanced, or sample_weight",
                )
                break


def _few_rows(held: ScoredRows) -> Iterator[Finding]:
    """Too few held-out rows, of all classes or of some, for reliable scores."""
    if len(held) < FEW_ROWS:
        yield Finding(
            "few rows",
            "held-out rows",
            f"there are only {len(held)}: all scores are noisy",
            "more rows, or a larger held-out fraction",
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
        f"only {', '.join(named)} held out: these scores are noisy, and so are balanced accuracy "
        "and ROC AUC, which weight all classes equally",
        "more rows of them, or a larger held-out fraction",
    )


def _over_fitting(
    held: ScoredRows, training: ScoredRows, score: Score, more: str
) -> Iterator[Finding]:
    """Predictions that are much better for training rows than for held-out rows."""
    if score.held is None or score.training is None or score.baseline is None:
        return
    errors = [
        np.abs(side.predicted - side.y)
        if score.of == "numbers"
        else 1.0 * (side.predicted != side.y)
        for side in (held, training)
    ]
    apart = abs(score.training - score.held)
    units = held.units, training.units
    deviations = [half_width(e, codes) / SURE for e, codes in zip(errors, units, strict=True)]
    deviation = np.sqrt(sum(each**2 for each in deviations))
    gained = abs(score.training - score.baseline)
    worse = errors[0].mean() > errors[1].mean()
    if worse and apart > max(LOST * gained, DEVIATIONS * deviation):
        yield Finding(
            "over-fitting",
            "training rows",
            f"{score.name.lower()} is {score.shown(score.training)} for training rows, "
            f"{score.shown(score.held)} for held-out rows, {score.shown(score.baseline)} for "
            "guessing",
            f"{more}; for new rows expect the scores of held-out rows",
        )


def _no_better(held: ScoredRows, learned: Array, score: Score) -> Iterator[Finding]:
    """Predictions that are not significantly better than guessing."""
    if held.one_class:
        return
    gains = _gains(held, learned)
    if all(gain.mean() <= half_width(gain, held.units) for gain in gains):
        not_sure = f": not significant with {rows_of(len(held))}" if score.beats_baseline else ""
        yield Finding(
            "no better than guessing",
            "held-out rows",
            f"{score.name.lower()} is {score.shown(score.held)}, for guessing "
            f"{score.shown(score.baseline)}{not_sure}",
            "other columns, or more rows: the model found no relation to the target in these",
        )


def _gains(held: ScoredRows, learned: Array) -> list[Array]:
    """Gain of each prediction over guessing: in accuracy and log loss, or in absolute error."""
    if not held.class_names:
        return [np.abs(learned.mean() - held.y) - np.abs(held.predicted - held.y)]
    frequencies = np.bincount(learned, minlength=len(held.class_names)) / len(learned)
    gains = [1.0 * (held.predicted == held.y) - (frequencies.argmax() == held.y)]
    if held.p is not None:
        p = np.maximum([held.p[np.arange(len(held)), held.y], frequencies[held.y]], SMALLEST)
        gains.append(np.log(p[0] / p[1]))
    return gains


def still_learning(history: History | None, best_epochs: Sequence[int]) -> Iterator[Finding]:
    """Finding if the last epoch was the best one, for most nets of an ensemble.

    There is none without validation, or if early stopping ended the training.
    """
    losses = [report.validation_loss for report in history or ()]
    judged = [loss for loss in losses if loss is not None and np.isfinite(loss)]
    n, last = len(losses), sum(epoch >= len(losses) for epoch in best_epochs)
    if len(judged) < 2 or judged[-1] != losses[-1] or 2 * last <= len(best_epochs):
        return
    if judged[-1] >= min(judged[:-1]):  # earlier epochs were as good
        return
    nets = f" of {last} of {len(best_epochs)} nets" if len(best_epochs) > 1 else ""
    yield Finding(
        STILL_LEARNING,
        "the training",
        f"the best epoch{nets} is the last, {n} of {n}",
        f"more epochs, for example --epochs {rounded(MORE * n)} on the command line",
    )


def rounded(n: int) -> int:
    """Round a number to one significant digit.

    >>> rounded(21), rounded(96), rounded(3)
    (20, 100, 3)
    """
    return int(float(f"{n:.0e}"))
