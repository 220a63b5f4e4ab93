"""How good the answers are, and how good they would be without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from handgrad import metrics
from handgrad.errors import DataError
from handgrad.metrics.choice import Metric
from handgrad.reporting.judged import Judged


@dataclass(frozen=True)
class Score:
    """One figure: `values` on the rows held out, on those of the training, and by guessing.

    None where it cannot be told, and `why` not.
    """

    name: str
    explained: str
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
    """So many rows, in words."""
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


def scores_of_classes(held: Judged, training: Judged | None, classes: Sequence[str]) -> list[Score]:
    """The usual figures for `classes`; who guesses says the shares of the classes."""
    n_classes = len(classes)
    source = training or held
    shares = np.bincount(source.y, minlength=n_classes) / len(source)
    guesses = np.tile(shares, (len(held), 1))
    sides = [held, training, replace(held, said=guesses.argmax(axis=1), p=guesses)]
    ways: list[tuple[str, str, Metric, bool, bool]] = [
        ("Accuracy", "share of the rows that are predicted right", metrics.accuracy, False, True),
        (
            "Balanced accuracy",
            "the mean of that share over the classes, so that rare ones count as much",
            metrics.balanced_accuracy,
            False,
            True,
        ),
        (
            "Log loss",
            "how far the probabilities are from what is true; 0 is perfect",
            metrics.log_loss,
            True,
            False,
        ),
        (
            "ROC AUC",
            "how well the probabilities put rows of a class before all others; 0.5 is guessing, 1 "
            "perfect",
            metrics.roc_auc,
            False,
            False,
        ),
    ]
    found = []
    for name, explained, metric, smaller, decided in ways:
        if not decided and held.p is None:
            continue
        held_out, learned, guessed = (_of_classes(metric, side, decided) for side in sides)
        why = _missing(held, classes) if held_out is None else ""
        of = (held_out, learned, guessed)
        found.append(Score(name, explained, of, smaller, decided, why, 3))
    return found


def _missing(held: Judged, classes: Sequence[str]) -> str:
    """Which classes the rows lack."""
    lacking = [classes[k] for k in range(len(classes)) if not (held.y == k).any()]
    return f"no rows of {lacking[0]}" if len(lacking) == 1 else f"no rows of {len(lacking)} classes"


def _of_classes(metric: Metric, side: Judged | None, decided: bool) -> float | None:
    """A metric of the decisions, or of the probabilities; None where it cannot be told."""
    if side is None:
        return None
    n_classes = 1 + int(max(1, side.said.max(), side.y.max()))
    p = np.eye(n_classes)[side.said] if decided or side.p is None else side.p
    try:
        return float(metric(p, side.y))
    except DataError:
        return None


def scores_of_numbers(held: Judged, training: Judged | None) -> list[Score]:
    """The usual figures for numbers; who guesses says the mean."""
    guess = np.full(len(held), float((training or held).y.mean()))
    sides = [held, training, replace(held, said=guess)]
    ways: list[tuple[str, str, Metric, bool]] = [
        (
            "Mean absolute error",
            "how far off the predictions are on average, in units of the target",
            metrics.mean_absolute_error,
            True,
        ),
        (
            "Root mean squared error",
            "the same, with more weight on large errors",
            metrics.root_mean_squared_error,
            True,
        ),
        (
            "R²",
            "share of the variance that is explained; 0 is guessing, 1 perfect",
            metrics.r2,
            False,
        ),
    ]
    found = []
    for name, explained, metric, smaller in ways:
        values = [None if side is None else float(metric(side.said, side.y)) for side in sides]
        flat = any(value is not None and np.isnan(value) for value in values)
        held_out, learned, guessed = (v if v is None or not np.isnan(v) else None for v in values)
        why = "the rows have one number only" if flat else ""
        digits = 3 if name == "R²" else None
        of = (held_out, learned, guessed)
        found.append(Score(name, explained, of, smaller, why=why, digits=digits))
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
