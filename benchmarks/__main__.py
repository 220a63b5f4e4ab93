"""Times every peer on every case, in turn, and writes the table."""

import platform
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import CASES, Case
from benchmarks.peers import PEERS

ROUNDS = 7
RESULTS = Path(__file__).parent / "results" / "training.md"


def microseconds_a_step(case: Case) -> dict[str, float]:
    """The median time of a minibatch step of each peer, their epochs interleaved."""
    epochs = {name: make(case) for name, make in PEERS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    for run_epoch in epochs.values():
        run_epoch()
    for _ in range(ROUNDS):
        for name, run_epoch in epochs.items():
            start = time.perf_counter()
            run_epoch()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(s) / case.steps * 1e6 for name, s in seconds.items()}


def main() -> None:
    """Measure, print and write."""
    import sklearn

    lines = [
        f"SGD, float32, µs a minibatch step, median of {ROUNDS} epochs, interleaved. "
        f"Python {platform.python_version()}, NumPy {np.__version__}, "
        f"scikit-learn {sklearn.__version__}, {platform.machine()}.",
        "",
        f"| case (batch) | {' | '.join(PEERS)} |",
        f"|---|{'---|' * len(PEERS)}",
    ]
    for case in CASES:
        found = microseconds_a_step(case)
        shown = " | ".join(f"{value:.1f}" for value in found.values())
        lines.append(f"| {case} ({case.batch_size}) | {shown} |")
        print(lines[-1], flush=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"written: {RESULTS}")


if __name__ == "__main__":
    main()
