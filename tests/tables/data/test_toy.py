"""Made-up data sets: their shapes, their formulas, and that a seed says all of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

import handgrad as hg
from tests.bad_input.refused import refused

Maker = Callable[..., tuple[Any, Any]]
CLASSES: dict[str, tuple[Maker, int]] = {
    "blobs": (hg.data.make_blobs, 3),
    "moons": (hg.data.make_moons, 2),
    "circles": (hg.data.make_circles, 2),
    "xor": (hg.data.make_xor, 2),
    "spirals": (hg.data.make_spirals, 2),
}
NUMBERS: dict[str, Maker] = {"line": hg.data.make_line, "sine": hg.data.make_sine}
MAKERS: dict[str, Maker] = {name: maker for name, (maker, _) in CLASSES.items()} | NUMBERS

each_set_of_classes = pytest.mark.parametrize("name", CLASSES)
each_set = pytest.mark.parametrize("name", MAKERS)


@each_set_of_classes
@settings(max_examples=20)
@given(n=st.integers(1, 300), noise=st.floats(0, 10), seed=st.integers(0, 2**32))
def test_classes_have_two_features(name: str, n: int, noise: float, seed: int) -> None:
    maker, n_classes = CLASSES[name]
    x, y = maker(n, noise=noise, rng=seed)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((n, 2), np.float32, (n,), np.int64)
    assert np.isfinite(x).all()
    assert set(y) <= set(range(n_classes))


@pytest.mark.parametrize("name", NUMBERS)
@settings(max_examples=20)
@given(n=st.integers(1, 300), noise=st.floats(0, 10), seed=st.integers(0, 2**32))
def test_numbers_have_one_feature(name: str, n: int, noise: float, seed: int) -> None:
    x, y = NUMBERS[name](n, noise=noise, rng=seed)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((n, 1), np.float32, (n,), np.float64)
    assert np.isfinite(y).all()


@each_set_of_classes
def test_all_classes_are_there_in_random_order(name: str) -> None:
    maker, n_classes = CLASSES[name]
    _, y = maker(rng=0)
    assert np.bincount(y, minlength=n_classes).min() > 0.8 * len(y) / n_classes
    assert np.count_nonzero(np.diff(y)) > len(y) // 4


@each_set
def test_a_seed_says_all(name: str) -> None:
    maker = MAKERS[name]
    for first, second in zip(maker(rng=3), maker(rng=3), strict=True):
        np.testing.assert_array_equal(first, second)
    assert (maker(rng=3)[0] != maker(rng=4)[0]).any()
    generator = np.random.default_rng(3)
    first, second = maker(rng=generator)[0], maker(rng=generator)[0]
    assert (first != second).any()
    np.testing.assert_array_equal(first, maker(rng=np.random.default_rng(3))[0])
    np.random.seed(0)
    before = np.random.get_state()[1]  # type: ignore[index]
    maker()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]


@each_set
def test_noise_is_added_and_0_is_none(name: str) -> None:
    maker = MAKERS[name]
    clean, noisy = maker(2000, noise=0, rng=0), maker(2000, noise=0.25, rng=0)
    if name in NUMBERS:
        np.testing.assert_array_equal(clean[0], noisy[0])
        assert np.std(noisy[1] - clean[1]) == pytest.approx(0.25, rel=0.1)
        return
    np.testing.assert_array_equal(clean[1], noisy[1])
    differences = noisy[0] - clean[0]
    assert differences.std(axis=0) == pytest.approx([0.25, 0.25], rel=0.1)


def test_the_formulas_hold_without_noise() -> None:
    x, y = hg.data.make_blobs(noise=0, rng=0)
    np.testing.assert_allclose(np.hypot(*x.T), 2, rtol=1e-6)
    assert len({tuple(row) for row in x.round(3)}) == 3
    x, y = hg.data.make_circles(noise=0, rng=0)
    np.testing.assert_allclose(np.hypot(*x.T), np.where(y == 0, 1, 0.5), rtol=1e-6)
    x, y = hg.data.make_xor(noise=0, rng=0)
    np.testing.assert_array_equal(y, (x[:, 0] * x[:, 1] < 0).astype(int))
    x, y = hg.data.make_spirals(noise=0, rng=0)
    radius = np.hypot(*x.T)
    turned = np.angle((x[:, 0] + 1j * x[:, 1]) * np.exp(-1j * (3 * np.pi * radius + np.pi * y)))
    np.testing.assert_allclose(turned, 0, atol=1e-5)
    x, y = hg.data.make_line(noise=0, rng=0)
    np.testing.assert_allclose(y, 2 * x[:, 0].astype(float) + 1)
    x, y = hg.data.make_sine(noise=0, rng=0)
    np.testing.assert_allclose(y, np.sin(x[:, 0].astype(float)))


def test_moons_are_scikit_learns() -> None:
    seed = int(np.random.default_rng(5).integers(2**31))
    expected = datasets.make_moons(40, noise=0.2, random_state=seed)
    x, y = hg.data.make_moons(40, noise=0.2, rng=5)
    np.testing.assert_array_equal(x, expected[0].astype(np.float32))
    np.testing.assert_array_equal(y, expected[1])


@each_set
def test_what_cannot_be_is_refused(name: str) -> None:
    maker = MAKERS[name]
    for n in (0, -1, 2.5, "10", True):
        with refused(hg.errors.SettingError, "n_samples", "a whole number above zero"):
            maker(n)
    for noise in (-0.1, np.nan, np.inf, "0.1", True, None):
        with refused(hg.errors.SettingError, f"noise = {noise!r}", "at least 0"):
            maker(noise=noise)
    for rng in ("0", -1, np.random.RandomState(0)):
        with refused(hg.errors.SettingError, "rng="):
            maker(rng=rng)
