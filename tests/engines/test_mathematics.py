"""The functions written out in arithmetic are as exact as their type, to the ends of its range."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from handgrad.engines.loops.functions.function import function
from handgrad.engines.loops.ir import Call, For, Load, Store, Var
from handgrad.engines.loops.program import Parameter, Program
from tests.engines import calling

DTYPES = [np.float32, np.float64]


@pytest.fixture(params=["machine_code", "portable_code"], autouse=True)
def _with_fma_or_without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    function.cache_clear()  # each test by itself is one of how they are written
    monkeypatch.setattr(calling, "machine_code", getattr(calling, request.param))


def compiled(operation: str, dtype: Any) -> Callable[[Any], Any]:
    """The function as machine code, of arrays."""
    i = Var("i", "int")
    store = Store("V", i, Call(operation, (Load("U", i, "float"),), "float"))
    parameters = (
        Parameter("n", "int", buffer=False),
        Parameter("U", "float"),
        Parameter("V", "float"),
    )
    body = For("i", Var("n", "int"), [store])
    program = Program("apply", parameters, [body], np.dtype(dtype))
    run = calling.machine_code(program)

    def function(x: Any) -> Any:
        given = np.ascontiguousarray(x, dtype)
        found = np.zeros_like(given)
        run(len(given), given, found)
        return found

    return function


def power(dtype: Any) -> Callable[[Any, Any], Any]:
    """Powers by machine code, of two arrays."""
    i = Var("i", "int")
    value = Call("power", (Load("X", i, "float"), Load("Y", i, "float")), "float")
    arrays = (Parameter("X", "float"), Parameter("Y", "float"), Parameter("Z", "float"))
    body = For("i", Var("n", "int"), [Store("Z", i, value)])
    parameters = (Parameter("n", "int", buffer=False), *arrays)
    run = calling.machine_code(Program("apply", parameters, [body], np.dtype(dtype)))

    def function(x: Any, y: Any) -> Any:
        x, y = (np.ascontiguousarray(a, dtype) for a in np.broadcast_arrays(x, y))
        found = np.zeros_like(x)
        run(x.size, x.ravel(), y.ravel(), found.ravel())
        return found

    return function


def error(operation: str, x: Any) -> float:
    """The largest error, in distances from one number of the type to the next."""
    exact = getattr(np, operation)(x.astype(np.longdouble))
    found = compiled(operation, x.dtype)(x)
    return float((np.abs(found - exact) / np.spacing(np.abs(exact.astype(x.dtype)))).max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_is_exact_over_its_whole_range(dtype: Any) -> None:
    lowest, highest = (-103, 88.7) if dtype == np.float32 else (-745, 709.7)
    x = np.concatenate([np.linspace(lowest, highest, 100_001), np.linspace(-1, 1, 20_001)])
    assert error("exp", x.astype(dtype)) < 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_is_exact_over_its_whole_range(dtype: Any) -> None:
    numbers = np.finfo(dtype)
    whole = np.geomspace(numbers.smallest_subnormal, numbers.max, 100_001, dtype=np.longdouble)
    x = np.concatenate([whole[:-1], np.linspace(0.5, 2, 50_001), 1 + np.geomspace(1e-15, 0.1, 999)])
    x = x.astype(dtype)
    assert error("log", x[x != 1]) < 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_erf_is_exact_over_its_whole_range(dtype: Any) -> None:
    x = np.concatenate([np.linspace(-7, 7, 10_001), [-np.inf, np.inf, 1e-30, 0.0]]).astype(dtype)
    found = compiled("erf", dtype)(x)
    error = np.abs(found - [math.erf(value) for value in x]).max()
    assert error < {np.float32: 4e-7, np.float64: 1e-15}[dtype]
    np.testing.assert_array_equal(compiled("erf", dtype)(-x), -found)
    assert np.isnan(compiled("erf", dtype)(np.array([np.nan]))).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_expm1_is_exact_over_its_whole_range_and_close_to_zero(dtype: Any) -> None:
    highest = 88.7 if dtype == np.float32 else 709.7
    small = np.geomspace(1e-30, 1, 5001)
    x = np.concatenate([np.linspace(-60, highest, 100_001), small, -small, [highest]])
    assert error("expm1", x.astype(dtype)) < 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_log1p_is_exact_over_its_whole_range_and_close_to_zero(dtype: Any) -> None:
    small = np.geomspace(1e-30, 0.999, 5001)
    x = np.concatenate([np.geomspace(1e-30, 1e30, 50_001), -small]).astype(dtype)
    assert error("log1p", x) < 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operation", ["sin", "cos"])
def test_sin_and_cos_are_exact_for_many_turns_and_close_to_their_zeros(
    operation: str, dtype: Any
) -> None:
    quarters = np.arange(-20_000, 20_001) * (np.pi / 2)
    far = np.geomspace(1e-30, 2.0**27, 200_001)[:-1]
    x = np.concatenate([np.linspace(-50, 50, 200_001), quarters, far, -far]).astype(dtype)
    assert error(operation, x) < 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_is_never_above_one_and_one_where_nothing_is_left(dtype: Any) -> None:
    x = np.concatenate([np.linspace(-40, 40, 200_001), np.geomspace(1e-30, 1, 5001)]).astype(dtype)
    assert error("tanh", x[x != 0]) < 6
    tanh = compiled("tanh", dtype)
    assert np.abs(tanh(x)).max() == 1
    from_here = 8.2 if dtype == np.float32 else 20
    far = np.array([from_here, 30, 1e30, np.finfo(dtype).max, np.inf], dtype)
    assert (tanh(far) == 1).all()
    assert (tanh(-far) == -1).all()


def test_angles_beyond_all_meaning_are_nobodys_guess() -> None:
    x = np.array([2.0**27, -(2.0**27), 1e30, np.inf, -np.inf, np.nan])
    for operation, dtype in product(("sin", "cos"), DTYPES):
        assert np.isnan(compiled(operation, dtype)(x)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_sine_of_zero_has_its_sign(dtype: Any) -> None:
    found = compiled("sin", dtype)(np.array([0.0, -0.0]))
    np.testing.assert_array_equal(np.signbit(found), [False, True])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operation", ["exp", "expm1", "log", "log1p", "tanh"])
def test_nan_infinity_and_the_ends_of_the_range(operation: str, dtype: Any) -> None:
    x = [0, -0.0, 1, -1, np.nan, np.inf, -np.inf, 1e30, -1e30, 5e-324, 1e-45, 2000, -2000]
    x += [88.72283, 88.72284, -87.4, -103.9, -104.1, 709.78, 709.79, -708.5, -745.1, -745.2]
    given = np.array(x, dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, operation)(given)
    found = compiled(operation, dtype)(given)
    np.testing.assert_allclose(found, expected, 4 * np.finfo(dtype).eps, 0)
    exact = ~np.isfinite(expected) | (expected == 0)
    np.testing.assert_array_equal(found[exact], expected[exact])


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_are_exact_over_their_whole_range(dtype: Any) -> None:
    rng, most = np.random.default_rng(0), 87 if dtype == np.float32 else 708
    for logs in (rng.uniform(-80, 80, 100_000), np.geomspace(1e-12, 0.1, 100_000)):
        x = np.exp(logs).astype(dtype)
        x = x[x != 1]
        y = (rng.uniform(-most, most, len(x)) / np.log(x.astype(np.longdouble))).astype(dtype)
        exact = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
        with np.errstate(over="ignore"):
            known = (exact < np.finfo(dtype).max) & (exact > 0)
        distance = np.spacing(exact[known].astype(dtype))
        assert (np.abs(power(dtype)(x, y) - exact)[known] / distance).max() < 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_of_zeros_infinities_and_nan_have_the_signs_of_numpy(dtype: Any) -> None:
    some = [0, 1, 2, 3, 0.5, 1.5, 7, 1e-30, 1e30, 2**23 + 0.5, 2**24 + 1, 2.0**53, np.inf, np.nan]
    numbers = np.array([*some, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max], dtype)
    x, y = np.meshgrid(*[np.concatenate([numbers, -numbers])] * 2)
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    found = power(dtype)(x, y)
    np.testing.assert_allclose(found, expected, 2 * np.finfo(dtype).eps, 0)
    there = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[there]), np.signbit(expected[there]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_and_log_never_fall(dtype: Any) -> None:
    for operation, x in (
        ("exp", np.linspace(-20, 20, 50_001)),
        ("log", np.geomspace(0.1, 9, 5001)),
    ):
        assert (np.diff(compiled(operation, dtype)(x)) >= 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_signs_are_those_of_numpy(dtype: Any) -> None:
    x = np.array([-np.inf, -2.0, -1e-40, 1e-40, 3.0, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(compiled("sign", dtype)(x), np.sign(x))
    np.testing.assert_array_equal(
        np.signbit(compiled("sign", dtype)(np.array([0.0, -0.0]))), [False, True]
    )
