"""Scores of predictions and of the baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np

from handgrad.files.features import Column
from handgrad.tables.data.dependent_rows import RowRoles
from handgrad.tables.inspection.importance import checked_target
from handgrad.tables.inspection.tables import IndexedTable, outputs_of
from handgrad.tables.reporting.intervals import interval_of, losses_of, sums_of, units_in
from handgrad.tables.tabular.base import refuse_unusable
from handgrad.tables.tabular.censored import CENSORED_ERROR, restricted_mean
from handgrad.tables.tabular.decisions import decided
from handgrad.tables.tabular.deviances import mean_deviance, metric_of
from handgrad.textbook import metrics
from handgrad.textbook.errors import DataError, HandgradError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.metrics.registry import Metric
from handgrad.training.results import Predictions, Predictor, is_classifier

# Maximum of scored rows; a sample of them has an error of a hundredth.
MOST_ROWS = 20_000

NO_ROLES = RowRoles()
Of = Literal["decisions", "probabilities", "numbers"]


@dataclass(frozen=True, kw_only=True)
class ScoredRows(Predictions):
    """Predictions for the rows of `table`, perhaps a sample of `of` rows.

    `unknown` rows of classes that the model does not know are left out. `roles` are the groups,
    times and weights of the rows, if they have any; `rows` their indices, if they are not all rows;
    `deviance` is the metric of a model with such a loss.
    """

    table: IndexedTable
    of: int
    unknown: int = 0
    roles: RowRoles = NO_ROLES
    rows: Array | None = None
    deviance: str = ""

    @property
    def w(self) -> Array | None:
        """Weight of each row, (n,), or None."""
        return self.roles.weights_in_scores

    @property
    def measure(self) -> str:
        """Name of the score of predictions without probabilities."""
        if self.class_names:
            return "Accuracy"
        return self.deviance.replace("_", " ").capitalize() or "Mean absolute error"

    @property
    def censored(self) -> bool:
        """True if the targets are times, negative where they are censored."""
        return self.deviance == CENSORED_ERROR

    @property
    def shown(self) -> Array:
        """Targets as they are shown, (n,): times of either sign have none."""
        return np.abs(self.y) if self.censored else self.y

    @cached_property
    def unweighted_losses(self) -> Array:
        """Loss of each prediction, (n,): a mistake, deviance, or absolute error."""
        return losses_of(self.y, self.predicted, None, bool(self.class_names), self.deviance)

    @cached_property
    def losses(self) -> Array:
        """The same, (n,), times the weights of rates, whose mean is 1 then."""
        w, losses = self.rate_weights, self.unweighted_losses
        return losses if w is None else losses * w / w.mean()

    @property
    def rate_weights(self) -> Array | None:
        """Weight of each row of a rate, or for a deviance, (n,): its exposure and own weight."""
        return self.w if self.deviance or self.roles.exposure is not None else None

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns of the table, with their types."""
        return self.table.columns()

    @cached_property
    def units(self) -> Array | None:
        """Independent unit of each row, (n,): its group or a block of time; None if rows are."""
        classes = bool(self.class_names)
        losses = losses_of(self.y, self.predicted, self.p, classes, self.deviance)
        return units_in(self.roles, losses)

    @property
    def mean(self) -> float:
        """Mean of the targets; of times the restricted mean."""
        if self.censored:
            return restricted_mean(self.y, self.w)
        return (
            float(np.average(self.y, weights=self.w))
            if self.w is not None
            else float(self.y.mean())
        )

    @property
    def one_class(self) -> bool:
        """True if all rows are of one class."""
        return bool(self.class_names) and len(np.unique(self.y)) == 1


def scored_rows(
    model: Predictor,
    X: object,
    y: object,
    classes: tuple[str, ...],
    what: str,
    roles: RowRoles = NO_ROLES,
) -> ScoredRows:
    """Predict rows, or a sample of very many."""
    table = IndexedTable(X)
    n = len(table)
    target = checked_target(y, n)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim != 1:
        raise SettingError(
            f"{what}: targets of shape {target.shape}",
            "one class or one number per row",
            "a report for each column of the target",
        )
    refuse_unusable(target)
    places, known = _places(model, target, what)
    rows = np.flatnonzero(known)
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))
    if len(rows) < n:
        X = table.take(rows)
        table = IndexedTable(X)
    predicted, p = _predicted(model, X, classes, what)
    unknown = int((~known).sum())
    return ScoredRows(
        places[rows],
        predicted,
        p,
        classes,
        table=table,
        of=n,
        unknown=unknown,
        roles=roles.take(rows) if len(rows) < n else roles,
        rows=rows if len(rows) < n else None,
        deviance=metric_of(getattr(model, "loss_", None)),
    )


def _places(model: Predictor, y: Array, what: str) -> tuple[Array, Array]:
    """Targets as class indices or as numbers, and a mask of rows with known classes."""
    known = getattr(model, "classes_", None)
    if known is None:
        try:
            return y.astype(float), np.ones(len(y), bool)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{what}: a target of {y.tolist()[0]!r}", "numbers", "the column it was trained on"
            ) from error
    place = {value: i for i, value in enumerate(known.tolist())}
    places = np.array([place.get(value, -1) for value in y.tolist()], int)
    if (places < 0).all():
        raise DataError(
            f"{what}: no target is a class of the model; the first is {y.tolist()[0]!r}",
            f"{', '.join(map(repr, known.tolist()[:8]))}",
            "the column it was trained on, with values of the same type",
        )
    return places, places >= 0


