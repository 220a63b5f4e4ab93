"""Kinds of predictions, with their link functions: probabilities, logits, scores, log rates."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from handgrad.textbook.errors import SettingError
from handgrad.textbook.kinds.targets import TargetKind
from handgrad.textbook.module import Array

# Bounds for the probability of a class without rows, so that its logarithm is finite.
SMALLEST, LARGEST = 1e-9, 1 - 1e-7


@dataclass(frozen=True)
class PredictionKind:
    """Base class of kinds of predictions: numbers in the unit of the targets.

    A new kind overrides `inverse_link` and its inverse, `link`. `activation` is the name of the
    inverse link; `infinite_loss` is True if the loss of a finite prediction may be infinite;
    `stable` is the advice for such a loss.
    """

    name: ClassVar[str] = "numbers"
    activation: ClassVar[str] = ""
    infinite_loss: ClassVar[bool] = False
    stable: ClassVar[str] = ""

    def __str__(self) -> str:
        return self.name

    def accepts(self, produced: "PredictionKind") -> bool:
        """Return whether a loss on this kind may follow a layer with outputs of kind `produced`.

        By default, if one of the two classes derives from the other.
        """
        return isinstance(produced, type(self)) or isinstance(self, type(produced))

    def check(self, p: Array, loss: object, where: str) -> None:
        """Raise SettingError for predictions that `loss` cannot take, at `where` in the net."""

    def inverse_link(self, p: Array) -> Array:
        """Return the predictions for the outputs `p`: probabilities, rates, numbers."""
        return p

    def link(self, mean: Array) -> Array:
        """Return the output for the prediction `mean`: the inverse of `inverse_link`."""
        return mean

    def constant_outputs(self, targets: TargetKind, y: Array, k: int, w: Array) -> list[Array]:
        """Return constant outputs (k,), equal for all rows; the best for `y` is among them.

        Parameters
        ----------
        targets : TargetKind
            Kind of the targets.
        y : array, (n, …)
            The targets.
        k : int
            Number of outputs of a row.
        w : array, (n,)
            Weights of the rows.
        """
        return [self.link(answer) for answer in targets.constant_answers(y, k, w)]


@dataclass(frozen=True)
class Quantiles(PredictionKind):
    """Quantiles: the number below which a fraction `q` of the targets lies, or one per column."""

    q: float | tuple[float, ...]
    name = "quantiles"

    def accepts(self, produced: PredictionKind) -> bool:
        return True

    def constant_outputs(self, targets: TargetKind, y: Array, k: int, w: Array) -> list[Array]:
        y = y.reshape(len(y), k).astype(np.float64)
        levels = np.resize(self.q, k)  # repeated for each position of a row
        return [np.array([np.quantile(y[:, i], levels[i]) for i in range(k)])]


class Probabilities(PredictionKind):
    """Probabilities of class 1, one in each column."""

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
                f"{loss!r} was given numbers from {p.min():.3g} to {p.max():.3g}",
                "probabilities, between 0 and 1" + (f", rows with sum {total}" if total else ""),
                self.last_layer,
                where,
            )

    def link(self, mean: Array) -> Array:
        return np.clip(mean, SMALLEST, LARGEST)


class ClassProbabilities(Probabilities):
    """Class probabilities: a column for each class, rows that sum to 1."""

    activation = "softmax"
    stable = "SoftmaxCrossEntropyLoss() instead of Softmax() and CrossEntropyLoss()"
    sum_of_a_row = 1
    last_layer = "Softmax() as the last layer, or SoftmaxCrossEntropyLoss()"

    def link(self, mean: Array) -> Array:
        return mean


class Logits(PredictionKind):
    """Logits of class 1, one in each column: log(p / (1 − p))."""

    name = "logits"
    activation = "sigmoid"

    def inverse_link(self, p: Array) -> Array:
        e = np.exp(-np.abs(p))
        return np.where(p >= 0, 1, e) / (1 + e)

    def link(self, mean: Array) -> Array:
        mean = np.clip(mean, SMALLEST, LARGEST)
        return np.log(mean / (1 - mean))


class ClassLogits(Logits):
    """Class logits: a column for each class; the softmax of a row gives probabilities."""

    activation = "softmax"

    def inverse_link(self, p: Array) -> Array:
        e = np.exp(p - p.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def link(self, mean: Array) -> Array:
        return np.log(np.maximum(mean, SMALLEST))


class Scores(PredictionKind):
    """Scores, one in each column: −1 for class 0, 1 for class 1, unbounded."""

    name = "scores"

    def inverse_link(self, p: Array) -> Array:
        return (p + 1) / 2

    def link(self, mean: Array) -> Array:
        return np.where(mean < 0.5, -1.0, 1.0)


class ClassScores(Scores):
    """Class scores: a column for each class; the largest one is predicted."""

    def inverse_link(self, p: Array) -> Array:
        return p

    def link(self, mean: Array) -> Array:
        return (mean == mean.max()).astype(float)

    def constant_outputs(self, targets: TargetKind, y: Array, k: int, w: Array) -> list[Array]:
        return [np.zeros(k), *super().constant_outputs(targets, y, k, w)]


class LogRates(PredictionKind):
    """Logarithms of rates: the prediction is their exponential."""

    name = "log rates"
    activation = "exp"

    def inverse_link(self, p: Array) -> Array:
        return np.exp(p)

    def link(self, mean: Array) -> Array:
        return np.log(np.maximum(mean, SMALLEST))
