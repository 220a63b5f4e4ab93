"""Texts taken apart, all of a column at once: the parts of numbers, and those of dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.data.table_options import DATE_ORDERS, DateOrder
from handgrad.layers import Array

# What stands for nothing, as pyarrow has it too.
MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
    *("-NaN", "-nan", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN"),
)
BLANKS = "[\u00a0\u2007\u2009\u202f]"
CODES = (
    "AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY "
    "KES KRW KWD KZT MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND "
    "TRY TWD UAH USD VND ZAR"
)
CURRENCY = rf"[A-Z]{{0,2}}\p{{Sc}}|{CODES.replace(' ', '|')}|kr\.?|zł|Kč|Ft|Fr\.|Rs\.?"
NUMBER = (
    rf"^(?P<debit>\(?)(?P<s1>[+\-−]?) ?(?P<c1>(?:{CURRENCY})?) ?(?P<s2>[+\-−]?)"
    r"(?P<digits>[0-9.,][0-9.,'’ ]*)(?P<exponent>(?:[eE][+\-]?[0-9]{1,3})?)"
    rf" ?(?P<percent>%?) ?(?P<c2>(?:{CURRENCY})?)(?P<s3>-?)(?P<credit>\)?)$"
)
DIGITS = {
    ".": r"^(?:[0-9]+|[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+|(?:['’][0-9]{3})+|(?: [0-9]{3})+)"
    r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3})(?:\.[0-9]*)?$|^\.[0-9]+$",
    ",": r"^(?:[0-9]+|[1-9][0-9]{0,2}(?:(?:\.[0-9]{3})+|(?:['’][0-9]{3})+|(?: [0-9]{3})+))"
    r"(?:,[0-9]*)?$|^,[0-9]+$",
}
DATE = (
    r"^(?P<a>[0-9]{1,2}|[0-9]{4})(?P<s>[./\-]) ?(?P<b>[0-9]{1,2})(?P<t>[./\-]) ?"
    r"(?P<c>[0-9]{4}|[0-9]{1,2})"
    r"(?:[T ,]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))? ?"
    r"(?P<half>[AaPp]?)\.?[Mm]?\.?)?$"
)
# A whole number of more digits has no room in 64 bits.
MOST_DIGITS = 18
# Two digits of a year: those from here on are of the last century.
LAST_CENTURY = 70
BOTH: frozenset[str] = frozenset(".,")
ALL: frozenset[DateOrder] = frozenset(DATE_ORDERS)  # type: ignore[arg-type]


@dataclass(frozen=True)
class NumberParts:
    """Texts as the parts of numbers; null where one does not look like a number."""

    digits: Any
    negative: Any
    exponent: Any
    percent: Any
    beside: tuple[Any, Any]
    well_formed: Any

    @classmethod
    def of(cls, texts: pa.Array) -> NumberParts:
        found = pc.extract_regex(_trimmed(texts), NUMBER)
        part = {name: pc.struct_field(found, name) for name in found.type.names}
        debit = pc.equal(part["debit"], "(")
        signs = pc.binary_join_element_wise(part["s1"], part["s2"], part["s3"], "")
        negative = pc.or_(debit, pc.is_in(signs, _strings("-−")))
        one_sign = pc.less_equal(pc.add(pc.utf8_length(signs), debit.cast("int32")), 1)
        both_ends = pc.equal(debit, pc.equal(part["credit"], ")"))
        return cls(
            pc.utf8_trim_whitespace(part["digits"]),
            negative,
            part["exponent"],
            pc.equal(part["percent"], "%"),
            (part["c1"], part["c2"]),
            pc.and_(one_sign, both_ends),
        )

    def fits(self, decimal: str) -> Any:
        """Whether each reads as a number with this decimal sign."""
        digits = pc.match_substring_regex(self.digits, DIGITS[decimal])
        return pc.fill_null(pc.and_(digits, self.well_formed), False)

    def all_fit(self, decimal: str) -> bool:
        """Whether all do."""
        return bool(pc.all(self.fits(decimal)).as_py())

    def with_fraction(self, decimal: str) -> bool:
        """Whether one of them has a fraction, an exponent, or is too large for whole numbers."""
        fraction = pc.or_(
            pc.match_substring(self.digits, decimal),
            pc.or_(
                pc.not_equal(self.exponent, ""),
                pc.greater(pc.utf8_length(self.digits), MOST_DIGITS),
            ),
        )
        return bool(pc.any(fraction).as_py())

    def signs(self) -> frozenset[str]:
        """Which of comma and point are in the digits."""
        found = (s for s in BOTH if pc.any(pc.match_substring(self.digits, s)).as_py())
        return frozenset(found)

    def currencies(self) -> frozenset[str]:
        """The currencies that stand beside numbers."""
        return frozenset(name for side in self.beside for name in pc.unique(side).to_pylist()) - {
            "",
            None,
        }


@dataclass(frozen=True)
class DateParts:
    """Texts as the parts of dates, -1 where one does not look like a date."""

    a: Array
    b: Array
    c: Array
    long_a: Array
    long_c: Array
    dots: Array
    seconds: Array
    found: Any

    @classmethod
    def of(cls, texts: pa.Array) -> DateParts:
        found = pc.extract_regex(_trimmed(texts), DATE)
        part = {name: pc.struct_field(found, name) for name in found.type.names}

        def whole(name: str, otherwise: int) -> Array:
            text = pc.if_else(pc.equal(part[name], ""), None, part[name])
            return np.asarray(pc.fill_null(text.cast(pa.int64()), otherwise).to_numpy(False))

        def long(name: str) -> Array:
            lengths = pc.fill_null(pc.utf8_length(part[name]), 0)
            return np.asarray(lengths.to_numpy(False))

        def is_in(name: str, letters: str) -> Array:
            return np.asarray(pc.is_in(part[name], _strings(letters)).to_numpy(False))

        alike = pc.fill_null(pc.equal(part["s"], part["t"]), False).to_numpy(False)
        hour = whole("hour", 0)
        hour = np.where(is_in("half", "AaPp"), hour % 12, hour) + 12 * is_in("half", "Pp")
        seconds = 3600 * hour + 60 * whole("minute", 0) + whole("second", 0)
        return cls(
            np.where(alike, whole("a", -1), -1),
            whole("b", -1),
            whole("c", -1),
            long("a"),
            long("c"),
            is_in("s", "."),
            seconds,
            part,
        )

    @property
    def timed(self) -> bool:
        """Whether one of them has a time of day."""
        return bool(pc.any(pc.not_equal(self.found["hour"], "")).as_py())

    def separators(self) -> frozenset[str]:
        """What stands between day, month and year."""
        return frozenset(pc.unique(self.found["s"]).to_pylist()) - {None}

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
        fits &= (month >= 1) & (month <= 12) & (day >= 1) & (self.a >= 0)
        fits &= self.seconds < 86400
        months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
        days = months.astype("M8[D]") + (day - 1).astype("m8[D]")
        return days, fits & (days.astype("M8[M]") == months)


def there(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The texts of a column, without those that stand for nothing."""
    texts = column.cast(pa.string())
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    missing = pc.is_in(pc.utf8_trim_whitespace(texts), pa.array([*MISSING, None], pa.string()))
    return texts.filter(pc.invert(missing))


def _trimmed(texts: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, BLANKS, " "))


def _strings(letters: str) -> pa.Array:
    return pa.array([*letters], pa.string())
