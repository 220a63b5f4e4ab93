"""Measures the chosen parts and writes the results: `python -m benchmarks training start`.

Without options all of them: with one core and with two, at full width and held to AVX2.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import speed_page
from benchmarks.held import Held
from benchmarks.machine import described, has_wider_than_avx2
from benchmarks.measures import (
    depth,
    estimators,
    live_plot,
    load,
    playground,
    portable,
    prediction,
    products,
    simple_chains,
    start,
    sums,
    training,
)
from benchmarks.part import Part, Settings
from benchmarks.results import RESULTS, as_text, read, write

PARTS: dict[str, Callable[[Settings], Part]] = {
    "training": training.measure,
    "depth": depth.measure,
    "simple_chains": simple_chains.measure,
    "prediction": prediction.measure,
    "products": products.measure,
    "estimators": estimators.measure,
    "sums": sums.measure,
    "start": start.measure,
    "load": load.measure,
    "live_plot": live_plot.measure,
    "portable": portable.measure,
    "playground": playground.measure,
}
# These are measured once, at full width and with the most cores.
ONCE = {"sums", "start", "load", "live_plot", "portable", "playground"}
LEAST_TURNS, QUICK_TURNS = 5, 3
OF_A_MACHINE = ("processor", "cores", "system", "versions")


def main() -> None:
    """Measure, print and, where all was measured or a folder is named, write."""
    options = _options()
    folder = options.out or (RESULTS if _whole(options) else None)
    machine, parts = described(), list[Part]()
    if options.out is not None:
        parts, before = read(options.out)
        if any(before.get(what) != machine[what] for what in OF_A_MACHINE):
            parts = []  # of another machine, or of other versions
    measured = []
    for name, held in _plan(options):
        started = time.perf_counter()
        print(f"{name}, {held} …", flush=True)
        settings = Settings(held, _turns(options, held), options.quick)
        with held.pinned():
            part = PARTS[name](settings)
        part = replace(part, held=held, measured=time.strftime("%Y-%m-%d %H:%M"))
        print(f"{name}, {held}: {time.perf_counter() - started:.0f} s", flush=True)
        measured.append(part)
        parts = [other for other in parts if other.key != part.key] + [part]
        machine["load after"] = [round(average, 2) for average in os.getloadavg()]
        if folder is not None:
            write(parts, machine, folder)
    print(as_text(measured, machine))
    if folder is None:
        print("Nothing was written: --out FOLDER keeps part of a run, a whole run is kept.")
        return
    print(f"written: {os.path.relpath(folder)}")
    if folder.resolve() == RESULTS:
        speed_page.write()


def _plan(options: argparse.Namespace) -> list[tuple[str, Held]]:
    """What is measured, in this order: first what the README shows."""
    most = max(options.cores)
    held = [Held(n, avx2) for avx2 in options.avx2 for n in sorted(options.cores, reverse=True)]
    return [
        (name, how)
        for how in held
        for name in options.parts or PARTS
        if name not in ONCE or how == Held(most)
    ]


def _turns(options: argparse.Namespace, held: Held) -> int:
    """Of each peer; the fewest held to AVX2, where nothing is decided."""
    if options.quick:
        return QUICK_TURNS
    return LEAST_TURNS if held.avx2 else int(options.turns)


def _whole(options: argparse.Namespace) -> bool:
    return not (options.quick or options.parts or options.chosen)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all, or of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer turns, the small nets only")
    parser.add_argument("--cores", type=int, nargs="+", help="so many: 1 2 where not said")
    parser.add_argument("--width", nargs="+", choices=["full", "avx2"], help="both if not said")
    parser.add_argument("--turns", type=int, default=7, help="of each peer at full width")
    parser.add_argument("--out", type=Path, help="where to write; other parts there stay")
    options = parser.parse_args()
    if unknown := {*options.parts} - {*PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    if options.turns < LEAST_TURNS:
        parser.error(f"--turns must be at least {LEAST_TURNS}")
    available = os.cpu_count() or 1
    options.chosen = bool(options.cores or options.width)
    options.cores = options.cores or [*{1, min(2, available)}]
    if not all(1 <= cores <= available for cores in options.cores):
        parser.error(f"--cores: this machine has {available}")
    widths = options.width or ["full", *(["avx2"] if has_wider_than_avx2() else [])]
    options.avx2 = [width == "avx2" for width in widths]
    return options


if __name__ == "__main__":
    main()
