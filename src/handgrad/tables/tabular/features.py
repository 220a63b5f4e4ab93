"""Features: the numbers that a net is given for each column, decided once and kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from handgrad.tables.data.frames import (
    Column,
    Columns,
    check_names,
    dates_in,
    different,
    numbers_in,
    read,
    text_in,
)
from handgrad.tables.data.unseen_values import MOST_EXAMPLES, Unseen
from handgrad.tables.tabular.refusals import refuse_cell
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

# A category with more values keeps so many, the most frequent ones, a feature each.
MOST_VALUES = 256
# As a code it keeps so many; with a row's weight only once, a value is rare.
MOST_CODES = 4096
# Texts of so many words on average, hardly any of which comes twice, were written freely.
WORDS_OF_A_SENTENCE = 4
# Below so much of the largest weight a row only shows what else there is in a stream.
NO_ROW = 1e-5
# So far around the middle a number goes in at most.
LIMIT, HUGE = 3.0, 1e150
READINGS = {"numbers": numbers_in, "dates": dates_in}
CYCLES = {"of the year": 365.2425, "of the week": 7.0, "of the day": 1.0}


class Feature(ABC):
    """What is made of one column: numbers with `names`, in words a `summary`."""

    turn = 1  # in a row of all features: numbers come first, codes last

    @property
    def n_codes(self) -> int:
        """Where it is a code, for an embedding, from how many; else 0."""
        return 0

    @abstractmethod
    def summary(self) -> str:
        """How the column was read, in words."""

    @abstractmethod
    def encoded(self, column: Column, name: str) -> Array:
        """The numbers for the net, (n, n_names), of a column of this name."""

    def names(self, name: str) -> list[str]:
        """What these numbers are called, for a column of this name."""
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

    @classmethod
    def of(cls, column: Column, w: Array) -> Number:
        """The feature for a column whose rows weigh `w`."""
        there = ~column.missing
        values, weights = column.values[there], w[there]
        low, center, high = quantiles(values, weights, (0.25, 0.5, 0.75))
        with np.errstate(over="ignore"):
            spread = high - low or (values.max() - values.min()) / 2
        factor = 1 / min(max(spread, 1 / HUGE), HUGE)
        return cls(center, factor, not there.all(), column.note, column.written)

    def names(self, name: str) -> list[str]:
        return [name, f"{name}_missing"] if self.marks_missing else [name]

    def summary(self) -> str:
        marked = ", a second one marks what is missing" if self.marks_missing else ""
        return f"number{marked}"

    def encoded(self, column: Column, name: str) -> Array:
        column = _read_as("numbers", column, name, self.written)
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

    def encoded(self, column: Column, name: str) -> Array:
        text = _as_text(column, name, self.values)
        first, second = ((text == value).astype(float) for value in self.values)
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

    def encoded(self, column: Column, name: str) -> Array:
        places = _places(self.values, column, name)
        return (places[:, None] == np.arange(len(self.values))).astype(float)


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

    def encoded(self, column: Column, name: str) -> Array:
        return _places(self.values, column, name)[:, None] + 1


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

    @classmethod
    def of(cls, column: Column, w: Array) -> Date:
        """The feature for a column whose rows weigh `w`; a clock that stands still is left out."""
        days = column.values[~column.missing]
        turning = (
            name
            for name, length in CYCLES.items()
            if np.ptp(days) >= length / 4 and np.ptp(days % length) > length * 1e-6
        )
        return cls(Number.of(column, w), tuple(turning))

    def summary(self) -> str:
        hands = f", and the hands {', '.join(self.cycles)}" if self.cycles else ""
        return f"date: time{hands}"

    def encoded(self, column: Column, name: str) -> Array:
        column = _read_as("dates", column, name, self.time.written)
        days = np.where(column.missing, 0, column.values)
        parts = [self.time.encoded(Column("number", column.values), name)]
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

    def encoded(self, column: Column, name: str) -> Array:
        return np.zeros((len(column.values), 0))


class Features:
    """What the columns of a table were read as: fitted once, exact at prediction.

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

    @classmethod
    def of(cls, table: Columns, w: Array, embedded_from: float = np.inf) -> Features:
        """The features of a table whose rows weigh `w`.

        Categories of so many values as `embedded_from`, or more, become codes.
        """
        found = cls({name: _feature(column, w, embedded_from) for name, column in table.items()})
        if found.n_out == 0:
            raise DataError(
                f"nothing to learn from in the {len(table)} columns:\n{found.summary()}",
                "a column that differs from row to row",
                "check that the right columns were kept",
            )
        return found

    def encoded(self, table: Columns) -> Array:
        """The numbers for the net, (n, n_out), float32."""
        check_names(table, self.features)
        rows = len(next(iter(table.values())).values)
        x, place, first_code = np.empty((rows, self.n_out), np.float32), 0, 0
        for name, feature in self._in_turn(self.features):
            numbers = feature.encoded(table[name], name)
            x[:, place : place + numbers.shape[1]] = numbers + first_code
            place, first_code = place + numbers.shape[1], first_code + feature.n_codes
        return x

    def names(self, columns: Sequence[str] | None = None) -> list[str]:
        """What the numbers are called, where the columns are called so or as they were."""
        pairs = self._in_turn(columns or self.features)
        return [name for column, feature in pairs for name in feature.names(column)]

    def _in_turn(self, columns: Iterable[str]) -> list[tuple[str, Feature]]:
        """The features with the names of their columns, as their numbers stand in a row."""
        pairs = zip(columns, self.features.values(), strict=True)
        return sorted(pairs, key=lambda pair: pair[1].turn)

    def unseen_in(self, table: Columns) -> list[Unseen]:
        """For each column of text, how many rows of a table have a value that it does not know."""
        found = []
        for name, feature in self.features.items():
            if isinstance(feature, Binary | Category):
                known = {None, *feature.values}
                texts = _as_text(table[name], name, feature.values).tolist()
                odd = [text for text in texts if text not in known]
                rare = isinstance(feature, Category) and feature.n_values > len(feature.values)
                if odd or rare:
                    examples = (*dict.fromkeys(odd),)[: MOST_EXAMPLES + 1]
                    missing = texts.count(None)
                    found.append(Unseen(name, len(odd), len(texts), examples, rare, missing))
        return found

    def read_as(self) -> dict[str, str]:
        """What each column was read as, in words."""
        notes = {name: getattr(feature, "note", "") for name, feature in self.features.items()}
        return {
            name: feature.summary() + (f" ({notes[name]})" if notes[name] else "")
            for name, feature in self.features.items()
        }

    def summary(self) -> str:
        """A table of the columns and what each was read as."""
        width = max(map(len, self.features), default=0)
        return "\n".join(f"{name.ljust(width)}  {text}" for name, text in self.read_as().items())

    def __repr__(self) -> str:
        return f"Features of {len(self.features)} columns, {self.n_out} numbers a row"


