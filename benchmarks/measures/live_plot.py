"""What a live picture costs, as a share of the time that the training takes without it."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.cases import CASES
from benchmarks.machine import cores_used_by_others
from benchmarks.part import Part, Settings, markdown, significant
from benchmarks.workers import ROOT, environment

# Of about half a second and of about six, on the machine of the results.
EPOCHS = {
    ("T", "compiled"): (6000, 72_000),
    ("T", "eager"): (40, 480),
    ("S", "compiled"): (150, 1800),
    ("S", "eager"): (20, 240),
}
TEXT = """`hg.fit` without and with `live_plot`, in turn, in one process for each row of the table.
The pictures go into a folder; a notebook gets the same PNG. An epoch is drawn while drawing has
taken a tenth of the time or less, the first and the last one always: these two are most of what a
short training pays. S is drawn with all of its 6400 rows."""


@dataclass(frozen=True)
class Cost:
    """The medians of a training's turns, in seconds."""

    case: str
    engine: str
    epochs: int
    without: float
    drawn: float
    pictures: float

    @property
    def share(self) -> float:
        """The time that drawing adds, of the time without it."""
        return self.drawn / self.without - 1


def measure(settings: Settings) -> Part:
    """Short and long trainings, by both engines."""
    costs, others = [], []
    for (name, engine), (short, long) in EPOCHS.items():
        for epochs in (short,) if settings.quick else (short, long):
            others.append(cores_used_by_others() or 0.0)
            costs.append(_cost(name, engine, epochs, settings))
    return Part(
        "A live picture",
        TEXT,
        _table(costs),
        [asdict(cost) | {"share": cost.share} for cost in costs],
        others=others,
    )


def _cost(name: str, engine: str, epochs: int, settings: Settings) -> Cost:
    turns = 1 if settings.quick else max(3, settings.turns - 4)
    program = [sys.executable, "-m", "benchmarks.programs.live_plot"]
    with tempfile.TemporaryDirectory() as cache:
        printed = subprocess.run(
            [*program, name, engine, str(epochs), str(turns)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=ROOT,
            env=environment(settings.threads) | {"HANDGRAD_CACHE": cache},
        ).stdout
    found: list[dict[str, float]] = json.loads(printed)
    medians = [statistics.median(turn[what] for turn in found) for what in found[0]]
    return Cost(name, engine, epochs, *medians)


def _table(costs: Sequence[Cost]) -> str:
    head = ["", "engine", "epochs", "s without", "s with", "pictures", "added, %"]
    rows = [
        [
            str(CASES[cost.case]),
            cost.engine,
            f"{cost.epochs:,}".replace(",", " "),
            significant(cost.without),
            significant(cost.drawn),
            f"{cost.pictures:.0f}",
            significant(100 * cost.share, 2),
        ]
        for cost in costs
    ]
    return markdown(head, rows)
