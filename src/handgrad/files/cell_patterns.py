"""Patterns of numbers and dates in the cells of a table, for pyarrow and for scripts of pages."""

from typing import Any

from handgrad.files.cells import NO_TIME

# What stands for nothing, as pyarrow has it too.
MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
    *("-NaN", "-nan", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN"),
)
# Signs between cells, in order of preference.
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
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
# A date as it is written in Chinese, 2024年12月31日, which reads as 2024-12-31.
DATE_IN_CHINESE = "^ *([0-9]{4}) ?年 ?([0-9]{1,2}) ?月 ?([0-9]{1,2}) ?日"
# A whole number of more digits has no room in 64 bits.
MOST_DIGITS = 18
# Two digits of a year: those from here on are of the last century.
LAST_CENTURY = 70


def reading() -> dict[str, Any]:
    """Patterns by which scripts read numbers and dates."""
    return {
        "number": _in_script(NUMBER),
        "digits": DIGITS,
        "date": _in_script(DATE),
        "date_in_chinese": DATE_IN_CHINESE,
        "missing": MISSING,
        "separators": [*SEPARATORS],
        "no_time": NO_TIME,
        "blanks": BLANKS,
        "last_century": LAST_CENTURY,
        "most_digits": MOST_DIGITS,
    }


def _in_script(pattern: str) -> str:
    """A pattern of RE2 as one of JavaScript."""
    return pattern.replace("(?P<", "(?<")