def _feature(column: Column, w: Array, embedded_from: float) -> Feature:
    column = column if column.categorical else read(column)
    there = ~column.missing
    if not there.any():
        return Nothing("nothing in it")
    if column.kind in ("number", "date"):
        values = column.values[there]
        if (values == values[0]).all():
            if there.all():
                return Nothing("the same in every row")
            return Number(float(values[0]), 1.0, True, column.note, column.written)
        return Number.of(column, w) if column.kind == "number" else Date.of(column, w)
    return _of_values(text_in(column) if column.kind == "boolean" else column, w, embedded_from)


def _of_values(column: Column, w: Array, embedded_from: float) -> Feature:
    there = ~column.missing
    values, inverse = different(column.values[there])
    weights = np.bincount(inverse, w[there])
    if len(values) == 1 and there.all():
        return Nothing("the same in every row")
    if len(values) == 2:
        return Binary((str(values[0]), str(values[1])))
    if len(values) > MOST_VALUES and len(values) > 0.5 * there.sum():
        return Nothing(_why_no_category(values, inverse, w[there]))
    as_codes = len(values) >= embedded_from
    kept = np.argsort(-weights, kind="stable")[: MOST_CODES if as_codes else MOST_VALUES]
    if as_codes:
        kept = kept[weights[kept] > w.min()]
    if not len(kept):
        return Nothing(_why_no_category(values, inverse, w[there]))
    names = tuple(str(value) for value in values[np.sort(kept)])
    return (Code if as_codes else Category)(names, len(values))


