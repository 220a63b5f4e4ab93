"""Conformal prediction: intervals and sets with a given coverage, from rows held out in training.

A row counts with the outputs of the members that did not see it. With members that are a
cross-validation these are the out-of-fold residuals of the jackknife+ (Barber, Candès, Ramdas,
Tibshirani, 2021), here around the mean of the members; if all members hold out the same rows it is
split conformal prediction (Papadopoulos and others, 2002).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from math import ceil, isfinite
from typing import NoReturn, Self

import numpy as np

from handgrad.files.tensors import damaged, shown
from handgrad.tables.tabular.features import quantiles
from handgrad.tables.tabular.members import HeldOutRows
from handgrad.textbook.errors import SettingError, is_number
from handgrad.textbook.layers import Array

# Quantiles stored of the scores; rows that the widths are fitted to, and their fewest.
GRID, MOST_ROWS, FEWEST_ROWS = 200, 20_000, 10
# Ridge penalty of the widths, most features, and largest absolute value of one.
PENALTY, MOST_FEATURES, LARGEST = 100.0, 500, 9.0
# Share of the mean residual that is added to a residual before the logarithm, and to a width.
ADDED, LEAST = 0.05, 0.1
ROUNDED = 6  # decimals of fitted numbers


@dataclass(frozen=True)
class ConformityScores:
    """Quantiles of the conformity scores of `n` rows, at equal distances; the last is at 1."""

    n: int
    values: tuple[float, ...]

    @classmethod
    def of(cls, scores: Array, w: Array) -> Self:
        """The scores (n_rows,) of rows with the weights `w`, a weight of 2 being two rows."""
        n = max(1, round(float(w.sum())))
        size = min(n, GRID)
        levels = [(i + 1) / size for i in range(size)]
        return cls(n, tuple(quantiles(scores, w, levels)))

    def at(self, coverage: float, name: str) -> float:
        """Score that a new row has at most, with probability `coverage` or a little more."""
        rank = ceil((self.n + 1) * coverage - 1e-9)
        if rank > self.n:
            most = self.n / (self.n + 1)
            raise SettingError(
                f"{name}={coverage!r}, from {self.n} held-out rows",
                f"a coverage of at most {most:.4g}, which so few rows can give",
                f"{name}={0.9 if most > 0.9 else int(100 * most) / 100}, or more training rows",
            )
        return self.values[ceil(rank / self.n * len(self.values) - 1e-9) - 1]


@dataclass(frozen=True)
class Sizes:
    """Expected size of a residual, relative to `unit`, from the features of a row.

    Its logarithm is linear in the features and in the prediction p and p², within the range that
    the held-out rows have.
    """

    weights: tuple[float, ...]
    offset: float
    unit: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, x: Array, p: Array, off: Array) -> tuple[Self, Array]:
        """Fit the sizes to residuals `off` (n,); return them, and each row's by the other rows.

        That is ridge regression with its leave-one-out predictions.
        """
        unit = float(off.mean()) or 1.0
        inputs, logs = _inputs(x, p), np.log(off / unit + ADDED)
        n, mean = len(logs), inputs.mean(axis=0)
        offset = float(logs.mean())
        weights, others = np.zeros(inputs.shape[1]), np.full(n, offset)
        if n >= FEWEST_ROWS:
            centered = inputs - mean
            inverse = np.linalg.inv(centered.T @ centered + PENALTY * np.eye(len(weights)))
            weights = (inverse @ (centered.T @ (logs - offset))).round(ROUNDED)
            leverage = ((centered @ inverse) * centered).sum(axis=1) + 1 / n
            fitted = centered @ weights + offset
            others = fitted - (logs - fitted) * leverage / (1 - leverage)
        sizes = cls(
            tuple(weights.tolist()),
            round(offset - float(mean @ weights), ROUNDED),
            unit,
            float(others.min()),
            float(others.max()),
        )
        return sizes, sizes._sizes(others)

    def __call__(self, x: Array, p: Array) -> Array:
        """Expected size for each row, (n,), with features x and predictions p (n,)."""
        return self._sizes(_inputs(x, p) @ np.array(self.weights) + self.offset)

    def _sizes(self, logs: Array) -> Array:
        return np.asarray(self.unit * (np.exp(np.clip(logs, self.lowest, self.highest)) + LEAST))


def _inputs(x: Array, p: Array) -> Array:
    """Features x (n, n_features), without those of very many, and the prediction p and p²."""
    x = x if x.shape[1] <= MOST_FEATURES else x[:, :0]
    return np.clip(np.column_stack([x, p, p**2]).astype(float), -LARGEST, LARGEST)


@dataclass(frozen=True)
class Intervals:
    """Conformal intervals of numbers, in the scale of the net's targets.

    The scores are |t − p| divided by the expected `sizes` of the residuals. So intervals are wide
    where residuals are large.
    """

    scores: ConformityScores
    sizes: Sizes

    @classmethod
    def of(cls, rows: HeldOutRows, x: Array, t: Array) -> Self | None:
        """Intervals from held-out rows with features x (n, n_features) and targets t (n,)."""
        if not len(rows.w):
            return None
        some = np.unique(np.linspace(0, len(t) - 1, min(len(t), MOST_ROWS)).astype(int))
        p = rows.outputs[some, 0]
        off = np.abs(t[some] - p)
        sizes, of_rows = Sizes.of(x[some], p, off)
        return cls(ConformityScores.of(off / of_rows, rows.w[some]), sizes)

    def half_widths(self, x: Array, p: Array, coverage: float) -> Array:
        """Half width of the interval of each row, (n,), for features x and predictions p (n,)."""
        return self.scores.at(coverage, "interval") * self.sizes(x, p)


def checked_coverage(name: str, coverage: object) -> float:
    """A coverage; refused unless it is between 0 and 1."""
    if not is_number(coverage) or not 0 < float(coverage) < 1:  # type: ignore[arg-type]
        raise SettingError(f"{name}={coverage!r}", "a coverage between 0 and 1", f"{name}=0.9")
    return float(coverage)  # type: ignore[arg-type]


def refuse_without_scores(name: str) -> NoReturn:
    """Refuse intervals or sets of a model without scores of held-out rows."""
    raise SettingError(
        f"{name} of a model without scores of held-out rows",
        "a model whose members held out rows, without exposure, in a file of this version",
        "fit it again, to more rows if these are very few",
    )


def scores_from(entry: object) -> ConformityScores:
    """ConformityScores from their description in a file."""
    parts = entry if isinstance(entry, dict) else {}
    n, values = parts.get("n"), parts.get("values")
    if not (
        set(parts) == {"n", "values"}
        and type(n) is int
        and 0 < n < 2**53
        and isinstance(values, list)
        and len(values) == min(n, GRID)
        and all(type(value) is float and isfinite(value) for value in values)
        and all(a <= b for a, b in pairwise([0.0, *values]))
    ):
        raise damaged(f"the scores {shown(entry)}", f"{GRID} quantiles in ascending order")
    return ConformityScores(n, tuple(values))


def intervals_from(entry: object, n_features: int) -> Intervals:
    """Intervals from their description in a file, for rows of so many features."""
    parts = entry if isinstance(entry, dict) else {}
    sizes = parts.get("sizes")
    names = {field.name for field in fields(Sizes)}
    if set(parts) != {"scores", "sizes"} or not isinstance(sizes, dict) or set(sizes) != names:
        raise damaged(f"the intervals {shown(entry)}", "scores and sizes")
    weights = sizes["weights"] if isinstance(sizes["weights"], list) else []
    numbers = [*weights, *(value for name, value in sizes.items() if name != "weights")]
    expected = 2 + (n_features if n_features <= MOST_FEATURES else 0)
    if (
        len(weights) != expected
        or not all(type(number) is float and isfinite(number) for number in numbers)
        or sizes["unit"] <= 0
        or sizes["lowest"] > sizes["highest"]
    ):
        raise damaged(f"the widths {shown(sizes)}", f"{expected} weights, and finite numbers")
    return Intervals(scores_from(parts["scores"]), Sizes(**{**sizes, "weights": tuple(weights)}))
