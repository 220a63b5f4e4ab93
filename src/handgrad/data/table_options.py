"""What is said of how tables are written in files, where it is not to be found out."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from handgrad.errors import SettingError, did_you_mean

DateOrder = Literal["dmy", "mdy", "ymd"]

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "\\t": "\t"}
DECIMALS = {"point": ".", "comma": ","}
DATE_ORDERS = {"dmy": "day.month.year", "mdy": "month/day/year", "ymd": "year-month-day"}


@dataclass(frozen=True)
class TableOptions:
    """How files are written, in the words of the command line and of Python; None: find it out.

    `known` are columns that a model says to be numbers or dates: not a single cell need be one.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    date_order: DateOrder | None = None
    category: Sequence[str] = ()
    number: Sequence[str] = ()
    date: Sequence[str] = ()
    header: bool = True
    known: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_separator()
        decimal = DECIMALS.get(str(self.decimal), self.decimal)
        if decimal not in (None, ".", ","):
            raise SettingError(
                f"decimal = {self.decimal!r}", "'.' or ','", "',', as in 1234,5; '.', as in 1234.5"
            )
        object.__setattr__(self, "decimal", decimal)
        if self.decimal is not None and self.decimal == self.separator == ".":
            raise SettingError("'.' as separator and in numbers", "two signs", "another separator")
        self._check_encoding()
        if self.date_order is not None and self.date_order not in DATE_ORDERS:
            raise SettingError(
                f"date_order = {self.date_order!r}",
                ", ".join(f"{word!r} ({order})" for word, order in DATE_ORDERS.items()),
                did_you_mean(self.date_order, DATE_ORDERS, "'dmy', as in 31.12.2024"),
            )
        self._check_columns()

    def _check_separator(self) -> None:
        separator = SEPARATORS.get(str(self.separator), self.separator)
        if separator is not None and (
            len(separator) != 1 or separator.isalnum() or separator in '"\r\n'
        ):
            raise SettingError(
                f"separator = {self.separator!r}",
                f"one sign, or {', '.join([*SEPARATORS][:4])}",
                did_you_mean(separator, SEPARATORS, "';', or 'tab'"),
            )
        object.__setattr__(self, "separator", separator)

    def _check_encoding(self) -> None:
        if self.encoding is None:
            return
        try:
            "a,1".encode(codecs.lookup(self.encoding).name)
        except (LookupError, TypeError, ValueError, UnicodeError) as error:
            known = ("utf-8", "utf-16", "cp1252", "latin-1", "cp1250", "cp1251", "gb18030", "cp932")
            raise SettingError(
                f"encoding = {self.encoding!r}",
                f"an encoding that Python knows, such as {', '.join(known)}",
                did_you_mean(self.encoding, known, "'cp1252', which Windows writes in the West"),
            ) from error

    def _check_columns(self) -> None:
        said = [("category", self.category), ("number", self.number), ("date", self.date)]
        for i, (word, names) in enumerate(said):
            names = (names,) if isinstance(names, str) else tuple(names)
            object.__setattr__(self, word, names)
            for other, others in said[i + 1 :]:
                if both := {*names} & {*others}:
                    raise SettingError(
                        f"column {min(both)!r} as {word} and as {other}",
                        "one of them",
                        f"--{word} alone, for it",
                    )


FOUND_OUT = TableOptions()
