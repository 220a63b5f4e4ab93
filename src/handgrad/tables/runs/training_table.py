"""Training tables, in memory or in chunks, and their split for training and evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self, cast

import numpy as np
import pyarrow as pa

from handgrad.files.paths import readable
from handgrad.tables.data import TableStream, train_test_split
from handgrad.tables.data.dependent_rows import RowRoles, Units
from handgrad.tables.data.files import Table, located
from handgrad.tables.data.spellings import Spellings
from handgrad.tables.data.table_options import option
from handgrad.tables.data.targets import Target
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

# Maximum of held-out rows of a table in chunks, and the fraction of memory they may take.
MOST_HELD_OUT, SHARE_HELD_OUT = 20_000, 1 / 16


@dataclass(frozen=True)
class WithTarget(ABC):
    """Rows of a table with the target column, and `notes` on possible mistakes.

    `spellings` are those into which others were merged, for columns of text.
    """

    name: str
    target: Target
    notes: tuple[str, ...]
    spellings: Spellings = field(default_factory=dict, kw_only=True)

    @property
    def classes(self) -> list[object]:
        """Classes of the whole table, sorted; empty for regression."""
        regression = self.target.task == "regression"
        return [] if regression else np.unique(self.target.values).tolist()

    @property
    def range(self) -> list[float]:
        """Lowest and highest number of the target; of times without the sign of censored ones."""
        values = np.abs(self.target.values) if self.target.censored else self.target.values
        return [float(values.min()), float(values.max())]

    @property
    def size_in_words(self) -> str:
        """Size of the table, in words."""
        d = len(self.feature_names)
        return f"{self.n_rows:,} rows, {d} feature column{'s' * (d > 1)}"

    @property
    @abstractmethod
    def feature_names(self) -> list[str]:
        """Names of the feature columns."""

    @property
    @abstractmethod
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    @abstractmethod
    def places(self) -> Sequence[str]:
        """Place of each row in its file; none for a table in chunks."""

    @abstractmethod
    def to_evaluate(self) -> tuple[pa.Table, Array]:
        """Features and targets, or their rates, of the rows to evaluate, in memory."""

    @property
    def row_roles(self) -> RowRoles:
        """Groups, times, weights and exposures of the rows; none for a table in chunks."""
        return RowRoles()

    @property
    def row_files(self) -> Sequence[str]:
        """Name of the file of each row, if each has its own."""
        return ()

    @abstractmethod
    def beside(self) -> pa.Table | None:
        """Columns that are not features; None if there are none."""

    def folds(self, n: int, seed: int) -> Sequence[tuple[Self, Self]]:
        """Training and test rows of each of n folds; none for a table in chunks."""
        return ()


@dataclass(frozen=True)
class TableInMemory(WithTarget):
    """A training table in memory; `rows` are the numbers of its rows.

    `roles` are the groups, times, weights and exposures of all rows of `table`.
    """

    table: Table
    features: pa.Table
    rows: Array
    roles: RowRoles = field(default=RowRoles(), kw_only=True)
    streamed: ClassVar[bool] = False

    @property
    def feature_names(self) -> list[str]:
        return self.features.column_names

    @property
    def n_rows(self) -> int:
        return len(self.rows)

    @property
    def row_roles(self) -> RowRoles:
        return self.roles.take(self.rows)

    def split(self, test_size: float, seed: int) -> tuple[Self, Self]:
        """Training and held-out rows: stratified by class, or whole groups, or the end."""
        if self.roles.units is not None:
            return self._split_by(self.row_roles, test_size, seed)
        classes = np.unique(self.target.values[self.rows], return_inverse=True)[1]
        stratify, n, k = self.target.task == "classification", len(classes), len(set(classes))
        if stratify and 2 * k <= n:  # at least one row of each class on both sides
            test_size = min(max(test_size, (k - 0.5) / n), (n - k - 0.5) / n)  # rounded up
        learned, held_out, _, _ = train_test_split(
            self.rows, classes, test_size=test_size, stratify=stratify, rng=seed
        )
        return replace(self, rows=np.sort(learned)), replace(self, rows=np.sort(held_out))

    def _split_by(self, roles: RowRoles, test_size: float, seed: int) -> tuple[Self, Self]:
        """Training and held-out rows, whole units of the `roles`."""
        units, name = cast("Units", roles.units), roles.column
        held = units.held_out(test_size, self._strata(), np.random.default_rng(seed))
        if not held.any():
            raise DataError(
                f"{option('group', name)}: {len(units)} groups, each with all rows of a class",
                "at least two groups with rows of each class",
                f"without {option('group')}, or another column",
            )
        sides = replace(self, rows=self.rows[~held]), replace(self, rows=self.rows[held])
        known, needed = (self.target.values[side.rows] for side in sides)
        unknown = np.setdiff1d(needed, known)
        if self.classes and len(unknown):
            first = cast("Array", roles.labels)[held][units.codes[held].argmin()]
            raise DataError(
                f"{option('time', name)}: all rows of the class {str(unknown[0])!r} are held out, "
                f"from {first} on",
                "rows of each class before the held-out end",
                f"a smaller {option('test_size')}; or leave out the rows of that class",
            )
        return sides

    def _strata(self) -> Array:
        """Class of each row, (n,), from 0; all 0 for regression."""
        y = self.target.values[self.rows]
        return np.unique(y, return_inverse=True)[1] if self.classes else np.zeros(len(y), int)

    def _folds_by(self, units: Units, n: int, seed: int) -> list[tuple[Array, Array]]:
        """Training and test rows of folds that keep units whole."""
        y, pairs = self._strata(), list[tuple[Array, Array]]()
        if units.ordered:
            pairs = units.forward(n)
        elif n <= len(units):
            fold = units.folds(n, y, np.random.default_rng(seed))
            pairs = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n)]
        known = all(
            len(a) and len(b) and len(np.unique(y[a])) == len(np.unique(y)) for a, b in pairs
        )
        if not pairs or not known:
            name = "time" if units.ordered else "group"
            what = "points in time" if units.ordered else "groups"
            raise DataError(
                f"{option('folds', n)} with {option(name, self.roles.column)}, of {len(units)} "
                f"{what} for training",
                f"more {what} than folds"
                + ", and rows of each class to train each fold on" * bool(self.classes),
                f"{option('folds', max(2, n // 2))}, or without {option('folds')}",
            )
        return pairs

    def folds(self, n: int, seed: int) -> Sequence[tuple[Self, Self]]:
        units = self.row_roles.units
        if units is not None:
            pairs = self._folds_by(units, n, seed)
            return [
                (replace(self, rows=self.rows[a]), replace(self, rows=self.rows[b]))
                for a, b in pairs
            ]
        from sklearn.model_selection import KFold, StratifiedKFold

        y = self.target.values[self.rows]
        fewest = int(np.unique(y, return_counts=True)[1].min()) if self.classes else len(y)
        if n > fewest:
            what = "rows of the smallest class" if self.classes else "rows"
            raise DataError(
                f"{option('folds', n)}, with {fewest} {what} for training",
                "at least one row of each class in each fold",
                option("folds", fewest)
                if fewest > 1
                else f"remove {option('folds')}, or add rows of that class",
            )
        kind = StratifiedKFold if self.classes else KFold
        parts = kind(n, shuffle=True, random_state=seed).split(y, y.astype(str))
        tables = ([replace(self, rows=self.rows[part]) for part in pair] for pair in parts)
        return [(training, test) for training, test in tables]

    def located(self) -> Array:
        """File of each row, from 0, and its row there, from 1: (n, 2)."""
        return located(self.table.numbers[self.rows], self.table.rows)

    @property
    def places(self) -> Sequence[str]:
        names = [readable(Path(str(file)).name) for file in self.table.files]
        return [f"row {row} of {names[i]}" for i, row in self.located().tolist()]

    def to_learn(self) -> tuple[pa.Table, Array]:
        """Arguments of an estimator's `fit`: features and targets."""
        return self.features.take(self.rows), self.target.values[self.rows]

    def to_evaluate(self) -> tuple[pa.Table, Array]:
        (features, y), exposure = self.to_learn(), self.row_roles.exposure
        return features, y if exposure is None else y / exposure

    def beside(self) -> pa.Table | None:
        learned = {*self.feature_names, self.target.name}
        names = [name for name in self.table.names if name not in learned]
        return self.table.columns.select(names).take(self.rows) if names else None


