"""Formats of numbers and dates in text, inferred from all cells of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.data.table_options import DATE_ORDERS, DateOrder
from handgrad.data.text_parts import ALL, BOTH, DateParts, NumberParts, there
from handgrad.layers import Array

# So many texts of a column tell whether the others are worth looking at.
FEW = 50


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written.

    `decimal` is the decimal sign, `whole` where none has a fraction, `guessed` where thousands
    could be fractions.
    """

    decimal: str = "."
    currency: str = ""
    percent: bool = False
    whole: bool = False
    guessed: bool = False

    @property
    def type(self) -> pa.DataType:
        """The type that it is read as."""
        return pa.int64() if self.whole else pa.float64()

    def words(self, usual: str = ".") -> str:
        """How the numbers are written, where it is not as `usual`; '' where it is."""
        said = [f"in {self.currency}"] if self.currency else []
        if self.decimal != usual:
            said.append(f"with {'commas' if self.decimal == ',' else 'points'} in them")
        said += ["in per cent, 12.5 for 12.5%"] if self.percent else []
        return ", ".join(["numbers", *said]) if said else ""

    def read(self, texts: pa.Array) -> pa.Array:
        """Text as float64, or int64 where all are `whole`; null where it is missing or no number.

        A number in per cent stays what it is: 12.5 for 12.5%.
        """
        parts = NumberParts(texts)
        digits = pc.replace_substring_regex(
            parts.digits, rf"[’' {'.' if self.decimal == ',' else ','}]", ""
        )
        digits = pc.replace_substring(digits, self.decimal, ".")
        minus = pc.if_else(parts.negative, "-", "")
        read = pc.binary_join_element_wise(minus, digits, parts.exponent, "")
        fits = pc.and_(pa.array(parts.fits(self.decimal)), pc.equal(parts.percent, self.percent))
        return pc.if_else(fits, read, None).cast(self.type)


@dataclass(frozen=True)
class DateFormat:
    """How the dates of a column are written; `guessed` where days and months could be either."""

    order: DateOrder = "ymd"
    timed: bool = False
    guessed: bool = False

    @property
    def type(self) -> pa.DataType:
        """The type that it is read as."""
        return pa.timestamp("s") if self.timed else pa.date32()

    def words(self) -> str:
        """How the dates are written."""
        return f"dates, {DATE_ORDERS[self.order]}"

    def read(self, texts: pa.Array) -> pa.Array:
        """Text as dates, or times in seconds where there are any; null where it is none."""
        parts = DateParts(texts)
        days, fits = parts.days(self.order)
        if not self.timed:
            return pa.array(days, self.type, mask=~fits)
        seconds = days.astype("M8[s]") + parts.seconds.astype("m8[s]")
        return pa.array(seconds, self.type, mask=~fits)


Format = NumberFormat | DateFormat


