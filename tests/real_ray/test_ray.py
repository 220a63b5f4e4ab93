"""Trainings on a real Ray on this machine: the same bits, also where a worker or a driver dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.train import get_context

import handgrad as hg
from handgrad.cluster import fit, fit_estimator
from handgrad.cluster.storage import RECORD
from tests.real_ray.processes import own_workers
from tests.real_ray.training import rows, train

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def undisturbed() -> str:
    return train(0)


@pytest.mark.usefixtures("a_ray")
@pytest.mark.parametrize("workers", [1, 2])
def test_the_bits_are_those_of_one_process(workers: int, undisturbed: str) -> None:
    assert train(workers) == undisturbed


@pytest.mark.usefixtures("a_ray")
def test_a_worker_that_is_killed_begins_again_and_nothing_is_lost(
    tmp_path: Path, undisturbed: str
) -> None:
    def kill() -> None:
        while not [*tmp_path.rglob("*.safetensors")]:
            time.sleep(0.1)
        time.sleep(1)
        os.kill(own_workers()[-1], signal.SIGKILL)
        killed.set()

    killed = threading.Event()
    threading.Thread(target=kill, daemon=True).start()
    own: Any = {"storage": tmp_path, "name": "a", "checkpoint_seconds": 0.5}
    assert train(2, 0.02, **own) == undisturbed
    assert killed.is_set()
    kept = json.loads((tmp_path / "a" / RECORD).read_text())["checkpoint_results"]
    states = [[*(tmp_path / "a" / one["checkpoint_dir_name"]).glob("epoch-*")] for one in kept]
    assert [len(found) for found in states] == [1, 1]


class FailsInOne(hg.MSELoss):
    """A loss that the second worker cannot compute, while the first waits for it."""

    def forward(self, p, y, sample_weight=None):  # type: ignore[no-untyped-def]
        with suppress(RuntimeError):  # of Ray's, in the process of the driver
            if get_context().get_world_rank() == 1:
                raise hg.errors.DataError("this", "that", "another")
        return super().forward(p, y, sample_weight)


@pytest.mark.usefixtures("a_ray")
def test_an_error_in_a_worker_comes_in_three_parts_with_its_place() -> None:
    x, y = rows()
    net = hg.Net(hg.Linear(4, 1, rng=0))
    job: Any = {"loss": FailsInOne(), "optimizer": hg.SGD(0.1), "epochs": 3}
    with pytest.raises(
        hg.errors.DataError, match=r"^worker 2 of 2, .*: this\n *expected: that\n *try: an"
    ):
        fit(net, (x, y[:, None].astype(float)), workers=2, engine="eager", **job)


@pytest.mark.usefixtures("a_ray")
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_an_estimator_is_fitted_alike_by_any_number_of_workers() -> None:
    x, y = rows()
    alone, shared = (
        fit_estimator(hg.MLPClassifier((8,), max_iter=20, random_state=0), (x, y), workers=n)
        for n in (0, 2)
    )
    np.testing.assert_array_equal(shared.predict_proba(x), alone.predict_proba(x))


@pytest.mark.usefixtures("a_ray")
def test_a_driver_that_was_killed_goes_on_by_name(
    tmp_path: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", ray.get_runtime_context().gcs_address)
    command = [sys.executable, "-m", "tests.real_ray.training", str(tmp_path), "2", "2"]
    first = subprocess.Popen(command)
    while not [*tmp_path.rglob("*.safetensors")]:
        assert first.poll() is None
        time.sleep(0.1)
    first.kill()
    first.wait()
    assert not (tmp_path / "done").exists()
    subprocess.run(command, check=True, timeout=240)
    assert (tmp_path / "done").read_text() == undisturbed
