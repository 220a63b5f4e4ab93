"""Rows that depend on each other, by groups or in time, and splits that respect it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from handgrad.files.features import Column
from handgrad.tables.data.frames import columns_of_array, different, read
from handgrad.textbook.errors import DataError, SettingError, described
from handgrad.textbook.layers import Array

# Random choices of groups, of which the one with the best balance is used.
TRIED = 32


@dataclass(frozen=True)
class Units:
    """Groups, or points in time, that a split keeps on one side.

    `codes` (n,) has the unit of each row, from 0. Times are `ordered`: the end is held out, and
    folds are blocks of time.
    """

    codes: Array
    ordered: bool = False

    @classmethod
    def of(cls, groups: object, time: object, n: int) -> Self | None:
        """Units of the arguments `groups` or `time` of a fit to `n` rows; None without them."""
        if groups is None and time is None:
            return None
        if groups is not None and time is not None:
            raise SettingError(
                "groups= and time=",
                "one of them: whole groups are held out, or blocks of time",
                "groups=, if rows of a group are alike",
            )
        what, values = ("time", time) if groups is None else ("groups", groups)
        column = _column(values, what, n)
        if what == "groups":
            return cls(group_codes(column))
        times = times_in(column)
        unusable = np.flatnonzero(np.isnan(times))
        if len(unusable):
            raise DataError(
                f"time: {column.values[unusable[0]]!r} in row {unusable[0]}, counted from 0",
                "a date or a number in every row",
                "remove the rows without one",
            )
        return cls(np.unique(times, return_inverse=True)[1], ordered=True)

    def __len__(self) -> int:
        """Number of units."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0

    def take(self, rows: Array) -> Self:
        """Units of some rows."""
        return replace(self, codes=np.unique(self.codes[rows], return_inverse=True)[1])

    def held_out(self, share: float, classes: Array, rng: np.random.Generator) -> Array:
        """Mask of rows to hold out, (n,): the end, or random whole groups.

        Their fraction is close to `share`. Groups are chosen so that the frequencies of the classes
        (n,) are alike on both sides, and each class keeps a group for training.
        """
        sizes = np.bincount(self.codes)
        wanted = share * len(self.codes)
        if self.ordered:
            after = np.cumsum(sizes[::-1])[:-1]
            last = len(sizes) - 1 - int(np.abs(after - wanted).argmin()) if len(after) else 0
            return np.asarray(self.codes >= last) & (last > 0)
        movable = np.flatnonzero(~self._needed(self.codes, classes))
        best, chosen = np.inf, np.zeros(len(self.codes), bool)
        most, frequencies = len(sizes) - 1, np.bincount(classes) / len(classes)
        for _ in range(TRIED):
            order = rng.permutation(movable)[:most]
            if not len(order):
                break
            size = np.cumsum(sizes[order])
            some = order[: 1 + int(np.abs(size - wanted).argmin())]
            mask = np.isin(self.codes, some)
            of_held = np.bincount(classes[mask], minlength=len(frequencies)) / mask.sum()
            lacking = len(frequencies) - len(np.unique(classes[~mask]))
            apart = abs(mask.sum() - wanted) / len(mask) + np.abs(of_held - frequencies).sum() / 2
            if (badness := lacking + apart) < best:
                best, chosen = badness, mask
        return chosen

    def folds(self, count: int, classes: Array, rng: np.random.Generator) -> Array:
        """Fold of each row, (n,), from 0 to at most `count` − 1; −1 is none.

        Units are not divided; folds have about the same number of rows of each class. Units without
        which a class would be in one fold only are in none.
        """
        sizes = np.bincount(self.codes)
        count = min(count, len(sizes))
        if self.ordered:
            middle = np.cumsum(sizes) - sizes / 2
            of_units = np.floor(count * middle / len(self.codes)).astype(int)
        else:
            of_units = _dealt(sizes, self._class_of_units(classes), count, rng)
        fold = of_units[self.codes]
        fold[self._needed(fold, classes)[self.codes]] = -1
        kept, places = np.unique(fold, return_inverse=True)
        return np.asarray(places - int(kept[0] == -1))

    def _needed(self, parts: Array, classes: Array) -> Array:
        """Mask of units, (n_units,), with a row of a class all of whose rows are in one part."""
        of_class = np.unique(np.stack([classes, parts]), axis=1)[0]
        rows = np.bincount(of_class)[classes] == 1
        needed = np.zeros(len(self), bool)
        needed[self.codes[rows]] = True
        return needed

    def _class_of_units(self, classes: Array) -> Array:
        """Most frequent class of each unit."""
        pairs, counts = np.unique(np.stack([self.codes, classes]), axis=1, return_counts=True)
        order = np.lexsort((counts, pairs[0]))
        last = np.append(np.flatnonzero(np.diff(pairs[0][order])), len(order) - 1)
        return np.asarray(pairs[1][order[last]])

    def forward(self, count: int) -> list[tuple[Array, Array]]:
        """Rows of `count` folds forward in time: each is tested after all rows it is trained on."""
        sizes = np.bincount(self.codes)
        block = np.floor((count + 1) * (np.cumsum(sizes) - sizes / 2) / len(self.codes))[self.codes]
        return [
            (np.flatnonzero(block < k), np.flatnonzero(block == k)) for k in range(1, count + 1)
        ]


