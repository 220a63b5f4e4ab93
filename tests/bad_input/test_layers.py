"""Layers and nets refuse what they cannot be made of, or given."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused


@pytest.mark.parametrize("seed", [-1, "a", True, 1.5])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(hg.SettingError, match=r"(?s)rng=.*expected: .*whole number.*try: "):
        hg.Linear(2, 2, rng=seed)
    with pytest.raises(hg.SettingError, match=r"(?s)rng=.*expected: .*whole number.*try: "):
        hg.Net(hg.Tanh()).seed(seed)


@pytest.mark.parametrize("dtype", [np.int32, "floaty", np.float16, int])
def test_a_type_that_is_not_floating_is_refused(dtype: Any) -> None:
    for make in (lambda: hg.Linear(2, 2, dtype=dtype), lambda: hg.Net(hg.Tanh(), dtype=dtype)):
        with pytest.raises(hg.SettingError, match="float32 or float64"):
            make()


@pytest.mark.parametrize("dtype", [np.float64, "float64", np.dtype("float64")])
def test_a_type_may_be_spelled_as_numpy_does(dtype: Any) -> None:
    assert hg.Linear(2, 2, dtype=dtype).W.dtype == np.float64


def test_an_initializer_that_draws_another_shape_is_refused() -> None:
    with pytest.raises(hg.ShapeError, match=r"(?s)shape \(2,\).*expected: .*\(3, 2\)"):
        hg.Linear(2, 3, initializer=lambda shape, rng: np.zeros(2))


@pytest.mark.parametrize("slope", ["x", None, float("nan"), True])
def test_a_slope_that_is_no_number_is_refused(slope: Any) -> None:
    with pytest.raises(hg.SettingError, match="the slope below zero"):
        hg.LeakyReLU(slope)


@pytest.mark.parametrize("a", ["x", None, float("inf"), True])
def test_an_end_that_is_no_number_is_refused(a: Any) -> None:
    with pytest.raises(hg.SettingError, match="where ELU ends"):
        hg.ELU(a)


@pytest.mark.parametrize(
    "rows", [[["a", "b"]], [], [[1.0, float("nan")]], [1.0, 2.0], np.zeros((0, 3)), [[1, 2], [1]]]
)
def test_rows_that_cannot_be_standardized_are_refused(rows: Any) -> None:
    with pytest.raises(hg.DataError, match=r"(?s)expected: finite numbers, \(rows, features\)"):
        hg.Standardize.of(rows)


@pytest.mark.parametrize(
    ("x", "kind", "says"),
    [
        ([[1, 2], [1]], hg.DataError, "rows of different lengths"),
        ((), hg.ShapeError, "an empty tuple"),
        ([[1e300, 1]], hg.DataError, "NaN or infinity as float32"),
        ([[np.nan, 1]], hg.DataError, "NaN or infinity as float32"),
        ((np.zeros((3, 2)), np.zeros((3, 2))), hg.ShapeError, "a tuple of 2 arrays"),
        ([["a", "b"]], hg.DataError, "an array of type"),
    ],
)
def test_what_cannot_be_predicted_is_refused(x: Any, kind: Any, says: str) -> None:
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    with refused(kind, says, net=net):
        net.predict(x)
