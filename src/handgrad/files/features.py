"""Features: fitted encoders of the columns of a table, which make numbers for a net."""

from __future__ import annotations

import dataclasses
import datetime
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from handgrad.textbook.layers import Array

Kind = Literal["number", "boolean", "date", "text"]
START = datetime.datetime(1970, 1, 1)
DAY = 86400.0
# Limit of a squashed z-score, and largest z-score before squashing.
LIMIT, HUGE = 3.0, 1e150
CYCLES = {"of the year": 365.2425, "of the week": 7.0, "of the day": 1.0}


@dataclass(frozen=True)
class Column:
    """Column: numbers with NaN for missing values, dates as days, or text with None.

    `note` describes how it was parsed if that was ambiguous; `written` is the decimal sign of
    numbers in text, or the order of dates there; `categorical` text is never parsed as numbers.
    """

    kind: Kind
    values: Array
    note: str = ""
    categorical: bool = False
    written: str = ""

    @property
    def missing(self) -> Array:
        """Mask of the rows that have no value, (n,)."""
        if self.kind == "text":
            return np.array([value is None for value in self.values], bool)
        return np.isnan(self.values)


Columns = dict[str, Column]


class Feature(ABC):
    """Encoder of one column; `names` names its numbers, `summary` describes it."""

    turn = 1  # order in the encoded row: numbers 0, codes 2

    @property
    def n_codes(self) -> int:
        """Number of codes of an encoder that makes them, for an embedding; else 0."""
        return 0

    @abstractmethod
    def summary(self) -> str:
        """Description of the column's type."""

    @abstractmethod
    def encoded(self, column: Column) -> Array:
        """Encode a parsed column as numbers for the net, (n, n_names)."""

    def names(self, name: str) -> list[str]:
        """Names of the encoded numbers, for a column of this name."""
        return [name]


@dataclass(frozen=True)
class Number(Feature):
    """Robust z-score (median, IQR), outliers squashed: z / √(1 + (z/3)²).

    With `marks_missing` a missing-value flag follows; a missing value is 0.
    """

    center: float
    factor: float
    marks_missing: bool
    note: str = ""
    written: str = ""
    turn = 0

    def names(self, name: str) -> list[str]:
        return [name, f"{name}_missing"] if self.marks_missing else [name]

    def summary(self) -> str:
        return "number" + " + missing-value flag" * self.marks_missing

    def encoded(self, column: Column) -> Array:
        missing = column.missing
        with np.errstate(over="ignore"):
            z = (np.where(missing, self.center, column.values) - self.center) * self.factor
        z = z.clip(-HUGE, HUGE)  # the square is finite
        squashed = z / np.sqrt(1 + (z / LIMIT) ** 2)
        return np.stack([squashed, missing] if self.marks_missing else [squashed], axis=1)


@dataclass(frozen=True)
class Binary(Feature):
    """Two values as −1 and 1; 0 if missing or neither."""

    values: tuple[str, str]

    def summary(self) -> str:
        return f"binary, {self.values[0]!r} or {self.values[1]!r}"

    def encoded(self, column: Column) -> Array:
        first, second = ((column.values == value).astype(float) for value in self.values)
        return (second - first)[:, None]


@dataclass(frozen=True)
class Category(Feature):
    """One-hot encoding of the values; all 0 if missing, rare or unseen."""

    values: tuple[str, ...]
    n_values: int

    def names(self, name: str) -> list[str]:
        return [f"{name}_{value}" for value in self.values]

    def summary(self) -> str:
        n_kept, n = len(self.values), self.n_values
        most = f", of which the {n_kept} most frequent" if n_kept < n else ""
        return f"category of {n} values{most}"

    def encoded(self, column: Column) -> Array:
        return (self.places(column)[:, None] == np.arange(len(self.values))).astype(float)

    def places(self, column: Column) -> Array:
        """Index of each row's value, (n,); -1 if it is none of the values."""
        place = {value: i for i, value in enumerate(self.values)}
        return np.array([place.get(value, -1) for value in column.values], int)


class Code(Category):
    """Integer code of each value for an embedding, from 1; 0 if missing, rare or unseen."""

    turn = 2

    @property
    def n_codes(self) -> int:
        return len(self.values) + 1

    def names(self, name: str) -> list[str]:
        return [name]

    def summary(self) -> str:
        return f"{super().summary()}, embedded"

    def encoded(self, column: Column) -> Array:
        return self.places(column)[:, None] + 1


