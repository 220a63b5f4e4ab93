"""How long the first report of the deeper nets takes, and what compiling longer sequences does."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.deep_cases import DEEP_CASES
from benchmarks.machine import Others
from benchmarks.part import Limit, Part, Settings, cores, markdown, most, significant
from benchmarks.processes import run

MOST_SECONDS = 3.0
LENGTHS = (14, 28, 56, 200)  # steps of a sequence
# Of LLVM at the longest over the shortest; of Python a step, at the longest over the middle one.
MOST_OF_LLVM, MOST_OF_A_STEP = 1.2, 1.2
PYTHON, LLVM = ("recording", "loops"), ("LLVM",)
TEXT = """handgrad's first report is timed from the call of `hg.train`, in new processes, with all
imported and nothing kept from before: the processor's time, the median and, in brackets, the least.
So is what it takes to compile the GRU for sequences of other lengths: what Python does, which is to
record the pages, the passes, and to make loops; and what LLVM makes of those."""


@dataclass
class Seen:
    """What processes of one program took, in the processor's seconds."""

    what: str
    seen: dict[str, list[float]] = field(default_factory=dict)
    others: Others = field(default_factory=Others)

    def run(self, program: str, argument: str, settings: Settings) -> None:
        """One more of them."""
        with self.others.watched():
            found = json.loads(run(program, argument, held=settings.held).printed)
        for name, value in found.items():
            self.seen.setdefault(name, []).append(value)

    def sums(self, names: tuple[str, ...]) -> list[float]:
        """Of these together, a process after another."""
        return [sum(values) for values in zip(*(self.seen[name] for name in names), strict=True)]

    def median(self, names: tuple[str, ...]) -> float:
        return statistics.median(self.sums(names))

    def shown(self, names: tuple[str, ...]) -> str:
        median, least = (significant(of(self.sums(names))) for of in (statistics.median, min))
        return f"{median} ({least})"

    def timing(self) -> dict[str, Any]:
        return {"what": self.what, "seen": self.seen, "others": self.others.cores}


def added_to(part: Part, names: Sequence[str], settings: Settings) -> Part:
    """The part with the starts behind its steps."""
    firsts = {name: Seen(f"{DEEP_CASES[name]}: first report") for name in names}
    compiled = {n: Seen(f"GRU: a sequence of {n} steps compiled") for n in LENGTHS}
    turns = 1 if settings.quick else max(3, settings.turns - 2)
    for turn in range(turns):
        print(f"  starts, turn {turn + 1} of {turns}", flush=True)
        for name, seen in firsts.items():
            seen.run("deep_first_report", name, settings)
        for length, seen in compiled.items():
            seen.run("recurrence_compiled", str(length), settings)
    return replace(
        part,
        text=f"{part.text}\n\n{TEXT}",
        table="\n\n".join([part.table, first_table(firsts), compiled_table(compiled)]),
        timings=part.timings + [s.timing() for s in (*firsts.values(), *compiled.values())],
        limits=limits(firsts, compiled),
    )


def first_table(firsts: dict[str, Seen]) -> str:
    """A row a net."""
    rows = [
        [str(DEEP_CASES[name]), seen.shown(("first report",)), cores(seen.others.cores)]
        for name, seen in firsts.items()
    ]
    return markdown(["handgrad's first report", "s", "others, cores"], rows)


def compiled_table(compiled: dict[int, Seen]) -> str:
    """A row a length of the sequences."""
    rows = [
        [
            f"{length} steps",
            *(seen.shown(names) for names in (PYTHON[:1], PYTHON[1:], LLVM)),
            cores(seen.others.cores),
        ]
        for length, seen in compiled.items()
    ]
    head = ["a GRU compiled, s", "recording and passes", "loops", "LLVM", "others, cores"]
    return markdown(head, rows)


def limits(firsts: dict[str, Seen], compiled: dict[int, Seen]) -> list[Limit]:
    """Of each first report, and of how compiling grows with the length."""
    found = [
        Limit(
            f"{name}: first report, cold",
            seen.median(("first report",)),
            MOST_SECONDS,
            "s",
            at_least=False,
            others=seen.others.cores,
        )
        for name, seen in firsts.items()
    ]
    short, middle, longest = LENGTHS[0], LENGTHS[-2], LENGTHS[-1]
    others = most(seen.others.cores for seen in compiled.values())
    of_llvm = compiled[longest].median(LLVM) / compiled[short].median(LLVM)
    a_step = {length: seen.median(PYTHON) / length for length, seen in compiled.items()}
    ratio = a_step[longest] / a_step[middle]
    return [
        *found,
        Limit(
            f"GRU, {longest} steps / {short}: LLVM's time",
            *(of_llvm, MOST_OF_LLVM, ""),
            at_least=False,
            others=others,
        ),
        Limit(
            f"GRU, {longest} steps / {middle}: Python's time a step, to compile",
            *(ratio, MOST_OF_A_STEP, ""),
            at_least=False,
            others=others,
        ),
    ]
