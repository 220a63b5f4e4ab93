"""Result records: importances, partial dependence, learning curves and predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeGuard, runtime_checkable

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, did_you_mean
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Array
from handgrad.textbook.net import Net

Kind = Literal["number", "date", "category"]


@dataclass(frozen=True, repr=False)
class PermutationImportance:
    """Permutation importance: decrease of a score when a column is shuffled.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns.
    decreases : array (n_columns, n_repeats)
        Decrease of the score in each repeat.
    score : float
        Score without shuffling; larger is better.
    scoring : str
        Name of the score.
    n_rows : int
        Number of rows scored.

    Examples
    --------
    >>> decreases = np.array([[0.0, 0.1], [0.2, 0.4]])
    >>> importance = PermutationImportance(("a", "b"), decreases, 0.9, "r2", 50)
    >>> importance.mean, importance.std.round(2), importance.strongest
    (array([0.05, 0.3 ]), array([0.05, 0.1 ]), ['b', 'a'])
    """

    columns: tuple[str, ...]
    decreases: Array
    score: float
    scoring: str
    n_rows: int

    def __repr__(self) -> str:
        first = ", ".join(f"{self.columns[i]} {self.mean[i]:.4g}" for i in self.order[:3])
        rest = f", … of {len(self.columns)} columns" if len(self.columns) > 3 else ""
        return f"<PermutationImportance: {first}{rest}>"

    @property
    def mean(self) -> Array:
        """Mean over the repeats, (n_columns,)."""
        return self.decreases.mean(axis=1)

    @property
    def std(self) -> Array:
        """Standard deviation over the repeats, (n_columns,)."""
        return self.decreases.std(axis=1)

    @property
    def order(self) -> Array:
        """Indices of the columns, the most important first."""
        return np.argsort(-self.mean, kind="stable")

    @property
    def strongest(self) -> list[str]:
        """Names of the columns, the most important first."""
        return [self.columns[i] for i in self.order]


@dataclass(frozen=True, repr=False)
class PartialDependence:
    """Partial dependence: mean prediction with `column` set to each of `values` in all rows.

    Parameters
    ----------
    column : str
        Name of the column.
    kind : {"number", "date", "category"}
        Kind of its values.
    values : array (n_values,)
        Numbers, dates as datetime64, or texts.
    average : array (n_values, n_outputs)
        Mean prediction for each value.
    outputs : tuple of str
        Classes whose probabilities are averaged, or ("prediction",).
    shares : array (n_values,)
        Fraction of the rows with each text; NaN for numbers and dates.
    n_rows : int
        Number of rows averaged.
    """

    column: str
    kind: Kind
    values: Array
    average: Array
    outputs: tuple[str, ...]
    shares: Array
    n_rows: int

    def __repr__(self) -> str:
        return f"<PartialDependence: {self.column}, at {len(self.values)} values>"


@dataclass(frozen=True)
class ContributionBar:
    """Contribution of a column with its value, such as `town = Ulm`, and its standard error."""

    name: str
    value: float
    error: float


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Contributions:
    """Contributions of the columns of some rows to their predictions; printed, those of the first.

    For each row and output, `base` and the contributions add up to the prediction.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns.
    outputs : tuple of str
        Classes, whose probabilities are explained, or ("prediction",).
    values : array (n, n_columns, n_outputs)
        Contributions, in units of the prediction.
    errors : array (n, n_columns, n_outputs)
        Their standard errors; 0 where they are exact.
    base : array (n_outputs,)
        Mean prediction of the background rows.
    predictions : array (n, n_outputs)
        Predictions of the rows.
    cells : tuple of tuple of float, str or None
        Values of the columns in each row; None where missing.
    n_background : int
        Number of background rows.

    Examples
    --------
    >>> result = Contributions(
    ...     columns=("size", "town"), outputs=("no", "yes"),
    ...     values=np.array([[[-0.18, 0.18], [0.05, -0.05]]]), errors=np.zeros((1, 2, 2)),
    ...     base=np.array([0.6, 0.4]), predictions=np.array([[0.47, 0.53]]),
    ...     cells=((12.5, "Ulm"),), n_background=16,
    ... )
    >>> print(result)
    probability of yes: 53 %; mean of the background: 40 %
      size = 12.5   +18 points
      town = Ulm   −5.0 points
    """

    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    values: Array
    errors: Array
    base: Array
    predictions: Array
    cells: tuple[tuple[float | str | None, ...], ...]
    n_background: int

    def __repr__(self) -> str:
        rows = "1 row" if len(self.values) == 1 else f"{len(self.values)} rows"
        return f"<Contributions: {rows}, {len(self.columns)} columns>"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def explained(self, row: int) -> int:
        """Index of the explained output of a row: its predicted class."""
        return int(self.predictions[row].argmax())

    def bars(
        self, row: int = 0, most: int = 12, words: Mapping[str, str] | None = None
    ) -> list[ContributionBar]:
        """Contributions of a row, the largest first; those of the others are added.

        Parameters
        ----------
        row : int, default 0
            Index of the row.
        most : int, default 12
            Most columns.
        words : mapping of str to str, optional
            Texts of another language, as `CONTRIBUTION_WORDS`.
        """
        words, k = words or CONTRIBUTION_WORDS, self.explained(row)
        values, errors = self.values[row, :, k], self.errors[row, :, k]
        order = np.argsort(-np.abs(values), kind="stable").tolist()
        bars = [
            ContributionBar(
                f"{self.columns[i]} = {_cell(self.cells[row][i], words)}",
                float(values[i]),
                float(errors[i]),
            )
            for i in order[:most]
        ]
        if left := order[most:]:
            others = words["other_columns"].format(len(left))
            bars.append(ContributionBar(others, float(values[left].sum()), 0.0))
        return bars

    def lines(
        self, row: int = 0, most: int = 12, words: Mapping[str, str] | None = None
    ) -> list[str]:
        """Contributions of a row as text, the largest first; of classes, to the predicted one.

        Parameters
        ----------
        row : int, default 0
            Index of the row.
        most : int, default 12
            Most columns; the contributions of the others are added.
        words : mapping of str to str, optional
            Texts of another language, as `CONTRIBUTION_WORDS`.
        """
        words, k = words or CONTRIBUTION_WORDS, self.explained(row)
        of_classes = self.outputs != ("prediction",)
        shown = _percent if of_classes else _digits
        subject = words["probability"].format(self.outputs[k])
        subject = subject if of_classes else words["prediction"]
        head = words["against"].format(
            subject, shown(self.predictions[row, k]), shown(self.base[k])
        )
        bars, unit = self.bars(row, most, words), words["points"] if of_classes else ""
        numbers = [f"{_signed(bar.value, of_classes)}{unit}" for bar in bars]
        wide, high = max(len(bar.name) for bar in bars), max(map(len, numbers))
        return [head] + [
            f"  {bar.name:<{wide}}  {text:>{high}}"
            + (f" ± {_signed(bar.error, of_classes)[1:]}" if bar.error else "")
            for bar, text in zip(bars, numbers, strict=True)
        ]


# Texts of contributions; the probability has the class, the first line the prediction and the mean.
CONTRIBUTION_WORDS: Mapping[str, str] = {
    "probability": "probability of {}",
    "prediction": "prediction",
    "against": "{}: {}; mean of the background: {}",
    "points": " points",
    "other_columns": "{} other columns",
    "missing": "missing",
}


def _percent(probability: float) -> str:
    return f"{100 * probability:.3g} %"


def _digits(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _signed(value: float, percent: bool) -> str:
    """A number with its sign; a probability in percentage points."""
    if percent:
        points = 100 * value
        return f"{points:+.{0 if abs(points) >= 9.95 else 1}f}".replace("-", "−")
    return f"{value:+.3g}".replace("-", "−")


def _cell(value: float | str | None, words: Mapping[str, str]) -> str:
    if value is None:
        return words["missing"]
    if isinstance(value, str):
        return value if len(value) <= 30 else f"{value[:29]}…"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RunsCurve:
    """Loss and metrics of many runs on training and validation rows.

    Parameters
    ----------
    train, validation : dict of str to array (points, seeds)
        "loss" and the metrics with the final weights, in prediction mode; NaN for diverged runs.
    """

    train: Mapping[str, Array]
    validation: Mapping[str, Array]
    _points: ClassVar[tuple[str, str]]  # the attribute with the points, and what they are called

    @property
    def missing(self) -> Array:
        """Number of runs without a finite loss at each point, (points,)."""
        finite = np.isfinite(self.train["loss"]) & np.isfinite(self.validation["loss"])
        return (~finite).sum(axis=1)

    def quartiles(self, side: Literal["train", "validation"], what: str = "loss") -> Array:
        """Lower quartile, median and upper quartile over the seeds, (3, points).

        Only finite values count; NaN where half of the runs or more have none.

        Parameters
        ----------
        side : {"train", "validation"}
            Rows on which the runs were evaluated.
        what : str, default "loss"
            The loss, or a metric by name.
        """
        if side not in ("train", "validation"):
            raise SettingError(f"side = {side!r}", "'train' or 'validation'", "'validation'")
        figures = self.train if side == "train" else self.validation
        if what not in figures:
            known = [*figures]
            hint = did_you_mean(what, known, "metrics=[...], where the curve is computed")
            raise SettingError(f"{what!r} is not in this curve", f"one of {', '.join(known)}", hint)
        quartiles = np.full((3, len(figures[what])), np.nan)
        for i, runs in enumerate(figures[what]):
            finite = runs[np.isfinite(runs)]
            if 2 * len(finite) > len(runs):
                quartiles[:, i] = np.quantile(finite, (0.25, 0.5, 0.75))
        return quartiles

    def __repr__(self) -> str:
        points, called = getattr(self, self._points[0]), self._points[1]
        over = f"{len(points)} {called} from {points[0]} to {points[-1]}"
        return f"<{type(self).__name__}: {over}, {self.train['loss'].shape[1]} seeds each>"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CapacityCurve(RunsCurve):
    """Capacity curve: loss and metrics of many runs by capacity.

    Parameters
    ----------
    train, validation : dict of str to array (n, seeds)
        "loss" and the metrics with the final weights, in prediction mode; NaN for diverged runs.
    capacities : array (n,)
        In ascending order.
    """

    capacities: Array
    _points = "capacities", "capacities"

    @property
    def best(self) -> float:
        """Capacity with the lowest median validation loss."""
        medians = self.quartiles("validation")[1]
        if np.isnan(medians).all():
            raise SettingError(
                "no capacity at which most runs have a finite validation loss",
                "at least one",
                "a smaller learning rate, or smaller capacities",
            )
        return self.capacities[np.nanargmin(medians)].item()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LearningCurve(RunsCurve):
    """Learning curve: loss and metrics of many runs by number of training rows.

    Parameters
    ----------
    train, validation : dict of str to array (n, seeds)
        "loss" and the metrics with the final weights, in prediction mode; NaN for diverged runs.
    rows : array (n,)
        Numbers of training rows, in ascending order.
    """

    rows: Array
    _points = "rows", "numbers of rows"


@dataclass(frozen=True)
class Predictions:
    """A model's predictions with the true values; plots accept them in place of model and rows.

    Parameters
    ----------
    y : array (n,)
        True numbers, or class numbers from 0.
    predicted : array (n,)
        Predicted numbers, or class numbers.
    p : array (n, n_classes), optional
        Probabilities of the classes.
    class_names : tuple of str
        Names of the classes.

    Examples
    --------
    >>> import handgrad as hg
    >>> predictions = Predictions(np.array([0.0, 2.0]), np.array([1.0, 2.5]))
    >>> hg.plots.plot_residuals(predictions).get_title()
    'Residuals'
    """

    y: Array
    predicted: Array
    p: Array | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class NetRows:
    """Rows in the form that an estimator's net takes: inputs `x` and targets `y`, for its `loss`.

    Parameters
    ----------
    x, y : array
        Inputs and targets of the net.
    loss : Loss
        Loss that the net was trained with.
    keeps_best : bool
        The net has the weights of its best epoch, not of its last.
    feature_names : sequence of str
        Names of the inputs; empty if the estimator does not change them.
    """

    x: Array
    y: Array
    loss: Loss
    keeps_best: bool
    feature_names: Sequence[str] = ()


@runtime_checkable
class HasNet(Protocol):
    """Protocol of a fitted estimator with a net."""

    net_: Net

    def net_rows(self, X: object, y: Array) -> NetRows:
        """Rows and targets in the form that `net_` takes."""


class Predictor(Protocol):
    """Protocol of a fitted model with scikit-learn's `predict`."""

    def predict(self, X: object, /) -> npt.ArrayLike:
        """Predict each row of `X`."""


class Classifier(Predictor, Protocol):
    """Protocol of a fitted classifier with `predict_proba`."""

    @property
    def classes_(self) -> Array:
        """Classes, (n_classes,), numbers or names."""

    def predict_proba(self, X: object, /) -> npt.ArrayLike:
        """Probability of each class for the rows `X`, (n, n_classes)."""


def is_classifier(model: object) -> TypeGuard[Classifier]:
    """Check for a fitted classifier with `predict_proba`."""
    return not isinstance(model, Net | type) and hasattr(model, "predict_proba")
