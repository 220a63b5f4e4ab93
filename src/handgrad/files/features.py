"""Features: fitted encoders of the columns of a table, which make numbers for a net."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.encoding import (
    CyclicFeatures,
    EffectCoding,
    EmbeddingCodes,
    MissingFlag,
    OneHot,
    RobustScale,
    SelectColumns,
)
from handgrad.textbook.net import Net, Parallel
from handgrad.textbook.net.minibatches import batches

Kind = Literal["number", "boolean", "date", "text"]
CYCLES = {"of the year": 365.2425, "of the week": 7.0, "of the day": 1.0}


class Cycle(NamedTuple):
    """Cycle of numbers in text: its length, its name, what a number is, and what the texts are."""

    length: float
    name: str
    number: str
    texts: str


# By the format of the texts, which a model file stores.
CYCLES_OF_TEXT = {
    "time": Cycle(24.0, "of the day", "hour of the day", "times of day, in hours"),
    "month": Cycle(12.0, "of the year", "month of the year", "names of months, January as 1"),
    "weekday": Cycle(7.0, "of the week", "day of the week", "names of weekdays, Monday as 1"),
}
# Rows that are encoded at once, so that what is computed on the way stays small.
AT_ONCE = 1024


@dataclass(frozen=True)
class Column:
    """Column: numbers with NaN for missing values, dates as days, or text with None.

    `note` describes how it was parsed if that was ambiguous; `written` is the decimal sign of
    numbers in text, or their cycle, or the order of dates there; `categorical` text is never
    parsed as numbers.
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


# A layer of the encoding, its settings for a column, and its number of outputs.
Encoding = tuple[type[Layer], tuple[float, ...], int]


class Feature(ABC):
    """Encoder of one column; `names` names its numbers, `summary` describes it.

    `kind` is that of the column as it is parsed: number, date or text.
    """

    kind: ClassVar[Kind] = "number"
    turn = 1  # order in the encoded row: numbers 0, codes 2

    @property
    def number(self) -> Number | None:
        """Scale of the numbers or times."""
        return None

    @property
    def n_codes(self) -> int:
        """Number of codes of an encoder that makes them, for an embedding; else 0."""
        return 0

    @property
    def width(self) -> int:
        """Number of numbers of a parsed cell; with several, each encoding reads the next one."""
        return 1

    @abstractmethod
    def summary(self) -> str:
        """Description of the column's type."""

    def parsed(self, column: Column) -> Array:
        """Numbers of each cell, (n,) or (n, width): its own, days, or the index of its text."""
        return column.values

    @abstractmethod
    def encodings(self, first_code: int) -> list[Encoding]:
        """Layers that encode the parsed column, in the order of their outputs.

        `first_code` is its first code, if it makes codes.
        """

    def names(self, name: str) -> list[str]:
        """Names of the encoded numbers, for a column of this name."""
        return [name]


@dataclass(frozen=True)
class Number(Feature):
    """Robust z-score (median, IQR), outliers squashed: z / √(1 + (z/3)²).

    With `marks_missing` a missing-value flag follows; a missing value is 0. `lowest` and `highest`
    are the range of the training rows, where it is known.
    """

    center: float
    factor: float
    marks_missing: bool
    note: str = ""
    written: str = ""
    lowest: float | None = None
    highest: float | None = None
    turn = 0

    @property
    def number(self) -> Number:
        return self

    def names(self, name: str) -> list[str]:
        return [name, f"{name}_missing"] if self.marks_missing else [name]

    def summary(self) -> str:
        return "number" + " + missing-value flag" * self.marks_missing

    def encodings(self, first_code: int) -> list[Encoding]:
        flag: list[Encoding] = [(MissingFlag, (), 1)] * self.marks_missing
        return [(RobustScale, (self.center, self.factor), 1), *flag]


@dataclass(frozen=True)
class TextFeature(Feature):
    """Encoder of a column of text with known values."""

    values: tuple[str, ...]
    kind = "text"

    def parsed(self, column: Column) -> Array:
        """Index of each row's value, (n,); -1 if it is none of the values."""
        index: dict[object, float] = {value: i for i, value in enumerate(self.values)}
        indices = map(index.get, column.values.tolist(), repeat(-1.0))
        return np.fromiter(indices, float, len(column.values))


@dataclass(frozen=True)
class Binary(TextFeature):
    """Two values as −1 and 1; 0 if missing or neither."""

    values: tuple[str, str]

    def summary(self) -> str:
        return f"binary, {self.values[0]!r} or {self.values[1]!r}"

    def encodings(self, first_code: int) -> list[Encoding]:
        return [(EffectCoding, (), 1)]


