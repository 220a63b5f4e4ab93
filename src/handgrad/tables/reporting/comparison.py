"""Comparison of a model with reference models: its record, a table and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from handgrad.tables.reporting.scores import number

NAMES = {"linear": "the linear model", "boosting": "gradient boosting"}


class LargerLoss(TypedDict):
    """Mean over the held-out rows of a reference model's loss minus that of the model.

    `of` is its name, `between` a 95 % confidence interval, None if the rows are dependent.
    """

    of: str
    mean: float
    between: list[float] | None


class Reference(TypedDict):
    """A reference model, by its class: scores on the held-out rows, and its larger loss."""

    model: str
    scores: Mapping[str, float | None]
    larger_loss: LargerLoss


Comparison = dict[str, Reference]
Scores = Mapping[str, Mapping[str, float | None]]
Rows = list[list[str]]


def table_of(scores: Scores, references: Comparison, model: str) -> tuple[list[str], Rows]:
    """Header and rows of a table: the scores of the model, the references and of guessing."""
    metrics = [*scores["held_out"]]
    models = {model: scores["held_out"]}
    models |= {reference["model"]: reference["scores"] for reference in references.values()}
    models["guessing"] = scores["guessing"]
    return ["", *(name.replace("_", " ") for name in metrics)], [
        [name, *("–" if (value := each[m]) is None else number(value) for m in metrics)]
        for name, each in models.items()
    ]


def differences_in_words(references: Comparison) -> list[str]:
    """A sentence for each reference model: whether its loss is larger, and how surely."""
    return [_sentence(NAMES[name], one["larger_loss"]) for name, one in references.items()]


def _sentence(name: str, larger: LargerLoss) -> str:
    mean, between = larger["mean"], larger["between"]
    of, how = larger["of"].replace("_", " "), "larger" if mean > 0 else "smaller"
    text = f"the {of} of {name} is {number(abs(mean))} {how} than that of the net"
    if between is None:
        return f"{text}; no confidence interval, since rows depend on each other"
    ends = between if between[0] <= 0 <= between[1] else sorted(map(abs, between))
    unclear = ", not a clear difference" * (ends is between)
    return f"{text}{unclear}: between {number(ends[0])} and {number(ends[1])}, with 95% confidence"
