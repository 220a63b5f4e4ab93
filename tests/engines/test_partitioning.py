"""Parts that cores share: each done once, all of them done, and the same bits whoever does them."""

import copy
import gc
import os
from collections.abc import Iterator
from threading import Thread
from typing import Any

import llvmlite.binding
import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled import machine_code, parallel_for, pool_memory, thread_pool
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.ir_helpers import has_fma
from handgrad.engines.compiled.llvm import compiled_function
from handgrad.engines.compiled.runner import CallSequence, NativeCall
from handgrad.engines.compiled.thread_pool import ThreadPool
from handgrad.engines.fingerprint import TRACES
from handgrad.engines.loops import partitioning
from handgrad.engines.loops.ir import (
    Expression,
    For,
    Let,
    Load,
    ParallelFor,
    Statement,
    Store,
    Var,
    outer_names,
    walk,
    whole,
)
from handgrad.engines.loops.printing import source
from handgrad.engines.loops.program import WORKERS, Parameter, Program
from handgrad.engines.loops.target import TargetInfo
from handgrad.graph import threads
from tests.engines.against_eager import compare
from tests.engines.one_epoch import engine_of, run_epoch
from tests.waiting import HANG

COUNT = 7


@pytest.fixture
def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut whatever can be cut, into parts that do not come out even."""
    for name, value in {"NUMBERS": 4, "MULTIPLICATIONS": 8, "LINE": 2}.items():
        monkeypatch.setattr(partitioning, name, value)
    monkeypatch.setattr(machine_code, "available_cores", lambda: 3)


def classifier(dtype: Any = np.float64) -> hg.Net:
    return hg.Net(
        hg.Linear(5, 33, rng=0, dtype=dtype),
        hg.Tanh(),
        hg.Linear(33, 17, rng=1, dtype=dtype),
        hg.ReLU(),
        hg.Linear(17, 3, rng=2, dtype=dtype),
        hg.Softmax(),
    )


def rows(n: int, dtype: Any = np.float64) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    return rng.standard_normal((n, 5)).astype(dtype), rng.integers(0, 3, n)


def parts_of(net: hg.Net, x: Any, y: Any, batch_size: int) -> list[ParallelFor]:
    engine = engine_of(CompiledEngine, net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, batch_size)
    return [part for part in walk(engine.run.program.body) if isinstance(part, ParallelFor)]


@pytest.mark.parametrize("python", [True, False], ids=["as Python", "as machine code"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "batch_size"), [(16, 16), (17, 16), (30, 16), (11, 4), (5, 16)])
def test_what_is_cut_in_parts_is_what_the_pages_say(
    n: int, batch_size: int, dtype: Any, python: bool, in_small_parts: None
) -> None:
    net, (x, y) = classifier(dtype), rows(n, dtype)
    assert len(parts_of(net, x, y, batch_size)) > 10
    compare(net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, batch_size, python=python)


def test_small_nets_are_not_cut() -> None:
    assert parts_of(classifier(), *rows(100), batch_size=32) == []


def test_large_nets_are_cut_where_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "available_cores", lambda: 2)
    net = hg.Net(hg.Linear(784, 256, rng=0), hg.ReLU(), hg.Linear(256, 10, rng=1), hg.Softmax())
    x, y = np.zeros((128, 784), np.float32), np.zeros(128, np.int64)
    text = "\n".join(source(parts_of(net, x, y, 128)))
    # loops over the hidden numbers of all rows; products are cut where they are packed, or for BLAS
    assert text.count("parts(2)") == text.count("for p") > 0
    assert ("matrix_product(" in text) == (not has_fma())


def test_the_last_part_may_be_smaller_or_empty(in_small_parts: None) -> None:
    loop = For("i", Var("n", "int"), [])
    cut = partitioning.partition_loop(_Counting(), loop, 10, 10)  # type: ignore[arg-type]
    text = source([cut])
    assert text[0] == "for p0 in parts(2):"
    assert text[1] == "    for i in range(p0 * 6, minimum(p0 * 6 + 6, n)):"


class _Counting:
    target = TargetInfo(rounds_once=True, max_parts=2)

    def new(self, prefix: str) -> Var:
        return Var(f"{prefix}0", "int")


def test_a_part_is_given_the_buffers_and_variables_it_uses_and_not_its_own() -> None:
    inner = For("j", Var("n", "int"), [Let("t", Load("X", Var("j", "int"), "float"))])
    stored = Store("Y", Var("start", "int") + Var("p", "int"), Var("t", "float"))
    buffers, variables = outer_names([inner, stored], ["p"])
    assert buffers == {"X", "Y"}
    assert [variable.name for variable in variables] == ["n", "start"]


def counting_program(jobs_in_a_row: int) -> Program:
    """In each of many jobs every part adds one to its own number, and writes down the job."""
    part, job = Var("p", "int"), Var("job", "int")
    place: Expression = job * whole(COUNT) + part
    body = ParallelFor(
        "p",
        COUNT,
        [
            Store("W", part, Load("W", part, "int") + whole(1)),
            Store("V", place, Load("V", place, "int") + (job + whole(1))),
        ],
    )
    parameters = tuple(Parameter(name, "int") for name in ("W", "V", WORKERS))
    loop = For("job", whole(jobs_in_a_row), [body])
    return Program("count", parameters, [loop], np.dtype(np.float32))


def assert_each_part_is_done_once(
    pool: ThreadPool, jobs: int, workers: int, calls: int = 1
) -> None:
    run = compiled_function(counting_program(jobs))
    done, noted = np.zeros(COUNT, np.int64), np.zeros(jobs * COUNT, np.int64)
    planned = CallSequence([NativeCall(run, (done, noted, pool.memory))])
    for _ in range(calls):
        with pool.running(workers + 1):
            planned.run()
    np.testing.assert_array_equal(done, calls * jobs)
    np.testing.assert_array_equal(
        noted.reshape(jobs, COUNT), calls * np.arange(1, jobs + 1)[:, None] + [0] * COUNT
    )


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_every_part_of_every_job_is_done_once(workers: int) -> None:
    assert_each_part_is_done_once(ThreadPool(), 200_000, workers)


def test_workers_come_and_go_between_the_calls() -> None:
    pool = ThreadPool()
    for workers in [0, 2, 1, 0, 3, 3, 1]:
        assert_each_part_is_done_once(pool, 300, workers, calls=10)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Thread]:
    """The threads that become workers."""
    found: list[Thread] = []

    class Noted(Thread):
        def start(self) -> None:
            super().start()
            found.append(self)

    monkeypatch.setattr(thread_pool, "Thread", Noted)
    return found


def test_workers_park_between_calls_and_stop_with_the_training(begun: list[Thread]) -> None:
    pool = ThreadPool()
    assert_each_part_is_done_once(pool, 10, workers=2, calls=50)
    if thread_pool.can_park():
        assert len(begun) == 2
        assert all(thread.is_alive() for thread in begun)
    del pool
    gc.collect()
    for thread in begun:
        thread.join(HANG)
        assert not thread.is_alive()


def slow_program(jobs_in_a_row: int, size: int) -> Program:
    """Each job's parts go through many numbers, the last longer, and write down the job.

    What they wrote is added up, and the numbers once more, by one thread.
    """
    part, job, k, total = (Var(name, "int") for name in ("p", "job", "k", "total"))
    once = For("k", whole(size), [Let("total", total + Load("X", k, "int"))])
    through = For("again", whole(25) - part * whole(15), [once])
    written = Store("W", part, job + whole(1) + total)
    both = Load("W", whole(0), "int") + Load("W", whole(1), "int")
    body: list[Statement] = [
        ParallelFor("p", 2, [Let("total", whole(0)), through, written]),
        Let("total", whole(0)),
        once,
        Store("V", job, both + total),
    ]
    parameters = tuple(Parameter(name, "int") for name in ("X", "W", "V", WORKERS))
    loop = For("job", whole(jobs_in_a_row), body)
    return Program("slow", parameters, [loop], np.dtype(np.float32))


@pytest.mark.parametrize(("n", "size"), [(20, 2_000_000), (300, 200_000)])
def test_a_thread_that_waits_for_long_parks_and_is_woken(n: int, size: int) -> None:
    run, pool = compiled_function(slow_program(n, size)), ThreadPool()
    written, added = np.zeros(2, np.int64), np.zeros(n, np.int64)
    calls = CallSequence([NativeCall(run, (np.zeros(size, np.int64), written, added, pool.memory))])
    with pool.running(2):
        calls.run()
    np.testing.assert_array_equal(added, 2 * np.arange(1, n + 1))
    if thread_pool.can_park():
        assert pool.memory[pool_memory.WORK_EVENT + pool_memory.NOTIFICATIONS] > 0


def test_the_bits_do_not_depend_on_the_number_of_workers(
    in_small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = rows(203, np.float32)
    found = []
    for workers in (0, 1, 3):
        monkeypatch.setattr(threads, "_cores", lambda: workers + 1)  # noqa: B023
        net = classifier(np.float32)
        engine = engine_of(CompiledEngine, net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 16)
        for _ in range(5):
            run_epoch(engine, np.arange(203))
        found.append(net.parameters.copy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_do_not_depend_on_the_number_of_parts(
    dtype: Any, in_small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_fma():
        pytest.skip("BLAS multiplies here, whose bits nobody promises")
    monkeypatch.setattr(partitioning, "MULTIPLICATIONS", 2**40)  # packed ones cut themselves
    rng = np.random.default_rng(0)
    x, y, found = rng.standard_normal((203, 16)).astype(dtype), rng.integers(0, 16, 203), []
    for count in (1, 2, 3, 8):
        monkeypatch.setattr(machine_code, "available_cores", lambda: count)  # noqa: B023
        TRACES.entries.clear()
        layers = hg.Linear(16, 48, rng=0), hg.Tanh(), hg.Linear(48, 16, rng=1), hg.Softmax()
        net = hg.Net(*layers, dtype=dtype)
        cut = parts_of(net, x, y, 16)
        assert len(cut) > 5 if count > 1 else not cut
        engine = engine_of(CompiledEngine, net, hg.CrossEntropyLoss(), hg.Adam(0.01), x, y, 16)
        assert not engine.by_blas
        for _ in range(3):
            run_epoch(engine, np.arange(203))
        found.append(net.parameters.copy())
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_many_large_nets_at_once_give_the_bits_of_one_alone(engine: Any, dtype: Any) -> None:
    x = np.random.default_rng(0).standard_normal((256, 300)).astype(dtype)
    y = np.random.default_rng(1).integers(0, 10, 256)
    layers = (hg.Linear(300, 400, rng=0), hg.Tanh(), hg.Linear(400, 10, rng=1), hg.Softmax())
    net = hg.Net(*layers, dtype=dtype)
    usual: dict[str, Any] = {
        "data": (x, y),
        "loss": hg.CrossEntropyLoss(),
        "optimizer": hg.SGD(0.1),
        "epochs": 3,
        "batch_size": 128,
        "engine": engine,
        "validation": (x[:200], y[:200]),
    }
    nets = [copy.deepcopy(net) for _ in range(5)]
    alone = hg.fit(nets[0], usual["data"], rng=0, **{k: v for k, v in usual.items() if k != "data"})
    for group, at_once in ((nets[1:2], 1), (nets[2:], 2)):
        histories = hg.fit_many([{"net": n, "rng": 0} for n in group], threads=at_once, **usual)
        for one, history in zip(group, histories, strict=True):
            np.testing.assert_array_equal(one.parameters, nets[0].parameters)
            assert [r.validation_loss for r in history] == [r.validation_loss for r in alone]
    found = hg.evaluate(nets[0], usual["validation"], loss=hg.CrossEntropyLoss(), engine=engine)
    assert found.loss == alone[-1].validation_loss


def test_where_the_system_has_no_more_threads_those_there_are_do_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = 0

    class Scarce(Thread):
        def start(self) -> None:
            nonlocal begun
            if begun == 2:
                raise RuntimeError("can't start new thread")
            super().start()
            begun += 1

    monkeypatch.setattr(thread_pool, "Thread", Scarce)
    pool = ThreadPool()
    for workers, there in ((1, 1), (3, 2), (2, 2)):
        with pool.running(workers + 1):
            assert pool.memory[pool_memory.WORKER_COUNT] == there
        assert_each_part_is_done_once(pool, 100, workers)
        if not thread_pool.can_park():
            begun = 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_after_a_fork_the_child_has_workers_of_its_own() -> None:
    pool = ThreadPool()
    assert_each_part_is_done_once(pool, 1000, workers=2)
    child = os.fork()
    if not child:
        found = 1
        try:
            assert_each_part_is_done_once(pool, 1000, workers=2)
            found = pool.workers - 2 if thread_pool.can_park() else 0
        finally:
            os._exit(found)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert_each_part_is_done_once(pool, 1000, workers=2)


OTHER_SYSTEMS = {
    "aarch64-unknown-linux-gnu": (["i64 98", "aarch64.isb"], ["sched_yield"]),
    "arm64-apple-darwin23": (["aarch64.isb", "__ulock_wait"], ["syscall", "sched_yield"]),
    "x86_64-pc-windows-msvc": (["x86.sse2.pause", "WaitOnAddress"], ["syscall", "sched_yield"]),
    "riscv64-unknown-linux-gnu": (["sched_yield"], ["syscall", "pause"]),
}


@pytest.mark.parametrize("triple", OTHER_SYSTEMS)
def test_other_systems_are_asked_for_what_they_have(
    triple: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llvmlite.binding, "get_process_triple", lambda: triple)
    text = parallel_for.worker_text()
    found, missing = OTHER_SYSTEMS[triple]
    assert all(word in text for word in found)
    assert not any(word in text for word in missing)


@pytest.fixture
def no_parking(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system on which no thread can park; its machine code has other names."""
    monkeypatch.setattr(pool_memory, "FUTEX", {})
    for name, function in {"WORKER": thread_pool._worker, "STOP": thread_pool._stop}.items():
        monkeypatch.setattr(pool_memory, name, f"{name.lower()}_spinning")
        function.cache_clear()
    yield
    for function in (thread_pool._worker, thread_pool._stop):
        function.cache_clear()


def test_where_no_thread_can_park_workers_start_anew_for_each_call(
    no_parking: None, begun: list[Thread]
) -> None:
    pool = ThreadPool()
    assert_each_part_is_done_once(pool, 2001, workers=2, calls=10)
    assert len(begun) == 20
    for thread in begun:
        thread.join(HANG)
        assert not thread.is_alive()


def test_workers_rest_after_an_error() -> None:
    pool = ThreadPool()
    with pytest.raises(KeyboardInterrupt), pool.running(2):
        raise KeyboardInterrupt
    assert pool.memory[pool_memory.WORKER_COUNT] == 0
    assert_each_part_is_done_once(pool, 1000, workers=1)
