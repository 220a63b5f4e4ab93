"""What in a nest of loops lies apart in memory: LLVM is told, so that it need not ask as it runs.

Most of what a program computes lies in one buffer, and how far an index goes follows from the
rounds of the loops around it. What provably never meets may be kept in registers, or computed in
vectors, without a comparison of addresses first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from handgrad.engines.loops.ir import Expression, For, Store, walk
from handgrad.engines.loops.value_ranges import Interval, ValueRanges, loads_of

Place = tuple[str, Expression]  # of a number: a buffer and an index in it


@dataclass(frozen=True)
class Apart:
    """Groups of places that a nest writes to, and for each of its places those it never meets."""

    group: Mapping[Place, int]
    never_meets: Mapping[Place, Sequence[int]]


def apart(nest: For, spans: ValueRanges) -> Apart:
    """What of a nest lies apart."""
    written = {(s.buffer, s.index): spans.of(s.index) for s in walk([nest]) if isinstance(s, Store)}
    group: dict[Place, int] = {}
    reach: list[tuple[str, Interval]] = []  # of each group
    for place, (low, high) in sorted(written.items(), key=lambda item: (item[0][0], item[1])):
        if reach and reach[-1][0] == place[0] and low <= reach[-1][1][1]:
            begin, end = reach.pop()[1]
            low, high = begin, max(end, high)
        reach.append((place[0], (low, high)))
        group[place] = len(reach) - 1
    read = {place: spans.of(place[1]) for place in _loads(nest)}
    never_meets = {
        place: [
            i
            for i, (buffer, (first, last)) in enumerate(reach)
            if buffer == place[0] and (high < first or last < low)
        ]
        for place, (low, high) in {**read, **written}.items()
    }
    return Apart(group, never_meets)


def _loads(nest: For) -> Iterator[Place]:
    for statement in walk([nest]):
        for part in vars(statement).values():
            if isinstance(part, Expression):
                yield from loads_of(part)