def _why_no_category(values: Array, inverse: Array, w: Array) -> str:
    """Why nothing can be learned of texts that hardly ever come again."""
    of_rows = inverse[w > NO_ROW * w.max()]
    values, n_rows = values[np.unique(of_rows)], len(of_rows)
    free = np.mean([len(str(value).split()) for value in values]) >= WORDS_OF_A_SENTENCE
    what = "an identifier" if len(values) == n_rows else "nearly as many values as rows"
    return f"{'free text' if free else what} ({len(values):,} distinct values in {n_rows:,} rows)"


def _read_as(kind: str, column: Column, name: str, written: str) -> Column:
    """A column as numbers or dates, written as those of the training were."""
    if column.missing.all():
        return Column("number", np.full(len(column.values), np.nan))
    if column.kind == "text":
        return READINGS[kind](column, written) or refuse_cell(column, name, kind, READINGS[kind])
    if kind == "dates" and column.kind != "date":
        refuse_cell(column, name, kind)
    return column


def _as_text(column: Column, name: str, known: Sequence[str]) -> Array:
    """A column as text, (n,) with None, where it is one, or has values that are `known`."""
    if column.kind == "text":
        return column.values
    text = text_in(column).values
    if column.kind == "date" or not (column.missing.all() or np.isin(text, known).any()):
        refuse_cell(column, name, f"text, such as {known[0]!r}")
    return text


def _places(values: Sequence[str], column: Column, name: str) -> Array:
    """Which of the values each row has, (n,); -1 where it has none of them."""
    place = {value: i for i, value in enumerate(values)}
    return np.array([place.get(v, -1) for v in _as_text(column, name, values)], int)


# Rows that come with several targets are so many rows together, the others counted too, at most.
MOST_PARTS = 2**16


@dataclass(frozen=True)
class MergedRows:
    """Columns and target of rows, in an order of their own, and what each weighs."""

    table: Columns
    y: Array
    w: Array


def merged(table: Columns, y: Array, w: Array) -> MergedRows:
    """The rows that weigh something, each once: the same for repeated rows as for weighted ones,
    in whatever order they came.

    Where the same row comes with several targets, each comes as often as it weighs more than the
    lightest: held out is then a part of each, where else all of one target could be.
    """
    counts = np.flatnonzero(w > 0)
    keys = np.stack([*(_ranks(column) for column in table.values()), y.astype(float)])[:, counts]
    order = np.lexsort(keys[::-1])
    first, other = np.ones((2, len(counts)), bool)
    changes = np.diff(keys[:, order], axis=1) != 0
    first[1:], other[1:] = changes.any(axis=0), changes[:-1].any(axis=0)
    starts = np.flatnonzero(first)
    rows = counts[order]
    weights = np.add.reduceat(w[rows], starts) if len(starts) else w[rows]
    alike = np.cumsum(other[starts])
    times = np.where(np.bincount(alike)[alike] > 1, weights / weights.min(initial=np.inf), 1.0)
    times = np.floor(times * min(1.0, MOST_PARTS / max(times.sum(), 1))).clip(1).astype(int)
    kept, weights = np.repeat(rows[starts], times), np.repeat(weights / times, times)
    columns = {name: replace(c, values=c.values[kept]) for name, c in table.items()}
    return MergedRows(columns, y[kept], weights)


def _ranks(column: Column) -> Array:
    """A number for each value of a column, the same for the same."""
    missing = column.missing
    values = np.where(missing, "" if column.kind == "text" else 0.0, column.values)
    is_text = column.kind == "text"
    ranks = different(values) if is_text else np.unique(values, return_inverse=True)
    return np.where(missing, -1, ranks[1])


def quantiles(values: Array, w: Array, shares: Sequence[float]) -> list[float]:
    """For each share, the smallest value below or at which so much of the weight lies.

    Whole weights are rows that come again.
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(w[order])
    places = [np.searchsorted(below, share * below[-1] * (1 - 1e-12)) for share in shares]
    return [float(values[order[place]]) for place in places]
