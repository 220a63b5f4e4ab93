"""Warnings from the rows: a column that gives the target away, a class not found, over-fitting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from handgrad.data.frames import Column
from handgrad.doctor import Finding
from handgrad.layers import Array
from handgrad.reporting.scores import Score, ScoredRows, rows_of

ROWS_COMPARED, FEWEST_ROWS = 2000, 20
# A column that alone is right so often, with so few of the mistakes of guessing, or that orders the
# rows so well.
RESTATES, OF_MISTAKES, SAME_ORDER = 0.99, 0.1, 0.999
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
    looked_at: Sequence[str],
) -> list[Finding]:
    """All that is found; columns are those `looked_at`, none where rows are pictures."""
    sides = [held] if training is None else [held, training]
    columns = {name: _as_numbers([side.columns[name] for side in sides]) for name in looked_at}
    found = [*_leaking(columns, np.concatenate([side.y for side in sides]), held)]
    found += _classes_not_found(sides)
    found += _classes_with_few_rows(held)
    if training is not None:
        more = "more rows, or fewer columns" if looked_at else "more pictures"
        found += _gap(held, training, scores[0], more)
    return [*found, *_no_better(held, sides[-1].y, scores[0])]


def _as_numbers(parts: Sequence[Column]) -> Array:
    """A column of all rows, held out and of the training; NaN where missing."""
    if {part.kind for part in parts} & {"text"}:
        missing = np.concatenate([part.missing for part in parts])
        texts = np.concatenate([part.values.astype(str) for part in parts])
        return np.where(missing, np.nan, np.unique(texts, return_inverse=True)[1].astype(float))
    return np.concatenate([part.values.astype(float) for part in parts])


def _leaking(columns: Mapping[str, Array], y: Array, held: ScoredRows) -> Iterator[Finding]:
    """Columns each of which alone says what is to be predicted."""
    of_classes = bool(held.class_names)
    rows = np.random.default_rng(0).permutation(len(y))[:ROWS_COMPARED]
    if len(rows) < FEWEST_ROWS or len(np.unique(y[rows])) < 2:
        return
    guessed = np.unique(y[rows], return_counts=True)[1].max() / len(rows)
    for name, values in columns.items():
        if np.isnan(values[rows]).mean() > 0.5:
            continue
        right = _right_alone(values[rows], y[rows]) if of_classes else 0.0
        if right >= max(RESTATES, 1 - OF_MISTAKES * (1 - guessed)):
            what = f"it alone is right for {right:.1%} of {rows_of(len(rows))}"
        elif not of_classes and _in_order(values[rows], y[rows]) >= SAME_ORDER:
            what = f"it alone puts {rows_of(len(rows))} in the order of the target"
        else:
            continue
        yield Finding(
            "target leakage",
            f"column “{name}”",
            f"{what}: is it known when a prediction is asked for?",
            "leave it out, if it is known only afterwards, or follows from the target",
        )


def _right_alone(values: Array, y: Array) -> float:
    """How often a tree of one column is right, learned on one half of the rows and asked on the
    other.
    """
    from sklearn.tree import DecisionTreeClassifier

    there = np.where(np.isnan(values), np.nanmin(values) - 1, values)
    x, said, half = there[:, None], np.empty_like(y), np.arange(len(y)) % 2 == 0
    for learned in (half, ~half):
        tree = DecisionTreeClassifier(random_state=0).fit(x[learned], y[learned])
        said[~learned] = tree.predict(x[~learned])
    return float((said == y).mean())


def _in_order(values: Array, y: Array) -> float:
    """How alike the orders of the rows by a column and by the target are: rank correlation."""
    from scipy.stats import spearmanr

    there = ~np.isnan(values)
    if len(np.unique(values[there])) < 2 or len(np.unique(y[there])) < 2:
        return 0.0
    return abs(float(spearmanr(values[there], y[there]).statistic))


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


def _classes_with_few_rows(held: ScoredRows) -> Iterator[Finding]:
    """Classes of which so few rows are held out that no figure of them can be trusted."""
    classes = held.class_names
    counts = np.array([(held.y == k).sum() for k in range(len(classes))])
    few = np.flatnonzero(counts < FEWEST_OF_A_CLASS)
    if not len(few) or len(held) < FEW_ROWS:
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
