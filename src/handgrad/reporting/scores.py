"""Scores of the predictions, beside those of guessing without a model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from handgrad import metrics
from handgrad.base.errors import DataError
from handgrad.metrics.choice import Metric
from handgrad.reporting.scored_rows import ScoredRows

# On the rows held out, on those of the training, and by guessing.
Sides = tuple[ScoredRows, ScoredRows | None, ScoredRows]


@dataclass(frozen=True)
class Score:
    """One figure: `values` on the rows held out, on those of the training, and by guessing.

    None where it cannot be told, and `why` not.
    """

    name: str
    values: tuple[float | None, float | None, float | None]
    smaller_is_better: bool = False
    as_share: bool = False
    why: str = ""
    digits: int | None = None

    @property
    def held(self) -> float | None:
        """That of the rows held out."""
        return self.values[0]

    @property
    def training(self) -> float | None:
        """That of the rows of the training."""
        return self.values[1]

    @property
    def baseline(self) -> float | None:
        """That of guessing without a look at the columns."""
        return self.values[2]

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
        if self.as_share:
            return f"{value:.1%}"
        if self.digits is None:
            return number(value)
        return f"{round(value, self.digits) + 0.0:,.{self.digits}f}".replace("-", "−")


def rows_of(n: int) -> str:
    """A number of rows, in words."""
    return f"{n:,} row{'s' * (n != 1)}"


def percent(share: float) -> str:
    """A share in whole per cent; what is not quite nothing or all is told as such.

    >>> percent(0.25), percent(0.001), percent(0.9999), percent(0), percent(1)
    ('25%', '< 1%', '> 99%', '0%', '100%')
    """
    if 0 < share < 0.005:
        return "< 1%"
    return "> 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def number(value: float) -> str:
    """A number in three digits, in all of those before the point.

    >>> number(1234.56), number(-0.01234), number(12345), number(0.00001234), number(0)
    ('1235', '−0.0123', '12,345', '1.23e−05', '0')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e9:
        digits = max(0, 2 - int(np.floor(np.log10(abs(value))))) if value else 0
        shown = f"{value:,.{digits}f}" if abs(value) >= 10_000 else f"{value:.{digits}f}"
        shown = shown.rstrip("0").rstrip(".") if digits else shown
    else:
        shown = f"{value:.3g}"
    return shown.replace("-", "−")


# Name and metric; whether less is better, and whether it is a share of decisions.
OF_CLASSES: tuple[tuple[str, Metric, bool, bool], ...] = (
    ("Accuracy", metrics.accuracy, False, True),
    ("Balanced accuracy", metrics.balanced_accuracy, False, True),
    ("Log loss", metrics.log_loss, True, False),
    ("ROC AUC", metrics.roc_auc, False, False),
)
# Name and metric; whether less is better.
OF_NUMBERS: tuple[tuple[str, Metric, bool], ...] = (
    ("Mean absolute error", metrics.mean_absolute_error, True),
    ("Root mean squared error", metrics.root_mean_squared_error, True),
    ("R²", metrics.r2, False),
)


def scores_of(held: ScoredRows, training: ScoredRows | None) -> list[Score]:
    """The usual figures; guesses are the shares of the classes, or the mean."""
    source, k = training or held, len(held.class_names)
    if not k:
        guess = np.full(len(held), float(source.y.mean()))
        sides = (held, training, replace(held, predicted=guess))
        return [_of_numbers(sides, *way) for way in OF_NUMBERS]
    shares = np.bincount(source.y, minlength=k) / len(source)
    guesses = np.tile(shares, (len(held), 1))
    sides = (held, training, replace(held, predicted=guesses.argmax(axis=1), p=guesses))
    ways = (way for way in OF_CLASSES if way[-1] or held.p is not None)
    return [_of_classes(sides, *way) for way in ways]


def _of_classes(sides: Sides, name: str, metric: Metric, smaller: bool, decided: bool) -> Score:
    held, learned, guessed = (_figure(metric, side, decided) for side in sides)
    lacking = [c for k, c in enumerate(sides[0].class_names) if not (sides[0].y == k).any()]
    why = lacking[0] if len(lacking) == 1 else f"{len(lacking)} classes"
    why = "" if held is not None else f"no rows of {why}"
    return Score(name, (held, learned, guessed), smaller, decided, why, 3)


def _figure(metric: Metric, side: ScoredRows | None, decided: bool) -> float | None:
    """A metric of the decisions, or of the probabilities; None where it cannot be told."""
    if side is None:
        return None
    n_classes = 1 + int(max(1, side.predicted.max(), side.y.max()))
    p = np.eye(n_classes)[side.predicted] if decided or side.p is None else side.p
    try:
        return float(metric(p, side.y))
    except DataError:
        return None


def _of_numbers(sides: Sides, name: str, metric: Metric, smaller: bool) -> Score:
    found = [None if s is None else float(metric(s.predicted, s.y)) for s in sides]
    held, learned, guessed = (None if v is None or np.isnan(v) else v for v in found)
    flat = any(value is not None and np.isnan(value) for value in found)
    why = "the rows have one number only" if flat else ""
    digits = 3 if name == "R²" else None
    return Score(name, (held, learned, guessed), smaller, why=why, digits=digits)


def interval(share: float, n: int) -> tuple[float, float]:
    """Where a share of so many rows lies with 95 % confidence, by Wilson, 1927.

    >>> [round(end, 3) for end in interval(0.5, 100)]
    [0.404, 0.596]
    """
    z = 1.96
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    room = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(center - room)), min(1.0, float(center + room))
