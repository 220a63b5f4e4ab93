"""The cores of a worker: as many in this process as on a cluster, which may decide on bits."""

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import handgrad as hg
from handgrad.cluster import fit, fit_estimator
from handgrad.engines.compiled import machine_code
from handgrad.engines.fingerprint import TRACES
from handgrad.graph import threads


@pytest.mark.parametrize("estimator", [False, True])
@pytest.mark.parametrize("cores", [1, 2])
def test_a_training_in_this_process_has_the_cores_of_a_worker(
    cores: int, estimator: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 256)).astype(np.float32), rng.integers(4, size=500)
    monkeypatch.setattr(threads, "_cores", lambda: 4)
    monkeypatch.setattr(threads, "_quota", lambda folder: 4)
    seen = set[int]()

    def counted() -> int:
        seen.add(threads.available_cores())
        return threads.available_cores()

    monkeypatch.setattr(machine_code, "available_cores", counted)
    TRACES.entries.clear()
    if estimator:
        model = hg.MLPClassifier((256,), max_iter=2, random_state=0, engine="compiled")
        with pytest.warns(ConvergenceWarning):
            fit_estimator(model, (x, y), shards=2, cores=cores)
    else:
        layers = hg.Linear(256, 256, rng=0), hg.ReLU(), hg.Linear(256, 4, rng=1), hg.Softmax()
        job: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01)}
        fit(hg.Net(*layers), (x, y), shards=2, cores=cores, epochs=2, engine="compiled", **job)
    assert seen == {cores}
