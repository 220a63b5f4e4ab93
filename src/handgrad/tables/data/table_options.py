"""Options for reading tables: separator, decimal sign, encoding, and the kinds of columns."""

import codecs
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

from handgrad.textbook.errors import SettingError, did_you_mean

DateOrder = Literal["dmy", "mdy", "ymd"]
Task = Literal["classification", "regression"]

SEVERAL = "May be repeated."
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "\\t": "\t"}
DECIMALS = {"point": ".", "comma": ","}
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
UNITS |= {f"{unit}I": 2 ** (10 * i) for i, unit in enumerate("KMGT", 1)}
DATE_ORDERS = {"dmy": "day.month.year", "mdy": "month/day/year", "ymd": "year-month-day"}


class TableWords(TypedDict, total=False):
    """Keyword arguments of functions that read tables: the fields of `TableOptions`."""

    separator: str | None
    decimal: str | None
    encoding: str | None
    date_order: DateOrder | None
    category: Sequence[str]
    number: Sequence[str]
    date: Sequence[str]
    header: bool
    header_row: int | None
    missing: Sequence[str]
    sheet: str | int | None
    table: str | None


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Format of tables in files; what is None is inferred from the file.

    Parameters
    ----------
    separator : str, optional
        "comma", "semicolon", "tab", "bar", or a character.
    decimal : str, optional
        Decimal sign, "." or ",".
    encoding : str, optional
        Encoding, such as "cp1252", "latin-1" or "utf-16".
    date_order : {"dmy", "mdy", "ymd"}, optional
        Order of day, month and year, where the dates are ambiguous.
    category : sequence of str, default ()
        Columns of names or codes, such as 01067, read as text.
    number : sequence of str, default ()
        Columns of numbers; other cells count as missing.
    date : sequence of str, default ()
        Columns of dates; other cells count as missing.
    header : bool, default True
        Whether the first line has the column names; else they are column_1, column_2, and so on.
    header_row : int, optional
        Line of a CSV file that has the column names, from 1; the lines above it are skipped.
    missing : sequence of str, default ()
        Values that stand for missing ones, such as "-999" or "?"; "age=-1" in one column only.
    sheet : str or int, optional
        Sheet of a spreadsheet, by name or by number from 1; the first that is not empty if not
        given.
    table : str, optional
        Table of an SQLite database that has several.
    """

    separator: Annotated[
        str | None, "Column separator: comma, semicolon, tab, bar, or a character."
    ] = None
    decimal: Annotated[str | None, "Decimal sign: . or , (point or comma)."] = None
    encoding: Annotated[str | None, "Encoding, such as cp1252, latin-1, utf-16."] = None
    date_order: Annotated[
        DateOrder | None, "Order of ambiguous dates: 31.12.2024 is dmy, 12/31/2024 is mdy."
    ] = None
    category: Annotated[Sequence[str], f"Column of names or codes, such as 01067. {SEVERAL}"] = ()
    number: Annotated[Sequence[str], f"Column of numbers; other cells are missing. {SEVERAL}"] = ()
    date: Annotated[Sequence[str], f"Column of dates; other cells are missing. {SEVERAL}"] = ()
    header: Annotated[
        bool, "Whether the first line has the column names, else column_1 and so on"
    ] = True
    header_row: Annotated[
        int | None, "Line with the column names, from 1; the lines above it are skipped."
    ] = None
    missing: Annotated[
        Sequence[str], f"Value for missing ones: -999, '?'; age=-1 in one column only. {SEVERAL}"
    ] = ()
    sheet: Annotated[
        str | int | None, "Sheet of a spreadsheet, by name or number; the first by default."
    ] = None
    table: Annotated[str | None, "Table of an SQLite database that has several."] = None

    def __post_init__(self) -> None:
        separator = SEPARATORS.get(str(self.separator), self.separator)
        decimal = DECIMALS.get(str(self.decimal), self.decimal)
        one_sign = separator and len(separator) == 1 and not separator.isalnum()
        if separator is not None and (not one_sign or separator in '"\r\n'):
            raise SettingError(
                f"separator = {self.separator!r}",
                f"one character, or {', '.join([*SEPARATORS][:4])}",
                did_you_mean(separator, SEPARATORS, "';', or 'tab'"),
            )
        if decimal not in (None, ".", ","):
            raise SettingError(
                f"decimal = {self.decimal!r}", "'.' or ','", "',', as in 1234,5; '.', as in 1234.5"
            )
        if decimal == separator == ".":
            raise SettingError(
                "'.' as separator and as decimal sign", "two characters", "another separator"
            )
        vars(self).update(separator=separator, decimal=decimal)
        self._check_encoding()
        if self.date_order is not None and self.date_order not in DATE_ORDERS:
            raise SettingError(
                f"date_order = {self.date_order!r}",
                ", ".join(f"{word!r} ({order})" for word, order in DATE_ORDERS.items()),
                did_you_mean(self.date_order, DATE_ORDERS, "'dmy', as in 31.12.2024"),
            )
        self._check_columns()
        self._check_header_row()
        values = self.missing
        several = isinstance(values, Sequence) and not isinstance(values, str)
        vars(self)["missing"] = tuple(map(str, values if several else (values,)))
        if "" in self.missing:
            raise SettingError(
                option("missing", ""),
                "a value: empty cells are missing without this option",
                option("missing", "-999"),
            )

    def missing_in(self, column: str) -> list[str]:
        """Values that stand for missing ones in a column."""
        pairs = [value.rpartition("=") for value in self.missing]
        return [value.strip() for name, _, value in pairs if name in ("", column)]

    @property
    def missing_columns(self) -> list[str]:
        """Columns that have such values of their own."""
        names = [value.rpartition("=")[0] for value in self.missing]
        return [name for name in names if name]

    @property
    def of_a_training(self) -> bool:
        """True if a model is trained: the column types can still be chosen."""
        return True

    @property
    def known(self) -> tuple[str, ...]:
        """Columns that a model requires to be numbers or dates, even if no cell is."""
        return ()

    @property
    def names_of_model(self) -> tuple[str, ...]:
        """Column names by which the line of names is recognized; none for a training table."""
        return ()

    def _check_header_row(self) -> None:
        line = self.header_row
        if line is None:
            return
        if isinstance(line, bool) or not isinstance(line, int) or line < 1:
            raise SettingError(
                option("header_row", line),
                "the number of the line with the column names, from 1",
                option("header_row", 3),
            )
        if not self.header:
            raise SettingError(
                f"{option('header_row', line)} and {option('header', False)}",
                "one of them",
                f"only {option('header_row', line)}, if that line has the column names",
            )

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
        columns: dict[str, tuple[str, ...]] = {}
        for word in ("category", "number", "date"):
            names = getattr(self, word)
            names = (names,) if isinstance(names, str) else tuple(names)
            for other, others in columns.items():
                if both := {*names} & {*others}:
                    raise SettingError(
                        f"column {min(both)!r} as {other} and as {word}",
                        "one of them",
                        f"only --{other} for it",
                    )
            columns[word] = names
        vars(self).update(columns)


FOUND_OUT = TableOptions()


_ON_THE_COMMAND_LINE: ContextVar[bool] = ContextVar("on the command line", default=False)


@contextmanager
def on_the_command_line() -> Iterator[None]:
    """Context in which messages write options as on the command line."""
    token = _ON_THE_COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _ON_THE_COMMAND_LINE.reset(token)


def option(name: str, value: object = None, *, quoted: bool = False) -> str:
    """Format an option for a message: `--folds 5` on the command line, else `folds=5`.

    Without a value only its name: `--folds` or `folds=`. Text is `quoted` on the command line if
    the shell needs it, or always.

    >>> option("folds", 5), option("out")
    ('folds=5', 'out=')
    """
    if not _ON_THE_COMMAND_LINE.get():
        return f"{name}={'' if value is None else repr(value)}"
    flag = f"--{name.strip('_').replace('_', '-')}"  # from_, since from is a word of Python
    if isinstance(value, bool):
        return flag if value else f"--no-{name}"
    if value is None:
        return flag
    return f"{flag} '{value}'" if quoted else f"{flag} {shlex.quote(str(value))}"


def bytes_of(memory: str | int) -> int:
    """Parse a size in bytes: `500 MB`, `1 GB`, `2 GiB`, or a number."""
    text = str(memory).strip().upper().removesuffix("B")
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]I?)?", text)
    size = int(float(match[1]) * UNITS[match[2] or ""]) if match else 0
    if size < 10**6:
        raise SettingError(
            f"memory={memory!r}", "a size of 1 MB or more", "memory='1 GB', or memory=10**9"
        )
    return size
