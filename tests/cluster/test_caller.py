"""Errors raised to the caller of a training on workers, before any worker starts."""

import copy
import importlib.util
import re
import signal
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.cluster import connection
from handgrad.cluster.connection import check_installed, check_room, check_same, refusal
from handgrad.cluster.fitting import catch_up
from handgrad.cluster.report_actor import Message, MessageBuffer
from handgrad.cluster.run import Cluster, Interrupts
from handgrad.cluster.serialization import is_own
from handgrad.cluster.storage import check_folder
from handgrad.cluster.worker import NetJob, check_versions
from handgrad.engines import data_parallel
from handgrad.engines.config import FitConfig
from handgrad.engines.sharding import ALONE, Sharding
from handgrad.textbook import install
from handgrad.training.fit import Fitting, with_rows_held_out
from tests.cluster.threads import on_workers

X, Y = hg.data.load("iris")


def a_net() -> hg.Net:
    return hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())


def fit(**settings: Any) -> hg.training.History:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01), "epochs": 2}
    return hg.cluster.fit(a_net(), (X, Y), **usual | {"rng": 0} | settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        *(({"workers": w}, r"workers=.*\n.*integer") for w in (True, "2", -1, 0.5, 0.0, None)),
        *(({"workers": w}, r"workers=.*\n.*integer") for w in ((1,), (0, 2), (2, 2.5), [2, 4])),
        ({"workers": (4, 2)}, r"try: workers=\(2, 4\)"),
        ({"shards": 0}, "shards = 0"),
        ({"sync_every": 0}, "sync_every = 0"),
        ({"cores": 0}, "cores = 0"),
        ({"cores": 0.5}, "cores = 0.5"),
        ({"address": "10.0.0.1:6379"}, "address='10.0.0.1:6379' with workers=0"),
        ({"name": "a"}, r"name='a' without storage\n.*\n.*storage='/shared/runs'"),
        ({"storage": "s3://runs"}, r"s3://runs' with workers=0.*\n.*\n.*workers=1"),
        ({"storage": Path("s3://runs")}, r"s3://runs' with workers=0.*\n.*\n.*workers=1"),
        ({"workers": 2, "checkpoint": "a"}, r"checkpoint=.*\n.*storage="),
        ({"workers": 2, "epoch": 3}, r"given epoch=3\n(.*\n)*.*'epochs'"),
    ],
)
def test_what_cannot_be_is_refused_before_ray_is_asked(settings: Any, told: str) -> None:
    with pytest.raises(hg.errors.SettingError, match=told) as error:
        fit(**settings)
    assert str(error.value).count("\n") == 2


def test_a_loss_that_is_missing_is_told_with_workers_too() -> None:
    with pytest.raises(hg.errors.SettingError, match="without loss"):
        hg.cluster.fit(a_net(), (X, Y), workers=2, epochs=3, optimizer=hg.SGD(0.1))  # type: ignore[call-arg]


def test_no_more_workers_than_shards_are_asked_for() -> None:
    def asked(workers: int | tuple[int, int], shards: int) -> object:
        return Cluster(workers, 1, None, None, None).for_shards(shards).workers

    assert asked((2, 8), 4) == (2, 4)
    assert asked((2, 3), 4) == (2, 3)
    assert asked(4, 4) == 4
    assert asked(0, 4) == 0
    number: Any = np.int64(3)
    assert repr(asked((number, number), 4)) == "(3, 3)"
    assert asked((6, 8), 4) == (4, 4)
    with pytest.warns(UserWarning, match=r"workers=8 with shards=4.*4 workers start; shards=8 has"):
        assert asked(8, 4) == 4


def test_storage_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        hg.errors.SettingError, match=r"file/a': a file is where a folder should be\n"
    ):
        check_folder(tmp_path / "file" / "a", [])
    check_folder(tmp_path / "new" / "runs", [])
    assert not [*(tmp_path / "new" / "runs").iterdir()]


def test_a_part_of_ray_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"ray", "xgboost", "joblib", "fsspec", "requests", "pyarrow", "pandas"}
    monkeypatch.setattr(install, "find_spec", lambda name: name if name in there else None)
    said = rf"without pydantic.*\n.*\n.*{re.escape(install.install_hint('cluster'))}"
    with pytest.raises(hg.errors.SettingError, match=said):
        check_installed()


def test_another_version_of_ray_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "find_spec", lambda name: name)
    for found, fine in {"2.9.3": False, "2.60.0": True, "2.69.1rc1": True, "2.70.0": False}.items():
        monkeypatch.setattr(connection, "version", lambda _, found=found: found)
        if fine:
            check_installed()
            continue
        with pytest.raises(
            hg.errors.SettingError, match=f"Ray {found}\n.*Ray 2.60 or later, before 2.70"
        ):
            check_installed()


