"""How good the answers are, and how good they would be without a model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from handgrad import metrics
from handgrad.errors import DataError
from handgrad.metrics.choice import Metric
from handgrad.reporting.judged import Judged


@dataclass(frozen=True)
class Score:
    """One figure: on the rows held out, on those of the training, and without a model.

    None where it cannot be told, and `why` not.
    """

    name: str
    explained: str
    held: float | None
    training: float | None
    baseline: float | None
    smaller_is_better: bool = False
    as_share: bool = False
    why: str = ""

    @property
    def beats_baseline(self) -> bool | None:
        """Whether the model is better than none; None where it cannot be told."""
        if self.held is None or self.baseline is None:
            return None
        return (self.held < self.baseline) if self.smaller_is_better else self.held > self.baseline

    def shown(self, value: float | None) -> str:
        """A value of it, in words."""
        if value is None:
            return "–"
        return f"{value:.1%}" if self.as_share else number(value)


def number(value: float) -> str:
    """A number in four digits, thousands apart."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        digits = max(0, 3 - int(np.floor(np.log10(abs(value))))) if value else 0
        return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"
    return f"{value:.3g}"


def scores_of_classes(held: Judged, training: Judged | None, n_classes: int) -> list[Score]:
    """The usual figures for classes; without a model, the shares of the classes are said."""
    source = training or held
    shares = np.bincount(source.y, minlength=n_classes) / len(source)
    guesses = np.tile(shares, (len(held), 1))
    guessed = replace(held, said=guesses.argmax(axis=1), p=guesses)
    sides = [held, training, guessed]
    ways: list[tuple[str, str, Metric, bool, bool]] = [
        ("Accuracy", "the share of rows that are right", metrics.accuracy, False, True),
        (
            "Balanced accuracy",
            "the same, each class counting alike, however rare",
            metrics.balanced_accuracy,
            False,
            True,
        ),
        (
            "Log loss",
            "how surprised the probabilities are by the truth: 0 is never",
            metrics.log_loss,
            True,
            False,
        ),
        (
            "ROC AUC",
            "how often a row of a class is ranked above one that is not: ½ is chance",
            metrics.roc_auc,
            False,
            False,
        ),
    ]
    found = []
    for name, explained, metric, smaller, decided in ways:
        if not decided and held.p is None:
            continue
        values, why = list[float | None](), ""
        for side in sides:
            try:
                values.append(None if side is None else _of_classes(metric, side, decided))
            except DataError as error:
                values.append(None)
                why = why or error.came
        found.append(Score(name, explained, *values, smaller, decided, why))
    return found


def _of_classes(metric: Metric, side: Judged, decided: bool) -> float:
    """A metric of the decisions, or of the probabilities."""
    if decided or side.p is None:
        n_classes = 1 + int(max(1, side.said.max(), side.y.max()))
        return float(metric(np.eye(n_classes)[side.said], side.y))
    return float(metric(side.p, side.y))


def scores_of_numbers(held: Judged, training: Judged | None) -> list[Score]:
    """The usual figures for numbers; without a model, the mean is said."""
    guess = np.full(len(held), float((training or held).y.mean()))
    sides = [held, training, replace(held, said=guess)]
    ways: list[tuple[str, str, Metric, bool]] = [
        (
            "Mean absolute error",
            "how far off it is on average, in units of the target",
            metrics.mean_absolute_error,
            True,
        ),
        (
            "Root mean squared error",
            "the same, large errors counting more",
            metrics.root_mean_squared_error,
            True,
        ),
        ("R²", "the share of the variance that is predicted: 1 is perfect", metrics.r2, False),
    ]
    found = []
    for name, explained, metric, smaller in ways:
        values: list[float | None] = [side and float(metric(side.said, side.y)) for side in sides]
        flat = any(value is not None and np.isnan(value) for value in values)
        values = [None if value is None or np.isnan(value) else value for value in values]
        why = "the rows have one number only" if flat else ""
        found.append(Score(name, explained, *values, smaller, why=why))
    return found


def interval(share: float, n: int) -> tuple[float, float]:
    """Where a share of so many rows lies with 95 % confidence, by Wilson, 1927.

    >>> [round(end, 3) for end in interval(0.5, 100)]
    [0.404, 0.596]
    """
    z = 1.96
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    room = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(center - room)), min(1.0, float(center + room))
