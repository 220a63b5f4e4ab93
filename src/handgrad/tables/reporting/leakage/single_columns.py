"""Target leakage: single columns that predict the target alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.reporting.leakage.target_sample import FEWEST_ROWS, TargetSample
from handgrad.tables.reporting.scores import number, percent, rows_of
from handgrad.textbook.layers import Array

FEWEST_OF_A_CLASS = 5
# Leakage: accuracy of one column, its mistakes as a fraction of those of guessing, and its ROC AUC
# or rank correlation.
RESTATES, OF_MISTAKES, SAME_ORDER = 0.98, 0.1, 0.98
# Probability that cells are filled in for one class only by chance.
BY_CHANCE = 1e-6
LEAKAGE = "target leakage"


def leaking(sample: TargetSample, names: Sequence[str]) -> Iterator[Finding]:
    """Columns that leak the target through their values or their missing values."""
    sample.check_size()
    t, class_names = sample.t, sample.class_names
    for name in names:
        values = sample.values(name)
        evidence = _filled_in(~np.isnan(values), t, class_names)
        if not evidence:
            evidence = _where_there(values, t, class_names, text=sample.is_text(name))
        if evidence:
            yield Finding(
                LEAKAGE,
                f"column “{name}”",
                f"{evidence}: is it known at the time of prediction?",
                "leave it out, if it is known only later or is derived from the target",
            )


def _filled_in(there: Array, t: Array, class_names: Sequence[str]) -> str:
    """Evidence that missing values predict the target, in words; '' if they do not."""
    n = len(there)
    if min(there.sum(), n - there.sum()) < FEWEST_OF_A_CLASS:
        return ""
    if not class_names:
        return _numbers_filled_in(there, t)
    counts = np.bincount(t, minlength=len(class_names))
    filled = np.bincount(t, there, minlength=len(class_names))
    known = np.flatnonzero((counts >= FEWEST_OF_A_CLASS) & (n - counts >= FEWEST_OF_A_CLASS))
    if not len(known):
        return ""
    inside = filled[known] / counts[known]
    rest = (there.sum() - filled[known]) / (n - counts[known])
    best = int(np.lexsort((inside, np.abs(inside - rest).round(9)))[-1])
    k, apart = int(known[best]), abs(inside[best] - rest[best])
    if (1 + apart) / 2 < SAME_ORDER and not _of_one_class(there, t, counts / n):
        return ""
    others = [name for i, name in enumerate(class_names) if i != k]
    other = f"“{others[0]}”" if len(others) == 1 else "the other classes"
    return (
        f"it is filled in for {percent(inside[best])} of “{class_names[k]}”, "
        f"{percent(rest[best])} of {other}"
    )


def _of_one_class(there: Array, t: Array, shares: Array) -> bool:
    """Return True if all filled or all missing cells are of one class, and not by chance."""
    sides = (t[there], t[~there])
    return any(
        len(side) >= FEWEST_ROWS
        and bool((side == side[0]).all())
        and shares[side[0]] ** len(side) < BY_CHANCE
        for side in sides
    )


def _numbers_filled_in(there: Array, t: Array) -> str:
    if min(there.sum(), (~there).sum()) < FEWEST_ROWS or _auc(t, there) < SAME_ORDER:
        return ""
    middle = [number(float(np.median(t[side]))) for side in (there, ~there)]
    return (
        f"it is filled in for {percent(float(there.mean()))} of the rows, with a median target of "
        f"{middle[0]}; the others have {middle[1]}"
    )


def _where_there(values: Array, t: Array, class_names: Sequence[str], *, text: bool) -> str:
    """Evidence that the values predict the target, in words; '' if they do not."""
    there = ~np.isnan(values)
    seldom = bool(there.mean() < 0.5)
    if seldom:  # ignore missing values
        values, t = values[there], t[there]
    if len(t) < FEWEST_ROWS or len(np.unique(t)) < 2:
        return ""
    evidence = _class_leak(values, t, class_names, text) if class_names else _rank_leak(values, t)
    filled = f"where it is filled in, for {percent(float(there.mean()))} of the rows, "
    return filled * seldom + evidence if evidence else ""


def _class_leak(values: Array, t: Array, class_names: Sequence[str], text: bool) -> str:
    guessed = np.unique(t, return_counts=True)[1].max() / len(t)
    right, p = _alone(values, t, len(class_names))
    if right >= max(RESTATES, 1 - OF_MISTAKES * (1 - guessed)):
        return f"it alone predicts {right:.1%} of {rows_of(len(t))} correctly"
    if len(class_names) != 2 or min(np.bincount(t, minlength=2)) < FEWEST_OF_A_CLASS:
        return ""
    there = ~np.isnan(values)
    auc = _auc(p[:, 1], t == 1) if text or not there.all() else _auc(values, t == 1)
    if auc < SAME_ORDER:
        return ""
    return f"it alone separates the two classes, with a ROC AUC of {auc:.3f}"


def _rank_leak(values: Array, t: Array) -> str:
    """Evidence of a high rank correlation of a column with the target, in words; or ''."""
    from scipy.stats import spearmanr

    there = ~np.isnan(values)
    if len(np.unique(values[there])) < 2 or len(np.unique(t[there])) < 2:
        return ""
    alike = abs(float(spearmanr(values[there], t[there]).statistic))
    if alike < SAME_ORDER:
        return ""
    return (
        f"it alone orders {rows_of(len(t))} like the target, with a rank correlation of {alike:.3f}"
    )


def _alone(values: Array, t: Array, n_classes: int) -> tuple[float, Array]:
    """Accuracy and probabilities (n, n_classes) of a decision tree on one column.

    Each half of the rows is predicted by a tree trained on the other.
    """
    from sklearn.tree import DecisionTreeClassifier

    scaled = values / (np.nanmax(np.abs(values)) or 1.0)  # trees are in single precision
    there = np.where(np.isnan(scaled), np.nanmin(scaled) - 1, scaled)
    x, p, half = there[:, None], np.zeros((len(t), n_classes)), np.arange(len(t)) % 2 == 0
    for learned in (half, ~half):
        tree = DecisionTreeClassifier(random_state=0).fit(x[learned], t[learned])
        p[np.ix_(~learned, tree.classes_)] = tree.predict_proba(x[~learned])
    return float((p.argmax(axis=1) == t).mean()), p


def _auc(values: Array, first: Array) -> float:
    """ROC AUC of `values` for the rows `first`, in the better of both directions."""
    from scipy.stats import rankdata

    n, others = int(first.sum()), int((~first).sum())
    area = (rankdata(values)[first].sum() - n * (n + 1) / 2) / max(n * others, 1)
    return float(max(area, 1 - area))
