"""Kinds of targets: class labels, binary labels, counts, numbers, and their checks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from handgrad.textbook.errors import DataError, ShapeError
from handgrad.textbook.module import Array


@dataclass(frozen=True)
class TargetKind:
    """The base of every kind of targets: numbers, an array of any shape with a row for each row.

    A kind of one's own overrides what differs. `default_metrics` are reported when nothing is
    asked for; `indices` says that targets are whole numbers that a loss may index with;
    `probability_loss` names the loss on probabilities of such targets, for hints.
    """

    name: ClassVar[str] = "numbers of any shape"
    default_metrics: ClassVar[tuple[str, ...]] = ()
    indices: ClassVar[bool] = False
    probability_loss: ClassVar[str] = ""

    def __str__(self) -> str:
        return self.name

    def checked(self, y: Array, p: Array, what: str, learn: bool) -> Array:
        """`y` (n, …) in the shape and type that the loss takes beside predictions like `p` (m, …).

        Raises DataError or ShapeError where that cannot be; `what` names the rows in them, and
        `learn` says that they are to be trained on.
        """
        return _cast(_numbers(y, what), p, what)

    def check_predictions(self, p: Array, loss: object, where: str) -> None:
        """Refuse predictions whose shape does not fit such targets."""

    def n_classes(self, n_outputs: int) -> int | None:
        """The number of classes, of which each row has one; None where it has not one class."""
        return None

    def decide(self, p: Array) -> Array:
        """The answer of each row, in the terms of the targets, from what `inverse_link` gave."""
        return p

    def examples(self, p: Array, rng: np.random.Generator) -> Array:
        """Random targets that fit the predictions `p`, for recording and gradient checks."""
        return rng.standard_normal(p.shape).astype(p.dtype)

    def constant_answers(self, y: Array, k: int, w: Array) -> list[Array]:
        """The answers (k,), the same for every row, that could be the best for `y` of weights `w`.

        They are in the terms of the targets: shares of classes, means. None where that is not
        known. `w` has a weight for each row, (n,); of `indices`, for each of them, as `y`.
        """
        return []


class NumericTargets(TargetKind):
    """Numbers in the shape of the predictions."""

    name = "numbers"
    default_metrics: ClassVar[tuple[str, ...]] = ("r2",)

    def checked(self, y: Array, p: Array, what: str, learn: bool) -> Array:
        y = _shaped(_numbers(y, what), p, what)
        self.check_range(y, what, learn)
        return _cast(y, p, what)

    def check_range(self, y: Array, what: str, learn: bool) -> None:
        """Refuse numbers that are no targets of this kind."""

    def constant_answers(self, y: Array, k: int, w: Array) -> list[Array]:
        y = y.reshape(len(y), k).astype(np.float64)
        return [np.average(y, axis=0, weights=w), np.median(y, axis=0)]


class Distributions(NumericTargets):
    """A distribution over classes for each row, or for each member of an ensemble."""

    name = "distributions"
    default_metrics = ()


class Counts(NumericTargets):
    """Numbers from 0 on, in the shape of the predictions."""

    name = "counts"

    def check_range(self, y: Array, what: str, learn: bool) -> None:
        if y.min() < 0:
            raise DataError(
                f"{what}: a target of {y.min():g}",
                "counts, from 0 on",
                "MSELoss() or HuberLoss(), for numbers below 0 too",
            )

    def examples(self, p: Array, rng: np.random.Generator) -> Array:
        return rng.poisson(2.0, p.shape).astype(p.dtype)


class BinaryLabels(NumericTargets):
    """0 or 1, one or several a row, in the shape of the predictions."""

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


class ClassLabels(TargetKind):
    """One class a row or place: (n, …) whole numbers, beside predictions (n, …, n_classes)."""

    name = "classes"
    default_metrics = ("accuracy",)
    indices = True
    probability_loss = "CrossEntropyLoss()"

    def checked(self, y: Array, p: Array, what: str, learn: bool) -> Array:
        y, (*places, n_classes) = _numbers(y, what), p.shape[1:]
        each = f"a place of a row of {' × '.join(map(str, places))} places" if places else "a row"
        expected, wanted = f"whole numbers from 0 to {n_classes - 1}, one {each}", (len(y), *places)
        if y.shape != wanted:
            shape = ", ".join(map(str, ("rows", *places))) + ("" if places else ",")
            raise ShapeError(
                f"{what}: targets of shape {y.shape}",
                expected,
                f"y.{f'reshape{wanted}' if places else 'ravel()'}"
                if y.size == np.prod(wanted)
                else "y.argmax(axis=-1), if the targets are one-hot"
                if y.ndim == len(wanted) + 1
                else f"one whole number each, in an array of shape ({shape})",
            )
        if y.dtype.kind == "f":
            raise DataError(
                f"{what}: labels of type {y.dtype}, such as {y.flat[0]:g}",
                expected,
                "y.astype(int), if they are classes; MSELoss() if they are measured",
            )
        y = y.astype(np.int64)
        if y.min() < 0 or y.max() >= n_classes:
            odd = int(y.min() if y.min() < 0 else y.max())
            first = int(np.argwhere(y == odd)[0][0])
            raise DataError(
                f"{what}: label {odd} in row {first}, counted from 0, for {n_classes} classes",
                expected,
                "names, y = np.unique(y, return_inverse=True) numbers them from 0"
                if odd < 0
                else f"Linear(…, {odd + 1}) before the end for {odd + 1} classes, or labels from 0",
            )
        _check_varied(y, what, learn)
        return y

    def check_predictions(self, p: Array, loss: object, where: str) -> None:
        if p.ndim < 2 or p.shape[-1] < 2:
            raise ShapeError(
                f"{loss!r} was handed predictions of shape (n, {', '.join(map(str, p.shape[1:]))})",
                "one column a class, at least two",
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
        places = y.size // len(y)
        share = np.bincount(y.ravel(), w.ravel(), k // places) / w.sum()
        return [np.tile(share, places)]


def _numbers(y: Array, what: str) -> Array:
    if y.dtype.kind not in "fiub":
        raise DataError(
            f"{what}: targets of type {y.dtype}, such as {y.ravel()[:1].tolist()[0]!r}",
            "numbers",
            "names, y = np.unique(y, return_inverse=True) turns names into 0, 1, 2 …",
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
    """`y` in the shape of the predictions, but for the number of rows."""
    expected = (len(y), *p.shape[1:])
    if y.shape not in (expected, (*expected, 1)) and (*y.shape, 1) != expected:
        columns = y.size // len(y)
        raise ShapeError(
            f"{what}: targets of shape {y.shape}",
            f"shape {expected}, as the predictions",
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
            "numbers that the net's type can hold",
            "targets in another unit, or hg.Net(…, dtype=np.float64)",
        )
    return cast


def _check_varied(y: Array, what: str, learn: bool) -> None:
    if learn and (y == y.flat[0]).all():
        raise DataError(
            f"{what}: all {len(y)} rows have the label {y.flat[0]:g}",
            "at least two classes to tell apart",
            "rows of another class, or check the column the labels come from",
        )
