"""What is trained: nets of the sizes people train on a laptop, their rows, their first weights."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

OPTIMIZERS = ("SGD", "Adam")


class Training(ABC):
    """The rows of an epoch, in minibatches, in the same order for every peer."""

    batch_size: int
    rows: int
    learning_rate: float

    @abstractmethod
    def data(self) -> tuple[Any, Any]:
        """Features and targets."""

    @abstractmethod
    def weights(self) -> list[Any]:
        """The first weights, the same for every peer."""

    def rate(self, optimizer: str) -> float:
        """The learning rate; for Adam, whose steps do not follow the gradients' size, a tenth."""
        return self.learning_rate / 10 if optimizer == "Adam" else self.learning_rate

    @property
    def steps(self) -> int:
        """Minibatches in an epoch."""
        return -(-self.rows // self.batch_size)

    @property
    def shuffled(self) -> bool:
        """Whether an epoch visits its rows in a new order: not where one batch holds them all."""
        return self.rows > self.batch_size

    def orders(self) -> Iterator[Any]:
        """The order of the rows in each epoch, as `hg.train(rng=0)` draws it."""
        rng, order = np.random.default_rng(0), np.arange(self.rows)
        while True:
            if self.shuffled:
                rng.shuffle(order)
            yield order


@dataclass(frozen=True)
class Case(Training):
    """A net by its widths and hidden activation, the rows of an epoch and of a minibatch.

    `targets` are classes, and then a softmax and the cross-entropy follow the last layer; or
    numbers, and then the mean squared error follows it.
    """

    name: str
    widths: tuple[int, ...]
    activation: Literal["tanh", "relu"]
    batch_size: int
    rows: int
    targets: Literal["classes", "numbers"] = "classes"
    learning_rate: float = 0.01

    @property
    def operations(self) -> int:
        """The floating-point operations of a step's matrix products, without the first layer's dx.

        Three products a layer, x Wᵀ, dzᵀ x and dz W, of 2 m n k operations each.
        """
        layers = list(itertools.pairwise(self.widths))
        of_layers = [3 * n_in * n_out for n_in, n_out in layers]
        return 2 * self.batch_size * (sum(of_layers) - layers[0][0] * layers[0][1])

    def data(self) -> tuple[Any, Any]:
        """Random features and classes; or random 2 × 2 matrices and their exponentials."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, self.widths[0])).astype(np.float32)
        if self.targets == "classes":
            return x, rng.integers(0, self.widths[-1], self.rows)
        from scipy.linalg import expm

        return x, expm(x.reshape(-1, 2, 2).astype(float)).reshape(-1, 4).astype(np.float32)

    def weights(self) -> list[tuple[Any, Any]]:
        """W (n_out, n_in) and b (n_out,) of each layer, the same for every peer."""
        rng = np.random.default_rng(1)
        return [
            (
                rng.normal(0, n_in**-0.5, (n_out, n_in)).astype(np.float32),
                np.zeros(n_out, np.float32),
            )
            for n_in, n_out in itertools.pairwise(self.widths)
        ]

    def __str__(self) -> str:
        widths = "-".join(map(str, self.widths))
        return f"{self.name}: {widths} {self.activation}, batch {self.batch_size}"


CASES = {
    case.name: case
    for case in (
        Case("T", (2, 10, 2), "tanh", 4, 800),
        Case("T80", (2, 10, 2), "tanh", 4, 80),
        Case("S", (64, 100, 10), "relu", 32, 6400),
        Case("M", (784, 256, 10), "relu", 128, 6400),
        Case("L", (784, 1024, 1024, 10), "relu", 512, 5120),
        Case("SimpleChains", (4, 32, 16, 4), "tanh", 200, 200, "numbers", 0.1),
        Case("ten layers", (64, *[100] * 10, 10), "relu", 32, 6400),
    )
}
