"""How long the estimators take to fit, beside scikit-learn's with the same settings."""

import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.machine import cores_used_by_others
from benchmarks.measures.start import run
from benchmarks.part import Comparison, Part, Settings, markdown, significant
from benchmarks.programs.estimator_fits import CASES

PEER = "scikit-learn"
REQUIRED = {"wine": 10, "breast_cancer": 10, "digits": 6, "20 000 × 50": 2}
TEXT = """`MLPClassifier` of both, standard scaled rows, their defaults (one layer of 100, adam,
batches of 200, float64, at most 200 epochs; 20 for 20 000 × 50), the same `random_state`, so the
same epochs and losses. Cold is the first fit of a process, with an empty folder for machine code,
all imported, `engine="auto"`; handgrad's comes before scikit-learn's. Warm are the fits after
machine code was made, `engine="compiled"`, in turn with scikit-learn's in the same process."""
Seen = dict[tuple[str, str, str], list[float]]


def measure(settings: Settings) -> Part:
    """A fresh process for each case, as often as there are turns, with as many warm fits."""
    turns = 1 if settings.quick else max(3, settings.turns - 4)
    seen: Seen = {}
    others = []
    for _ in range(turns):
        others.append(cores_used_by_others() or 0.0)
        for case in CASES:
            with tempfile.TemporaryDirectory() as cache:
                arguments = ("estimator_fits", case, str(settings.turns))
                printed, _ = run(*arguments, threads=settings.threads, cache=Path(cache))
            found = json.loads(printed)
            for name, value in found["cold"].items():
                seen.setdefault((case, "cold", name), []).append(value)
            for name, values in found["warm"].items():
                seen.setdefault((case, "warm", name), []).extend(values)
    medians = {key: statistics.median(values) for key, values in seen.items()}
    return Part(
        "Estimators",
        TEXT,
        _table(medians),
        [{"what": ", ".join(key), "seconds": values} for key, values in seen.items()],
        [
            Comparison(
                f"MLPClassifier, {case}, {state}",
                PEER,
                medians[case, state, PEER] / medians[case, state, "handgrad"],
                required=REQUIRED[case] if state == "warm" else 1,
            )
            for case in CASES
            for state in ("warm", "cold")
        ],
        others=others,
    )


def _table(medians: dict[tuple[str, str, str], float]) -> str:
    columns = [(state, name) for state in ("warm", "cold") for name in ("handgrad", PEER)]
    rows = [
        [case, *(significant(medians[case, *column] * 1e3) for column in columns)] for case in CASES
    ]
    return markdown(["ms a fit", *(f"{name}, {state}" for state, name in columns)], rows)
