"""Formats of numbers and dates in text, inferred from all cells of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.files.cell_patterns import (
    BLANKS,
    DATE,
    DATES_IN_CHINESE,
    DIGITS,
    LAST_CENTURY,
    MISSING,
    MONTHS_ALONE,
    MOST_DIGITS,
    NAMED_DATES,
    NUMBER,
    SEASON,
)
from handgrad.tables.data.table_options import DATE_ORDERS, DateOrder
from handgrad.textbook.layers import Array

BOTH: frozenset[str] = frozenset(".,")
ALL: frozenset[DateOrder] = frozenset(DATE_ORDERS)  # type: ignore[arg-type]
# Texts of a column that are inspected first; the others only if these look like numbers or dates.
FEW = 50
WITH_A_NAME = r"^[0-9]{0,4}[a-z]{0,2}[ ,./\-]*\p{L}{3}"
TextKind = Literal["number", "date"]
TEXT_KINDS: tuple[TextKind, ...] = ("number", "date")


class NumberParts:
    """Parts of numbers in text: sign, digits, exponent, percent, currency; null elsewhere."""

    def __init__(self, texts: pa.Array) -> None:
        part = parts_of(texts, NUMBER)
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
        """Mask of the texts that parse as numbers with this decimal sign, (n,)."""
        digits = pc.match_substring_regex(self.digits, DIGITS[decimal])
        return np.asarray(pc.fill_null(pc.and_(digits, self.well_formed), False).to_numpy(False))


class DateParts:
    """Parts of dates in text; -1 where a text does not look like a date; (n,) each."""

    def __init__(self, texts: pa.Array) -> None:
        texts = plain(texts)
        with_a_name = pc.match_substring_regex(texts, WITH_A_NAME, ignore_case=True)
        by_number = _rewritten(texts, NAMED_DATES) if pc.any(with_a_name).as_py() else texts
        in_days = _rewritten(by_number, DATES_IN_CHINESE)
        days = _rewritten(in_days, MONTHS_ALONE)
        self.named, self.monthly = _differ(texts, by_number), _differ(in_days, days)
        self.part = part = parts_of(days, DATE)

        season = parts_of(texts, SEASON)
        begin, end = (whole(season[name], -1) for name in ("begin", "end"))
        self.months, self.seasons = begin >= 0, (begin >= 0) & ((begin + 1) % 100 == end)

        def long(name: str) -> Array:
            lengths = pc.fill_null(pc.utf8_length(part[name]), 0)
            return np.asarray(lengths.to_numpy(False))

        def is_in(name: str, characters: str) -> Array:
            return np.asarray(pc.is_in(part[name], pa.array([*characters])).to_numpy(False))

        alike = pc.fill_null(pc.equal(part["s"], part["t"]), False).to_numpy(False)
        self.a, self.b, self.c = (whole(part[name], -1) for name in "abc")
        self.a = np.where(alike, self.a, -1)
        self.long_a, self.long_c, self.dots = long("a"), long("c"), is_in("s", ".")
        self.iso = (self.long_a == 4) & (self.long_c <= 2)  # unambiguous
        hour, minute, second = (whole(part[name], 0) for name in ("hour", "minute", "second"))
        hour = np.where(is_in("half", "AaPp"), hour % 12, hour) + 12 * is_in("half", "Pp")
        self.seconds = 3600 * hour + 60 * minute + second

    def days(self, order: DateOrder) -> tuple[Array, Array]:
        """The dates in this order, and the mask of valid dates, (n,) each."""
        if order == "ymd":
            year, month, day = self.a, self.b, self.c
            fits = self.iso
        else:
            # With dots the day is first, also in a column that otherwise has the month first.
            day_first = self.dots | (order == "dmy")
            day, month = np.where(day_first, [self.a, self.b], [self.b, self.a])
            year = np.where(
                self.long_c == 2, self.c + np.where(self.c < LAST_CENTURY, 2000, 1900), self.c
            )
            fits = (self.long_a <= 2) & np.isin(self.long_c, (2, 4))
            year, month, day = (
                np.where(self.iso, part, other)
                for part, other in ((self.a, year), (self.b, month), (self.c, day))
            )
            fits |= self.iso
        fits = fits & (month >= 1) & (month <= 12) & (day >= 1) & (self.a >= 0)
        fits &= self.seconds < 86400
        months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
        days = months.astype("M8[D]") + (day - 1).astype("m8[D]")
        return days, fits & (days.astype("M8[M]") == months)


@dataclass(frozen=True)
class NumberFormat:
    """Format of the numbers in a column.

    `decimal` is the decimal sign; `whole` is true if no number has a fraction, `guessed` if
    thousands separators may be decimal signs.
    """

    decimal: str = "."
    currency: str = ""
    percent: bool = False
    whole: bool = False
    guessed: bool = False

    @property
    def type(self) -> pa.DataType:
        """Type of the parsed column."""
        return pa.int64() if self.whole else pa.float64()

    def words(self, usual: str = ".") -> str:
        """Description of the format; '' if it is the usual one."""
        details = [f"in {self.currency}"] if self.currency else []
        if self.decimal != usual:
            details.append(f"with decimal {'commas' if self.decimal == ',' else 'points'}")
        details += ["in percent, 12.5 for 12.5%"] if self.percent else []
        return ", ".join(["numbers", *details]) if details else ""

    def read(self, texts: pa.Array) -> pa.Array:
        """Parse text as float64, or int64 if `whole`; null where it is missing or not a number.

        A percentage keeps its value: 12.5 for 12.5%.
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
    """Cast text to float64: infinity on overflow, 0 on underflow."""
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:  # Arrow 23 refuses both
        numbers = (None if text is None else float(text) for text in texts.to_pylist())
        return pa.array(numbers, pa.float64())


