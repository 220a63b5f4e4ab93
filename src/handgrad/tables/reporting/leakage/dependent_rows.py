"""Held-out rows that depend on training rows: findings, with the scores on two splits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

from handgrad.check.doctor import Finding
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.scores import number, percent
from handgrad.textbook.layers import Array

REPEATED, IN_TIME = "repeated groups", "dates within the training period"
NEAR = "near-duplicate rows"
DEPENDENT = (REPEATED, IN_TIME, NEAR)
MODEL = "gradient boosting"
BETWEEN = 0.5  # fraction of held-out rows, at least, within the training rows


@dataclass(frozen=True)
class Sides:
    """Held-out and training rows, in order, with their targets: class indices or numbers.

    `tables` are their features; `beside` are the columns that are not features, if there are any.
    """

    tables: tuple[IndexedTable, IndexedTable]
    targets: tuple[Array, Array]
    beside: tuple[IndexedTable, IndexedTable] | None = None

    @property
    def places(self) -> dict[str, tuple[IndexedTable, IndexedTable]]:
        """Tables of each column."""
        left_out = () if self.beside is None else self.beside[0].names
        return {
            **dict.fromkeys(self.tables[0].names, self.tables),
            **{name: self.beside for name in left_out if self.beside is not None},
        }


def column_of(finding: Finding) -> str:
    """Name of the column of a finding of dependent rows; '' for near-duplicate rows."""
    return (
        "" if finding.problem == NEAR else finding.where.removeprefix("column “").removesuffix("”")
    )


class ScoresOfSplits(TypedDict):
    """Score of gradient boosting on a random split, and on one that fits, by groups or in time."""

    by: str
    metric: str
    random: float
    fitting: float
    between: list[float] | None
    rows: int
    groups: int


def with_both_scores(finding: Finding, measured: ScoresOfSplits) -> Finding:
    """The finding with the scores on a random split and on the one that fits."""
    show = percent if measured["metric"] == "accuracy" else number
    between = ""
    if measured["between"]:
        low, high = map(show, measured["between"])
        between = f" (between {low} and {high}, with 95% confidence)"
    known, new = ("known values", "new ones")
    if measured["by"] == "time":
        known, new = "dates in between", "later ones"
    values = [show(measured["random"]), show(measured["fitting"]) + between]
    if measured["metric"] == "accuracy":
        both = f"{MODEL} is correct for {values[0]} of rows of {known}, for {values[1]} of {new}"
    else:
        both = f"{MODEL} is off by {values[0]} on average for {known}, by {values[1]} for {new}"
    return replace(finding, evidence=f"{finding.evidence}; {both}")
