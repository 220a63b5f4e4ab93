"""A made-up table of 300 customers, and the ways in which spreadsheets and programs write it."""

import bz2
import datetime
import gzip
import lzma
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

N = 300
NAMES = ["Alter", "Einkommen", "Rabatt", "Stadt", "Kunde seit", "gekündigt"]
TOWNS = ["Düsseldorf", "Köln", "Ulm", "Sankt Peter, Ording"]


def customers() -> pa.Table:
    """What the table says, in whatever way it is written."""
    rng = np.random.default_rng(16)
    income = np.round(rng.uniform(900, 12_000, N), 2)
    first = datetime.date(2015, 1, 1)
    since = [first + datetime.timedelta(int(days)) for days in rng.integers(0, 3000, N)]
    left = np.where(income + rng.normal(0, 1500, N) > 6000, "ja", "nein")
    return pa.table(
        {
            "Alter": rng.integers(18, 90, N),
            "Einkommen": income,
            "Rabatt": np.round(rng.uniform(0, 30, N), 1),
            "Stadt": rng.choice(TOWNS, N),
            "Kunde seit": pa.array(since),
            "gekündigt": left,
        }
    )


def text(
    separator: str = ",",
    decimal: str = ".",
    thousands: str = "",
    money: str = "{}",
    percent: str = "{}",
    date: str = "%Y-%m-%d",
    end: str = "\n",
    quote: bool = False,
    index: bool = False,
    last: str = "",
    header: bool = True,
    above: str = "",
) -> str:
    """The table as text."""

    def number(value: float, digits: int) -> str:
        english = f"{value:,.{digits}f}"
        return english.translate({ord(","): thousands, ord("."): decimal})

    def field(cell: str) -> str:
        return f'"{cell}"' if quote or separator in cell else cell

    rows = [
        [
            str(age),
            money.format(number(income, 2)),
            percent.format(number(discount, 1)),
            town,
            since.strftime(date),
            left,
        ]
        for age, income, discount, town, since, left in zip(
            *(column.to_pylist() for column in customers().columns), strict=True
        )
    ]
    lines = [NAMES, *rows] if header else rows
    written = []
    for i, row in enumerate(lines):
        cells = [*([str(i - 1) if i else ""] if index else []), *row]
        written.append(separator.join(map(field, cells)) + last)
    return above + end.join(written) + end


def way(encoding: str = "utf-8", pack: Callable[[bytes], bytes] | None = None, **how: Any) -> bytes:
    """The table as bytes."""
    written = text(**how).encode(encoding)
    return pack(written) if pack else written


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


GERMAN: dict[str, Any] = {"separator": ";", "decimal": ",", "date": "%d.%m.%Y"}
# The name of the file, what is in it, and what has to be said of it, if anything.
WAYS: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "commas": ("t.csv", way(), {}),
    "quotes around all": ("t.csv", way(quote=True), {}),
    "carriage returns and line feeds": ("t.csv", way(end="\r\n"), {}),
    "carriage returns alone": ("t.csv", way(end="\r"), {}),
    "a byte order mark": ("t.csv", way("utf-8-sig"), {}),
    "an upper-case name": ("T.CSV", way(), {}),
    "empty lines at the end": ("t.csv", way() + b"\n\n\n", {}),
    "gzip": ("t.csv.gz", way(pack=gzip.compress), {}),
    "bz2": ("t.csv.bz2", way(pack=bz2.compress), {}),
    "xz": ("t.csv.xz", way(pack=lzma.compress), {}),
    "zstd": ("t.csv.zst", way(pack=zstd), {}),
    "gzip of a German file": ("t.csv.gz", way("cp1252", gzip.compress, **GERMAN), {}),
    "gzip by another name": ("t.csv", way(pack=gzip.compress), {}),
    "semicolons": ("t.csv", way(separator=";"), {}),
    "a German spreadsheet": ("t.csv", way("cp1252", end="\r\n", **GERMAN), {}),
    "a German spreadsheet, UTF-8": ("t.csv", way("utf-8-sig", end="\r\n", **GERMAN), {}),
    "the same in Latin-1": ("t.csv", way("latin-1", **GERMAN), {}),
    "points between thousands": ("t.csv", way(thousands=".", **GERMAN), {}),
    "euros behind": ("t.csv", way("cp1252", thousands=".", money="{} €", **GERMAN), {}),
    "EUR before": ("t.csv", way(thousands=".", money="EUR {}", **GERMAN), {}),
    "per cent": ("t.csv", way(percent="{} %", **GERMAN), {}),
    "a line that names the separator": ("t.csv", way(above="sep=;\r\n", end="\r\n", **GERMAN), {}),
    "UTF-16 with tabs": ("t.txt", way("utf-16", separator="\t", decimal=",", date="%d.%m.%Y"), {}),
    "UTF-16 without a mark": ("t.txt", way("utf-16-le", separator="\t"), {}),
    "UTF-16 the other way round": ("t.txt", b"\xfe\xff" + way("utf-16-be", separator="\t"), {}),
    "tabs": ("t.tsv", way(separator="\t"), {}),
    "tabs and decimal commas": ("t.tsv", way(separator="\t", decimal=","), {}),
    "bars": ("t.csv", way(separator="|"), {}),
    "decimal commas in quotes, commas between": ("t.csv", way(decimal=","), {}),
    "a French spreadsheet": (
        "t.csv", way(separator=";", decimal=",", thousands="\u202f", money="{}\u00a0€",
                     percent="{}\u00a0%", date="%d/%m/%Y"), {},
    ),
    "an older French one": (
        "t.csv", way("cp1252", separator=";", decimal=",", thousands="\u00a0", date="%d/%m/%Y"), {},
    ),
    "blanks between thousands": ("t.csv", way(thousands=" "), {}),
    "a Swiss spreadsheet": (
        "t.csv", way(separator=";", thousands="’", money="CHF {}", date="%d.%m.%Y"), {},
    ),
    "apostrophes of typewriters": ("t.csv", way(separator=";", thousands="'"), {}),
    "an American spreadsheet": (
        "t.csv", way(thousands=",", money="${}", percent="{}%", date="%m/%d/%Y"), {},
    ),
    "two digits of the year": ("t.csv", way(date="%m/%d/%y"), {}),
    "day-month-year": ("t.csv", way(date="%d-%m-%Y"), {}),
    "an index without a name": ("t.csv", way(index=True), {}),
    "a comma at the end of each line": ("t.csv", way(last=","), {}),
    "a semicolon at the end of each line": ("t.csv", way(last=";", **GERMAN), {}),
    "no line of names": ("t.csv", way(header=False), {"header": False}),
    "another separator, said": ("t.csv", way(separator="~"), {"separator": "~"}),
    "all of it said": (
        "t.csv", way("cp1252", **GERMAN),
        {"separator": "semicolon", "decimal": "comma", "encoding": "cp1252", "date_order": "dmy",
         "number": ["Einkommen"], "date": ["Kunde seit"]},
    ),
}  # fmt: skip
