"""The time to the first report of a training, after some imports: `first_report CASE IMPORTS`.

IMPORTS is `handgrad`, or `all`: with the compiled engine, which is otherwise imported by the
training that needs it. Then the same for a second net of the same form.
"""

import itertools
import json
import sys
import time

started = time.perf_counter()

import handgrad as hg  # noqa: E402

if sys.argv[2] == "all":
    import scipy.linalg.cython_blas  # noqa: F401

    import handgrad.engines.compiled.engine

imported = time.perf_counter()

from benchmarks.cases import CASES  # noqa: E402
from benchmarks.peers.own import arguments  # noqa: E402


def started_training() -> tuple[float, float, float]:
    """The seconds of the call of `hg.train`, of the first report after it, and of an epoch."""
    given = arguments(CASES[sys.argv[1]], "SGD")
    times = [time.perf_counter()]
    reports = hg.train(**given, epochs=10**9, metrics=[], engine="compiled")
    times.append(time.perf_counter())
    for _ in range(6):
        next(reports)
        times.append(time.perf_counter())
    call, first, *others = (after - before for before, after in itertools.pairwise(times))
    return call, first, min(others)


compiled, first, _ = started_training()
again, first_again, epoch = started_training()
print(
    json.dumps(
        {
            "imports": imported - started,
            "compile": compiled,
            "first report": compiled + first,
            "again": again + first_again - epoch,
        }
    )
)
