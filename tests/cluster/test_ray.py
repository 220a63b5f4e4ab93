"""Trainings on a real Ray on this machine: the same bits, also where a worker or a driver dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.distributed import fit
from tests.cluster.processes import own_workers
from tests.cluster.training import rows, train

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
    assert train(2, 0.03, storage=tmp_path, name="a") == undisturbed
    assert killed.is_set()


@pytest.mark.usefixtures("a_ray")
def test_an_error_in_a_worker_comes_in_three_parts_with_its_place() -> None:
    x, y = rows()
    net = hg.Net(hg.Linear(4, 1, rng=0))
    job: Any = {"loss": hg.MSELoss(), "optimizer": hg.SGD(1e30), "epochs": 3}
    with pytest.raises(hg.DivergenceError, match=r"worker \d of 2") as error:
        fit(net, (x, y[:, None].astype(float)), workers=2, **job)
    assert "expected:" in str(error.value)
    assert "try:" in str(error.value)


@pytest.mark.usefixtures("a_ray")
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_an_estimator_is_fitted_alike_by_any_number_of_workers() -> None:
    x, y = rows()
    alone, shared = (
        fit(hg.MLPClassifier((8,), max_iter=20, random_state=0), (x, y), workers=n) for n in (0, 2)
    )
    np.testing.assert_array_equal(shared.predict_proba(x), alone.predict_proba(x))


def test_a_driver_that_was_killed_goes_on_by_name(tmp_path: Path, undisturbed: str) -> None:
    command = [sys.executable, "-m", "tests.cluster.training", str(tmp_path), "2", "2"]
    first = subprocess.Popen(command)
    while not [*tmp_path.rglob("*.safetensors")]:
        assert first.poll() is None
        time.sleep(0.1)
    first.kill()
    first.wait()
    assert not (tmp_path / "done").exists()
    subprocess.run(command, check=True, timeout=240)
    assert (tmp_path / "done").read_text() == undisturbed
