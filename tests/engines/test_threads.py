"""Settings of the whole process are changed for a while only, also by several at once."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  with a BLAS of its own
from threadpoolctl import threadpool_info

import handgrad as hg
from handgrad.graph import threads
from handgrad.graph.threads import (
    HANDOVER,
    blas_threads,
    quick_handover,
    threads_each_at_most,
    worker_threads,
)
from tests.training.by_hand import X, Y, classifier, fit
from tests.waiting import HANG


@pytest.fixture
def usual_interval() -> Iterator[float]:
    """What Python has by itself, whatever other tests have left."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield 0.005
    sys.setswitchinterval(before)


def interval() -> float:
    return round(sys.getswitchinterval(), 7)


def test_threads_take_turns_more_often_until_the_last_is_done(usual_interval: float) -> None:
    with quick_handover():
        with quick_handover():
            assert interval() == HANDOVER
        assert interval() == HANDOVER
    assert interval() == usual_interval


def test_who_asked_for_even_shorter_turns_keeps_them(usual_interval: float) -> None:
    sys.setswitchinterval(1e-5)
    with quick_handover():
        assert interval() == 1e-5
    assert interval() == 1e-5


def test_fit_shortens_the_turns_and_puts_them_back(
    usual_interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = hg.training.History.__init__

    def init(self: hg.training.History, *arguments: object) -> None:
        seen.append(interval())
        original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hg.training.History, "__init__", init)
    fit(classifier())
    hg.fit_many(
        [{"net": classifier()}],
        data=(X, Y),
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.SGD(0.1),
        epochs=2,
    )
    assert seen
    assert {*seen} == {HANDOVER}
    assert interval() == usual_interval


def test_an_error_puts_them_back_too(usual_interval: float) -> None:
    with pytest.raises(hg.errors.DivergenceError):
        fit(classifier(), optimizer=hg.SGD(1e30), epochs=50)
    assert interval() == usual_interval


def threads_of_blas() -> list[int]:
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]


