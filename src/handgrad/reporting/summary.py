"""The whole in a few plain sentences, and the figures that stand out."""

from __future__ import annotations

import numpy as np

from handgrad.html.elements import Html, element, joined, paragraph
from handgrad.reporting.checks import FEW_ROWS
from handgrad.reporting.evidence import WORTH_A_LOOK, Evidence
from handgrad.reporting.scores import interval, number, rows_of


def summary(evidence: Evidence) -> Html:
    """What the model is good for, for somebody who reads nothing else."""
    n_columns = len(evidence.columns)
    columns = f"{n_columns} column{'s' * (n_columns != 1)}"
    target = element("b", evidence.target)
    if evidence.classes:
        k = len(evidence.classes)
        named = f": {evidence.classes[0]} or {evidence.classes[1]}" if k == 2 else ""
        sort = f"one of {k} classes{named}"
        first = joined(["This model predicts ", target, f", {sort}, from {columns}. "])
        return paragraph(first, _of_classes(evidence), _strongest(evidence))
    first = joined(["This model predicts ", target, f", a number, from {columns}. "])
    return paragraph(first, _of_numbers(evidence), _strongest(evidence))


def verdict(evidence: Evidence) -> Html:
    """What somebody who reads nothing else must be warned of."""
    score, n = evidence.scores[0], len(evidence.held)
    names = {found.name for found in evidence.warned}
    warnings = [
        f"{found.where[0].upper()}{found.where[1:]}: {found.evidence}"
        for found in evidence.warned
        if found.name == "target leakage"
    ]
    if evidence.classes and len(np.unique(evidence.held.y)) == 1:
        warnings.append(
            "All rows held out are of one class: whether it is better than guessing cannot be told."
        )
    elif "no better than guessing" in names and not score.beats_baseline:
        warnings.append(
            "Nothing shows that it is better than guessing without looking at the columns: do not "
            "rely on it as it is."
        )
    elif "no better than guessing" in names:
        warnings.append(f"With {rows_of(n)}, it may be by chance that it is better than guessing.")
    elif evidence.classes and not score.beats_baseline:
        warnings.append(
            "It is right no more often than guessing, but its probabilities are better than "
            "guesses: go by them, rather than by the class it names."
        )
    if n < FEW_ROWS:
        warnings.append(f"{rows_of(n)} held out: all figures are rough.")
    return joined(element("p", text, class_="warning") for text in warnings)


def _of_classes(evidence: Evidence) -> Html:
    score, n = evidence.scores[0], len(evidence.held)
    held = score.held or 0.0
    low, high = interval(held, n)
    shares = np.bincount((evidence.training or evidence.held).y, minlength=len(evidence.classes))
    most = evidence.classes[int(shares.argmax())]
    return joined(
        [
            f"On {rows_of(n)} that it did not learn from it is right for ",
            element("b", f"{held:.1%}"),
            f" (between {low:.0%} and {high:.0%}, with 95% confidence); always guessing “",
            most,
            f"” would be right for {score.shown(score.baseline)}. ",
        ]
    )


def _of_numbers(evidence: Evidence) -> Html:
    absolute, _, r2 = evidence.scores
    share = "" if r2.held is None else f" It explains {max(0.0, r2.held):.0%} of the variance."
    return joined(
        [
            f"On {rows_of(len(evidence.held))} that it did not learn from it is off by ",
            element("b", absolute.shown(absolute.held)),
            " on average; always guessing the mean, "
            f"{number(float((evidence.training or evidence.held).y.mean()))}, would be off by "
            f"{absolute.shown(absolute.baseline)}.{share} ",
        ]
    )


def _strongest(evidence: Evidence) -> Html:
    importance = evidence.importance
    least = max(0.0, WORTH_A_LOOK * importance.mean.max())
    names = [importance.columns[i] for i in importance.order[:3] if importance.mean[i] > least]
    if not names:
        return Html("No column makes a difference to it.")
    bold = [element("b", name) for name in names]
    *first, last = bold
    listed = joined([joined(first, ", "), " and ", last]) if first else last
    what = "columns that matter most are" if first else "column that matters most is"
    return joined([f"The {what} ", listed, "."])


def tiles(evidence: Evidence) -> Html:
    """The figures that stand out, each with what it would be without a model."""
    shown = []
    for score in evidence.scores:
        if score.held is None or score.name == "Balanced accuracy":
            continue
        against = "" if score.baseline is None else f"guessing: {score.shown(score.baseline)}"
        shown.append((score.name, score.shown(score.held), against))
    rows = len(evidence.held)
    learned = "" if evidence.training is None else f"{evidence.training.of:,} learned from"
    shown.append(("Rows held out", f"{rows:,}", learned))
    return element(
        "dl",
        joined(
            element(
                "div",
                joined(
                    [
                        element("dt", name),
                        element("dd", joined([element("b", value), element("span", against)])),
                    ]
                ),
            )
            for name, value, against in shown
        ),
        class_="tiles",
    )
