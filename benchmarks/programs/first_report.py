"""The time to the first report of a training, after some imports: `first_report CASE IMPORTS`.

IMPORTS is `handgrad`, or `all`: with the compiled engine and SciPy's BLAS, which are otherwise
imported by the training that needs them.
"""

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

given = arguments(CASES[sys.argv[1]], "SGD")
called = time.perf_counter()
reports = hg.train(**given, epochs=10**9, metrics=[], engine="compiled")
made = time.perf_counter()
next(reports)
reported = time.perf_counter()
print(
    json.dumps(
        {
            "imports": imported - started,
            "compile": made - called,
            "first report": reported - called,
        }
    )
)
