"""The processor's seconds to the first report of a training, without imports: `… CASE`."""

import json
import sys
import time

import scipy.linalg.cython_blas  # noqa: F401

import handgrad as hg
import handgrad.engines.compiled.engine
from benchmarks.deep_cases import case_of
from benchmarks.peers.own import arguments

given = arguments(case_of(sys.argv[1]), "Adam")
started = time.process_time()
next(hg.train(**given, epochs=1, metrics=[], engine="compiled"))
print(json.dumps({"first report": time.process_time() - started}))
