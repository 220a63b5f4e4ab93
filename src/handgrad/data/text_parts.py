"""Texts taken apart, all of a column at once: the parts of numbers, and those of dates."""

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

    def with_fraction(self, decimal: str) -> bool:
        """Whether one of them has a fraction, an exponent, or is too large for whole numbers."""
        large = pc.greater(pc.utf8_length(self.digits), MOST_DIGITS)
        fraction = pc.or_(pc.match_substring(self.digits, decimal), large)
        return bool(pc.any(pc.or_(fraction, pc.not_equal(self.exponent, ""))).as_py())

    def signs(self) -> frozenset[str]:
        """Which of comma and point are in the digits."""
        found = (s for s in BOTH if pc.any(pc.match_substring(self.digits, s)).as_py())
        return frozenset(found)

    def currencies(self) -> frozenset[str]:
        """The currencies that stand beside numbers."""
        return frozenset(pc.unique(self.beside).to_pylist()) - {"", None}


class DateParts:
    """Texts as the parts of dates, -1 where one does not look like a date; (n,) each."""

    def __init__(self, texts: pa.Array) -> None:
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

    @property
    def timed(self) -> bool:
        """Whether one of them has a time of day."""
        return bool(pc.any(pc.not_equal(self.part["hour"], "")).as_py())

    def separators(self) -> frozenset[str]:
        """What stands between day, month and year."""
        return frozenset(pc.unique(self.part["s"]).to_pylist()) - {None}

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


def _parts(texts: pa.Array, pattern: str) -> dict[str, Any]:
    """The named groups of a pattern in each text, null where it does not match."""
    trimmed = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, BLANKS, " "))
    found = pc.extract_regex(trimmed, pattern)
    return {name: pc.struct_field(found, name) for name in found.type.names}
