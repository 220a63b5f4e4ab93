"""Records of results: of explaining a model, of its predictions, and of many runs along a curve."""

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
    """How much worse a score became when a column was shuffled: `decreases` (n_columns, n_repeats).

    `score` is that of `n_rows` rows as they are, by `scoring`; larger is better.

    >>> found = PermutationImportance(("a", "b"), np.array([[0.0, 0.1], [0.2, 0.4]]), 0.9, "r2", 50)
    >>> found.mean, found.std.round(2), found.strongest
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
        """The mean over the repeats, (n_columns,)."""
        return self.decreases.mean(axis=1)

    @property
    def std(self) -> Array:
        """The standard deviation over the repeats, (n_columns,)."""
        return self.decreases.std(axis=1)

    @property
    def order(self) -> Array:
        """The numbers of the columns, the strongest first."""
        return np.argsort(-self.mean, kind="stable")

    @property
    def strongest(self) -> list[str]:
        """The names of the columns, the strongest first."""
        return [self.columns[i] for i in self.order]


@dataclass(frozen=True, repr=False)
class PartialDependence:
    """The mean prediction of a model if `column` has one of `values` in all rows.

    `average` is (n_values, n_outputs), over `n_rows` rows. `values` are numbers, dates as NumPy's
    datetime64, or text, by `kind`. `outputs` names the classes whose probabilities are averaged,
    or is ("prediction",). `shares` (n_values,) says of text how many of the rows have it; of others
    it is NaN.
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


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RunsCurve:
    """The figures of many runs on training and validation rows, by name: "loss" and the metrics.

    Each is an array (points, seeds), taken in prediction mode with the weights that a run ended
    with; NaN where it diverged. `missing` (points,) is how many have no finite loss.
    """

    train: Mapping[str, Array]
    validation: Mapping[str, Array]
    _points: ClassVar[tuple[str, str]]  # the attribute with the points, and what they are called

    @property
    def missing(self) -> Array:
        finite = np.isfinite(self.train["loss"]) & np.isfinite(self.validation["loss"])
        return (~finite).sum(axis=1)

    def quartiles(self, side: Literal["train", "validation"], what: str = "loss") -> Array:
        """The lower quartile, the median and the upper quartile over the seeds, (3, points).

        Of the runs with a finite figure; NaN where half of the runs or more have none.
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
    """Figures of many runs by capacity: `train["loss"]` is an array (capacities, seeds).

    `capacities` (n,) ascend. `best` is the one with the lowest median validation loss. What else
    there is stands with `LearningCurve`, and is the same.
    """

    capacities: Array
    _points = "capacities", "capacities"

    @property
    def best(self) -> float:
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
    """Figures of many runs by number of training rows: `train["loss"]` is (sizes, seeds).

    `rows` (n,) ascend. `train` and `validation` have "loss" and the metrics, each in prediction
    mode with the weights that a run ended with, NaN where it diverged. `missing` (n,) is how many
    runs have no finite loss, `quartiles("validation", "accuracy")` are those of the other seeds.
    """

    rows: Array
    _points = "rows", "numbers of rows"


@dataclass(frozen=True)
class Predictions:
    """A model's predictions for rows whose true values `y` (n,) are known.

    Of classes, `y` and `predicted` (n,) are their numbers, counted from 0, and `class_names` what
    they are called; `p` (n, n_classes) are the probabilities, where the model gives any. The
    pictures that take a model and rows take these in their place.

    >>> import handgrad as hg
    >>> found = Predictions(np.array([0.0, 2.0]), np.array([1.0, 2.5]))
    >>> hg.plots.plot_residuals(found).get_title()
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
    """Rows as the net in an estimator takes them: inputs `x` and targets `y`, for its `loss`.

    `feature_names` are those of the inputs, none where they are as they came; `keeps_best` says
    whether the net has the weights of its best epoch, not of its last.
    """

    x: Array
    y: Array
    loss: Loss
    keeps_best: bool
    feature_names: Sequence[str] = ()


@runtime_checkable
class HasNet(Protocol):
    """A fitted estimator that shows its net."""

    net_: Net

    def net_rows(self, X: object, y: Array) -> NetRows:
        """Rows and their targets, numbers or numbers of classes, as `net_` takes them."""


class Predictor(Protocol):
    """A fitted model that predicts as scikit-learn's do."""

    def predict(self, X: object, /) -> npt.ArrayLike:
        """A prediction for each of the rows `X`."""


class Classifier(Predictor, Protocol):
    """A fitted classifier that gives probabilities."""

    @property
    def classes_(self) -> Array:
        """The classes, (n_classes,), numbers or names."""

    def predict_proba(self, X: object, /) -> npt.ArrayLike:
        """The probability of each class for the rows `X`, (n, n_classes)."""


def is_classifier(model: object) -> TypeGuard[Classifier]:
    """Whether `model` is a fitted classifier that gives probabilities, as scikit-learn's do."""
    return not isinstance(model, Net | type) and hasattr(model, "predict_proba")
