"""What a part of the benchmark hands over, and how its tables are written."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers import HANDGRAD, PEERS
from benchmarks.workers import Timing

Row = Sequence[str]


@dataclass(frozen=True)
class Settings:
    """How long and how wide to measure."""

    threads: int
    turns: int
    quick: bool


@dataclass(frozen=True)
class Comparison:
    """A bar of the picture: how many times as long as handgrad's a peer's run takes.

    `required` is the ratio to reach, where one is set.
    """

    what: str
    peer: str
    ratio: float
    required: float | None = None

    @property
    def reached(self) -> bool:
        """Whether what is required is there."""
        return self.required is None or self.ratio >= self.required


@dataclass(frozen=True)
class Limit:
    """A number with its bound, where a ratio of times is not what counts."""

    what: str
    value: float
    bound: float
    unit: str
    at_least: bool

    @property
    def reached(self) -> bool:
        """Whether the bound is kept."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


@dataclass
class Part:
    """A section of the results; `others` says how many cores other programs kept busy."""

    title: str
    text: str
    table: str
    timings: list[dict[str, Any]]
    comparisons: list[Comparison] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)


def markdown(head: Row, rows: Iterable[Row]) -> str:
    """A table, the first column left, the others right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def wide_table(
    corner: str, names: dict[str, str], timings: Sequence[Timing], shown: Callable[[Timing], str]
) -> str:
    """A row a case, a column a peer; `names` gives each case its line."""
    peers = [name for name in PEERS if any(timing.peer == name for timing in timings)]
    by_place = {(timing.case, timing.peer): timing for timing in timings}
    rows = []
    for case, line in names.items():
        found = [by_place.get((case, peer)) for peer in peers]
        if any(found):
            rows.append([line, *("–" if t is None else shown(t) for t in found)])
    return markdown([corner, *peers], rows)


def compared(
    timings: Sequence[Timing], what: str, case: str, required: dict[str, float]
) -> list[Comparison]:
    """Each family's fastest against handgrad, on one case."""
    times: dict[str, float] = {}
    for timing in timings:
        if timing.case == case:
            family = PEERS[timing.peer].family
            times[family] = min(timing.seconds, times.get(family, timing.seconds))
    own = times.pop(HANDGRAD.name, None)
    if own is None:
        return []
    return [Comparison(what, name, t / own, required.get(name)) for name, t in times.items()]


def significant(number: float, digits: int = 3) -> str:
    """The number in that many digits, without an exponent: 0.457, 15.2, 26 900."""
    rounded = float(f"{number:.{digits}g}")
    magnitude = math.floor(math.log10(abs(rounded))) if rounded else 0
    return f"{rounded:,.{max(0, digits - 1 - magnitude)}f}".replace(",", " ")