@dataclass(frozen=True)
class Category(TextFeature):
    """One-hot encoding of the values; all 0 if missing, rare or unseen."""

    n_values: int

    def names(self, name: str) -> list[str]:
        return [f"{name}_{value}" for value in self.values]

    def summary(self) -> str:
        n_kept, n = len(self.values), self.n_values
        most = f", of which the {n_kept} most frequent" if n_kept < n else ""
        return f"category of {n} values{most}"

    def encodings(self, first_code: int) -> list[Encoding]:
        size = len(self.values)
        return [(OneHot, (size,), size)]


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

    def encodings(self, first_code: int) -> list[Encoding]:
        return [(EmbeddingCodes, (first_code,), 1)]


@dataclass(frozen=True)
class Date(Feature):
    """Timestamp as a number, and cyclic encodings, sine and cosine, of the periods in the data."""

    time: Number
    cycles: tuple[str, ...]
    kind = "date"

    @property
    def number(self) -> Number:
        return self.time

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

    def encodings(self, first_code: int) -> list[Encoding]:
        waves: list[Encoding] = [(CyclicFeatures, (CYCLES[cycle],), 2) for cycle in self.cycles]
        return [*self.time.encodings(first_code), *waves]


@dataclass(frozen=True)
class Cyclic(Feature):
    """Number in a cycle, such as the hour of the day, and its cyclic encoding, sine and cosine."""

    place: Number

    @property
    def number(self) -> Number:
        return self.place

    @property
    def note(self) -> str:
        """Description of the texts."""
        return self.place.note

    @property
    def cycle(self) -> Cycle:
        """The cycle of the numbers."""
        return CYCLES_OF_TEXT[self.place.written]

    def names(self, name: str) -> list[str]:
        waves = [f"{name}_{wave} {self.cycle.name}" for wave in ("sine", "cosine")]
        return [*self.place.names(name), *waves]

    def summary(self) -> str:
        return f"{self.cycle.number}: {self.place.summary()} + cyclic features"

    def encodings(self, first_code: int) -> list[Encoding]:
        return [*self.place.encodings(first_code), (CyclicFeatures, (self.cycle.length,), 2)]


@dataclass(frozen=True)
class Nothing(Feature):
    """Column that is left out, and the reason."""

    why: str

    def names(self, name: str) -> list[str]:
        return []

    def summary(self) -> str:
        return f"left out: {self.why}"

    def encodings(self, first_code: int) -> list[Encoding]:
        return []


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

    @cached_property
    def used(self) -> dict[str, Feature]:
        """The features that are not left out, in the order of the table."""
        return {name: f for name, f in self.features.items() if not isinstance(f, Nothing)}

    @cached_property
    def encoder(self) -> Net:
        """Net from parsed columns (n, total width) to encoded rows (n, n_out), in float64."""
        widths = [feature.width for feature in self.used.values()]
        starts = dict(zip(self.used, np.cumsum([0, *widths[:-1]]).tolist(), strict=True))
        first_code, place = 0, 0
        parts: dict[type[Layer], list[tuple[int, tuple[float, ...], range]]] = {}
        for name, feature in self.in_turn():
            for i, (layer, settings, size) in enumerate(feature.encodings(first_code)):
                read_from = starts[name] + min(i, feature.width - 1)
                part = read_from, settings, range(place, place + size)
                parts.setdefault(layer, []).append(part)
                place += size
            first_code += feature.n_codes
        branches, places = list[Layer](), list[int]()
        for layer, of_columns in parts.items():
            columns, settings_of, outputs = zip(*of_columns, strict=True)
            made = layer(*map(np.array, zip(*settings_of, strict=True)))
            read = SelectColumns(sum(widths), np.array(columns))
            branches.append(Net(read, made, dtype=np.float64))
            places += chain(*outputs)
        joined = Parallel(*branches, join="concatenate", dtype=np.float64)
        return Net(joined, SelectColumns(place, np.argsort(places)), dtype=np.float64)

    def parsed(
        self, table: Mapping[str, Column], scores: Mapping[str, Array] | None = None
    ) -> Array:
        """Numbers of parsed columns, the input of the `encoder`: (n, total width), float64.

        Numbers are floats and dates days since 1970, both NaN if missing; values are text, None if
        missing, and become their index. Free text has the `scores` (n, width), by column, or those
        that its feature gives.
        """
        scores = scores or {}
        return np.column_stack(
            [
                scores[name] if name in scores else feature.parsed(table[name])
                for name, feature in self.used.items()
            ]
        )

    def encoded(
        self, table: Mapping[str, Column], scores: Mapping[str, Array] | None = None
    ) -> Array:
        """Encode parsed columns as numbers for the net, (n, n_out), float32.

        Free text has these `scores`, if they are given.
        """
        numbers = self.parsed(table, scores)
        x = np.empty((len(numbers), self.n_out), np.float32)
        with np.errstate(over="ignore"):
            for rows in batches(len(x), AT_ONCE):
                x[rows] = self.encoder.forward(numbers[rows])
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