def test_the_versions_of_ray_are_those_of_the_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    (said,) = [
        need for need in project["project"]["optional-dependencies"]["cluster"] if "ray[" in need
    ]
    first, after = (".".join(map(str, numbers)) for numbers in connection.RAY)
    assert said == f"ray[train]>={first},<{after}"


@pytest.mark.parametrize(
    ("address", "said", "told"),
    [
        ("a:1", "Connection refused", r"no Ray cluster at a:1: Conn.*\n.*\n.*ray start --head"),
        ("local", "no room", r"Ray has not started: no room\n.*\n.*workers=0"),
        (
            "a:1",
            "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
            "This process on node 1 was started with:\n    Ray: 2.61.0\n    Python: 3.12.1\n",
            r"has Ray 2.61.0 and Python 3.12.1, but the cluster at a:1 has Ray 2.60.0 and "
            r"Python 3.11.7\n.*\n.*python3.11",
        ),
        ("a:1", "RPC error: Unauthenticated: Invalid token", r"asks for a token.*\n.*\n.*TOKEN"),
    ],
)
def test_why_ray_cannot_be_connected_to_is_told(address: str, said: str, told: str) -> None:
    with pytest.raises(hg.HandgradError, match=told):
        raise refusal(address, RuntimeError(said))


def test_one_cluster_at_a_time_whatever_it_is_called() -> None:
    for same in (None, "auto", "10.0.0.1:6379", "localhost:6379", "127.0.0.1:6379"):
        check_same(same, "10.0.0.1:6379")
    for other in ("10.0.0.2:6379", "localhost:6380", "local", "no such host:6379"):
        with pytest.raises(
            hg.errors.SettingError, match=r"connected to Ray at 10.*\n.*\n.*shutdown"
        ):
            check_same(other, "10.0.0.1:6379")


def test_workers_that_no_node_has_room_for_are_refused() -> None:
    check_room(4, 1, [2.0, 2.0])
    check_room(2, 2, [2.0, 3.0])
    check_room((2, 8), 1, [2.0])
    with pytest.raises(
        hg.errors.SettingError, match=r"^4 workers of 1 core, .* have 2\n.*\n.*workers=2;"
    ):
        check_room(4, 1, [2.0])
    with pytest.raises(
        hg.errors.SettingError, match=r"^1 worker of 4 cores, .* 2 and 3\n.*\n.*cores=3;"
    ):
        check_room(1, 4, [2.0, 3.0])
    with pytest.warns(UserWarning, match=r"^4 workers of 1 core.*waits for more nodes"):
        check_room((4, 8), 1, [2.0])


def test_workers_of_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    own = threading.local()

    class OwnNumPy:
        @property
        def __version__(self) -> str:
            return str(own.version)

        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

    monkeypatch.setattr("handgrad.training.workers.np", OwnNumPy())

    def check(sharding: Sharding) -> None:
        own.version = "2.4.6" if sharding.exchange.rank < 2 else "1.26.4"
        check_versions(sharding.exchange)

    on_workers(check, 2)
    with pytest.raises(
        hg.errors.SettingError, match=r"worker 3 has .*NumPy 1.26.4, but worker 1 has .*"
    ):
        on_workers(check, 3)


def test_modules_that_are_no_package_go_along(tmp_path: Path) -> None:
    (tmp_path / "beside_a_script.py").write_text("A = 1\n")
    spec = importlib.util.spec_from_file_location("beside_a", tmp_path / "beside_a_script.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["beside_a"] = module
    try:
        assert is_own(module)
    finally:
        del sys.modules["beside_a"]
    assert not any(map(is_own, (np, hg, importlib.util, pytest, sys.modules["__main__"])))
    assert not is_own(ModuleType("made_here"))


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_asks_first_and_interrupts_then() -> None:
    with Interrupts() as interrupts:
        assert not interrupts.are_new()
        interrupt()
        assert interrupts.are_new()
        assert not interrupts.are_new()
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with Interrupts(at_once=True), pytest.raises(KeyboardInterrupt):
        interrupt()


def test_a_handler_of_someone_elses_stays() -> None:
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(1))
    try:
        with Interrupts() as interrupts:
            interrupt()
            assert came == [1]
            assert not interrupts.are_new()
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_no_handler_is_set() -> None:
    def enter() -> None:
        with Interrupts() as interrupts:
            assert not interrupts.are_new()
        done.append(1)

    done = list[int]()
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert done == [1]


ROWS = np.random.default_rng(0).permutation(len(Y))[:131]