@dataclass(frozen=True)
class DateFormat:
    """Format of the dates in a column; `guessed` if days and months may be swapped.

    `mixed` is true if some dates are year-month-day, and the others in `order`, `dotted` if some
    are day.month.year. `named` is true if some have the name of a month, `monthly` if some have no
    day and are the first of their month.
    """

    order: DateOrder = "ymd"
    timed: bool = False
    guessed: bool = False
    mixed: bool = False
    dotted: bool = False
    named: bool = False
    monthly: bool = False

    @property
    def type(self) -> pa.DataType:
        """Type of the parsed column."""
        return pa.timestamp("s") if self.timed else pa.date32()

    def words(self) -> str:
        """Description of the format."""
        named, months = self.named, ", months as their first days" * self.monthly
        if named and not self.mixed:
            return f"dates with names of months{months}"
        iso = "with names of months" if named else DATE_ORDERS["ymd"]
        others = [iso] * self.mixed + [DATE_ORDERS["dmy"]] * self.dotted
        some = f", some of them {' or '.join(others)}" if others else ""
        return f"dates, {DATE_ORDERS[self.order]}{some}{months}"

    def read(self, texts: pa.Array) -> pa.Array:
        """Parse text as dates, or as times in seconds if `timed`; null where it is not a date."""
        parts = DateParts(texts)
        days, fits = parts.days(self.order)
        if not self.timed:
            return pa.array(days, self.type, mask=~fits)
        seconds = days.astype("M8[s]") + parts.seconds.astype("m8[s]")
        return pa.array(seconds, self.type, mask=~fits)


Format = NumberFormat | DateFormat


