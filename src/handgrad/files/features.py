"""Features: the numbers that a net is given for each column of a table, as data that was fitted."""

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
# So far around the middle a number goes in at most.
LIMIT, HUGE = 3.0, 1e150
CYCLES = {"of the year": 365.2425, "of the week": 7.0, "of the day": 1.0}


@dataclass(frozen=True)
class Column:
    """A column: numbers with NaN where one is missing, dates as days, or text with None.

    `note` says how it was read, where that had to be guessed, `written` the decimal sign of
    numbers in text, or the order of dates there; `categorical` text was declared to be categories,
    and is not read as numbers.
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
    """Encoder of one column: it makes numbers with `names`, and has a `summary` in words."""

    turn = 1  # in a row of all features: numbers come first, codes last

    @property
    def n_codes(self) -> int:
        """Number of codes of an encoder that makes them, for an embedding; else 0."""
        return 0

    @abstractmethod
    def summary(self) -> str:
        """Description of how the column was read."""

    @abstractmethod
    def encoded(self, column: Column) -> Array:
        """The numbers for the net, (n, n_names), of a column read as the feature takes it."""

    def names(self, name: str) -> list[str]:
        """Names of these numbers, for a column of this name."""
        return [name]


@dataclass(frozen=True)
class Number(Feature):
    """Median 0, quartiles 1 apart, ends bent in: z / √(1 + (z/3)²); 0 and a mark where missing."""

    center: float
    factor: float
    marks_missing: bool
    note: str = ""
    written: str = ""
    turn = 0

    def names(self, name: str) -> list[str]:
        return [name, f"{name}_missing"] if self.marks_missing else [name]

    def summary(self) -> str:
        marked = ", a second one marks what is missing" if self.marks_missing else ""
        return f"number{marked}"

    def encoded(self, column: Column) -> Array:
        missing = column.missing
        with np.errstate(over="ignore"):
            z = (np.where(missing, self.center, column.values) - self.center) * self.factor
        z = z.clip(-HUGE, HUGE)  # whose square is still a number
        bent = z / np.sqrt(1 + (z / LIMIT) ** 2)
        return np.stack([bent, missing] if self.marks_missing else [bent], axis=1)


@dataclass(frozen=True)
class Binary(Feature):
    """One of two values: −1 or 1; 0 where it is missing or neither."""

    values: tuple[str, str]

    def summary(self) -> str:
        return f"one of two, {self.values[0]!r} or {self.values[1]!r}"

    def encoded(self, column: Column) -> Array:
        first, second = ((column.values == value).astype(float) for value in self.values)
        return (second - first)[:, None]


@dataclass(frozen=True)
class Category(Feature):
    """A feature for each value, 1 where it is the row's; all 0 where missing, rare or unseen."""

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
        """Index of each row's value, (n,); -1 where it is none of the values."""
        place = {value: i for i, value in enumerate(self.values)}
        return np.array([place.get(value, -1) for value in column.values], int)


class Code(Category):
    """A code for each value, from 1 on; 0 where it is missing, rare or unseen."""

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
    """The time that went by, as a number, and the hands of the clocks that turn in the data."""

    time: Number
    cycles: tuple[str, ...]

    @property
    def note(self) -> str:
        """In which order its dates were written, where they came as text in one."""
        return self.time.note if self.time.written else ""

    def names(self, name: str) -> list[str]:
        hands = [f"{name}_{hand} {cycle}" for cycle in self.cycles for hand in ("sine", "cosine")]
        return [*self.time.names(name), *hands]

    def summary(self) -> str:
        hands = f", and the hands {', '.join(self.cycles)}" if self.cycles else ""
        return f"date: time{hands}"

    def encoded(self, column: Column) -> Array:
        days = np.where(column.missing, 0, column.values)
        parts = [self.time.encoded(column)]
        for cycle in self.cycles:
            turn = 2 * np.pi * days / CYCLES[cycle]
            hand = np.stack([np.sin(turn), np.cos(turn)], axis=1)
            parts.append(hand * ~column.missing[:, None])
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True)
class Nothing(Feature):
    """A column that is left out, and why."""

    why: str

    def names(self, name: str) -> list[str]:
        return []

    def summary(self) -> str:
        return f"left out: {self.why}"

    def encoded(self, column: Column) -> Array:
        return np.zeros((len(column.values), 0))


class Features:
    """Encoders of the columns of a table: fitted once, exact at prediction.

    `n_out` numbers a row come out. Other columns, or another order of them, change nothing.
    The `n_numbers` of columns of numbers come first. Codes come last, and count on from one column
    to the next: `n_codes` has how many each has.
    """

    def __init__(self, features: dict[str, Feature]) -> None:
        self.features = features
        self.n_out = sum(len(feature.names("")) for feature in features.values())
        numbers = (f for f in features.values() if isinstance(f, Number))
        self.n_numbers = sum(len(f.names("")) for f in numbers)
        self.n_codes = [feature.n_codes for feature in features.values() if feature.n_codes]

    def encoded(self, table: Mapping[str, Column]) -> Array:
        """The numbers for the net, (n, n_out), float32, of columns read as the features take them.

        A number comes as a float, a date as days since 1970, both NaN where they are missing; what
        has values as text, None where it is missing.
        """
        rows = len(next(iter(table.values())).values)
        x, place, first_code = np.empty((rows, self.n_out), np.float32), 0, 0
        for name, feature in self.in_turn():
            numbers = feature.encoded(table[name])
            x[:, place : place + numbers.shape[1]] = numbers + first_code
            place, first_code = place + numbers.shape[1], first_code + feature.n_codes
        return x

    def names(self, columns: Sequence[str] | None = None) -> list[str]:
        """Names of the numbers, where the columns are called so or as they were."""
        return [name for column, f in self.in_turn(columns) for name in f.names(column)]

    def in_turn(self, columns: Iterable[str] | None = None) -> list[tuple[str, Feature]]:
        """The features with the names of their columns, as their numbers stand in a row."""
        pairs = zip(columns or self.features, self.features.values(), strict=True)
        return sorted(pairs, key=lambda pair: pair[1].turn)

    def read_as(self) -> dict[str, str]:
        """Kinds that the columns were read as, in words."""
        notes = {name: getattr(feature, "note", "") for name, feature in self.features.items()}
        return {
            name: feature.summary() + (f" ({notes[name]})" if notes[name] else "")
            for name, feature in self.features.items()
        }

    def summary(self) -> str:
        """A table of the columns and what each was read as."""
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
