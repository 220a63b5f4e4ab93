"""`python -m tests.bits.everywhere`: whole trainings by every way that is here, number by number.

`--share 1/8` takes a share of the trainings; `--only '*, NaN, *'` those of some names;
`--way Node` some of the ways.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from fnmatch import fnmatch

from handgrad.graph.threads import available_cores
from tests.bits.everywhere.comparison import compared
from tests.bits.everywhere.machine_code import Found
from tests.bits.everywhere.programs import TRAININGS
from tests.bits.everywhere.ways import WAYS, Results, run

AT_ONCE = 48  # trainings in a process


def chosen(share: str, pattern: str) -> list[str]:
    """The trainings of a share; each is in the same one on every machine."""
    k, n = map(int, share.split("/"))
    return [
        name
        for name in TRAININGS
        if fnmatch(name, pattern) and zlib.crc32(name.encode()) % n == k - 1
    ]


def lines_of(way: str, results: Mapping[str, Found], here: Mapping[str, Found]) -> Iterator[str]:
    """What differs by a way, a line each, and how much was compared; it ends with that line."""
    count, lines = 0, []
    for name, found in results.items():
        n, different = compared(found, here[name])
        count += n
        lines += [f"{way}: {name}: {line}" for line in different]
    yield from lines
    told = f"{len(results)} programs, {count:,} numbers"
    yield f"{way}: {told}, {f'{len(lines)} arrays' if lines else 'none'} different"


def results_of(names: Sequence[str], ways: Sequence[str], pool: Executor) -> Iterator[Results]:
    """What all trainings leave by each way, one after another."""
    count = max(1, -(-len(names) // AT_ONCE))
    groups = [group for i in range(count) if (group := names[i::count])]
    tasks = [[pool.submit(run, way, group) for group in groups] for way in ways]
    for of_a_way in tasks:
        joined: dict[str, dict[str, Found]] = {}
        for task in of_a_way:
            for way, found in task.result().items():
                joined.setdefault(way, {}).update(found)
        yield joined


def main() -> int:
    """Compare, and say for each way how many programs and numbers; 1 if any bit differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bits.everywhere", description=__doc__)
    parser.add_argument("--share", default="1/1", metavar="K/N")
    parser.add_argument("--only", default="*", metavar="PATTERN")
    parser.add_argument("--way", action="append", choices=WAYS)
    given = parser.parse_args()
    ways = []
    for way in given.way or WAYS:
        if missing := WAYS[way].lacking():
            print(f"not by {way}, for want of {', '.join(missing)}")
        else:
            ways.append(way)
    names, context = chosen(given.share, given.only), multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HANDGRAD_CACHE"] = folder  # Node and Chromium have the same modules
        with ProcessPoolExecutor(available_cores(), context, max_tasks_per_child=1) as pool:
            return told(results_of(names, ["", *ways], pool))


def told(results: Iterator[Results]) -> int:
    """Print what differs from the first of the results; whether anything does."""
    ((_, expected),) = next(results).items()
    finite = sum(bool(found["finished"].all()) for found in expected.values())
    print(f"{len(expected)} trainings, of which {finite} stay finite, by machine code and by:")
    different = False
    for by_ways in results:
        for way, found in by_ways.items():
            lines = [*lines_of(way, found, expected)]
            different = different or len(lines) > 1
            print(*lines, sep="\n", flush=True)
    return int(different)


if __name__ == "__main__":
    sys.exit(main())