def cells_read(format_: Format, cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Parse text cells with a format, each distinct text once."""
    encoded = cells.combine_chunks().dictionary_encode()
    return pa.chunked_array(
        [format_.read(encoded.dictionary.cast(pa.string())).take(encoded.indices)]
    )


@dataclass(frozen=True)
class CandidateFormats:
    """Formats that fit all cells of a column seen so far.

    `decimals` and `orders` fit every cell; `fractions` are decimal signs with which some cell has a
    fraction; `signs` are the separators in digits; `currencies` and `percent` are next to numbers,
    `separators` in dates. Some dates begin with the year if `iso` is true; of the others some have
    dots if `dotted`, and some other signs if `other`. Some have names of months if `named`, and no
    day if `monthly`; some texts are like seasons, such as 2010-11, if `seasons`, and some are other
    months in that form if `months`.
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
    dotted: bool = False
    other: bool = False
    named: bool = False
    monthly: bool = False
    seasons: bool = False
    months: bool = False

    @property
    def possible_orders(self) -> frozenset[DateOrder]:
        """Orders of the dates: only with other signs than dots the month can be first."""
        return self.orders - {"mdy"} if self.dotted and not self.other else self.orders

    @classmethod
    def of(cls, column: pa.ChunkedArray, decimal: str = ".") -> CandidateFormats:
        """Formats that fit a column read by pyarrow with this decimal sign."""
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
    def of_texts(cls, texts: pa.Array, kinds: Sequence[TextKind] = TEXT_KINDS) -> CandidateFormats:
        """Formats of these kinds that fit texts without missing values.

        The first texts decide whether the others are tried.
        """
        formats = cls()
        for kind in kinds if len(texts) else ():
            of_kind = cls._of_numbers if kind == "number" else cls._of_dates
            formats = of_kind(texts.slice(0, FEW))
            if len(texts) > FEW and (formats.decimals or formats.orders):
                formats = of_kind(texts)
            if formats.decimals:
                break
        return formats

    @classmethod
    def _of_numbers(cls, texts: pa.Array) -> CandidateFormats:
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
    def _of_dates(cls, texts: pa.Array) -> CandidateFormats:
        dates = DateParts(texts)
        orders = frozenset(order for order in ALL if dates.days(order)[1].all())
        separators = frozenset(pc.unique(dates.part["s"]).to_pylist()) - {None}
        timed = bool(pc.any(pc.not_equal(dates.part["hour"], "")).as_py())
        return cls(
            frozenset(),
            orders,
            separators=separators,
            timed=timed,
            iso=bool((dates.long_a == 4).any()),
            dotted=bool((dates.dots & ~dates.iso).any()),
            other=bool((~dates.dots & ~dates.iso).any()),
            named=bool(dates.named.any()),
            monthly=bool(dates.monthly.any()),
            seasons=bool(dates.seasons.any()),
            months=bool((dates.months & ~dates.seasons).any()),
        )

    def __and__(self, other: CandidateFormats) -> CandidateFormats:
        """Combined evidence of two sets of cells."""
        shown = {key: value | getattr(other, key) for key, value in vars(self).items()}
        fit = {"decimals": self.decimals & other.decimals, "orders": self.orders & other.orders}
        return CandidateFormats(**shown | fit)

    def format(
        self, decimal: str, order: DateOrder | None, *, requested: bool = False
    ) -> Format | None:
        """Format of all cells, if there is one; `decimal` and `order` decide ambiguous cases.

        Amounts in two currencies are not numbers, unless numbers are `requested`.
        """
        if self == CandidateFormats():
            return None
        if self.decimals and (len(self.currencies) < 2 or requested) and len(self.percent) < 2:
            guessed = len(self.decimals) == 2 and bool(self.signs)
            decimal = decimal if decimal in self.decimals else min(self.decimals)
            return NumberFormat(
                decimal,
                min(self.currencies, default=""),
                True in self.percent,
                decimal not in self.fractions,
                guessed,
            )
        orders = self.possible_orders
        if not orders or (self.seasons and not self.months and order != "ymd"):
            return None
        if "ymd" in orders:
            return DateFormat("ymd", self.timed, named=self.named, monthly=self.monthly)
        if len(orders) > 1 and order not in orders and self.iso + self.dotted + self.other > 1:
            return None  # a guess is for dates in one format
        usual: DateOrder = "mdy" if self.separators - {"-"} == {"/"} else "dmy"
        preferred: list[DateOrder] = [*([order] if order else []), usual, *sorted(orders)]
        chosen = next(order for order in preferred if order in orders)
        dotted = self.dotted and chosen == "mdy"
        guessed = len(orders) > 1
        return DateFormat(chosen, self.timed, guessed, self.iso, dotted, self.named, self.monthly)


def ways_to_read(texts: pa.Array, what: str) -> dict[str, Array]:
    """Mask of the texts that parse, (n,), for each decimal sign or each order of dates."""
    if what == "number":
        numbers = NumberParts(texts)
        return {sign: numbers.fits(sign) for sign in sorted(BOTH)}
    dates = DateParts(texts)
    only_seasons = dates.seasons & (dates.seasons == dates.months).all()
    return {order: dates.days(order)[1] & ~only_seasons for order in sorted(ALL)}


def read_as(texts: pa.Array, *what: str) -> Array:
    """Mask of the texts that parse as "number" or "date", each by itself, (n,)."""
    ways = [reads for kind in what for reads in ways_to_read(texts, kind).values()]
    mask: Array = np.any(ways, axis=0)
    return mask


def at_odds(texts: Sequence[str]) -> list[str]:
    """The first text, and one that does not parse as numbers or dates in the same format."""
    so_far = CandidateFormats()
    for text in texts:
        so_far &= CandidateFormats.of_texts(pa.array([text], pa.string()))
        if so_far.format(".", None) is None:
            return [texts[0], text]
    return list(texts[:2])


def there(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The texts of a column without missing values."""
    texts = column.cast(pa.string())
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    missing = pc.is_in(pc.utf8_trim_whitespace(texts), pa.array([*MISSING, None], pa.string()))
    return texts.filter(pc.invert(missing))


def parts_of(texts: pa.Array, pattern: str) -> dict[str, Any]:
    """Named groups of a pattern in each text; null where it does not match."""
    groups = pc.extract_regex(plain(texts), pattern)
    return {name: pc.struct_field(groups, name) for name in groups.type.names}


def plain(texts: pa.Array) -> Any:
    """Texts with plain blanks, and none at the ends."""
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, BLANKS, " "))


def _rewritten(texts: pa.Array, rules: Sequence[tuple[str, str]]) -> Any:
    """Texts in which each pattern, in any case, has been replaced in turn."""
    for pattern, form in rules:
        texts = pc.replace_substring_regex(texts, f"(?i){pattern}", form)
    return texts


def _differ(some: pa.Array, others: pa.Array) -> Array:
    return np.asarray(pc.fill_null(pc.not_equal(some, others), False).to_numpy(False))


def whole(texts: pa.Array, otherwise: int) -> Array:
    """Texts of digits as integers, (n,)."""
    numbers = pc.if_else(pc.equal(texts, ""), None, texts).cast(pa.int64())
    return np.asarray(pc.fill_null(numbers, otherwise).to_numpy(False))