@dataclass(frozen=True)
class RowRoles:
    """Units of the rows, groups or times of the column `column`, weights and exposures, (n,).

    `labels` (n,) has the cells of the column, as text.
    """

    column: str = ""
    labels: Array | None = None
    units: Units | None = None
    weights: Array | None = None
    exposure: Array | None = None

    @property
    def weights_in_scores(self) -> Array | None:
        """Weight of each row in scores, (n,): its own times its exposure; None if all are 1."""
        if self.weights is None or self.exposure is None:
            return self.exposure if self.weights is None else self.weights
        return self.weights * self.exposure

    def take(self, rows: Array) -> Self:
        """Roles of some rows."""
        return replace(
            self,
            labels=None if self.labels is None else self.labels[rows],
            units=None if self.units is None else self.units.take(rows),
            weights=None if self.weights is None else self.weights[rows],
            exposure=None if self.exposure is None else self.exposure[rows],
        )


def _dealt(sizes: Array, classes: Array, count: int, rng: np.random.Generator) -> Array:
    """Fold of each group: the largest first, to the fold with the fewest rows of its class."""
    order = np.lexsort((rng.random(len(sizes)), -sizes))
    rows = np.zeros((int(classes.max()) + 1, count))
    total, fold = np.zeros(count), np.empty(len(sizes), int)
    for group in order.tolist():
        of_class = rows[classes[group]]
        k = int(np.lexsort((total, of_class))[0])
        fold[group] = k
        of_class[k] += sizes[group]
        total[k] += sizes[group]
    return fold


def group_codes(column: Column) -> Array:
    """Group of each row, (n,), from 0; rows without a value are one group, the last."""
    there = ~column.missing
    values = column.values[there]
    is_text = column.kind == "text"
    names, places = different(values) if is_text else np.unique(values, return_inverse=True)
    codes = np.full(len(there), len(names))
    codes[there] = places
    return codes


def times_in(column: Column) -> Array:
    """Dates as days, or numbers, (n,); NaN for a missing value or any other text."""
    column = column if column.categorical else read(column)
    if column.kind in ("date", "number"):
        return column.values
    return np.full(len(column.values), np.nan)


def _column(values: object, what: str, n: int) -> Column:
    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if array.shape != (n,):
        raise DataError(
            f"{what}={described(values)} of shape {array.shape}",
            f"one value for each of {n} rows",
            f"{what}=table['column']",
        )
    return columns_of_array(array[:, None])["x0"]
