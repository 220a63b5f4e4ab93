"""Features of a table: encoders fitted to its columns and the weights of its rows."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

import numpy as np

from handgrad.files.cells import DAY
from handgrad.files.features import (
    CYCLES,
    CYCLES_OF_TEXT,
    Binary,
    Category,
    Code,
    Column,
    Columns,
    Cyclic,
    Date,
    Feature,
    Features,
    Nothing,
    Number,
    TextFeature,
)
from handgrad.files.text_scores import AFTER_IDEOGRAPHS, FIRST_IDEOGRAPH, TextScores
from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.data.frames import (
    check_names,
    dates_in,
    different,
    numbers_in,
    parsed_like,
    read,
    text_in,
)
from handgrad.tables.data.table_options import option
from handgrad.tables.data.unseen_values import MOST_EXAMPLES, Unseen
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.encoding import HUGE

# Most values of a one-hot encoded category, the most frequent ones.
MOST_VALUES = 256
# Most values of an embedded category; a value with the weight of one row is rare.
MOST_CODES = 4096
# Average words of distinct texts that are free text.
WORDS_OF_A_SENTENCE = 4
IDEOGRAPH = re.compile(f"[{chr(FIRST_IDEOGRAPH)}-{chr(AFTER_IDEOGRAPHS - 1)}]")
# Relative weight below which a row is one of a coverage sample.
NO_ROW = 1e-5
READINGS = {"numbers": numbers_in, "dates": dates_in}
# Most rows after rows with several targets are repeated.
MOST_PARTS = 2**16


def features_of(
    table: Columns,
    w: Array,
    embedded_from: float = np.inf,
    known: Mapping[str, Feature] | None = None,
) -> Features:
    """Fit the features of a table whose rows have weights `w`, but those that are `known`.

    Categories with `embedded_from` values or more become codes for an embedding.
    """
    known = known or {}
    features = Features(
        {
            name: known[name] if name in known else _feature(column, w, embedded_from)
            for name, column in table.items()
        }
    )
    if features.n_out == 0:
        raise DataError(
            f"no usable feature in the {len(table)} columns:\n{features.summary()}",
            "a column that differs from row to row",
            "check that the right columns are in the table",
        )
    return features


def number_of(column: Column, w: Array) -> Number:
    """Fit the encoder of a numeric column with row weights `w`."""
    there = ~column.missing
    values, weights = column.values[there], w[there]
    low, center, high = quantiles(values, weights, (0.25, 0.5, 0.75))
    with np.errstate(over="ignore"):
        spread = high - low or (values.max() - values.min()) / 2
    factor = 1 / min(max(spread, 1 / HUGE), HUGE)
    return _number(center, factor, column)


def _number(center: float, factor: float, column: Column) -> Number:
    """Encoder of a numeric column with the range of its values."""
    values = column.values[~column.missing]
    ends = float(values.min()), float(values.max())
    return Number(
        center, factor, len(values) < len(column.values), column.note, column.written, *ends
    )


def date_of(column: Column, w: Array) -> Date:
    """Fit the encoder of a date column with row weights `w`.

    Cycles that do not vary in the data are left out.
    """
    days = column.values[~column.missing]
    cycles = (
        name
        for name, length in CYCLES.items()
        if np.ptp(days) >= length / 4 and np.ptp(days % length) > length * 1e-6
    )
    return Date(number_of(column, w), tuple(cycles))


def encoded(features: Features, table: Columns, scores: Mapping[str, Array] | None = None) -> Array:
    """Encode a raw table as numbers for the net, (n, n_out), float32.

    Free text has these `scores` (n, width), by column, or those that its feature gives.
    """
    return features.encoded(parsed(features, table), scores)


def parsed(features: Features, table: Columns) -> Columns:
    """Parse the columns that are used, in the formats of the training."""
    check_names(table, features.features)
    return {name: _read(table[name], name, feature) for name, feature in features.used.items()}


def unseen_in(features: Features, table: Columns) -> list[Unseen]:
    """For each parsed text column, the number of rows with a value unseen in training."""
    columns = []
    for name, feature in features.used.items():
        if isinstance(feature, TextFeature):
            values = {None, *feature.values}
            texts = table[name].values.tolist()
            odd = [text for text in texts if text not in values]
            rare = isinstance(feature, Category) and feature.n_values > len(feature.values)
            if odd or rare:
                examples = (*dict.fromkeys(odd),)[: MOST_EXAMPLES + 1]
                missing = texts.count(None)
                columns.append(Unseen(name, len(odd), examples, rare, missing))
    return columns


def without_ranges(features: Features, known: Collection[str]) -> Features:
    """The features, where only columns with `known` names have the range of their values."""
    unknown: dict[str, Feature] = {}
    for name, feature in features.features.items():
        if name not in known and feature.number is not None:
            number = replace(feature.number, lowest=None, highest=None)
            unknown[name] = number
            if isinstance(feature, Date):
                unknown[name] = replace(feature, time=number)
            elif isinstance(feature, Cyclic):
                unknown[name] = replace(feature, place=number)
    return Features(features.features | unknown)


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
            return _number(float(values[0]), 1.0, column)
        if column.written in CYCLES_OF_TEXT:
            return Cyclic(number_of(column, w))
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
    largest = np.argsort(-weights, kind="stable")[: MOST_CODES if as_codes else MOST_VALUES]
    if as_codes:  # of several rows: the weight of a row makes its value no more frequent
        largest = largest[np.bincount(inverse)[largest] > 1]
    if not len(largest):
        return Nothing(_why_no_category(values, inverse, w[there]))
    names = tuple(str(value) for value in values[np.sort(largest)])
    return (Code if as_codes else Category)(names, len(values))


def _why_no_category(values: Array, inverse: Array, w: Array) -> str:
    """Reason why a column of nearly unique texts is no category."""
    of_rows = inverse[w > NO_ROW * w.max()]
    values, n_rows = values[np.unique(of_rows)], len(of_rows)
    free = are_sentences(values.tolist())
    what = "an identifier" if len(values) == n_rows else "nearly as many values as rows"
    return f"{'free text' if free else what} ({len(values):,} distinct values in {n_rows:,} rows)"


def are_sentences(texts: Collection[str]) -> bool:
    """Return True for texts of several words; in Chinese and Japanese, of several characters."""
    if np.mean([len(text.split()) for text in texts]) >= WORDS_OF_A_SENTENCE:
        return True
    ideographs = np.mean([len(IDEOGRAPH.findall(text)) for text in texts])
    return bool(ideographs >= 2 * WORDS_OF_A_SENTENCE)


def _read(column: Column, name: str, feature: Feature) -> Column:
    """Parse a column for its feature, in the format of the training."""
    if isinstance(feature, TextFeature):
        return _as_text(column, name, feature.values)
    if isinstance(feature, TextScores):
        return column if column.kind == "text" else text_in(column)
    written = "" if feature.number is None else feature.number.written
    expected = feature.cycle.texts if isinstance(feature, Cyclic) else f"{feature.kind}s"
    return _read_as(feature.kind, column, name, written, expected)


def _read_as(kind: str, column: Column, name: str, written: str, expected: str) -> Column:
    """Parse a column as numbers or dates, in the format of the training."""
    if column.missing.all():
        return Column("number", np.full(len(column.values), np.nan))
    if column.kind == "text":
        parse = partial(parsed_like, kind=kind, written=written)
        return parse(column) or refuse_cell(column, name, expected, parse)
    if kind == "date" and column.kind != "date":
        refuse_cell(column, name, expected)
    return column


def _as_text(column: Column, name: str, known: Sequence[str]) -> Column:
    """A column as text, if it is text or contains values that are `known`."""
    if column.kind == "text":
        return column
    text = text_in(column)
    if column.kind == "date" or not (column.missing.all() or np.isin(text.values, known).any()):
        refuse_cell(column, name, f"text, such as {known[0]!r}")
    return text


@dataclass(frozen=True)
class MergedRows:
    """Distinct rows: columns, target and weights, sorted; and their units, if there are any."""

    table: Columns
    y: Array
    w: Array
    units: Units | None = None


def merged(table: Columns, y: Array, w: Array, units: Units | None = None) -> MergedRows:
    """Merge equal rows and drop those of weight 0: repeating a row is the same as weighting it.

    Rows of several `units` are not merged.

    The result does not depend on their order. A row with several targets is repeated by its weight
    relative to the lightest, so that a part of each target can be held out.
    """
    counts = np.flatnonzero(w > 0)
    of_units = [] if units is None else [units.codes]
    ranks = [_ranks(column) for column in table.values()]
    keys = np.stack([*ranks, *of_units, y.astype(float)])[:, counts]
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
    repeated, weights = np.repeat(rows[starts], times), np.repeat(weights / times, times)
    columns = {name: replace(c, values=c.values[repeated]) for name, c in table.items()}
    units = None if units is None else units.take(repeated)
    return MergedRows(columns, y[repeated], weights, units)


def _ranks(column: Column) -> Array:
    """Rank of each value of a column, (n,); equal values have equal ranks."""
    missing = column.missing
    values = np.where(missing, "" if column.kind == "text" else 0.0, column.values)
    is_text = column.kind == "text"
    ranks = different(values) if is_text else np.unique(values, return_inverse=True)
    return np.where(missing, -1, ranks[1])


def quantiles(values: Array, w: Array, shares: Sequence[float]) -> list[float]:
    """Weighted quantiles: the smallest value at or below which a fraction of the weight lies.

    An integer weight equals repeated rows.
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(w[order])
    places = [np.searchsorted(below, share * below[-1] * (1 - 1e-12)) for share in shares]
    return [float(values[order[place]]) for place in places]


