"""What is timed: nets of the sizes people train on a laptop, on random rows."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

import handgrad as hg


@dataclass(frozen=True)
class Case:
    """A net by its widths and hidden activation, the rows of an epoch and of a minibatch."""

    name: str
    widths: tuple[int, ...]
    activation: str
    batch_size: int
    rows: int

    @property
    def steps(self) -> int:
        """Minibatches in an epoch."""
        return -(-self.rows // self.batch_size)

    def data(self) -> tuple[Any, Any]:
        """Random features and classes."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, self.widths[0])).astype(np.float32)
        return x, rng.integers(0, self.widths[-1], self.rows)

    def net(self) -> hg.Net:
        """The net, ending in a softmax."""
        layer = {"tanh": hg.Tanh, "relu": hg.ReLU}[self.activation]
        net = hg.Net()
        for i, (n_in, n_out) in enumerate(itertools.pairwise(self.widths)):
            net.add(layer()) if i else None
            net.add(hg.Linear(n_in, n_out, rng=i))
        return net.add(hg.Softmax())

    def __str__(self) -> str:
        return f"{self.name}: {'-'.join(map(str, self.widths))} {self.activation}"


CASES = (
    Case("T", (2, 10, 2), "tanh", 4, 800),
    Case("S", (64, 100, 10), "relu", 32, 6400),
    Case("M", (784, 256, 10), "relu", 128, 6400),
)
