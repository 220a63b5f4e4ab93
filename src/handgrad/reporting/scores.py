"""Scores of the predictions, beside those of guessing without a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from handgrad import metrics
from handgrad.base.errors import DataError
from handgrad.metrics.choice import Metric
from handgrad.reporting.scored_rows import ScoredRows

Of = Literal["decisions", "probabilities", "numbers"]


@dataclass(frozen=True)
class Score:
    """One figure: on the rows `held` out, on those of the training, and by guessing.

    None where it cannot be told, and `why` not.
    """

    name: str
    held: float | None
    training: float | None
    baseline: float | None
    smaller_is_better: bool = False
    of: Of = "numbers"
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
        if self.of == "decisions":
            return f"{value:.1%}"
        if self.of == "numbers" and self.name != "R²":
            return number(value)
        return f"{round(value, 3) + 0.0:,.3f}".replace("-", "−")


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


# Name and metric, whether less is better, and of what it is.
MEASURES: tuple[tuple[str, Metric, bool, Of], ...] = (
    ("Accuracy", metrics.accuracy, False, "decisions"),
    ("Balanced accuracy", metrics.balanced_accuracy, False, "decisions"),
    ("Log loss", metrics.log_loss, True, "probabilities"),
    ("ROC AUC", metrics.roc_auc, False, "probabilities"),
    ("Mean absolute error", metrics.mean_absolute_error, True, "numbers"),
    ("Root mean squared error", metrics.root_mean_squared_error, True, "numbers"),
    ("R²", metrics.r2, False, "numbers"),
)


def scores_of(held: ScoredRows, training: ScoredRows | None) -> list[Score]:
    """The usual figures; guesses are the shares of the classes, or the mean."""
    source, k = training or held, len(held.class_names)
    if k:
        shares = np.tile(np.bincount(source.y, minlength=k) / len(source), (len(held), 1))
        guessed = replace(held, predicted=shares.argmax(axis=1), p=shares)
        lacking = [c for i, c in enumerate(held.class_names) if not (held.y == i).any()]
        why = f"no rows of {lacking[0] if len(lacking) == 1 else f'{len(lacking)} classes'}"
    else:
        guessed = replace(held, predicted=np.full(len(held), float(source.y.mean())))
        why = "the rows have one number only"
    scores = []
    for name, metric, smaller, of in MEASURES:
        if (of != "numbers") == bool(k) and (of != "probabilities" or held.p is not None):
            at, learned, by_guess = (_figure(metric, s, of) for s in (held, training, guessed))
            lost = at is None or (learned is None and not k and training is not None)
            scores.append(Score(name, at, learned, by_guess, smaller, of, why if lost else ""))
    return scores


def _figure(metric: Metric, side: ScoredRows | None, of: Of) -> float | None:
    """A metric of the decisions, the probabilities or the numbers; None where it cannot be told."""
    if side is None:
        return None
    p = side.predicted if side.p is None else side.p
    if of == "decisions":
        p = np.eye(1 + int(max(1, side.predicted.max(), side.y.max())))[side.predicted]
    try:
        found = float(metric(p, side.y))
    except DataError:
        return None
    return None if np.isnan(found) else found


def interval(share: float, n: int) -> tuple[float, float]:
    """Where a share of so many rows lies with 95 % confidence, by Wilson, 1927.

    >>> [round(end, 3) for end in interval(0.5, 100)]
    [0.404, 0.596]
    """
    from scipy.stats import binomtest

    low, high = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(low), float(high)