def refuse_cell(
    column: Column, name: str, expected: str, parse: Callable[[Column], object] | None = None
) -> NoReturn:
    """Refuse a column by the first cell up to which `parse` fails, or by its first cell."""
    there = np.flatnonzero(~column.missing)
    row = int(there[0])
    if parse is not None:
        unreadable = bisect_left(
            there[:-1], True, key=lambda r: not parse(Column("text", column.values[: r + 1]))
        )
        row = int(there[unreadable])
    hint = "the column of the training, read in the same way"
    if parse is not None:
        hint = "correct that cell, or leave it empty"
        if expected in READINGS:
            setting = option(expected.removesuffix("s"), name, quoted=True)
            setting = setting if setting.startswith("--") else f"hg.data.open_table with {setting}"
            hint += f"; or {setting}, for missing values"
    raise DataError(
        f"column {name!r} has {_plain(column, row)} in row {row}, counted from 0",
        f"{expected}, as in training",
        hint,
        row=row,
    )


def _plain(column: Column, row: int) -> str:
    """A value as it was in the table."""
    value = column.values[row]
    if column.kind == "date":
        return str((value * DAY).round().astype("M8[s]")).removesuffix("T00:00:00")
    if column.kind == "text":
        return repr(value)
    if column.kind == "boolean":
        return str(bool(value))
    return str(int(value)) if float(value).is_integer() else str(float(value))