def cells_read(found: Format, cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells of text as a format reads them, each different text once."""
    encoded = cells.combine_chunks().dictionary_encode()
    return pa.chunked_array(
        [found.read(encoded.dictionary.cast(pa.string())).take(encoded.indices)]
    )


@dataclass(frozen=True)
class Evidence:
    """By what formats all cells of a column read, of those seen so far.

    `decimals` and `orders` are those that fit each cell; `fractions` are the decimal signs by
    which a cell has a fraction; `signs` the signs that cells have, `currencies` and `percent` what
    stands beside them, `separators` what stands in dates.
    """

    decimals: frozenset[str] = BOTH
    orders: frozenset[DateOrder] = ALL
    fractions: frozenset[str] = frozenset()
    signs: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    percent: frozenset[bool] = frozenset()
    separators: frozenset[str] = frozenset()
    timed: bool = False

    @classmethod
    def of(cls, column: pa.ChunkedArray, decimal: str = ".") -> Evidence:
        """What a column as pyarrow read it shows; `decimal` is the sign that it read numbers by."""
        kind = column.type
        if pa.types.is_null(kind) or column.null_count == len(column):
            return cls()
        if pa.types.is_integer(kind):
            return cls(orders=frozenset(), percent=frozenset([False]))
        if pa.types.is_floating(kind):
            one = frozenset(decimal)
            return cls(one, frozenset(), one, one, percent=frozenset([False]))
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            ymd: frozenset[DateOrder] = frozenset(["ymd"])
            return cls(frozenset(), ymd, timed=pa.types.is_timestamp(kind))
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return cls(frozenset(), frozenset())
        return cls.of_texts(there(pc.unique(column)))

    @classmethod
    def of_texts(cls, texts: pa.Array) -> Evidence:
        """What texts show, none of them missing; the first tell what is worth looking for."""
        if not len(texts):
            return cls()
        few = texts.slice(0, FEW)
        numbers, dates = cls._of_numbers(few), cls._of_dates(few)
        if len(texts) > FEW and numbers.decimals:
            numbers = cls._of_numbers(texts)
        if len(texts) > FEW and dates.orders:
            dates = cls._of_dates(texts)
        return numbers if numbers.decimals else dates

    @classmethod
    def _of_numbers(cls, texts: pa.Array) -> Evidence:
        numbers = NumberParts(texts)
        return cls(
            frozenset(sign for sign in BOTH if numbers.fits(sign).all()),
            frozenset(),
            frozenset(sign for sign in BOTH if numbers.with_fraction(sign)),
            numbers.signs(),
            numbers.currencies(),
            frozenset(numbers.percent.to_pylist()),
        )

    @classmethod
    def _of_dates(cls, texts: pa.Array) -> Evidence:
        dates = DateParts(texts)
        orders = frozenset(order for order in ALL if dates.days(order)[1].all())
        return cls(frozenset(), orders, separators=dates.separators(), timed=dates.timed)

    def __and__(self, other: Evidence) -> Evidence:
        """What both show together."""
        shown = {key: value | getattr(other, key) for key, value in vars(self).items()}
        fit = {"decimals": self.decimals & other.decimals, "orders": self.orders & other.orders}
        return Evidence(**shown | fit)

    def format(self, decimal: str, order: DateOrder | None, *, said: bool = False) -> Format | None:
        """What all cells read as, if anything: where several do, by this sign and in this order.

        Amounts in two currencies are not numbers to compare, unless it is `said` that they are.
        """
        if self == Evidence():
            return None
        if self.decimals and (len(self.currencies) < 2 or said) and len(self.percent) < 2:
            guessed = len(self.decimals) == 2 and bool(self.signs)
            decimal = decimal if decimal in self.decimals else min(self.decimals)
            return NumberFormat(
                decimal,
                min(self.currencies, default=""),
                True in self.percent,
                decimal not in self.fractions,
                guessed,
            )
        if not self.orders:
            return None
        usual: DateOrder = "mdy" if self.separators == {"/"} else "dmy"
        liked: list[DateOrder] = [*([order] if order else []), usual, *sorted(self.orders)]
        found = next(order for order in liked if order in self.orders)
        return DateFormat(found, self.timed, len(self.orders) > 1)


def ways_to_read(texts: pa.Array, what: str) -> dict[str, Array]:
    """Which of the texts read as a number by each decimal sign, or as a date in each order.

    (n,) of truth values each.
    """
    if what == "number":
        numbers = NumberParts(texts)
        return {sign: numbers.fits(sign) for sign in sorted(BOTH)}
    dates = DateParts(texts)
    return {order: dates.days(order)[1] for order in sorted(ALL)}


def read_as(texts: pa.Array, *what: str) -> Array:
    """Which of the texts read as a "number" or "date", each by itself, (n,) of truth values."""
    ways = [reads for kind in what for reads in ways_to_read(texts, kind).values()]
    found: Array = np.any(ways, axis=0)
    return found


def at_odds(texts: Sequence[str]) -> list[str]:
    """The first of some texts, and one that does not read as numbers or dates as it does."""
    so_far = Evidence()
    for text in texts:
        so_far &= Evidence.of_texts(pa.array([text], pa.string()))
        if so_far.format(".", None) is None:
            return [texts[0], text]
    return list(texts[:2])
