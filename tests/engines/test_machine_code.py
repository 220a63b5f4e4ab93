"""Machine code in memory: loaded once, and gone with the last that runs it."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines import fingerprint
from handgrad.engines.compiled import machine_code
from handgrad.engines.compiled.llvm import compiled_function
from handgrad.engines.compiled.runner import CallSequence, NativeCall
from handgrad.engines.loops.ir import Num, Store, whole
from handgrad.engines.loops.program import Parameter, Program

MAPS = Path("/proc/self/maps")
FITS = 30


def taken() -> int:
    """How many pieces of memory the process has beside files; or, where nobody says, functions."""
    gc.collect()
    if not MAPS.exists():
        return len(machine_code.in_memory)
    return sum(len(line.split()) < 6 for line in MAPS.read_text().splitlines())


def writing(number: float) -> Program:
    """A program that writes down a number."""
    store, dtype = Store("V", whole(0), Num(number, "float")), np.dtype(np.float64)
    return Program("write", (Parameter("V", "float"),), [store], dtype)


def fit(width: int) -> hg.Net:
    net = hg.Net(hg.Linear(3, width, rng=0), hg.Tanh(), hg.Linear(width, 2, rng=1))
    x = np.random.default_rng(0).standard_normal((9, 3))
    optimizer, loss = hg.SGD(0.1), hg.SoftmaxCrossEntropyLoss()
    hg.fit(net, (x, np.arange(9) % 2), loss=loss, optimizer=optimizer, epochs=2, engine="compiled")
    return net


def test_many_fits_of_one_program_take_no_more_memory_than_one() -> None:
    fit(4)
    before = taken()
    for _ in range(FITS):
        fit(4)
    assert taken() < before + FITS


@pytest.mark.slow
def test_the_memory_of_programs_that_nobody_runs_any_more_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fingerprint, "MAX_TRACES", 1)
    fit(4)
    before = taken()
    for width in range(5, 5 + FITS):
        fit(width).predict(np.ones((1, 3)), engine="compiled")
    assert taken() < before + FITS


def test_the_same_program_is_loaded_once_for_as_long_as_somebody_has_it() -> None:
    first, second = (compiled_function(writing(7.0)) for _ in range(2))
    assert first is second
    known = len(machine_code.in_memory)
    del first, second
    gc.collect()
    assert len(machine_code.in_memory) == known - 1


def test_a_function_lives_as_long_as_the_calls_that_were_planned() -> None:
    x: Any = np.zeros(1)
    calls = CallSequence([NativeCall(compiled_function(writing(8.0)), (x,))])
    gc.collect()
    calls.run()
    assert x == 8.0
