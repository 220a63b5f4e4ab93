"""Cells as people and programs write them, right and wrong, for columns of every kind."""

import random
import re

from handgrad.files.cell_patterns import MONTHS, NAMES
from handgrad.files.features import Binary, Category, Code, Cyclic, Date, Feature, Number

CYCLES = ("of the year", "of the week", "of the day")
FEATURES: dict[str, Feature] = {
    "points": Number(1.5, 0.37, True, written="."),
    "commas": Number(-0.0, 1 / 3, False, written=","),
    "from numbers": Number(12.25, 0.01, True),
    "steep": Number(0.0, 1e150, True),
    "flat": Number(1e300, 1e-150, False),
    "either": Binary(("no", "yes")),
    "few": Category(("a", "b", "1", "é"), 7),
    "many": Code(("x", "y", "z"), 9),
    "more": Code(("u", "v"), 2),
    "dates": Date(Number(19000.25, 0.01, True), CYCLES),
    "days first": Date(Number(19000.25, 0.01, False, written="dmy"), CYCLES[:1]),
    "times": Cyclic(Number(12.5, 0.1, True, written="time")),
    "months": Cyclic(Number(6.0, 0.2, False, written="month")),
    "weekdays": Cyclic(Number(4.0, 0.3, True, written="weekday")),
    "months first": Date(Number(19000.25, 0.01, False, written="mdy"), ()),
}
NOTHING = ["", "  ", "NA", "null", "NaT", "nan", "\u00a0", "\x1c", "N/A ", " NaN"]
OTHERS = ["x", "inf", "-", "1e5", "2024-01-31", "0"]
EDGES = [0.0, -0.0, 1e308, 5e-324, 1e22, 123456789012345678, 12345678901234567890]
BESIDE = [
    *["%s"] * 5,
    *("€ %s", "$%s", "%s EUR", "%s kr.", "(%s)", "%s%%", "%s-", "EUR %s", "(€%s)", "US$ %s"),
    *("%s zł", "€%s$", "€%s€", "  %s ", "\u00a0%s", "%s\ufeff"),
]
DAYS = [
    *("{y:04}-{m:02}-{d:02}", "{y:04}{m:02}{d:02}", "{y}-{m}-{d}", "{y}/{m}/{d}", "{y:04}-{m:02}"),
    *("{d:02}.{m:02}.{y:04}", "{d}.{m}.{y}", "{d}.{m}.{s:02}", "{d}. {m}. {y}", "{d}-{m}-{y}"),
    *(
        "{y:04}年{m}月{d}日",
        " {y}年{m:02}月{d:02}日",
        "{y:04} 年 {m} 月 {d} 日",
        "{s:02}年{m}月{d}日",
    ),
    *("{m}/{d}/{y}", "{d}/{m}/{y}", "{m}/{d}/{s:02}", "{s}.{m}/{d}"),
    *("{d} {n} {y:04}", "{d}. {n} {s:02}", "{n} {d}, {y:04}", "{d}{n}{y}", "{y:04} {n}-{d}"),
    *("{n} {y:04}", "{y}-{n}", "{m}/{y:04}", "{y:04}-{m:02}", "{y:04}年{m}月", "{d}th {n} {y}"),
    *("{y:04}-W{w:02}", "{y:04}-W{w:02}-{k}", "{y:04}W{w:02}", "{y:04}W{w:02}{k}"),
]
TIMES = [
    *[""] * 4,
    *("T12", "T1230", " 12:30", " 12:30:59", "T12:30:59.5", "T12:30:59,123456789", "T23:59:60"),
    *("T12:30Z", "T12:30+02:00", "T1230-0330", " 24:00", "T12:30+24:00", "T12.5", "T12:30.25"),
    *(" 5:07 pm", ", 12:10 AM", " 11:59:59 p.m.", " 13:00 PM", " 10:99", " "),
    "T12:30:00.12+01:00:00.5",
]

ZONE = re.compile("[Z+]|-0330")


def odd_cell(feature: Feature, rng: random.Random) -> str:
    """A cell of a column of such a feature; one of three is nothing that it could hold."""
    if rng.random() < 0.12:
        return rng.choice(NOTHING + OTHERS)
    if isinstance(feature, Number):
        return _number(rng)
    if isinstance(feature, Date):
        return _date(rng)
    if isinstance(feature, Cyclic):
        return _place(rng, feature.place.written)
    assert isinstance(feature, Binary | Category)
    return rng.choice([*feature.values, "new", f" {feature.values[0]}", ""])


def _number(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return repr(rng.choice([rng.uniform(-1e6, 1e6), *EDGES]))
    if kind < 0.45:
        return "".join(rng.choice("0123456789.,' ’−-+()eE%€$") for _ in range(rng.randint(1, 9)))
    group = rng.choice(["", ",", ".", "'", " ", "\u202f", "’"])
    grouped = f"{rng.randint(0, 10 ** rng.randint(1, 12)):,}".replace(",", group)
    sign = rng.choice([".", ","])
    fraction = rng.choice(["", sign, f"{sign}{rng.randint(0, 10 ** rng.randint(1, 8))}"])
    exponent = rng.choice(["", "", "", "", "e5", "E-7", "e+400", "e-400"])
    minus = rng.choice(["", "-", "−", "+", "- "])
    whole = rng.choice([str(rng.randint(0, 999)), grouped])
    return rng.choice(BESIDE) % f"{minus}{whole}{fraction}{exponent}"


def _place(rng: random.Random, cycle: str) -> str:
    if rng.random() < 0.1:
        return rng.choice(
            ["12.5", "7", "16:9", "1:2:3", "14", "-1:30", "12:30:60", "24:01", "May 1"]
        )
    if cycle == "time":
        hour, minute, second = rng.randint(0, 25), rng.randint(0, 60), rng.uniform(0, 60)
        times = (f"{hour}:{minute:02}", f"{hour:02}:{minute:02}:{second:02.0f}",
                 f"{hour}:{minute:02}:{second:09.6f}", f"{hour} Uhr", f"{hour}")  # fmt: skip
        return rng.choice(times) + rng.choice(
            ["", "", " ", " pm", "AM", " p.m.", "\u00a0a.m", " Uhr"]
        )
    name = rng.choice(rng.choice(NAMES[cycle]).split())
    return rng.choice(["{}", "{}.", " {} ", "{}x"]).format(
        rng.choice([name, name.upper(), name.capitalize()])
    )


def _date(rng: random.Random) -> str:
    parts = {
        "y": rng.choice([rng.randint(1900, 2100), rng.randint(0, 9999)]),
        "m": rng.choice([rng.randint(1, 12), rng.randint(0, 13)]),
        "d": rng.choice([rng.randint(1, 31), rng.randint(0, 32)]),
        "n": rng.choice([rng.choice(MONTHS).split()[-1].upper(), "März", "Sept.", "Mars", "jan"]),
        "s": rng.randint(0, 99),
        "w": rng.randint(0, 54),
        "k": rng.randint(0, 8),
    }
    time = rng.choice(TIMES)
    text = rng.choice(DAYS).format(**parts) + time
    # Before a time zone Python passes over a stray letter, which no page should.
    if rng.random() < 0.1 and not ZONE.search(time):
        i = rng.randrange(len(text))
        text = text[:i] + rng.choice("0129/.:WT x😀") + text[i + rng.randint(0, 1) :]
    return text
