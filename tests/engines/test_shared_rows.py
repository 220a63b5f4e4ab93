"""Products of matrices side by side: a call for each, and what NumPy gives."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled import machine_code
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.loops import partitioning
from handgrad.graph import threads
from tests.engines.one_epoch import KINDS, engine_of, run_epoch

SIZES = (20, 24, 3)


def engines(dtype: Any, *, python: bool = False) -> list[Any]:
    rng = np.random.default_rng(0)
    x, y = (
        rng.standard_normal((50, 3, 20)).astype(dtype),
        rng.standard_normal((50, 3, 24)).astype(dtype),
    )
    made: list[Any] = []
    for kind in KINDS:
        net = hg.Net(
            hg.layers.FeatureScale((3, 20), dtype=dtype),
            hg.tables.EnsembleLinear(*SIZES, rng=0, dtype=dtype),
        )
        made.append(engine_of(kind, net, hg.MSELoss(), hg.SGD(0.1), x, y, 16))
    if python:
        made[1].run = PythonRunner(made[1].run.program)
    return made


def assert_alike(eager: Any, compiled: Any, tolerance: float) -> None:
    order = np.random.default_rng(1).permutation(50)  # the last batch has two rows
    for engine in (eager, compiled):
        run_epoch(engine, order)
    np.testing.assert_allclose(compiled.net.parameters, eager.net.parameters, tolerance, tolerance)
    np.testing.assert_allclose(compiled.net.gradients, eager.net.gradients, tolerance, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-11), (np.float32, 1e-4)])
@pytest.mark.parametrize("python", [False, True])
def test_both_engines_compute_the_same(dtype: Any, tolerance: float, python: bool) -> None:
    eager, compiled = engines(dtype, python=python)
    assert_alike(eager, compiled, tolerance)


def test_each_member_has_its_matrix_product() -> None:
    source = engines(np.float32)[1].run.program.source()
    products = [line for line in source.split("\n") if "matrix_product" in line]
    assert len(products) == 3  # u, dW, and dx for the scale
    assert source.count("in range(3):\n") >= 3


def test_large_ones_are_shared_by_the_cores(monkeypatch: Any) -> None:
    monkeypatch.setattr(machine_code, "available_cores", lambda: 2)
    monkeypatch.setattr(threads, "available_cores", lambda: 2)
    monkeypatch.setattr(partitioning, "MULTIPLICATIONS", 2**12)
    eager, compiled = engines(np.float64)
    source = compiled.run.program.source()
    lines = source.split("\n")
    shared = [i for i, line in enumerate(lines) if "matrix_product" in line]
    assert len(shared) == 3
    for i in shared:
        assert "parts(2)" in lines[i - 2]
        assert lines[i - 1].strip().startswith("for m")
    assert_alike(eager, compiled, 1e-11)