def _predicted(
    model: Predictor, X: object, classes: tuple[str, ...], what: str
) -> tuple[Array, Array | None]:
    try:
        p = outputs_of(model, X)
    except HandgradError:
        raise
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(
            f"{what}: the model cannot predict these rows: {str(error).splitlines()[0]}",
            "a table with the columns of the training table",
            "the table as it was before the split, without the target",
        ) from error
    if not classes:
        return p.reshape(len(p)).astype(float), None
    thresholds: Array | None = getattr(model, "class_thresholds", None)
    return decided(p, thresholds).argmax(axis=1), p if is_classifier(model) else None


@dataclass(frozen=True)
class Score:
    """One score: on the `held`-out rows, on the training rows, and of the baseline.

    None if it is undefined, for the reason `why`. `between` is the 95 % confidence interval of the
    score on held-out rows, if it is known.
    """

    name: str
    held: float | None
    training: float | None
    baseline: float | None
    smaller_is_better: bool = False
    of: Of = "numbers"
    why: str = ""
    between: tuple[float, float] | None = None

    @property
    def key(self) -> str:
        """Name of the metric in records."""
        return "r2" if self.name == "R²" else self.name.lower().replace(" ", "_")

    @property
    def beats_baseline(self) -> bool | None:
        """True if the model is better than the baseline; None if undefined."""
        if self.held is None or self.baseline is None:
            return None
        return (self.held < self.baseline) if self.smaller_is_better else self.held > self.baseline

    def shown(self, value: float | None) -> str:
        """Format a value of this score."""
        if value is None:
            return "–"
        if self.of == "decisions":
            return f"{value:.1%}"
        if self.of == "numbers" and self.name != "R²":
            return number(value)
        return f"{round(value, 3) + 0.0:,.3f}".replace("-", "−")


def rows_of(n: int, what: str = "row") -> str:
    """Format a number of rows, or of `what`."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def percent(fraction: float) -> str:
    """Format a fraction in whole per cent; values close to 0 and 1 get < and >.

    >>> percent(0.25), percent(0.001), percent(0.9999), percent(0), percent(1)
    ('25%', '< 1%', '> 99%', '0%', '100%')
    """
    if 0 < fraction < 0.005:
        return "< 1%"
    return "> 99%" if 0.995 <= fraction < 1 else f"{fraction:.0%}"


def number(value: float) -> str:
    """Format a number with three significant digits, and all digits before the point.

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


# Name, metric, whether smaller is better, and what it is computed from.
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
    """Default scores; the baseline predicts the class frequencies or the mean."""
    source, k = training or held, len(held.class_names)
    w = source.w
    if k:
        n = len(source) if w is None else w.sum()
        p = np.tile(np.bincount(source.y, w, k) / n, (len(held), 1))
        guessed = replace(held, predicted=p.argmax(axis=1), p=p)
        lacking = [c for i, c in enumerate(held.class_names) if not (held.y == i).any()]
        why = f"no rows of {lacking[0] if len(lacking) == 1 else f'{len(lacking)} classes'}"
    else:
        guessed = replace(held, predicted=np.full(len(held), source.mean))
        why = "all true values are equal"
    scores = []
    measures = [*MEASURES]
    if held.deviance:
        measures.insert(0, (held.measure, partial(mean_deviance, held.deviance), True, "numbers"))
    if held.censored:
        concordance: Metric = metrics.concordance_index
        measures = [("Concordance index", concordance, False, "numbers"), measures[0]]
    for name, metric, smaller, of in measures:
        if (of != "numbers") == bool(k) and (of != "probabilities" or held.p is not None):
            at, learned, by_guess = (_figure(metric, s, of) for s in (held, training, guessed))
            lost = at is None or (learned is None and not k and training is not None)
            why_none = why if lost else ""
            between = None if at is None else between_of(name, at, held)
            scores.append(Score(name, at, learned, by_guess, smaller, of, why_none, between))
    return scores


def _figure(metric: Metric, side: ScoredRows | None, of: Of) -> float | None:
    """Compute a metric of decisions, probabilities or numbers; None if undefined."""
    if side is None:
        return None
    p = side.predicted if side.p is None else side.p
    if of == "decisions":
        p = np.eye(1 + int(max(1, side.predicted.max(), side.y.max())))[side.predicted]
    try:
        value = float(metric(p, side.y, sample_weight=side.w))
    except DataError:
        return None
    return None if np.isnan(value) else value


def between_of(name: str, score: float, held: ScoredRows) -> tuple[float, float] | None:
    """95 % confidence interval of a score on held-out rows, groups or blocks of time."""
    if name == "Accuracy" and held.units is None and held.w is None:
        return interval(score, len(held))
    return interval_of(name, sums_of(name, held.y, held.predicted, held.p, held.w), held.units)


def interval(fraction: float, n: int) -> tuple[float, float]:
    """Wilson score interval of a fraction of `n` rows, with 95 % confidence (Wilson, 1927).

    >>> [round(end, 3) for end in interval(0.5, 100)]
    [0.404, 0.596]
    """
    from scipy.stats import binomtest

    low, high = binomtest(round(fraction * n), n).proportion_ci(method="wilson")
    return float(low), float(high)