def in_another_thread(function: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def seen_within(limit: AbstractContextManager[Any]) -> list[int]:
    with limit:
        return threads_of_blas()


@pytest.fixture
def several_threads() -> Iterator[list[int]]:
    """BLAS with three threads, however many cores there are."""
    libraries = threads._libraries(True)
    before = [library.count() for library in libraries]
    for library in libraries:
        library.limit(3)
    yield [3] * len(libraries)
    for library, count in zip(libraries, before, strict=True):
        library.limit(count)


@pytest.mark.parametrize("limit", [lambda: blas_threads(None), lambda: blas_threads(1)])
def test_limits_hold_in_every_thread_though_another_was_the_first(
    limit: Callable[[], AbstractContextManager[Any]], several_threads: list[int]
) -> None:
    assert {*seen_within(limit())} == {1}
    assert {*in_another_thread(lambda: seen_within(limit()))} == {1}
    assert threads_of_blas() == several_threads


def test_who_is_last_puts_back_what_there_was_in_whatever_thread(
    several_threads: list[int],
) -> None:
    first, second = blas_threads(None), blas_threads(1)
    first.__enter__()
    in_another_thread(second.__enter__)
    first.__exit__(None, None, None)
    assert {*threads_of_blas()} == {1}
    in_another_thread(lambda: second.__exit__(None, None, None))
    assert threads_of_blas() == several_threads


class Alone:
    """A library whose number of threads is that of the thread that asks."""

    everywhere = False

    def __init__(self, count: int) -> None:
        self.counts: dict[str, int] = {}
        self.usual = count

    def count(self) -> int:
        return self.counts.get(threading.current_thread().name, self.usual)

    def limit(self, count: int) -> None:
        self.counts[threading.current_thread().name] = count


def test_where_each_thread_has_a_number_of_its_own_each_gets_its_own_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = Alone(4)
    monkeypatch.setattr(threads, "_libraries", lambda with_scipys: [library])
    first, second = blas_threads(None), blas_threads(2)
    first.__enter__()
    held = threading.Event(), threading.Event()

    def other() -> None:
        with second:
            held[0].set()
            held[1].wait(HANG)

    thread = Thread(target=other, name="other")
    thread.start()
    assert held[0].wait(HANG)
    assert library.counts == {"MainThread": 1, "other": 2}
    first.__exit__(None, None, None)
    assert library.counts == {"MainThread": 4, "other": 2}
    held[1].set()
    thread.join()
    assert library.counts == {"MainThread": 4, "other": 4}


def test_a_library_that_comes_during_a_limit_is_limited_from_the_next_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Everywhere(Alone):
        everywhere = True

    libraries = [Everywhere(4), Everywhere(3)]
    known = libraries[:1]
    monkeypatch.setattr(threads, "_libraries", lambda with_scipys: known)
    with blas_threads(None):
        known = libraries
        with blas_threads(2):
            assert [library.count() for library in libraries] == [1, 1]
    assert [library.count() for library in libraries] == [4, 3]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_during_a_fit_leaves_the_child_its_threads(several_threads: list[int]) -> None:
    limit = blas_threads(None)
    in_another_thread(limit.__enter__)
    with blas_threads(2):
        assert {*threads_of_blas()} == {1}
        child = os.fork()
        if not child:  # the other thread is not there to end its limit
            os._exit(threads_of_blas() != [2] * len(several_threads))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    in_another_thread(lambda: limit.__exit__(None, None, None))
    assert threads_of_blas() == several_threads


class Watched(hg.Linear):
    """Notes how many threads BLAS has while it is at work."""

    seen: ClassVar[list[int]] = []

    def forward(self, x: Any) -> Any:
        Watched.seen += threads_of_blas()
        return super().forward(x)


class WatchedEnsemble(hg.tables.EnsembleLinear):
    """The same of several side by side, whose products are one einsum."""

    def forward(self, x: Any) -> Any:
        Watched.seen += threads_of_blas()
        return super().forward(x)


def net_of(n_in: int, n_out: int) -> hg.Net:
    return hg.Net(Watched(n_in, n_out, rng=0))


def seen_by(function: Callable[[], Any]) -> set[int]:
    Watched.seen.clear()
    function()
    return {*Watched.seen}


@pytest.mark.parametrize(
    ("rows", "count"), [(32, 1), (999, 1), (1024, 3)], ids=["few", "fewer", "many"]
)
def test_a_batch_is_predicted_in_one_thread_unless_sharing_it_pays(
    rows: int, count: int, several_threads: list[int]
) -> None:
    net, x = net_of(1000, 100), np.zeros((rows, 1000), np.float32)
    assert seen_by(lambda: net.predict(x, engine="eager")) == {count}
    assert seen_by(lambda: in_another_thread(lambda: net.predict(x, engine="eager"))) == {count}
    assert threads_of_blas() == several_threads


def test_nothing_is_limited_for_what_blas_does_in_one_thread_anyway(
    several_threads: list[int],
) -> None:
    net = net_of(8, 16)
    assert seen_by(lambda: net.predict(np.zeros((1, 8), np.float32), engine="eager")) == {3}


def here(function: Callable[[], Any]) -> Any:
    return function()


@pytest.mark.parametrize("thread", [here, in_another_thread])
@pytest.mark.parametrize(("batch_size", "count"), [(32, 1), (1024, 3)])
def test_a_batch_is_learned_in_one_thread_unless_sharing_it_pays(
    batch_size: int, count: int, thread: Callable[[Any], Any], several_threads: list[int]
) -> None:
    training = hg.train(
        net_of(1000, 100),
        (np.zeros((1024, 1000), np.float32), np.zeros((1024, 100), np.float32)),
        loss=hg.MSELoss(),
        optimizer=hg.SGD(0.1),
        epochs=1,
        batch_size=batch_size,
        engine="eager",
    )
    gradients = training.engine.gradients
    assert seen_by(lambda: thread(lambda: gradients(np.arange(batch_size)))) == {count}
    assert seen_by(lambda: thread(lambda: next(training))) == {count}
    assert threads_of_blas() == several_threads


def test_members_side_by_side_are_learned_in_one_thread_each_from_any_thread(
    several_threads: list[int],
) -> None:
    net = hg.Net(hg.tables.EnsembleLinear(20, 64, 5, rng=0), WatchedEnsemble(64, 3, 5, rng=0))
    rows = np.zeros((32, 5, 20), np.float32), np.zeros((32, 5, 3), np.float32)
    usual: dict[str, Any] = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.1), "engine": "eager"}
    training = hg.train(net, rows, epochs=1, batch_size=32, **usual)
    assert seen_by(lambda: in_another_thread(lambda: next(training))) == {1}
    assert threads_of_blas() == several_threads


