"""The time to the first report of a training, and the imports apart: `first_report CASE`."""

import json
import sys
import time

started = time.perf_counter()

import scipy.linalg.cython_blas  # noqa: E402, F401

import handgrad as hg  # noqa: E402, F401
import handgrad.engines.compiled.engine  # noqa: E402, F401

imported = time.perf_counter()

from benchmarks.cases import CASES  # noqa: E402
from benchmarks.peers.own import training  # noqa: E402

run = CASES[sys.argv[1]]
called = time.perf_counter()
training(run, "SGD", engine="compiled")(1)
seconds = time.perf_counter() - called
print(json.dumps({"imports": imported - started, "first report": seconds}))
