"""Parts that cores share: each done once, all of them done, and the same bits whoever does them."""

import copy
import time
from threading import Thread
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines import threads
from handgrad.engines.compiled import parallel_loops, workers
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.llvm import compiled_function
from handgrad.engines.compiled.loops import (
    Expression,
    For,
    Let,
    Load,
    Parts,
    Statement,
    Store,
    Var,
    outer_variables,
    source,
    walk,
    whole,
)
from handgrad.engines.compiled.program import WORKERS, Parameter, Program
from handgrad.engines.compiled.runner import Calls, NativeCall
from handgrad.engines.compiled.workers import Workers
from handgrad.engines.threads import blas_threads, one_thread_each
from tests.engines.one_epoch import engine_of, run_epoch
from tests.engines.test_compiled import compare

COUNT = 7


@pytest.fixture
def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut whatever can be cut, into parts that do not come out even."""
    for name, value in {"NUMBERS": 4, "MULTIPLICATIONS": 8, "LINE": 2}.items():
        monkeypatch.setattr(parallel_loops, name, value)
    monkeypatch.setattr(parallel_loops, "available_cores", lambda: 3)


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


def parts_of(net: hg.Net, x: Any, y: Any, batch_size: int) -> list[Parts]:
    engine = engine_of(CompiledEngine, net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, batch_size)
    return [part for part in walk(engine.run.program.body) if isinstance(part, Parts)]


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
    monkeypatch.setattr(parallel_loops, "available_cores", lambda: 2)
    net = hg.Net(hg.Linear(784, 256, rng=0), hg.ReLU(), hg.Linear(256, 10, rng=1), hg.Softmax())
    x, y = np.zeros((128, 784), np.float32), np.zeros(128, np.int64)
    text = "\n".join(source(parts_of(net, x, y, 128)))
    # the rows gathered, x Wᵀ, z + b and relu, relu's dx, dW, the update; not the ten classes
    assert text.count("parts(2)") == text.count("for p")
    assert text.count("matrix_product(") == 2
    assert "matrix_product(n, minimum(128, 256 - p" not in text  # all parts are known to be full
    assert "parameters[" in text


def test_the_last_part_may_be_smaller_or_empty(in_small_parts: None) -> None:
    loop = For("i", Var("n", "int"), [])
    cut = parallel_loops.loop_in_parts(_Counting(), loop, 10, 10)  # type: ignore[arg-type]
    text = source([cut])
    assert text[0] == "for p0 in parts(2):"
    assert text[1] == "    for i in range(p0 * 6, minimum(p0 * 6 + 6, n)):"


class _Counting:
    def new(self, prefix: str) -> Var:
        return Var(f"{prefix}0", "int")


def test_a_part_is_given_the_variables_it_reads_and_not_its_own() -> None:
    inner = For("j", Var("n", "int"), [Let("t", Load("X", Var("j", "int"), "float"))])
    stored = Store("Y", Var("start", "int") + Var("p", "int"), Var("t", "float"))
    parts = Parts("p", 2, [inner, stored])
    assert [variable.name for variable in outer_variables(parts)] == ["n", "start"]


def counting_program(jobs_in_a_row: int) -> Program:
    """In each of many jobs every part adds one to its own number, and writes down the job."""
    part, job = Var("p", "int"), Var("job", "int")
    place: Expression = job * whole(COUNT) + part
    body = Parts(
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


@pytest.mark.parametrize("helpers", [0, 1, 3])
def test_every_part_of_every_job_is_done_once(helpers: int) -> None:
    n = 200_000
    run, memory = compiled_function(counting_program(n)), Workers().memory
    done, noted = np.zeros(COUNT, np.int64), np.zeros(n * COUNT, np.int64)
    calls = Calls([NativeCall(run, (done, noted, memory))])
    memory[workers.HELPERS] = helpers
    helping = [
        Thread(target=workers._help(), args=(memory.ctypes.data,), daemon=True)
        for _ in range(helpers)
    ]
    for thread in helping:
        thread.start()
    time.sleep(0.1)  # so that they are there before the first job
    calls.run()
    memory[workers.STOP] = 1
    for thread in helping:
        thread.join(20)
        assert not thread.is_alive()
    np.testing.assert_array_equal(done, n)
    np.testing.assert_array_equal(
        noted.reshape(n, COUNT), np.arange(1, n + 1)[:, None] + [0] * COUNT
    )


def slow_program(jobs_in_a_row: int, size: int) -> Program:
    """In each job both parts go through many numbers, then write the job down; both are added."""
    part, job, k, total = (Var(name, "int") for name in ("p", "job", "k", "total"))
    once = For("k", whole(size), [Let("total", total + Load("X", k, "int"))])
    through = For("again", whole(25), [once])
    written = Store("W", part, job + whole(1) + total)
    both = Load("W", whole(0), "int") + Load("W", whole(1), "int")
    body: list[Statement] = [
        Parts("p", 2, [Let("total", whole(0)), through, written]),
        Store("V", job, both),
    ]
    parameters = tuple(Parameter(name, "int") for name in ("X", "W", "V", WORKERS))
    loop = For("job", whole(jobs_in_a_row), body)
    return Program("slow", parameters, [loop], np.dtype(np.float32))


def test_what_follows_a_job_waits_for_the_parts_of_others() -> None:
    n, size = 20, 2_000_000
    run, memory = compiled_function(slow_program(n, size)), Workers().memory
    written, added = np.zeros(2, np.int64), np.zeros(n, np.int64)
    calls = Calls([NativeCall(run, (np.zeros(size, np.int64), written, added, memory))])
    memory[workers.HELPERS] = 1
    helper = Thread(target=workers._help(), args=(memory.ctypes.data,), daemon=True)
    helper.start()
    time.sleep(0.1)  # so that it is there before the first job
    calls.run()
    memory[workers.STOP] = 1
    helper.join(20)
    assert not helper.is_alive()
    np.testing.assert_array_equal(added, 2 * np.arange(1, n + 1))


def test_the_bits_do_not_depend_on_who_helps(
    in_small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = rows(203, np.float32)
    found = []
    for helpers in (0, 1, 3):
        monkeypatch.setattr(threads, "available_cores", lambda: helpers + 1)  # noqa: B023
        net = classifier(np.float32)
        engine = engine_of(CompiledEngine, net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 16)
        for _ in range(5):
            run_epoch(engine, np.arange(203))
        found.append(net.parameters.copy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


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


def blas() -> list[int]:
    return [library.count() for library, _ in threads._limits.before]


def test_blas_has_one_thread_meanwhile_and_its_own_number_afterwards() -> None:
    with blas_threads(2):
        before = blas()
        with one_thread_each() as ours:
            assert {*blas()} == {1}
            assert 1 <= ours <= 2
            with one_thread_each() as others:
                assert others == ours
            assert {*blas()} == {1}
        assert blas() == before


def test_who_allows_blas_one_thread_has_no_helpers() -> None:
    with blas_threads(1), one_thread_each() as ours:
        assert ours == 1


def test_helpers_go_home_after_an_error() -> None:
    crew = Workers()
    with pytest.raises(KeyboardInterrupt), crew.at_work():
        raise KeyboardInterrupt
    assert crew.memory[workers.STOP] == 1
    assert crew.memory[workers.HELPERS] == 0
