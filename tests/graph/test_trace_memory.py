"""Tracing a large net needs the memory of a few copies of its parameters."""

import tracemalloc

import numpy as np

import handgrad as hg


def test_a_trace_frees_each_run_before_the_next() -> None:
    net = hg.Net(hg.Linear(50, 8000, rng=0), hg.ReLU(), hg.Linear(8000, 50, rng=1))
    x = np.zeros((4, 50), np.float32)
    tracemalloc.start()
    hg.trace(net, hg.MSELoss(), x=x, y=x)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 6 * net.parameters.nbytes
