"""How long the estimators take to fit, beside scikit-learn's with the same settings."""

import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.machine import Others
from benchmarks.part import Comparison, Part, Settings, cores, markdown, significant
from benchmarks.processes import run
from benchmarks.programs.estimator_fits import CASES

PEER = "scikit-learn"
REQUIRED = {"wine": 8, "breast_cancer": 8, "digits": 3, "20 000 × 50": 4}
TEXT = """`MLPClassifier` of both, standard scaled rows, their defaults (one layer of 100, adam,
batches of 200, float64, at most 200 epochs; 20 for 20 000 × 50), the same `random_state`, so the
same epochs and losses. Cold is the first fit of a process, with an empty folder for machine code,
all imported, `engine="auto"`; handgrad's comes before scikit-learn's. Warm are the fits after
machine code was made, `engine="compiled"`, in turn with scikit-learn's in the same process. The
multiplications are those of the fit's matrix products, m n k each, three products a layer and
batch, without dx of the first; the rates are of the warm fits, and count an addition with each."""
Seen = dict[tuple[str, str, str], list[float]]


def measure(settings: Settings) -> Part:
    """A fresh process for each case, as often as there are turns, with as many warm fits."""
    turns = 1 if settings.quick else max(3, settings.turns - 4)
    seen: Seen = {}
    multiplications: dict[str, int] = {}
    others = {case: Others() for case in CASES}
    for turn in range(turns):
        print(f"  turn {turn + 1} of {turns}", flush=True)
        for case in CASES:
            with tempfile.TemporaryDirectory() as cache, others[case].watched():
                arguments = case, str(3 if settings.quick else settings.turns)
                ran = run("estimator_fits", *arguments, held=settings.held, cache=Path(cache))
            found = json.loads(ran.printed)
            multiplications[case] = found["multiplications"]
            for name, value in found["cold"].items():
                seen.setdefault((case, "cold", name), []).append(value)
            for name, values in found["warm"].items():
                seen.setdefault((case, "warm", name), []).extend(values)
    medians = {key: statistics.median(values) for key, values in seen.items()}
    return Part(
        "Estimators",
        TEXT,
        _table(medians, multiplications, others),
        [
            {"what": ", ".join(key), "seconds": values, "others": others[key[0]].cores}
            for key, values in seen.items()
        ],
        [
            Comparison(
                f"MLPClassifier, {case}, {state}",
                PEER,
                medians[case, state, PEER] / medians[case, state, "handgrad"],
                required=REQUIRED[case] if state == "warm" else 1,
                others=others[case].cores,
            )
            for case in CASES
            for state in ("warm", "cold")
        ],
    )


def _table(
    medians: dict[tuple[str, str, str], float],
    multiplications: dict[str, int],
    others: dict[str, Others],
) -> str:
    columns = [(state, name) for state in ("warm", "cold") for name in ("handgrad", PEER)]
    rows = []
    for case, count in multiplications.items():
        times = [significant(medians[case, *column] * 1e3) for column in columns]
        rates = [2e-9 * count / medians[case, "warm", name] for name in ("handgrad", PEER)]
        arithmetic = [significant(count / 1e6), *map(significant, rates)]
        rows.append([case, *times, *arithmetic, cores(others[case].cores)])
    head = ["ms a fit", *(f"{name}, {state}" for state, name in columns)]
    head += ["10⁶ multiplications", "handgrad, GF/s", f"{PEER}, GF/s", "others, cores"]
    return markdown(head, rows)