@dataclass(frozen=True)
class Date(Feature):
    """Timestamp as a number, and cyclic encodings, sine and cosine, of the periods in the data."""

    time: Number
    cycles: tuple[str, ...]

    @property
    def note(self) -> str:
        """Order of the dates, if they were text."""
        return self.time.note if self.time.written else ""

    def names(self, name: str) -> list[str]:
        waves = [f"{name}_{wave} {cycle}" for cycle in self.cycles for wave in ("sine", "cosine")]
        return [*self.time.names(name), *waves]

    def summary(self) -> str:
        *most, last = [cycle.removeprefix("of the ") for cycle in self.cycles] or [""]
        cyclic = f"{', '.join(most)} and {last}" if most else last
        return "date: timestamp" + (f" + cyclic {cyclic} features" if cyclic else "")

    def encoded(self, column: Column) -> Array:
        days = np.where(column.missing, 0, column.values)
        parts = [self.time.encoded(column)]
        for cycle in self.cycles:
            angle = 2 * np.pi * days / CYCLES[cycle]
            waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
            parts.append(waves * ~column.missing[:, None])
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True)
class Nothing(Feature):
    """Column that is left out, and the reason."""

    why: str

    def names(self, name: str) -> list[str]:
        return []

    def summary(self) -> str:
        return f"left out: {self.why}"

    def encoded(self, column: Column) -> Array:
        return np.zeros((len(column.values), 0))


class Features:
    """Encoders of the columns of a table: fitted once, then fixed.

    A row is encoded as `n_out` numbers, whatever the order of the columns and whatever further
    columns there are. The `n_numbers` of numeric columns come first. Codes come last and are offset
    from column to column; `n_codes` has the number of codes of each.
    """

    def __init__(self, features: dict[str, Feature]) -> None:
        self.features = features
        self.n_out = sum(len(feature.names("")) for feature in features.values())
        numbers = (f for f in features.values() if isinstance(f, Number))
        self.n_numbers = sum(len(f.names("")) for f in numbers)
        self.n_codes = [feature.n_codes for feature in features.values() if feature.n_codes]

    def encoded(self, table: Mapping[str, Column]) -> Array:
        """Encode parsed columns as numbers for the net, (n, n_out), float32.

        Numbers are floats and dates days since 1970, both NaN if missing; values are text, None if
        missing.
        """
        rows = len(next(iter(table.values())).values)
        x, place, first_code = np.empty((rows, self.n_out), np.float32), 0, 0
        for name, feature in self.in_turn():
            numbers = feature.encoded(table[name])
            x[:, place : place + numbers.shape[1]] = numbers + first_code
            place, first_code = place + numbers.shape[1], first_code + feature.n_codes
        return x

    def names(self, columns: Sequence[str] | None = None) -> list[str]:
        """Names of the encoded numbers; `columns` replaces the names of the columns."""
        return [name for column, f in self.in_turn(columns) for name in f.names(column)]

    def in_turn(self, columns: Iterable[str] | None = None) -> list[tuple[str, Feature]]:
        """The features with the names of their columns, in the order of the encoded row."""
        pairs = zip(columns or self.features, self.features.values(), strict=True)
        return sorted(pairs, key=lambda pair: pair[1].turn)

    def read_as(self) -> dict[str, str]:
        """Description of each column's type, by name."""
        notes = {name: getattr(feature, "note", "") for name, feature in self.features.items()}
        return {
            name: feature.summary() + (f" ({notes[name]})" if notes[name] else "")
            for name, feature in self.features.items()
        }

    def summary(self) -> str:
        """Table of the columns and their types."""
        width = max(map(len, self.features), default=0)
        return "\n".join(f"{name.ljust(width)}  {text}" for name, text in self.read_as().items())

    def described(self) -> dict[str, dict[str, Any]]:
        """The features as JSON, by the names of their columns."""
        return {
            name: {"read_as": type(feature).__name__, **dataclasses.asdict(feature)}  # type: ignore[call-overload]
            for name, feature in self.features.items()
        }

    def __repr__(self) -> str:
        return f"Features of {len(self.features)} columns, {self.n_out} numbers a row"
