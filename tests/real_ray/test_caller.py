"""Reports, errors and interruption as the caller of a training on workers sees them."""

import importlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray

import handgrad as hg
from handgrad.cluster.run import Cluster
from handgrad.cluster.worker import NetJob
from handgrad.engines.config import FitConfig
from handgrad.engines.sharding import Sharding
from handgrad.training.fit import with_rows_held_out
from tests.real_ray.training import a_net, outcome, rows

pytestmark = pytest.mark.cluster

OWN_LOSS = """
import handgrad as hg

def halved(value):
    return value / 2

class OwnLoss(hg.CrossEntropyLoss):
    def forward(self, p, y, sample_weight=None):
        return halved(super().forward(p, y, sample_weight))

    def backward(self, *given):
        return halved(super().backward(*given))
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that no worker can import: the folder that it is in is on the path of this one."""
    (tmp_path / "beside_the_script.py").write_text(OWN_LOSS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("beside_the_script")
    del sys.modules["beside_the_script"]


@pytest.mark.usefixtures("a_ray")
def test_pictures_diagnosis_history_and_own_code_are_as_in_one_process(
    own_module: Any, tmp_path: Path
) -> None:
    def run(workers: int, folder: Path) -> tuple[str, list[str], list[str]]:
        x, y = rows()
        net = hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())
        job: Any = {"loss": own_module.OwnLoss(), "optimizer": hg.SGD(1e-6), "epochs": 12}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = hg.cluster.fit(
                net, (x, y), workers=workers, live_plot=folder, diagnose=True, rng=0, **job
            )
        told = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
        return outcome(net, history), told, sorted(file.name for file in folder.iterdir())

    alone, shared = run(0, tmp_path / "alone"), run(2, tmp_path / "shared")
    assert shared == alone
    assert any("learning rate too low" in warning for warning in alone[1])
    assert len(alone[2]) == 12


@pytest.mark.usefixtures("a_ray")
def test_what_cannot_be_sent_or_has_no_room_is_refused(tmp_path: Path) -> None:
    def fit(**settings: Any) -> None:
        usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1)}
        hg.cluster.fit(a_net(), rows(), **usual | {"epochs": 2, "workers": 2} | settings)

    with (tmp_path / "open").open("w") as file:
        loss = hg.CrossEntropyLoss()
        loss.file = file  # type: ignore[attr-defined]
        with pytest.raises(hg.errors.SettingError, match=r"^loss, which cannot be sent to workers"):
            fit(loss=loss)
        with pytest.raises(hg.errors.SettingError, match=r"^schedule, which cannot"):
            fit(schedule=lambda progress: 1 - 0 * len(file.name))
    with pytest.raises(
        hg.errors.SettingError, match=r"^3 workers of 1 core, .* have 2\n.*\n.*workers=2"
    ):
        fit(workers=3)
    with pytest.raises(
        hg.errors.SettingError, match=r"address=.10\.0\.0\.1:6379., but this process is"
    ):
        fit(address="10.0.0.1:6379")


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.usefixtures("a_ray")
def test_reports_that_are_left_end_the_workers() -> None:
    x, y = rows()
    config = FitConfig(
        net=a_net(),
        data=(x, y),
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.SGD(0.1),
        epochs=10**6,
        sharding=Sharding(4),
    )
    job = NetJob(with_rows_held_out(config))
    reports: Any = Cluster(2, 1, None, None, None).run(job).reports(None)
    assert next(reports).epoch == 1
    reports.close()
    until(lambda: ray.available_resources().get("CPU") == 2)


def in_a_terminal(*arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """This module's program, with a terminal and a process group of its own."""
    screen, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.real_ray.interrupted", *arguments],
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    os.close(other)
    return process, screen


def read(screen: int, until_it_says: bytes = b"") -> str:
    text = b""
    while not (until_it_says and until_it_says in text):
        try:
            part = os.read(screen, 4096)
        except OSError:
            break
        text += part
    return text.decode()


def test_ctrl_c_in_a_terminal_keeps_the_checkpoint_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    process, screen = in_a_terminal(str(tmp_path))
    shown = read(screen, b" 3/30")
    os.killpg(process.pid, signal.SIGINT)
    shown += read(screen)
    assert process.wait(30) == 0
    assert re.search(r"training was interrupted in epoch \d+", shown)
    done = re.search(r"(\d+) reports\r", shown)
    assert done is not None
    assert 3 <= int(done[1]) < 30
    left = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True)
    assert left.stdout == ""
    assert [*(tmp_path / "a").rglob("epoch-*.safetensors")]
