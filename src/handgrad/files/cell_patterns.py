"""Patterns of numbers and dates in the cells of a table, for pyarrow and for scripts of pages."""

import re
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
# Two digits of a year: those from here on are of the last century.
LAST_CENTURY = 70
# Names of the months in English and German, with their abbreviations, in lower case.
MONTHS = (
    "january jan januar jänner jän",
    "february feb februar febr",
    "march mar märz mär mrz",
    "april apr",
    "may mai",
    "june jun juni",
    "july jul juli",
    "august aug",
    "september sep sept",
    "october oct oktober okt",
    "november nov",
    "december dec dezember dez",
)
WEEKDAYS = (
    "monday mon mo montag",
    "tuesday tues tue tu dienstag di",
    "wednesday wed we mittwoch mi",
    "thursday thurs thur thu th donnerstag do",
    "friday fri fr freitag",
    "saturday sat sa samstag sonnabend",
    "sunday sun su sonntag so",
)
NAMES = {"month": MONTHS, "weekday": WEEKDAYS}
# A time of day: 14:30, 14:30:05.5, 2:30 pm, 2 pm, 14 Uhr.
TIME = (
    r"^(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}(?:\.[0-9]{1,9})?))?)?"
    r" ?(?P<unit>(?:[AaPp]\.?[Mm]\.?|[Uu]hr)?)$"
)
DAY, YEAR, BETWEEN = "([0-9]{1,2})(?:st|nd|rd|th)?", "([0-9]{4}|[0-9]{2})", r"[ ,./\-]"
AFTER = "($|[T ,])"
# Rewriting of dates with the name of a month, one after the other, in any case: 月3月 in its place,
# then 2024-3-1 for both 1 Mar 2024 and March 1st, 2024. A month alone is 2024-03.
NAMED_DATES = (
    *(
        (rf"^([0-9]{{0,4}}(?:st|nd|rd|th)?{BETWEEN}*)(?:{names.replace(' ', '|')})"
         rf"({BETWEEN}*[0-9]|$)", rf"\1月{i:02}月\2")
        for i, names in enumerate(MONTHS, 1)
    ),
    (rf"^{DAY}{BETWEEN}*月([0-9]+)月{BETWEEN}*{YEAR}{AFTER}", r"月\3-\2-\1\4"),
    (rf"^月([0-9]+)月{BETWEEN}*{DAY}{BETWEEN}+{YEAR}{AFTER}", r"月\3-\1-\2\4"),
    (rf"^([0-9]{{4}}){BETWEEN}*月([0-9]+)月{BETWEEN}*([0-9]{{1,2}}){AFTER}", r"\1-\2-\3\4"),
    (rf"^([0-9]{{4}}){BETWEEN}*月([0-9]+)月$", r"\1-\2"),
    (rf"^月([0-9]+)月{BETWEEN}*([0-9]{{4}})$", r"\2-\1"),
    (rf"^月([0-{LAST_CENTURY // 10 - 1}][0-9])-", r"20\1-"),
    (rf"^月([{LAST_CENTURY // 10}-9][0-9])-", r"19\1-"),
    ("^月([0-9]{4}-)", r"\1"),
)  # fmt: skip
# Of dates as they are written in Chinese, 2024年12月31日; of months, which are their first days.
DATES_IN_CHINESE = (("^([0-9]{4}) ?年 ?([0-9]{1,2}) ?月 ?([0-9]{1,2}) ?日", r"\1-\2-\3 "),)
MONTHS_ALONE = (
    (r"^([0-9]{4})(?:[/\-]([0-9]{2})| ?年 ?([0-9]{1,2}) ?月)$", r"\1-\2\3-1"),
    (r"^([0-9]{1,2})[/\-]([0-9]{4})$", r"\2-\1-1"),
)
# A season such as 2010-11, or a month.
SEASON = r"^(?P<begin>[0-9]{4})[/\-](?P<end>[0-9]{2})$"
# A whole number of more digits has no room in 64 bits.
MOST_DIGITS = 18


def reading() -> dict[str, Any]:
    """Patterns and names by which scripts read numbers, dates and times of day."""
    return {
        "number": _in_script(NUMBER),
        "digits": DIGITS,
        "date": _in_script(DATE),
        "date_forms": [
            (pattern, re.sub(r"\\([0-9])", r"$\1", form))
            for pattern, form in (*NAMED_DATES, *DATES_IN_CHINESE, *MONTHS_ALONE)
        ],
        "cycles": {"time": _in_script(TIME), **NAMES},
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
