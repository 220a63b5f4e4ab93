"""Measures the chosen parts and writes the results: `python -m benchmarks training start`."""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import readme
from benchmarks.machine import described
from benchmarks.measures import (
    estimators,
    live_plot,
    load,
    matrix_product,
    prediction,
    simple_chains,
    start,
    training,
)
from benchmarks.part import Part, Settings
from benchmarks.results import RESULTS, as_text, write

PARTS: dict[str, Callable[[Settings], Part]] = {
    "training": training.measure,
    "simple_chains": simple_chains.measure,
    "prediction": prediction.measure,
    "matrix_product": matrix_product.measure,
    "start": start.measure,
    "estimators": estimators.measure,
    "load": load.measure,
    "live_plot": live_plot.measure,
}


def main() -> None:
    """Measure, print and, where all parts were measured or a folder is named, write."""
    options = _options()
    settings = Settings(options.threads, 3 if options.quick else options.turns, options.quick)
    machine = described(settings.threads)
    parts = []
    for name in options.parts or PARTS:
        started = time.perf_counter()
        print(f"{name} …", flush=True)
        parts.append(PARTS[name](settings))
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    machine["load after"] = [round(part, 2) for part in os.getloadavg()]
    print(as_text(parts, machine))
    complete = not options.quick and {*(options.parts or PARTS)} == {*PARTS}
    folder = options.out or (RESULTS if complete else None)
    if folder is None:
        print("Nothing was written: --out FOLDER writes part of a run, a whole run is kept.")
        return
    write(parts, machine, folder)
    print(f"written: {os.path.relpath(folder)}")
    if folder == RESULTS:
        readme.write()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all, or of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer turns, the small nets only")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--turns", type=int, default=7, help="of each peer, at least 5")
    parser.add_argument("--out", type=Path, help="where to write the results")
    options = parser.parse_args()
    if unknown := {*options.parts} - {*PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    if options.turns < 5:
        parser.error("--turns must be at least 5")
    return options


if __name__ == "__main__":
    main()
