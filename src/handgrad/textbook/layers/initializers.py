"""Initializers: small random initial weights, so that no two units learn the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, ShapeError

__all__ = [
    "lecun_normal",
    "lecun_uniform",
    "he_normal",
    "he_uniform",
    "xavier_normal",
    "xavier_uniform",
    "orthogonal",
    "zeros",
]


class RandomSource(Protocol):
    """Source of random numbers: a Generator, a RandomState, or `np.random` itself."""

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> Any:
        """Normal numbers."""

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> Any:
        """Uniform numbers."""


Initializer = Callable[[tuple[int, ...], RandomSource], npt.NDArray[np.floating]]


def lecun_normal(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
    """LeCun normal: standard deviation 1/√n_in, for weights of shape (n_out, n_in).

    LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.

    Parameters
    ----------
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : Generator, RandomState or numpy.random
        Source of the random numbers.

    Examples
    --------
    >>> lecun_normal((2, 3), np.random.default_rng(0)).shape
    (2, 3)
    """
    return np.asarray(rng.normal(0, 1.0 / np.sqrt(shape[1]), shape))


def lecun_uniform(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
    """LeCun uniform: in ±√(3/n_in), with the same standard deviation 1/√n_in.

    LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.

    Parameters
    ----------
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : Generator, RandomState or numpy.random
        Source of the random numbers.
    """
    bound = np.sqrt(3.0 / shape[1])
    return np.asarray(rng.uniform(-bound, bound, shape))


def he_normal(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
    """He normal: standard deviation √(2/n_in), which keeps the scale through ReLU layers.

    He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015.

    Parameters
    ----------
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : Generator, RandomState or numpy.random
        Source of the random numbers.
    """
    return np.asarray(rng.normal(0, np.sqrt(2.0 / shape[1]), shape))


def he_uniform(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
    """He uniform: in ±√(6/n_in), with the same standard deviation √(2/n_in).

    He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015.

    Parameters
    ----------
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : Generator, RandomState or numpy.random
        Source of the random numbers.
    """
    bound = np.sqrt(6.0 / shape[1])
    return np.asarray(rng.uniform(-bound, bound, shape))


def xavier_normal(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
    """Xavier normal: standard deviation √(2/(n_in + n_out)), as `xavier_uniform` but unbounded.

    Glorot, Bengio, "Understanding the difficulty of training deep feedforward networks", 2010.

    Parameters
    ----------
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : Generator, RandomState or numpy.random
        Source of the random numbers.
    """
    return np.asarray(rng.normal(0, np.sqrt(2.0 / (shape[0] + shape[1])), shape))


def xavier_uniform(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
    """Xavier uniform: in ±√(6/(n_in + n_out)), which keeps the scale in both passes through tanh.

    Glorot, Bengio, "Understanding the difficulty of training deep feedforward networks", 2010.

    Parameters
    ----------
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : Generator, RandomState or numpy.random
        Source of the random numbers.
    """
    bound = np.sqrt(6.0 / (shape[0] + shape[1]))
    return np.asarray(rng.uniform(-bound, bound, shape))


def orthogonal(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
    """Orthogonal: orthonormal rows or columns, whichever are fewer, which keep all lengths.

    Q of a normal matrix A = Q R, with the signs that make R's diagonal positive: then all rotations
    are equally likely (Mezzadri, 2007). Saxe, McClelland, Ganguli, "Exact solutions to the
    nonlinear dynamics of learning in deep linear neural networks", 2014.

    Parameters
    ----------
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : Generator, RandomState or numpy.random
        Source of the random numbers.

    Examples
    --------
    >>> W = orthogonal((2, 3), np.random.default_rng(0))
    >>> (W @ W.T).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    Q, R = np.linalg.qr(rng.normal(0, 1.0, (max(shape), min(shape))))
    Q = Q * np.sign(np.diag(R))
    return np.asarray(Q if shape[0] >= shape[1] else Q.T)


def zeros(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
    """Zeros: to show that units with equal weights learn the same.

    Parameters
    ----------
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : Generator, RandomState or numpy.random
        Source of the random numbers.
    """
    return np.zeros(shape)


# More than any machine has memory for; NumPy's own errors for such sizes differ.
MOST_NUMBERS = 2**48
INITIALIZERS: dict[str, Initializer] = {name: globals()[name] for name in __all__}

_UNDRAWN: ContextVar[Initializer | None] = ContextVar("undrawn", default=None)


@contextmanager
def without_initialization(allow: Callable[[tuple[int, ...]], object]) -> Iterator[None]:
    """Within the block new layers start with zeros; `allow` may refuse a shape by raising."""

    def undrawn(shape: tuple[int, ...], rng: RandomSource) -> npt.NDArray[np.floating]:
        allow(shape)
        return np.zeros(shape)

    token = _UNDRAWN.set(undrawn)
    try:
        yield
    finally:
        _UNDRAWN.reset(token)


def initializer_of(choice: str | Initializer) -> Initializer:
    """Return the initializer of that name; a function is returned as it is."""
    if (undrawn := _UNDRAWN.get()) is not None:
        return undrawn
    if callable(choice):
        return choice
    if choice not in INITIALIZERS:
        raise SettingError(
            f"initializer={choice!r}",
            f"one of {', '.join(INITIALIZERS)}, or a function of (shape, rng)",
            "initializer='he_normal', for layers before a ReLU",
        )
    return INITIALIZERS[choice]


def initial_weights(
    choice: str | Initializer,
    shape: tuple[int, int],
    rng: int | RandomSource | None,
    dtype: npt.DTypeLike,
) -> npt.NDArray[np.floating]:
    """Draw initial weights with an initializer.

    Parameters
    ----------
    choice : str or function of (shape, rng)
        The initializer, or its name.
    shape : tuple of two ints
        Shape of the weights, (n_out, n_in).
    rng : int, Generator, RandomState, numpy.random or None
        Source of the random numbers, or a seed.
    dtype : dtype
        Type of the weights.

    Raises
    ------
    ShapeError
        If the initializer returns another shape.

    Examples
    --------
    >>> initial_weights("zeros", (1, 2), None, np.float32)
    array([[0., 0.]], dtype=float32)
    """
    if math.prod(shape) > MOST_NUMBERS:
        raise MemoryError(f"{math.prod(shape):.3g} numbers")
    W = np.asarray(initializer_of(choice)(shape, random_generator(rng)))
    if W.shape != shape:
        raise ShapeError(
            f"the initializer returned weights of shape {W.shape}",
            f"shape {shape}, its first argument",
            "rng.normal(0, 0.1, shape), for example",
        )
    return W.astype(dtype)


def random_generator(rng: object) -> Any:
    """Return a source of random numbers for a seed, Generator, RandomState, `np.random` or None."""
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(rng)
    if rng is None or isinstance(rng, np.random.SeedSequence):
        return np.random.default_rng(rng)
    if hasattr(rng, "normal") and hasattr(rng, "permutation"):
        return rng
    raise SettingError(
        f"rng={rng!r}",
        "a whole number from 0 on, a numpy Generator, a RandomState, or np.random",
        "rng=0, or rng=np.random.default_rng(0)",
    )


def spawning_generator(rng: object) -> np.random.Generator:
    """Return a Generator for a seed, a Generator or None; it can spawn further ones."""
    generator = random_generator(rng)
    if not isinstance(generator, np.random.Generator):
        raise SettingError(f"rng={rng!r}", "a whole number or a numpy Generator", "rng=0")
    return generator