@pytest.fixture
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and whatever the environment says."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_cores", lambda: 16)
    monkeypatch.setattr(threads, "_quota", lambda folder: 16)


QUOTAS: dict[str, tuple[dict[str, str], int]] = {
    "none that is known": ({}, 16),
    "version 2": ({"cpu.max": "250000 100000\n"}, 3),
    "version 2, half a core": ({"cpu.max": "50000 100000\n"}, 1),
    "version 2, no limit": ({"cpu.max": "max 100000\n"}, 16),
    "version 2, more than there are": ({"cpu.max": "6400000 100000\n"}, 16),
    "version 1": ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
    "version 1, no limit": ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "1\n"}, 16),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_a_container_uses_the_cores_it_is_given_time_for(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, cores = QUOTAS[case]
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(threads, "_cores", lambda: 16)
    assert threads.available_cores() == cores


def test_a_process_uses_no_more_cores_than_it_is_told(
    several_threads: list[int], sixteen_cores: None
) -> None:
    with threads.cores_at_most(2):
        assert threads.available_cores() == 2
        assert {*threads_of_blas()} == {2}
        assert in_another_thread(threads_of_blas) == threads_of_blas()
        with threads.cores_at_most(5), worker_threads(by_blas=False) as ours:
            assert ours == threads.available_cores() == 2
            assert {*threads_of_blas()} == {2}
    assert threads.available_cores() == 16
    assert threads_of_blas() == several_threads


@pytest.mark.parametrize(
    ("told", "cores"), [("3", 3), ("2,1", 2), ("64", 16), ("", 16), ("0", 16), ("all", 16)]
)
def test_a_process_uses_no_more_cores_than_its_environment_says(
    told: str, cores: int, sixteen_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert threads.available_cores() == cores


def test_what_is_multiplied_by_blas_is_in_one_thread_each(
    several_threads: list[int], sixteen_cores: None
) -> None:
    with worker_threads(by_blas=False) as ours:
        assert ours == 16
        assert threads_of_blas() == several_threads
    with worker_threads(by_blas=True) as ours:
        assert ours == 16
        assert {*threads_of_blas()} == {1}
    assert threads_of_blas() == several_threads


def works() -> int:
    with worker_threads(by_blas=False) as ours:
        return ours


def test_those_who_work_at_once_have_no_more_threads_than_cores(sixteen_cores: None) -> None:
    with threads_each_at_most(5):
        with worker_threads(by_blas=False) as ours:
            assert (ours, in_another_thread(works)) == (5, 5)
        assert works() == 5
    with threads.cores_at_most(6), threads_each_at_most(4), worker_threads(by_blas=False):
        assert in_another_thread(works) == 2
        with worker_threads(by_blas=False):
            assert in_another_thread(works) == 1
    assert works() == 16


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_leaves_the_child_the_cores_of_those_it_has_not(sixteen_cores: None) -> None:
    others = worker_threads(by_blas=False)
    in_another_thread(others.__enter__)
    assert works() == 1
    child = os.fork()
    if not child:
        os._exit(works() != 16)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    in_another_thread(lambda: others.__exit__(None, None, None))
    assert works() == 16
