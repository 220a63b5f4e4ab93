"""What a part of the benchmark hands over, and how its tables are written."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.held import Held
from benchmarks.machine import QUIET
from benchmarks.peers import HANDGRAD, PEERS
from benchmarks.workers import Timing

Row = Sequence[str]
KEPT, MISSED, NOT_DECIDED = "yes", "**no**", "not decided"


@dataclass(frozen=True)
class Settings:
    """What the parties are held to, and how long to measure."""

    held: Held
    turns: int
    quick: bool


@dataclass(frozen=True)
class Comparison:
    """A bar of the picture: how many times as long as handgrad's a peer's run takes.

    `required` is the ratio to reach, where one is set; `others` says how many cores other programs
    kept busy, where that is known. `low` and `high` are of the peer's fastest turn over handgrad's
    slowest, and the other way round.
    """

    what: str
    peer: str
    ratio: float
    required: float | None = None
    others: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def spread(self) -> str:
        """The lowest and the highest ratio of two turns, where they are known."""
        if self.low is None or self.high is None:
            return "?"
        return f"{significant(self.low)}–{significant(self.high)}"

    @property
    def verdict(self) -> str:
        """Whether what is required is there."""
        return "" if self.required is None else verdict(self.ratio >= self.required, self.others)


@dataclass(frozen=True)
class Limit:
    """A number with its bound, where a ratio of times is not what counts."""

    what: str
    value: float
    bound: float
    unit: str
    at_least: bool
    others: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the bound is kept."""
        kept = self.value >= self.bound if self.at_least else self.value <= self.bound
        return verdict(kept, self.others)


def verdict(kept: bool, others: float | None) -> str:
    """What can be said of a bound: nothing, where other programs kept the machine busy."""
    if others is None or others > QUIET:
        return NOT_DECIDED
    return KEPT if kept else MISSED


@dataclass
class Part:
    """A section of the results, of what was measured while all were `held` so."""

    title: str
    text: str
    table: str
    timings: list[dict[str, Any]]
    comparisons: list[Comparison] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    held: Held = field(default_factory=lambda: Held(1))
    measured: str = ""  # when

    @property
    def key(self) -> tuple[str, Held]:
        """What it is of: measured anew, it takes the place of what was measured before."""
        return self.title, self.held

    @property
    def verdicts(self) -> list[str]:
        """Of each of its bounds; they are set for full width."""
        if self.held.avx2:
            return []
        found = [c.verdict for c in self.comparisons] + [limit.verdict for limit in self.limits]
        return [verdict for verdict in found if verdict]


def most(others: Iterable[float | None]) -> float | None:
    """The most cores that other programs kept busy; None where it is not known of all."""
    found = [*others]
    known = [cores for cores in found if cores is not None]
    return max(known) if known and len(known) == len(found) else None


def cores(others: float | None) -> str:
    """How many cores other programs kept busy, for a table."""
    return "?" if others is None else f"{others:.2f}"


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
        others = most(timing.others for timing in found if timing)
        if any(found):
            rows.append([line, *("–" if t is None else shown(t) for t in found), cores(others)])
    return markdown([corner, *peers, "others, cores"], rows)


def compared(
    timings: Sequence[Timing], what: str, case: str, required: dict[str, float]
) -> list[Comparison]:
    """Each family's fastest against handgrad, on one case."""
    fastest: dict[str, Timing] = {}
    for timing in timings:
        if timing.case == case:
            family = PEERS[timing.peer].family
            if family not in fastest or timing.seconds < fastest[family].seconds:
                fastest[family] = timing
    own = fastest.pop(HANDGRAD.name, None)
    if own is None:
        return []
    return [
        Comparison(
            what,
            name,
            t.seconds / own.seconds,
            required.get(name),
            most([t.others, own.others]),
            t.fastest / own.slowest,
            t.slowest / own.fastest,
        )
        for name, t in fastest.items()
    ]


def significant(number: float, digits: int = 3) -> str:
    """The number in that many digits, without an exponent: 0.457, 15.2, 26 900."""
    rounded = float(f"{number:.{digits}g}")
    magnitude = math.floor(math.log10(abs(rounded))) if rounded else 0
    return f"{rounded:,.{max(0, digits - 1 - magnitude)}f}".replace(",", " ")
