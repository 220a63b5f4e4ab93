"""Nets that look at pictures and read sequences: their rows, and their first weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cases import CASES, Case, Training

LENGTH, FEATURES, HEADS, LETTERS, BLOCKS = 32, 64, 4, 65, 2  # of the transformer


@dataclass(frozen=True)
class DeepCase(Training):
    """A net by its name; what `drawn` gives of a generator are its weights, in the net's order.

    A row of `shape` holds numbers, or letters, and then each of its places has a class.
    """

    name: str
    said: str
    shape: tuple[int, ...]
    classes: int
    batch_size: int
    rows: int
    drawn: Callable[[Any], list[Any]]
    of_letters: bool = False
    learning_rate: float = 0.01

    def data(self) -> tuple[Any, Any]:
        """Random numbers and classes, or random letters and their classes."""
        rng, shape = np.random.default_rng(0), (self.rows, *self.shape)
        if self.of_letters:
            return rng.integers(0, self.classes, shape), rng.integers(0, self.classes, shape)
        x = rng.standard_normal(shape).astype(np.float32)
        return x, rng.integers(0, self.classes, self.rows)

    def weights(self) -> list[Any]:
        """In the order, and in the shapes, that PyTorch has them: W before b, layer by layer."""
        return self.drawn(np.random.default_rng(1))

    def __str__(self) -> str:
        return f"{self.name}: {self.said}, batch {self.batch_size}"


def _matrix(rng: Any, *shape: int) -> Any:
    return rng.normal(0, math.prod(shape[1:]) ** -0.5, shape).astype(np.float32)


def _layer(rng: Any, *shape: int) -> list[Any]:
    return [_matrix(rng, *shape), np.zeros(shape[0], np.float32)]


def _lenet(rng: Any) -> list[Any]:
    shapes = ((6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84))
    return [weight for shape in shapes for weight in _layer(rng, *shape)]


def _gru(rng: Any) -> list[Any]:
    biases = [np.zeros(192, np.float32) for _ in range(2)]
    return [_matrix(rng, 192, 28), _matrix(rng, 192, 64), *biases, *_layer(rng, 10, 64)]


def _transformer(rng: Any) -> list[Any]:
    d = FEATURES
    norm = [np.ones(d, np.float32), np.zeros(d, np.float32)]
    weights = [_matrix(rng, LETTERS, d), _matrix(rng, LENGTH, d)]
    for _ in range(BLOCKS):
        weights += [*norm, *_layer(rng, 3 * d, d), *_layer(rng, d, d)]
        weights += [*norm, *_layer(rng, 4 * d, d), *_layer(rng, d, 4 * d)]
    return [*weights, *norm, *_layer(rng, LETTERS, d)]


DEEP_CASES = {
    case.name: case
    for case in (
        DeepCase("LeNet-5", "28 × 28 relu", (1, 28, 28), 10, 64, 1024, _lenet),
        DeepCase("GRU", "28 × 28 to 64", (28, 28), 10, 32, 512, _gru),
        DeepCase(
            "transformer",
            "2 blocks of 64 gelu, 32 letters",
            (LENGTH,),
            LETTERS,
            32,
            512,
            _transformer,
            of_letters=True,
        ),
    )
}


def case_of(name: str) -> Case | DeepCase:
    """The perceptron, or the deeper net, of that name."""
    return DEEP_CASES[name] if name in DEEP_CASES else CASES[name]
