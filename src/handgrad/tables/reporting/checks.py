"""Checks of rows, predictions and training: leakage, few rows, missed classes, over-fitting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.reporting.checklist import (
    CheckList,
    NotApplicableError,
    SkippedCheckError,
)
from handgrad.tables.reporting.intervals import SURE, half_width
from handgrad.tables.reporting.leakage.dates import sorted_by_date
from handgrad.tables.reporting.leakage.dependent_rows import IN_TIME, NEAR, REPEATED, Sides
from handgrad.tables.reporting.leakage.formulas import formula_leaks
from handgrad.tables.reporting.leakage.groups import repeated_groups
from handgrad.tables.reporting.leakage.near_duplicates import near_duplicate_rows
from handgrad.tables.reporting.leakage.single_columns import LEAKAGE, leaking
from handgrad.tables.reporting.leakage.target_in_text import targets_in_text
from handgrad.tables.reporting.leakage.target_sample import TargetSample
from handgrad.tables.reporting.scores import Score, ScoredRows, rows_of
from handgrad.tables.reporting.sentinels import SENTINEL, sentinels
from handgrad.textbook.layers import Array
from handgrad.training import History

CheckOfColumns = Callable[[TargetSample, Sequence[str]], Iterable[Finding]]
FEWEST_OF_A_CLASS = 5
NEVER = 0.05  # recall of a class, at most
# Over-fitting: fraction of the gain over guessing that is lost on held-out rows, and its
# significance in standard deviations.
LOST, DEVIATIONS = 1 / 3, 2.58
SMALLEST = 1e-7  # lower bound of probabilities under a logarithm
CHANCE = 0.5  # concordance of guessing
MOST_NAMED, FEW_ROWS = 5, 30
STILL_LEARNING = "still improving"
NO_COLUMNS, NO_TRAINING = "pictures have no columns", "training rows were not given"
MORE = 3  # suggested factor of the number of epochs


def check_rows(
    held: ScoredRows,
    training: ScoredRows | None,
    scores: Sequence[Score],
    names: Sequence[str],
    sides: Sides | None = None,
    target: str = "the target",
) -> CheckList:
    """Make all checks; the arguments are those of `check_data`, and the scores."""
    both = [held] if training is None else [held, training]
    listed = check_data(held, training, names, sides, target)
    unit, score, learned = "row" if names else "picture", scores[0], both[-1]
    listed.make("classes that are never found", lambda: _missed_classes(both, unit))
    listed.make("few held-out rows", lambda: _few_rows(held, unit))
    listed.make("over-fitting", lambda: _over_fitting(held, training, score, unit))
    listed.make("no better than guessing", lambda: _no_better(held, learned, score, unit))
    return listed


def check_data(
    held: ScoredRows,
    training: ScoredRows | None,
    names: Sequence[str],
    sides: Sides | None = None,
    target: str = "the target",
) -> CheckList:
    """Make the checks of the data; `names` are those of the columns, none if rows are pictures.

    `sides` are held-out and training rows with all columns, if there are training rows; `target`
    is the name of the target.
    """
    both = [held] if training is None else [held, training]
    listed = CheckList()
    explained = _check_dependence(listed, held, sides, of_columns=bool(names))
    _check_columns(listed, both, [name for name in names if name not in explained], target)
    return listed


def _check_dependence(
    listed: CheckList, held: ScoredRows, sides: Sides | None, *, of_columns: bool
) -> list[str]:
    """Check whether held-out rows depend on training rows; columns that are explained by it."""
    explained = list[str]()

    def check_by(check: Callable[[Sides], Iterable[Finding]]) -> Iterable[Finding]:
        if not of_columns:
            raise NotApplicableError(NO_COLUMNS)
        if sides is None:
            raise SkippedCheckError(NO_TRAINING)
        return check(sides)

    def of_column(pair: tuple[Finding, str] | None) -> list[Finding]:
        explained.extend([] if pair is None else [pair[1]])
        return [] if pair is None else [pair[0]]

    def groups(sides: Sides) -> list[Finding]:
        return of_column(repeated_groups(sides, of_classes=bool(held.class_names)))

    def near(sides: Sides) -> Iterator[Finding]:
        if listed.findings:
            raise SkippedCheckError(f"rows depend on each other by {listed.findings[0].where}")
        return near_duplicate_rows(sides)

    listed.make(REPEATED, lambda: check_by(groups))
    listed.make(IN_TIME, lambda: check_by(lambda s: of_column(sorted_by_date(s, held))))
    listed.make(NEAR, lambda: check_by(near))
    return explained


def _check_columns(
    listed: CheckList, sides: Sequence[ScoredRows], names: Sequence[str], target: str
) -> None:
    """Check columns on a sample of the rows with their targets."""
    sample = TargetSample.of(sides) if names else None

    def check_by(check: CheckOfColumns) -> Iterable[Finding]:
        if sample is None:
            raise NotApplicableError(NO_COLUMNS)
        return check(sample, names)

    def of_others(check: CheckOfColumns) -> CheckOfColumns:
        leaks = {finding.where for finding in listed.findings if finding.problem == LEAKAGE}
        others = [name for name in names if f"column “{name}”" not in leaks]
        return lambda sample, _: check(sample, others)

    listed.make("target leakage of single columns", lambda: check_by(leaking))
    listed.make("the target as a formula", lambda: check_by(of_others(formula_leaks)))
    listed.make("the target in a text", lambda: check_by(of_others(targets_in_text)))
    listed.make(SENTINEL, lambda: check_by(lambda _, __: sentinels(sides, target)))


def _missed_classes(sides: Sequence[ScoredRows], unit: str) -> Iterator[Finding]:
    """Classes with a recall near 0, on all rows or on held-out rows."""
    if not sides[0].class_names:
        raise NotApplicableError("the target is a number")
    for k, name in enumerate(sides[0].class_names):
        for some in (sides, sides[:1]):
            n = sum(int((side.y == k).sum()) for side in some)
            correct = sum(int(((side.y == k) & (side.predicted == k)).sum()) for side in some)
            if n >= FEWEST_OF_A_CLASS and correct <= NEVER * n:
                which = " held out" if len(some) == 1 else f", training {unit}s included,"
                advice = f"more {unit}s of it, or larger weights: --class-weight balanced"
                if unit == "row":
                    advice += ", or sample_weight"
                    if len(sides[0].class_names) == 2 and sides[0].p is not None:
                        advice += "; or another threshold: --threshold f1"
                yield Finding(
                    "class never found" if not correct else "class hardly ever found",
                    f"class “{name}”",
                    f"{correct} of its {rows_of(n, unit)}{which} are predicted correctly",
                    advice,
                )
                break


def _few_rows(held: ScoredRows, unit: str) -> Iterator[Finding]:
    """Too few held-out rows, of all classes or of some, for reliable scores."""
    if len(held) < FEW_ROWS:
        yield Finding(
            f"few {unit}s",
            f"held-out {unit}s",
            f"there are only {len(held)}: all scores are noisy",
            f"more {unit}s, or a larger held-out fraction",
        )
    classes = held.class_names
    counts = np.array([(held.y == k).sum() for k in range(len(classes))])
    few = np.flatnonzero(counts < FEWEST_OF_A_CLASS)
    if not len(few):
        return
    named = [f"{rows_of(int(counts[k]), unit)} of “{classes[k]}”" for k in few[:MOST_NAMED]]
    named += [f"few of {len(few) - MOST_NAMED} more classes"] * (len(few) > MOST_NAMED)
    yield Finding(
        f"few {unit}s",
        f"class “{classes[few[0]]}”" if len(few) == 1 else f"{len(few)} classes",
        f"only {', '.join(named)} held out: these scores are noisy, and so are balanced accuracy "
        "and ROC AUC, which weight all classes equally",
        f"more {unit}s of them, or a larger held-out fraction",
    )


def _over_fitting(
    held: ScoredRows, training: ScoredRows | None, score: Score, unit: str
) -> Iterator[Finding]:
    """Predictions that are much better for training rows than for held-out rows."""
    if training is None:
        raise SkippedCheckError(NO_TRAINING)
    if score.held is None or score.training is None or score.baseline is None:
        return
    if held.censored:
        raise SkippedCheckError("a concordance has no error of each row")
    errors = [side.losses for side in (held, training)]
    apart = abs(score.training - score.held)
    units = held.units, training.units
    deviations = [half_width(e, codes) / SURE for e, codes in zip(errors, units, strict=True)]
    deviation = np.sqrt(sum(each**2 for each in deviations))
    gained = abs(score.training - score.baseline)
    worse = errors[0].mean() > errors[1].mean()
    if worse and apart > max(LOST * gained, DEVIATIONS * deviation):
        yield Finding(
            "over-fitting",
            f"training {unit}s",
            f"{score.name.lower()} is {score.shown(score.training)} for training {unit}s, "
            f"{score.shown(score.held)} for held-out {unit}s, {score.shown(score.baseline)} for "
            "guessing",
            f"more {unit}s{', or fewer columns' if unit == 'row' else ''}; for new {unit}s expect "
            f"the scores of held-out {unit}s",
        )


def _no_better(held: ScoredRows, learned: ScoredRows, score: Score, unit: str) -> Iterator[Finding]:
    """Predictions that are not significantly better than guessing."""
    if held.one_class:
        raise SkippedCheckError("all held-out rows are of one class")
    if held.censored:
        not_better = score.between is None or score.between[0] <= CHANCE
    else:
        gains = _gains(held, learned)
        not_better = all(gain.mean() <= half_width(gain, held.units) for gain in gains)
    if not_better:
        not_sure = (
            f": not significant with {rows_of(len(held), unit)}" if score.beats_baseline else ""
        )
        yield Finding(
            "no better than guessing",
            f"held-out {unit}s",
            f"{score.name.lower()} is {score.shown(score.held)}, for guessing "
            f"{score.shown(score.baseline)}{not_sure}",
            f"{'other columns, or ' if unit == 'row' else ''}more {unit}s: the model found no "
            "relation to the target in these",
        )


def _gains(held: ScoredRows, learned: ScoredRows) -> list[Array]:
    """Gain of each prediction over guessing: in accuracy and log loss, or of a number."""
    if not held.class_names:
        mean = learned.y.mean() if learned.rate_weights is None else learned.mean
        guessed = replace(held, predicted=np.full(len(held), mean))
        return [guessed.losses - held.losses]
    frequencies = np.bincount(learned.y, minlength=len(held.class_names)) / len(learned)
    gains = [1.0 * (held.predicted == held.y) - (frequencies.argmax() == held.y)]
    if held.p is not None:
        p = np.maximum([held.p[np.arange(len(held)), held.y], frequencies[held.y]], SMALLEST)
        gains.append(np.log(p[0] / p[1]))
    return gains


def still_learning(history: History | None, best_epochs: Sequence[int]) -> Iterator[Finding]:
    """Finding if the last epoch was the best one, for most nets of an ensemble.

    There is none if early stopping ended the training.
    """
    losses = [report.validation_loss for report in history or ()]
    judged = [loss for loss in losses if loss is not None and np.isfinite(loss)]
    n, last = len(losses), sum(epoch >= len(losses) for epoch in best_epochs)
    if not best_epochs:
        raise NotApplicableError("no epoch is chosen")
    if len(judged) < 2 or judged[-1] != losses[-1]:
        raise SkippedCheckError("fewer than two epochs with a validation loss")
    if 2 * last <= len(best_epochs):
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


def check_epochs(history: History | None, best_epochs: Sequence[int]) -> CheckList:
    """Check whether the training was still improving when it ended."""
    listed = CheckList()
    listed.make(STILL_LEARNING, lambda: still_learning(history, best_epochs))
    return listed


def rounded(n: int) -> int:
    """Round a number to one significant digit.

    >>> rounded(21), rounded(96), rounded(3)
    (20, 100, 3)
    """
    return int(float(f"{n:.0e}"))
