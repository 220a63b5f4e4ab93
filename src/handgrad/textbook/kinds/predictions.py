"""Kinds of predictions: probabilities, logits, scores, log rates, numbers, and their links."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from handgrad.textbook.errors import SettingError
from handgrad.textbook.kinds.targets import TargetKind
from handgrad.textbook.module import Array

# Of a class that no row has: too small to count, and its logarithm is finite.
SMALLEST, LARGEST = 1e-9, 1 - 1e-7


@dataclass(frozen=True)
class PredictionKind:
    """The base of every kind of predictions: numbers, which say what the targets are.

    A kind of one's own overrides `inverse_link` and its inverse, `link`. `activation` is the name
    of the function that gives what is predicted; `infinite_loss` says that the loss of a finite
    prediction may be infinite; `stable` what to use in place of a loss that overflows.
    """

    name: ClassVar[str] = "numbers"
    activation: ClassVar[str] = ""
    infinite_loss: ClassVar[bool] = False
    stable: ClassVar[str] = ""

    def __str__(self) -> str:
        return self.name

    def accepts(self, produced: "PredictionKind") -> bool:
        """Whether a loss on such predictions may follow a layer that puts out the kind `produced`.

        So it is where one of the two derives from the other.
        """
        return isinstance(produced, type(self)) or isinstance(self, type(produced))

    def check(self, p: Array, loss: object, where: str) -> None:
        """Refuse predictions that `loss` cannot take, of a net that does not say what it gives."""

    def inverse_link(self, p: Array) -> Array:
        """The net's output in the terms of the targets: probabilities, rates, numbers."""
        return p

    def link(self, mean: Array) -> Array:
        """The output that says `mean`: the inverse of `inverse_link`."""
        return mean

    def constant_outputs(self, targets: TargetKind, y: Array, k: int, w: Array) -> list[Array]:
        """The outputs (k,), the same for every row, that could be the best for the targets `y`."""
        return [self.link(answer) for answer in targets.constant_answers(y, k, w)]


@dataclass(frozen=True)
class Quantiles(PredictionKind):
    """The number that a share `q` of the targets lie below."""

    q: float
    name = "quantiles"

    def accepts(self, produced: PredictionKind) -> bool:
        return True

    def constant_outputs(self, targets: TargetKind, y: Array, k: int, w: Array) -> list[Array]:
        return [np.quantile(y.reshape(len(y), k).astype(np.float64), self.q, axis=0)]


class Probabilities(PredictionKind):
    """A probability of yes in each column."""

    name = "probabilities"
    activation = "sigmoid"
    infinite_loss = True
    stable = "SigmoidBinaryCrossEntropyLoss() instead of Sigmoid() and BinaryCrossEntropyLoss()"
    sum_of_a_row: ClassVar[int | None] = None
    last_layer: ClassVar[str] = "Sigmoid() as the last layer"

    def check(self, p: Array, loss: object, where: str) -> None:
        total = self.sum_of_a_row
        adds_up = total is None or np.allclose(p.sum(axis=-1), total, atol=1e-3)
        if (p < 0).any() or (p > 1 + 1e-5).any() or not adds_up:
            raise SettingError(
                f"{loss!r} was handed numbers from {p.min():.3g} to {p.max():.3g}",
                "probabilities, between 0 and 1" + (f", each row of sum {total}" if total else ""),
                self.last_layer,
                where,
            )

    def link(self, mean: Array) -> Array:
        return np.clip(mean, SMALLEST, LARGEST)


class ClassProbabilities(Probabilities):
    """A column for each class; the probabilities of a row sum to 1."""

    activation = "softmax"
    stable = "SoftmaxCrossEntropyLoss() instead of Softmax() and CrossEntropyLoss()"
    sum_of_a_row = 1
    last_layer = "Softmax() as the last layer, or SoftmaxCrossEntropyLoss()"

    def link(self, mean: Array) -> Array:
        return mean


class Logits(PredictionKind):
    """The logit of yes in each column: log(p / (1 − p))."""

    name = "logits"
    activation = "sigmoid"

    def inverse_link(self, p: Array) -> Array:
        e = np.exp(-np.abs(p))
        return np.where(p >= 0, 1, e) / (1 + e)

    def link(self, mean: Array) -> Array:
        mean = np.clip(mean, SMALLEST, LARGEST)
        return np.log(mean / (1 - mean))


class ClassLogits(Logits):
    """A column for each class; the softmax of a row is its probabilities."""

    activation = "softmax"

    def inverse_link(self, p: Array) -> Array:
        e = np.exp(p - p.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def link(self, mean: Array) -> Array:
        return np.log(np.maximum(mean, SMALLEST))


class Scores(PredictionKind):
    """A score in each column: −1 for no, 1 for yes, any number between and beyond."""

    name = "scores"

    def inverse_link(self, p: Array) -> Array:
        return (p + 1) / 2

    def link(self, mean: Array) -> Array:
        return np.where(mean < 0.5, -1.0, 1.0)


class ClassScores(Scores):
    """A score for each class, of which the largest is the answer."""

    def inverse_link(self, p: Array) -> Array:
        return p

    def link(self, mean: Array) -> Array:
        return (mean == mean.max()).astype(float)

    def constant_outputs(self, targets: TargetKind, y: Array, k: int, w: Array) -> list[Array]:
        return [np.zeros(k), *super().constant_outputs(targets, y, k, w)]


class LogRates(PredictionKind):
    """The logarithms of rates: what they say is e to their power."""

    name = "log rates"
    activation = "exp"

    def inverse_link(self, p: Array) -> Array:
        return np.exp(p)

    def link(self, mean: Array) -> Array:
        return np.log(np.maximum(mean, SMALLEST))
