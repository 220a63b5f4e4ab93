"""The features of a table: decided once, by its columns and the weights of its rows, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from handgrad.files.features import (
    CYCLES,
    DAY,
    HUGE,
    Binary,
    Category,
    Code,
    Column,
    Columns,
    Date,
    Feature,
    Features,
    Nothing,
    Number,
)
from handgrad.tables.data.frames import (
    check_names,
    dates_in,
    different,
    numbers_in,
    read,
    text_in,
)
from handgrad.tables.data.table_options import option
from handgrad.tables.data.unseen_values import MOST_EXAMPLES, Unseen
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
READINGS = {"numbers": numbers_in, "dates": dates_in}
# Rows that come with several targets are so many rows together, the others counted too, at most.
MOST_PARTS = 2**16


def features_of(table: Columns, w: Array, embedded_from: float = np.inf) -> Features:
    """The features of a table whose rows weigh `w`.

    Categories of so many values as `embedded_from`, or more, become codes.
    """
    found = Features({name: _feature(column, w, embedded_from) for name, column in table.items()})
    if found.n_out == 0:
        raise DataError(
            f"nothing to learn from in the {len(table)} columns:\n{found.summary()}",
            "a column that differs from row to row",
            "check that the right columns were kept",
        )
    return found


def number_of(column: Column, w: Array) -> Number:
    """The feature for a column of numbers whose rows weigh `w`."""
    there = ~column.missing
    values, weights = column.values[there], w[there]
    low, center, high = quantiles(values, weights, (0.25, 0.5, 0.75))
    with np.errstate(over="ignore"):
        spread = high - low or (values.max() - values.min()) / 2
    factor = 1 / min(max(spread, 1 / HUGE), HUGE)
    return Number(center, factor, not there.all(), column.note, column.written)


def date_of(column: Column, w: Array) -> Date:
    """The feature for a column of dates whose rows weigh `w`.

    A clock that stands still is left out.
    """
    days = column.values[~column.missing]
    turning = (
        name
        for name, length in CYCLES.items()
        if np.ptp(days) >= length / 4 and np.ptp(days % length) > length * 1e-6
    )
    return Date(number_of(column, w), tuple(turning))


def encoded(features: Features, table: Columns) -> Array:
    """The numbers for the net, (n, n_out), float32, of a table as it comes."""
    check_names(table, features.features)
    return features.encoded({name: _read(table[name], name, f) for name, f in features.in_turn()})


def unseen_in(features: Features, table: Columns) -> list[Unseen]:
    """For each column of text, how many rows of a table have a value that it does not know."""
    found = []
    for name, feature in features.features.items():
        if isinstance(feature, Binary | Category):
            known = {None, *feature.values}
            texts = _as_text(table[name], name, feature.values).values.tolist()
            odd = [text for text in texts if text not in known]
            rare = isinstance(feature, Category) and feature.n_values > len(feature.values)
            if odd or rare:
                examples = (*dict.fromkeys(odd),)[: MOST_EXAMPLES + 1]
                missing = texts.count(None)
                found.append(Unseen(name, len(odd), len(texts), examples, rare, missing))
    return found


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
        return (number_of if column.kind == "number" else date_of)(column, w)
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


def _read(column: Column, name: str, feature: Feature) -> Column:
    """A column as a feature takes it, in text read as the training's was."""
    match feature:
        case Number():
            return _read_as("numbers", column, name, feature.written)
        case Date():
            return _read_as("dates", column, name, feature.time.written)
        case Binary() | Category():
            return _as_text(column, name, feature.values)
    return column


def _read_as(kind: str, column: Column, name: str, written: str) -> Column:
    """A column as numbers or dates, written as those of the training were."""
    if column.missing.all():
        return Column("number", np.full(len(column.values), np.nan))
    if column.kind == "text":
        return READINGS[kind](column, written) or refuse_cell(column, name, kind, READINGS[kind])
    if kind == "dates" and column.kind != "date":
        refuse_cell(column, name, kind)
    return column


def _as_text(column: Column, name: str, known: Sequence[str]) -> Column:
    """A column as text, where it is text, or has values that are `known`."""
    if column.kind == "text":
        return column
    text = text_in(column)
    if column.kind == "date" or not (column.missing.all() or np.isin(text.values, known).any()):
        refuse_cell(column, name, f"text, such as {known[0]!r}")
    return text


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


def refuse_cell(
    column: Column, name: str, expected: str, reads: Callable[[Column], object] | None = None
) -> NoReturn:
    """Refuse a column for the first cell that is not as `expected`, by what `reads` such cells."""
    there = np.flatnonzero(~column.missing)
    odd = (r for r in there if reads and not reads(Column("text", column.values[r : r + 1])))
    row = int(next(odd, there[0]))
    hint = "the column that the training had, read in the same way"
    if reads is not None:
        said = option(expected.removesuffix("s"), name, quoted=True)
        said = said if said.startswith("--") else f"hg.data.open_table with {said}"
        hint = (
            f"correct that cell, or leave it empty; or {said}, by which such cells count as missing"
        )
    raise DataError(
        f"column {name!r} has {_plain(column, row)} in row {row}, counted from 0",
        f"{expected}, as in training",
        hint,
        row=row,
    )


def _plain(column: Column, row: int) -> str:
    """A value as it stood in a table."""
    value = column.values[row]
    if column.kind == "date":
        return str((value * DAY).round().astype("M8[s]")).removesuffix("T00:00:00")
    if column.kind == "text":
        return repr(value)
    if column.kind == "boolean":
        return str(bool(value))
    return str(int(value)) if float(value).is_integer() else str(float(value))
