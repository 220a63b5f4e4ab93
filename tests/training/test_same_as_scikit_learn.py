"""Toy data and splits are scikit-learn's to the bit, though it is not asked for them."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom
from sklearn import datasets, model_selection

import handgrad as hg
from handgrad.check.doctor.input_checks import at_least
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.training.datasets import CORNERS

Pair = tuple[Array, Array]
THEIRS: dict[Callable[..., Pair], Callable[..., Pair]] = {
    hg.data.make_moons: datasets.make_moons,
    hg.data.make_circles: lambda *n, **given: datasets.make_circles(*n, factor=0.5, **given),
    hg.data.make_blobs: lambda n, noise, random_state: datasets.make_blobs(
        n, centers=CORNERS, cluster_std=noise, random_state=random_state
    ),
}


def seed_of(rng: int) -> int:
    """The seed that scikit-learn is to get where handgrad has `rng`."""
    return int(spawning_generator(rng).integers(2**31))


@pytest.mark.parametrize("make", THEIRS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("noise", [0, 0.1, 1.0])
@pytest.mark.parametrize("n", [1, 2, 3, 50, 101])
def test_toy_data_has_the_bits_of_scikit_learn(
    make: Callable[..., Pair], noise: float, n: int
) -> None:
    x, y = make(n, noise=noise, rng=n)
    x_theirs, y_theirs = THEIRS[make](n, noise=noise, random_state=seed_of(n))
    assert x.tobytes() == x_theirs.astype(np.float32).tobytes()
    assert y.tobytes() == y_theirs.astype(np.int64).tobytes()


@pytest.mark.parametrize("test_size", [0.2, 0.33, 0.5])
@pytest.mark.parametrize("seed", range(10))
def test_rows_are_split_as_scikit_learn_splits_them(seed: int, test_size: float) -> None:
    classes = np.random.default_rng(seed).integers(0, 3, 30 + seed)
    several = np.stack([classes, classes == 1], axis=1)
    x = np.arange(2 * len(classes)).reshape(-1, 2)
    for y in (classes, several, np.array(["c", "a", "b"])[classes]):
        for stratify in (False, True):
            ours = hg.data.train_test_split(x, y, test_size=test_size, stratify=stratify, rng=seed)
            theirs = model_selection.train_test_split(
                x,
                y,
                test_size=test_size,
                stratify=y if stratify else None,
                random_state=seed_of(seed),
            )
            for our, their in zip(ours, theirs, strict=True):
                assert our.tobytes() == their.tobytes()


@pytest.mark.parametrize(("trials", "chance"), [(1, 0.5), (40, 0.01), (5000, 0.3), (10**5, 1e-4)])
def test_the_tail_of_a_binomial_distribution_is_that_of_scipy(trials: int, chance: float) -> None:
    mean = round(trials * chance)
    for successes in {0, 1, mean, min(trials, 2 * mean + 1), trials}:
        expected = binom.sf(successes - 1, trials, chance)
        assert at_least(successes, trials, chance) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert at_least(1, 1, 1.0) == 1
