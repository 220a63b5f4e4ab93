"""Formats of numbers and dates in text, inferred from all cells of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.files.cell_patterns import (
    BLANKS,
    DATE,
    DATE_IN_CHINESE,
    DIGITS,
    LAST_CENTURY,
    MISSING,
    MOST_DIGITS,
    NUMBER,
)
from handgrad.tables.data.table_options import DATE_ORDERS, DateOrder
from handgrad.textbook.layers import Array

BOTH: frozenset[str] = frozenset(".,")
ALL: frozenset[DateOrder] = frozenset(DATE_ORDERS)  # type: ignore[arg-type]
# So many texts of a column tell whether the others are worth looking at.
FEW = 50


class NumberParts:
    """Texts as the parts of numbers; null where one does not look like a number."""

    def __init__(self, texts: pa.Array) -> None:
        part = _parts(texts, NUMBER)
        debit = pc.equal(part["debit"], "(")
        signs = pc.binary_join_element_wise(part["s1"], part["s2"], part["s3"], "")
        one_sign = pc.less_equal(pc.add(pc.utf8_length(signs), debit.cast("int32")), 1)
        both_ends = pc.equal(debit, pc.equal(part["credit"], ")"))
        self.well_formed = pc.and_(one_sign, both_ends)
        self.negative = pc.or_(debit, pc.is_in(signs, pa.array(["-", "−"])))
        self.digits = pc.utf8_trim_whitespace(part["digits"])
        self.exponent = part["exponent"]
        self.percent = pc.equal(part["percent"], "%")
        self.beside = pa.chunked_array([part["c1"], part["c2"]])

    def fits(self, decimal: str) -> Array:
        """Which read as a number with this decimal sign, (n,) of truth values."""
        digits = pc.match_substring_regex(self.digits, DIGITS[decimal])
        return np.asarray(pc.fill_null(pc.and_(digits, self.well_formed), False).to_numpy(False))


class DateParts:
    """Texts as the parts of dates, -1 where one does not look like a date; (n,) each."""

    def __init__(self, texts: pa.Array) -> None:
        texts = pc.replace_substring_regex(texts, DATE_IN_CHINESE, r"\1-\2-\3 ")
        self.part = part = _parts(texts, DATE)

        def whole(name: str, otherwise: int) -> Array:
            text = pc.if_else(pc.equal(part[name], ""), None, part[name])
            return np.asarray(pc.fill_null(text.cast(pa.int64()), otherwise).to_numpy(False))

        def long(name: str) -> Array:
            lengths = pc.fill_null(pc.utf8_length(part[name]), 0)
            return np.asarray(lengths.to_numpy(False))

        def is_in(name: str, letters: str) -> Array:
            return np.asarray(pc.is_in(part[name], pa.array([*letters])).to_numpy(False))

        alike = pc.fill_null(pc.equal(part["s"], part["t"]), False).to_numpy(False)
        self.a, self.b, self.c = np.where(alike, whole("a", -1), -1), whole("b", -1), whole("c", -1)
        self.long_a, self.long_c, self.dots = long("a"), long("c"), is_in("s", ".")
        hour = whole("hour", 0)
        hour = np.where(is_in("half", "AaPp"), hour % 12, hour) + 12 * is_in("half", "Pp")
        self.seconds = 3600 * hour + 60 * whole("minute", 0) + whole("second", 0)

    def days(self, order: DateOrder) -> tuple[Array, Array]:
        """The dates in this order, and which of them are dates, (n,) each."""
        if order == "ymd":
            year, month, day = self.a, self.b, self.c
            fits = (self.long_a == 4) & (self.long_c <= 2)
        else:
            day, month = (self.a, self.b) if order == "dmy" else (self.b, self.a)
            year = np.where(
                self.long_c == 2, self.c + np.where(self.c < LAST_CENTURY, 2000, 1900), self.c
            )
            fits = (self.long_a <= 2) & np.isin(self.long_c, (2, 4))
            fits &= (order == "dmy") | ~self.dots
            iso = (self.long_a == 4) & (self.long_c <= 2)  # which can be read in one way only
            year, month, day = (
                np.where(iso, part, other)
                for part, other in ((self.a, year), (self.b, month), (self.c, day))
            )
            fits |= iso
        fits &= (month >= 1) & (month <= 12) & (day >= 1) & (self.a >= 0)
        fits &= self.seconds < 86400
        months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
        days = months.astype("M8[D]") + (day - 1).astype("m8[D]")
        return days, fits & (days.astype("M8[M]") == months)


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
        read = pc.if_else(fits, read, None)
        return read.cast(self.type) if self.whole else _floats(read)


def _floats(texts: pa.Array) -> pa.Array:
    """Text as float64: infinity where a number is too large for it, 0 where it is too small."""
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:  # Arrow 23 takes neither for a number
        numbers = (None if text is None else float(text) for text in texts.to_pylist())
        return pa.array(numbers, pa.float64())


@dataclass(frozen=True)
class DateFormat:
    """How the dates of a column are written; `guessed` where days and months could be either.

    `mixed` are those of which some are year-month-day, the others in their order.
    """

    order: DateOrder = "ymd"
    timed: bool = False
    guessed: bool = False
    mixed: bool = False

    @property
    def type(self) -> pa.DataType:
        """The type that it is read as."""
        return pa.timestamp("s") if self.timed else pa.date32()

    def words(self) -> str:
        """How the dates are written."""
        iso = f", some of them {DATE_ORDERS['ymd']}" if self.mixed else ""
        return f"dates, {DATE_ORDERS[self.order]}{iso}"

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
    stands beside them, `separators` what stands in dates, `iso` whether some begin with the year.
    """

    decimals: frozenset[str] = BOTH
    orders: frozenset[DateOrder] = ALL
    fractions: frozenset[str] = frozenset()
    signs: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    percent: frozenset[bool] = frozenset()
    separators: frozenset[str] = frozenset()
    timed: bool = False
    iso: bool = False

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
            return cls(frozenset(), timed=pa.types.is_timestamp(kind), iso=True)
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
        signs = frozenset(s for s in BOTH if pc.any(pc.match_substring(numbers.digits, s)).as_py())
        large = pc.greater(pc.utf8_length(numbers.digits), MOST_DIGITS)
        fraction = pc.any(pc.or_(large, pc.not_equal(numbers.exponent, ""))).as_py()
        return cls(
            frozenset(sign for sign in BOTH if numbers.fits(sign).all()),
            frozenset(),
            frozenset(sign for sign in BOTH if fraction or sign in signs),
            signs,
            frozenset(pc.unique(numbers.beside).to_pylist()) - {"", None},
            frozenset(numbers.percent.to_pylist()),
        )

    @classmethod
    def _of_dates(cls, texts: pa.Array) -> Evidence:
        dates = DateParts(texts)
        orders = frozenset(order for order in ALL if dates.days(order)[1].all())
        separators = frozenset(pc.unique(dates.part["s"]).to_pylist()) - {None}
        timed = bool(pc.any(pc.not_equal(dates.part["hour"], "")).as_py())
        iso = bool((dates.long_a == 4).any())
        return cls(frozenset(), orders, separators=separators, timed=timed, iso=iso)

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
        if "ymd" in self.orders:
            return DateFormat("ymd", self.timed)
        usual: DateOrder = "mdy" if self.separators - {"-"} == {"/"} else "dmy"
        liked: list[DateOrder] = [*([order] if order else []), usual, *sorted(self.orders)]
        found = next(order for order in liked if order in self.orders)
        return DateFormat(found, self.timed, len(self.orders) > 1, self.iso)


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


def there(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The texts of a column, without those that stand for nothing."""
    texts = column.cast(pa.string())
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    missing = pc.is_in(pc.utf8_trim_whitespace(texts), pa.array([*MISSING, None], pa.string()))
    return texts.filter(pc.invert(missing))


def _parts(texts: pa.Array, pattern: str) -> dict[str, Any]:
    """The named groups of a pattern in each text, null where it does not match."""
    trimmed = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, BLANKS, " "))
    found = pc.extract_regex(trimmed, pattern)
    return {name: pc.struct_field(found, name) for name in found.type.names}