@dataclass(frozen=True)
class TableInChunks(WithTarget):
    """A training table that does not fit in memory.

    `target.values` has each class once, or numbers that include the lowest and the highest;
    `left_out` are columns that are not features.
    """

    table: TableStream
    left_out: tuple[str, ...] = ()
    streamed: ClassVar[bool] = True

    @property
    def feature_names(self) -> list[str]:
        others = {self.target.name, *self.left_out}
        return [name for name in self.table.names if name not in others]

    @property
    def n_rows(self) -> int:
        return self.table.n_rows

    @property
    def places(self) -> Sequence[str]:
        return ()

    def split(self, test_size: float, seed: int) -> tuple[Self, Self]:
        """Training and held-out rows, of which memory limits the number.

        The seed and the number of a row decide its side; the split is not stratified.
        """
        fraction = min(test_size, self._room() / self.n_rows)
        learned, held_out = self.table.split(fraction, rng=seed)
        return replace(self, table=learned), replace(self, table=held_out)

    def located(self) -> Array:
        """File of each row, from 0, and its row there, from 1: (n, 2)."""
        return located(np.concatenate([*self.table.numbers()]), self.table.rows_of_files)

    def to_learn(self) -> tuple[TableStream, str]:
        """Arguments of an estimator's `fit`: the stream and the name of the target."""
        return self.table.select([*self.feature_names, self.target.name]), self.target.name

    def to_evaluate(self) -> tuple[pa.Table, Array]:
        """Features and targets in memory, of a sample if not all fit."""
        rows = self._judged.select([*self.feature_names, self.target.name]).to_table()
        y = np.asarray(rows[self.target.name].to_pylist())
        return rows.drop_columns([self.target.name]), y

    def beside(self) -> pa.Table | None:
        return self._judged.select(self.left_out).to_table() if self.left_out else None

    @property
    def _judged(self) -> TableStream:
        room, table = self._room(), self.table
        # The random split may have held out a few more rows than requested.
        return table if table.n_rows <= 2 * room else table.sample(room, rng=0)

    def _room(self) -> int:
        first = next(iter(self.table))
        rows = int(self.table.memory * SHARE_HELD_OUT * first.num_rows / first.nbytes)
        return max(1, min(MOST_HELD_OUT, rows))


TrainingTable = TableInMemory | TableInChunks


def beside_of(held_out: TrainingTable, learned: TrainingTable) -> tuple[pa.Table, pa.Table] | None:
    """Columns of both tables that are not features; None if there are none."""
    first, second = held_out.beside(), learned.beside()
    if first is None or second is None:
        return None
    names = [name for name in first.column_names if name in second.column_names]
    return (first.select(names), second.select(names)) if names else None
