"""The cores of a worker: how many there are decides on no bit."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.distributed import fit
from handgrad.engines import threads
from handgrad.engines.compiled import parallel_loops
from handgrad.engines.trace_cache import TRACES


@pytest.mark.parametrize("engine", ["compiled", "eager"])
def test_the_bits_are_those_of_any_number_of_cores(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 256)).astype(np.float32), rng.integers(4, size=500)
    monkeypatch.setattr(threads, "_cores", lambda: 4)
    monkeypatch.setattr(threads, "_quota", lambda folder: 4)
    seen, found = list[int](), list[Any]()

    def counted() -> int:
        seen.append(threads.available_cores())
        return seen[-1]

    monkeypatch.setattr(parallel_loops, "available_cores", counted)
    for cores in (1, 2, 4):
        TRACES.made.clear()
        layers = hg.Linear(256, 256, rng=0), hg.BatchNorm(256), hg.ReLU(), hg.Dropout(0.2)
        net = hg.Net(*layers, hg.Linear(256, 4, rng=1), hg.Softmax())
        job: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01)}
        with threads.cores_at_most(cores):
            fit(net, (x, y), shards=2, batch_size=250, epochs=2, rng=0, engine=engine, **job)
        found.append(np.concatenate([net.parameters, net.running_state]))
    assert {*seen} == ({1, 2, 4} if engine == "compiled" else set())
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
