"""Nets tried in a process for each core, and what is said meanwhile."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from handgrad.graph.threads import available_cores

Named = TypeVar("Named")
A_ROUND = 24  # nets of each process, after which all wait for the last


def tried(
    differences_of: Callable[[Named], Sequence[str]],
    nets: Iterator[Named],
    of: str = "",
    minutes: float = float("inf"),
) -> tuple[int, int]:
    """Print what each of the nets differs in, until they or the minutes end; how many, how many so.

    `of` says how many there are in all.
    """
    os.environ["HANDGRAD_CACHE"] = "off"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    cores, begin, count, odd = available_cores(), time.monotonic(), 0, 0
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        while some := [net for net, _ in zip(nets, range(A_ROUND * cores), strict=False)]:
            for lines in pool.map(differences_of, some):
                odd += bool(lines)
                count += 1
                print(*lines, sep="\n", end="\n" if lines else "", flush=True)
            seconds = time.monotonic() - begin
            rate = 60 * count / seconds
            print(f"{count}{of} nets, {odd} wrong, {rate:.0f} a minute", flush=True)
            if seconds > 60 * minutes:
                break
    return count, odd
