"""`python -m tests.bits.in_webassembly`: train nets in Node, and compare the bits they come to.

They cover every pair of page, loss, optimizer and dtype; `--share 1/16` takes a share of them.
"""

import argparse
import shutil
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple

import numpy as np

from handgrad.engines.threads import available_cores
from tests.engines.in_javascript import trained
from tests.engines.portable_cases import assert_same, cases, training

AT_ONCE = 7  # nets that one process of Node trains
Names = tuple[str, str, str, str]


def compared(names: list[Names]) -> tuple[int, list[str]]:
    """How many numbers were compared, and which nets have others there, a line each."""
    trainings, count, lines = [training(*name) for name in names], 0, []
    for name, here, there in zip(names, trainings, trained(trainings), strict=True):
        expected = here.here()
        count += sum(np.size(part) for part in astuple(expected))
        try:
            assert_same(there, expected)
        except AssertionError as error:
            lines.append(f"{', '.join(name)}: {error}")
    return count, lines


def main() -> int:
    """Compare, and say of how many nets and numbers; 1 if any bit differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bits.in_webassembly")
    parser.add_argument("--share", default="1/1", metavar="K/N")
    k, n = map(int, parser.parse_args().share.split("/"))
    if not shutil.which("node"):
        print("nothing was compared, for want of node")
        return 0
    chosen = [name for name in cases() if zlib.crc32(" ".join(name).encode()) % n == k - 1]
    groups = [chosen[i : i + AT_ONCE] for i in range(0, len(chosen), AT_ONCE)]
    with ThreadPoolExecutor(available_cores()) as pool:
        found = [*pool.map(compared, groups)]
    lines = [line for _, group in found for line in group]
    told = f"{len(chosen)} nets, {sum(count for count, _ in found)} numbers"
    print(*lines, f"{told}: {len(lines) or 'none'} different", sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