class Asking(MessageBuffer):
    """Messages that stay with the worker, whose caller asks for the end after so many looks."""

    def __init__(self, after: int | None = None) -> None:
        self.waiting, self.after, self.looks = [], after, 0

    def tell(self, told: list[Message]) -> None:
        self.waiting += told

    def add(self, told: Message) -> None:
        self.waiting.append(told)

    def flush(self) -> None:
        """There is nowhere to send them to."""

    @contextmanager
    def with_bars_and_warnings(self, *, first: bool) -> Iterator[None]:
        yield  # of threads, whose warnings are those of all

    def asked_to_stop(self) -> bool:
        self.looks += 1
        return self.looks == self.after


def a_job(**settings: Any) -> NetJob:
    net = hg.Net(
        *(hg.Linear(4, 16, rng=0), hg.BatchNorm(16), hg.Dropout(0.2), hg.Tanh()),
        *(hg.Linear(16, 3, rng=1), hg.Softmax()),
    )
    usual: dict[str, Any] = {"optimizer": hg.Adam(0.02), "epochs": 6, "validation": 0.3}
    usual |= {"batch_size": 24, "rng": 0, "engine": "eager"} | settings
    usual |= {"loss": hg.CrossEntropyLoss(), "sharding": Sharding(4)}
    return NetJob(with_rows_held_out(FitConfig(net=net, data=(X[ROWS], Y[ROWS]), **usual)))


Found = tuple[bytes, list[str], str]


def run(job: NetJob, workers: int, folder: Path, after: int | None = None) -> list[Found]:
    """The bits of the net, the reports but for the time they took, and why there are no more."""

    begun = folder.exists()

    def work(sharding: Sharding) -> Found:
        rank = sharding.exchange.rank
        own = copy.deepcopy(job)
        its = folder if rank == 0 or begun else folder.with_name(f"{folder.name} {rank}")
        state, history, _ = own.run(sharding.exchange, its, Asking(after if rank == 0 else None))
        bits = b"".join(array.tobytes() for array in state.values())
        return bits, [repr(replace(r, seconds=0)) for r in history], history.stopped_because

    return on_workers(work, workers)


@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": 2, "optimizer": hg.SGD(2.0), "epochs": 30},
        {"early_stopping": 2, "monitor": "accuracy", "epochs": 30},
        {"reduce_on_plateau": 1, "optimizer": hg.SGD(1.0), "monitor": "train_loss", "epochs": 12},
        {"evaluate_training": True, "metrics": ["f1_macro"], "class_weight": "balanced"},
        {"schedule": hg.schedules.cosine(), "penalty": hg.penalties.L2Penalty(0.01)},
    ],
)
def test_what_ends_or_steers_a_training_does_so_on_all_workers_alike(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    (alone,) = run(a_job(**settings), 1, tmp_path / "1")
    for workers in (2, 3):
        assert set(map(repr, run(a_job(**settings), workers, tmp_path / f"of {workers}"))) == {
            repr(alone)
        }
    if "early_stopping" in settings:
        assert len(alone[1]) < settings["epochs"]
        assert "had not improved for 2 epochs" in alone[2]


@pytest.mark.filterwarnings("ignore:training was interrupted")
@pytest.mark.parametrize("after", [1, 3, 4, 8])
def test_a_training_that_is_to_stop_keeps_the_last_whole_epoch_and_goes_on_from_where_it_was(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_parallel, "PART", 2)  # of 4 batches: it looks within an epoch
    (whole,) = run(a_job(), 1, tmp_path / "whole")
    first, second = run(a_job(), 2, tmp_path / "a", after)
    epochs = len(first[1])
    assert first == second
    assert epochs == max(0, (after - 1) // 2)  # it looks three times in the first, then twice
    assert first[1:] == (whole[1][:epochs], f"interrupted in epoch {epochs + 1}")
    if epochs:
        assert first[0] == run(a_job(epochs=epochs), 1, tmp_path / "fewer")[0][0]
    assert set(map(repr, run(a_job(), 2, tmp_path / "a"))) == {repr(whole)}


def test_a_generator_stands_afterwards_where_a_training_in_this_process_leaves_it(
    tmp_path: Path,
) -> None:
    own, here = np.random.default_rng(3), np.random.default_rng(3)
    job = a_job(rng=own)
    _, _, there = copy.deepcopy(job).run(ALONE, tmp_path, Asking())
    assert isinstance(there, np.random.Generator)
    catch_up(own, there)
    config = a_job(rng=here).config
    Fitting(config).to_its_end()
    assert own.bit_generator.state == here.bit_generator.state
    assert own.spawn(1)[0].random() == here.spawn(1)[0].random()
