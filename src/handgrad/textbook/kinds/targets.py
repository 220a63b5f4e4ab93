"""Kinds of targets: class labels, binary labels, counts, amounts, numbers, and their checks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from handgrad.textbook.errors import DataError, ShapeError
from handgrad.textbook.module import Array


@dataclass(frozen=True)
class TargetKind:
    """Base class of kinds of targets: numbers of any shape, (n, …).

    A new kind overrides what differs. `default_metrics` are reported by default; `indices` is True
    for whole numbers that a loss uses as indices; `probability_loss` names, for hints, the loss on
    probabilities of such targets.
    """

    name: ClassVar[str] = "numbers of any shape"
    default_metrics: ClassVar[tuple[str, ...]] = ()
    indices: ClassVar[bool] = False
    probability_loss: ClassVar[str] = ""

    def __str__(self) -> str:
        return self.name

    def checked(self, y: Array, p: Array, what: str, learn: bool) -> Array:
        """Return the targets in the shape and type that the loss takes.

        Parameters
        ----------
        y : array, (n, …)
            The targets.
        p : array, (m, …)
            Predictions of the net, for shape and dtype.
        what : str
            Name of the rows in messages.
        learn : bool
            True for training rows, which must not all have the same label.

        Raises
        ------
        DataError, ShapeError
            If the loss cannot take the targets.
        """
        return _cast(_numbers(y, what), p, what)

    def check_predictions(self, p: Array, loss: object, where: str) -> None:
        """Raise ShapeError if the shape of the predictions `p` does not fit such targets."""

    def n_classes(self, n_outputs: int) -> int | None:
        """Return the number of classes; None unless each row has exactly one class."""
        return None

    def decide(self, p: Array) -> Array:
        """Return the predicted target of each row for predictions from `inverse_link`."""
        return p

    def examples(self, p: Array, rng: np.random.Generator) -> Array:
        """Return random targets for the predictions `p`, for tracing and gradient checks."""
        return rng.standard_normal(p.shape).astype(p.dtype)

    def constant_answers(self, y: Array, k: int, w: Array) -> list[Array]:
        """Return constant predictions (k,), equal for all rows; the best for `y` is among them.

        These are class frequencies or means; the list is empty if unknown.

        Parameters
        ----------
        y : array, (n, …)
            The targets.
        k : int
            Number of outputs of a row.
        w : array, (n,), or of the shape of `y` for `indices`
            Weights of the rows or positions.
        """
        return []


class NumericTargets(TargetKind):
    """Numeric targets, in the shape of the predictions."""

    name = "numbers"
    default_metrics: ClassVar[tuple[str, ...]] = ("r2",)

    def checked(self, y: Array, p: Array, what: str, learn: bool) -> Array:
        y = _shaped(_numbers(y, what), p, what)
        self.check_range(y, what, learn)
        return _cast(y, p, what)

    def check_range(self, y: Array, what: str, learn: bool) -> None:
        """Raise DataError for numbers that are no targets of this kind."""

    def constant_answers(self, y: Array, k: int, w: Array) -> list[Array]:
        y = y.reshape(len(y), k).astype(np.float64)
        return [np.average(y, axis=0, weights=w), np.median(y, axis=0)]


class Distributions(NumericTargets):
    """Distributions over classes, one for each row or each member of an ensemble."""

    name = "distributions"
    default_metrics = ()


class Amounts(NumericTargets):
    """Amounts: numbers of at least 0, in the shape of the predictions."""

    name = "amounts"
    least: ClassVar[str] = "at least 0"

    def allows(self, y: float) -> bool:
        """Return True if a target may be as small as `y`."""
        return y >= 0

    def check_range(self, y: Array, what: str, learn: bool) -> None:
        if not self.allows(y.min()):
            others = "MSELoss() or HuberLoss(), which take negative numbers"
            raise DataError(
                f"{what}: a target of {y.min():g}",
                f"{self.name}, {self.least}",
                others if y.min() < 0 else "TweedieDevianceLoss(), which takes 0",
            )

    def examples(self, p: Array, rng: np.random.Generator) -> Array:
        return rng.poisson(2.0, p.shape).astype(p.dtype)


class Counts(Amounts):
    """Counts: numbers of at least 0, in the shape of the predictions."""

    name = "counts"


class PositiveAmounts(Amounts):
    """Positive amounts: numbers above 0, in the shape of the predictions."""

    name = "positive amounts"
    least = "above 0"

    def allows(self, y: float) -> bool:
        return y > 0

    def examples(self, p: Array, rng: np.random.Generator) -> Array:
        return rng.gamma(2.0, size=p.shape).astype(p.dtype)


class BinaryLabels(NumericTargets):
    """Binary labels: 0 or 1, one or several in each row, in the shape of the predictions."""

    name = "binary"
    default_metrics = ("accuracy",)
    probability_loss = "BinaryCrossEntropyLoss()"

    def check_range(self, y: Array, what: str, learn: bool) -> None:
        if not np.isin(y, (0, 1)).all():
            odd = y[~np.isin(y, (0, 1))].flat[0]
            raise DataError(
                f"{what}: a target of {odd:g}",
                "0 or 1 in every target",
                "(y == yes).astype(int); CrossEntropyLoss() for more classes",
            )
        _check_varied(y, what, learn)

    def n_classes(self, n_outputs: int) -> int | None:
        return 2 if n_outputs == 1 else None

    def decide(self, p: Array) -> Array:
        return (p >= 0.5).astype(np.int64)

    def examples(self, p: Array, rng: np.random.Generator) -> Array:
        return rng.integers(0, 2, p.shape)


class RiskLabels(NumericTargets):
    """Risk labels of intervals of time: 1 an event, 0 survived, −1 not at risk, or not observed."""

    name = "risk labels"
    default_metrics = ()

    def check_range(self, y: Array, what: str, learn: bool) -> None:
        if not np.isin(y, (-1, 0, 1)).all():
            raise DataError(
                f"{what}: a target of {y[~np.isin(y, (-1, 0, 1))].flat[0]:g}",
                "1 for an event in the interval, 0 for none, -1 for a row that is not at risk",
                "TabularSurvival, which takes times",
            )

    def examples(self, p: Array, rng: np.random.Generator) -> Array:
        return rng.integers(-1, 2, p.shape)

    def constant_answers(self, y: Array, k: int, w: Array) -> list[Array]:
        y = y.reshape(len(y), k).astype(np.float64)
        at_risk = np.where(y < 0, 0, w[:, None])
        return [(at_risk * y).sum(axis=0) / np.maximum(at_risk.sum(axis=0), np.finfo(float).tiny)]


class ClassLabels(TargetKind):
    """Class labels: whole numbers (n, …), for predictions (n, …, n_classes)."""

    name = "classes"
    default_metrics = ("accuracy",)
    indices = True
    probability_loss = "CrossEntropyLoss()"

    def checked(self, y: Array, p: Array, what: str, learn: bool) -> Array:
        y, (*axes, n_classes) = _numbers(y, what), p.shape[1:]
        each = f"each of {' × '.join(map(str, axes))} positions of a row" if axes else "each row"
        expected = f"whole numbers from 0 to {n_classes - 1}, one for {each}"
        wanted = (len(y), *axes)
        if y.shape != wanted:
            shape = ", ".join(map(str, ("rows", *axes))) + ("" if axes else ",")
            raise ShapeError(
                f"{what}: targets of shape {y.shape}",
                expected,
                f"y.{f'reshape{wanted}' if axes else 'ravel()'}"
                if y.size == np.prod(wanted)
                else "y.argmax(axis=-1), if the targets are one-hot"
                if y.ndim == len(wanted) + 1
                else f"an array of shape ({shape})",
            )
        if y.dtype.kind == "f":
            raise DataError(
                f"{what}: labels of type {y.dtype}, such as {y.flat[0]:g}",
                expected,
                "y.astype(int) for classes; MSELoss() for measured numbers",
            )
        y = y.astype(np.int64)
        if y.min() < 0 or y.max() >= n_classes:
            odd = int(y.min() if y.min() < 0 else y.max())
            first = int(np.argwhere(y == odd)[0][0])
            raise DataError(
                f"{what}: label {odd} in row {first}, counted from 0, for {n_classes} classes",
                expected,
                "names, y = np.unique(y, return_inverse=True), which numbers them from 0"
                if odd < 0
                else f"Linear(…, {odd + 1}) before the end for {odd + 1} classes, or labels from 0",
            )
        _check_varied(y, what, learn)
        return y

    def check_predictions(self, p: Array, loss: object, where: str) -> None:
        if p.ndim < 2 or p.shape[-1] < 2:
            raise ShapeError(
                f"{loss!r} was given predictions of shape (n, {', '.join(map(str, p.shape[1:]))})",
                "a column for each class, at least two",
                "Linear(…, n_classes) before the end, or BinaryCrossEntropyLoss() for one column",
                where,
            )

    def n_classes(self, n_outputs: int) -> int | None:
        return n_outputs

    def decide(self, p: Array) -> Array:
        return p.argmax(axis=-1)

    def examples(self, p: Array, rng: np.random.Generator) -> Array:
        return rng.integers(0, p.shape[-1], p.shape[:-1])

    def constant_answers(self, y: Array, k: int, w: Array) -> list[Array]:
        n_positions = y.size // len(y)
        # bincount takes no int64 where addresses have 32 bits, as in browsers
        codes = y.ravel().astype(np.intp)
        frequencies = np.bincount(codes, w.ravel(), k // n_positions) / w.sum()
        return [np.tile(frequencies, n_positions)]


def _numbers(y: Array, what: str) -> Array:
    if y.dtype.kind not in "fiub":
        raise DataError(
            f"{what}: targets of type {y.dtype}, such as {y.ravel()[:1].tolist()[0]!r}",
            "numbers",
            "names, y = np.unique(y, return_inverse=True), for 0, 1, 2 … instead of names",
        )
    if not np.isfinite(y).all():
        raise DataError(
            f"{what}: NaN or infinity among the targets, first in row "
            f"{np.argwhere(~np.isfinite(y))[0][0]}, counted from 0",
            "finite numbers",
            "drop those rows, keep = np.isfinite(y)",
        )
    return y


def _shaped(y: Array, p: Array, what: str) -> Array:
    """`y` in the shape of the predictions, with its own number of rows."""
    expected = (len(y), *p.shape[1:])
    if y.shape not in (expected, (*expected, 1)) and (*y.shape, 1) != expected:
        columns = y.size // len(y)
        raise ShapeError(
            f"{what}: targets of shape {y.shape}",
            f"shape {expected}, that of the predictions",
            f"y.reshape{expected}"
            if y.size == np.prod(expected)
            else f"Linear(…, {columns}) as the last layer with weights",
        )
    return y.reshape(expected)


def _cast(y: Array, p: Array, what: str) -> Array:
    with np.errstate(over="ignore"):
        cast = y.astype(p.dtype)
    if not np.isfinite(cast).all():
        raise DataError(
            f"{what}: a target of {y[~np.isfinite(cast)].flat[0]:g} is too large for {p.dtype}",
            "numbers in the range of the net's dtype",
            "targets in another unit, or hg.Net(…, dtype=np.float64)",
        )
    return cast


def _check_varied(y: Array, what: str, learn: bool) -> None:
    if learn and (y == y.flat[0]).all():
        raise DataError(
            f"{what}: all {len(y)} rows have the label {y.flat[0]:g}",
            "at least two classes",
            "rows of another class, or another column of labels; for a generator hg.compile",
        )
