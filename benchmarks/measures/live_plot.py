"""What a live picture costs, as a share of the time that the training takes without it."""

import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.machine import Others
from benchmarks.part import Part, Settings, cores, markdown, significant
from benchmarks.processes import run

# Of about half a second or one, and of about six, on the machine of the results.
EPOCHS = {
    ("T", "compiled"): (6000, 72_000),
    ("T", "eager"): (70, 480),
    ("S", "compiled"): (150, 1800),
    ("S", "eager"): (70, 240),
}
TEXT = """`hg.fit` without and with `live_plot`, in turn, in one process for each row of the table.
The pictures go into a folder; a notebook gets the same PNG. An epoch is drawn while drawing has
taken a tenth of the time or less, the first and the last one always: these two are most of what a
short training pays. None is so short (60 epochs) that each of its epochs is drawn. S is drawn with
all of its 6400 rows."""


@dataclass(frozen=True)
class Cost:
    """The medians of a training's turns, in seconds; and how many cores others kept busy."""

    case: str
    engine: str
    epochs: int
    without: float
    drawn: float
    pictures: float
    others: float | None

    @property
    def share(self) -> float:
        """The time that drawing adds, of the time without it."""
        return self.drawn / self.without - 1


def measure(settings: Settings) -> Part:
    """Short and long trainings, by both engines."""
    costs = []
    for (name, engine), (short, long) in EPOCHS.items():
        for epochs in (short,) if settings.quick else (short, long):
            costs.append(_cost(name, engine, epochs, settings))
    return Part(
        "A live picture",
        TEXT,
        _table(costs),
        [asdict(cost) | {"share": cost.share} for cost in costs],
    )


def _cost(name: str, engine: str, epochs: int, settings: Settings) -> Cost:
    turns = 1 if settings.quick else max(3, settings.turns - 4)
    arguments = name, engine, str(epochs), str(turns)
    others = Others()
    with tempfile.TemporaryDirectory() as cache, others.watched():
        ran = run("live_plot", *arguments, held=settings.held, cache=Path(cache))
    found: list[dict[str, float]] = json.loads(ran.printed)
    medians = [statistics.median(turn[what] for turn in found) for what in found[0]]
    without, drawn, pictures = medians
    return Cost(name, engine, epochs, without, drawn, pictures, others.cores)


def _table(costs: Sequence[Cost]) -> str:
    head = ["", "engine", "epochs", "s without", "s with", "pictures", "added, %", "others, cores"]
    rows = [
        [
            str(CASES[cost.case]),
            cost.engine,
            f"{cost.epochs:,}".replace(",", " "),
            significant(cost.without),
            significant(cost.drawn),
            f"{cost.pictures:.0f}",
            significant(100 * cost.share, 2),
            cores(cost.others),
        ]
        for cost in costs
    ]
    return markdown(head, rows)
