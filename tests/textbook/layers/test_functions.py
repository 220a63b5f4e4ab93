"""The functions that NumPy has not are what the textbook says, recorded as one operation."""

import math
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph.operations import Op
from handgrad.graph.passes import optimized
from handgrad.textbook.special_functions import ERF, erf, log2, power

X = np.concatenate([np.linspace(-10, 10, 4001), [-np.inf, np.inf, 0.0, 1e-300, -1e-30]])


@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-15), (np.float32, 6e-7)])
def test_erf_is_the_error_function_to_the_last_digits(dtype: Any, error: float) -> None:
    x = X.astype(dtype)
    found = erf(x)
    assert found.dtype == dtype
    expected = [math.erf(value) for value in x]
    np.testing.assert_allclose(found.astype(float), expected, rtol=0, atol=error)
    assert np.isnan(erf(np.array([np.nan], dtype))).all()
    np.testing.assert_array_equal(erf(-x), -found)


def test_erf_takes_arrays_of_any_shape_and_numbers() -> None:
    assert erf(X[:6].reshape(2, 1, 3)).shape == (2, 1, 3)
    half: Any = np.float32(0.5)
    assert erf(half).dtype == np.float32
    assert erf(half) == erf(np.array([0.5], np.float32))[0]


@pytest.mark.parametrize("dtype", ERF)
def test_its_coefficients_are_the_cosine_sums_of_the_source(dtype: str) -> None:
    length, coefficients = ERF[dtype]
    n = len(coefficients)
    assert length == math.sqrt(n / math.sqrt(2))
    theta = np.pi * np.arange(1 - 2 * n, 2 * n) / (2 * n)
    t = length * np.tan(theta / 2)
    cosines = np.cos(np.outer(np.arange(n, 0, -1), theta))
    sums = cosines @ (np.exp(-(t**2)) * (length**2 + t**2)) / (4 * n)
    np.testing.assert_allclose(coefficients, sums, rtol=0, atol=1e-14)


@pytest.mark.parametrize("training", [True, False])
def test_it_is_one_operation_from_the_page_to_the_loops(training: bool) -> None:
    graph = hg.trace(hg.GELU(), training=training)
    for stage in (graph, optimized(graph)):
        assert [node.operation for node in stage.nodes].count(Op.ERF) == 1
    assert "q = (1 + erf(x * 0.707107)) / 2" in str(graph)
    assert len(graph.nodes) < 20


def test_the_printed_program_has_it_by_its_name() -> None:
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.GELU())
    assert "(1 + erf(" in hg.compiled_source(net, hg.MSELoss(), hg.SGD(0.1))


def test_log2_is_exact_for_powers_of_two_and_else_to_the_last_digits() -> None:
    exponents = np.arange(-1021, 1024)
    np.testing.assert_array_equal(log2(2.0**exponents), exponents)
    x = np.random.default_rng(0).uniform(0.4, 40, 10_000)
    np.testing.assert_allclose(log2(x), np.log2(x), rtol=2e-15, atol=2e-16)


@pytest.mark.parametrize("x", [1e-8, 0.1, 0.9, 1.0, np.e, 7.5])
def test_power_is_that_of_numpy_to_the_last_digits(x: float) -> None:
    y = np.random.default_rng(0).uniform(-10, 10, 10_000)
    np.testing.assert_allclose(power(x, y), x**y, rtol=3e-14)
    assert power(x, 0) == 1
    np.testing.assert_array_equal(power(2.0, np.arange(-9, 9)), 2.0 ** np.arange(-9, 9))
