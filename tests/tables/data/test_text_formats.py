"""Text as numbers and dates: what a column shows, property by property."""

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad.tables.data.table_options import DateOrder
from handgrad.tables.data.text_formats import (
    CandidateFormats,
    DateFormat,
    Format,
    NumberFormat,
    cells_read,
    read_as,
)

HERE = settings(derandomize=True)
DECIMALS = st.sampled_from(".,")
SPACES = "  \u00a0\u202f\u2009"
AROUND = [
    "{}",
    " {} ",
    "€{}",
    "{} €",
    "${}",
    "EUR {}",
    "{} USD",
    "CHF{}",
    "R$ {}",
    "{} kr",
    "{} zł",
]


def column(*cells: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(cells, pa.string())])


def read(
    *cells: str | None, decimal: str = ".", order: DateOrder | None = None
) -> tuple[Format | None, list[Any]]:
    found = CandidateFormats.of(column(*cells)).format(decimal, order)
    return found, [] if found is None else cells_read(found, column(*cells)).to_pylist()


def written(value: float, decimal: str, thousands: str, digits: int) -> str:
    return f"{value:,.{digits}f}".translate({ord(","): thousands, ord("."): decimal})


@HERE
@given(
    values=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20),
    digits=st.sampled_from([1, 2, 4, 6]),
    decimal=DECIMALS,
    thousands=st.sampled_from(["", "'", "’", *SPACES, "other"]),
    around=st.sampled_from(AROUND),
    minus=st.sampled_from(["-", "−", "()", "behind"]),
)
def test_each_number_comes_back_exactly_as_it_was_written(
    values: list[int], digits: int, decimal: str, thousands: str, around: str, minus: str
) -> None:
    thousands = {".": ",", ",": "."}[decimal] if thousands == "other" else thousands
    cells = []
    for value in values:
        text = around.format(written(abs(value) / 10**digits, decimal, thousands, digits))
        if value < 0:
            text = {"()": f"({text})", "behind": f"{text.strip()}-"}.get(minus, f"{minus}{text}")
        cells.append(text)
    found, numbers = read(*cells, None, "", "NA")
    assert isinstance(found, NumberFormat)
    assert (found.decimal, found.whole, found.guessed) == (decimal, False, False)
    exact = [float(f"{abs(v) / 10**digits:.{digits}f}") * (1 if v >= 0 else -1) for v in values]
    assert numbers == [*exact, None, None, None]


@HERE
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.booleans())
def test_what_python_writes_reads_as_python_reads_it(values: list[float], plus: bool) -> None:
    cells = [("+" if plus and value > 0 else "") + repr(value) for value in values]
    found, numbers = read(*cells)
    assert isinstance(found, NumberFormat)
    assert numbers == values


@pytest.mark.slow
@HERE
@given(st.lists(st.text("0123456789.,-+ 'e%€$()", max_size=8), min_size=1, max_size=6))
def test_one_cell_tells_no_other_story_than_all_of_them(cells: list[str]) -> None:
    together = CandidateFormats.of(column(*cells))
    piecewise = CandidateFormats()
    for cell in cells:
        piecewise &= CandidateFormats.of(column(cell))
    assert together.format(".", None) == piecewise.format(".", None)


@HERE
@given(st.text(max_size=6))
def test_any_text_reads_as_a_number_or_does_not(text: str) -> None:
    found, numbers = read(text, "1.5")
    assert numbers in ([], [None, 1.5]) or isinstance(numbers[0], float)
    assert found is None or isinstance(found, NumberFormat)


NUMBERS: dict[str, tuple[list[str], list[float]]] = {
    "per cent": (["12.5%", "3 %"], [12.5, 3]),
    "Indian groups": (["12,34,567.5", "1,00,000.0"], [1234567.5, 100000]),
    "exponents": (["1,5E+05", "2,5e-3"], [150000, 0.0025]),
    "no digit before or behind": ([".5", "5."], [0.5, 5]),
    "too many digits to be whole": (["12345678901234567890", "1"], [1.2345678901234567e19, 1]),
    "beyond float64": (["1e999", "-1e999", "1e-999", "1.5"], [np.inf, -np.inf, 0, 1.5]),
    "a zero before a comma": (["0,125", "0,250"], [0.125, 0.25]),
}  # fmt: skip


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_are_read(case: str) -> None:
    cells, numbers = NUMBERS[case]
    assert read(*cells)[1] == numbers


NONE = ["1_000", "inf", "nan?", "1.2.3", "1,23,4", "12 34", "--5", "(5", "5)", "5-3", "€", "%",
        "e5", "1.234.56", "0x10", "1,2,3", "12.34.56.78", "$5€ EUR", "5 apples", "٣"]  # fmt: skip


@pytest.mark.parametrize("cell", NONE)
def test_what_is_no_number_is_read_as_none(cell: str) -> None:
    assert read(cell) == (None, [])
    assert not read_as(pa.array([cell]), "number")[0]


@pytest.mark.parametrize(
    "cells", [["€5", "$6"], ["5%", "6"], ["1,5", "1.5"], ["5", "five"], ["1.234,5", "1,234.5"]]
)
def test_cells_that_do_not_go_together_are_text(cells: list[str]) -> None:
    assert read(*cells) == (None, [])


def test_thousands_that_could_be_fractions_go_by_the_sign_of_the_file() -> None:
    cells = ["1,234", "12,345"]
    thousands, numbers = read(*cells, decimal=".")
    assert (thousands, numbers) == (NumberFormat(".", whole=True, guessed=True), [1234, 12345])
    fractions, numbers = read(*cells, decimal=",")
    assert (fractions, numbers) == (NumberFormat(",", guessed=True), [1.234, 12.345])
    assert read(*cells, "7,5", decimal=".") == (NumberFormat(","), [1.234, 12.345, 7.5])


ORDERS: tuple[DateOrder, ...] = ("dmy", "mdy", "ymd")
WRITTEN = {"dmy": "{d:02}{s}{m:02}{s}{y}", "mdy": "{m}{s}{d}{s}{y}", "ymd": "{y}{s}{m:02}{s}{d:02}"}


@HERE
@given(
    dates=st.lists(st.dates(datetime.date(1800, 1, 1), datetime.date(2200, 1, 1)), min_size=1),
    order=st.sampled_from(ORDERS),
    separator=st.sampled_from("./-"),
)
def test_each_date_comes_back_in_the_order_that_is_said(
    dates: list[datetime.date], order: DateOrder, separator: str
) -> None:
    separator = "/" if order == "mdy" and separator == "." else separator
    cells = [
        WRITTEN[order].format(d=t.day, m=t.month, y=f"{t.year:04}", s=separator) for t in dates
    ]
    found, read_dates = read(*cells, None, order=order)
    assert isinstance(found, DateFormat)
    assert read_dates == [*dates, None]
    shown = any(t.day > 12 for t in dates) or order == "ymd" or separator == "."
    assert (found.order, found.guessed) == (order, not shown)


DATES: dict[str, tuple[list[str], Any]] = {
    "a day above 12 in one of many": (["01/02/2020", "31/01/2020"], ["2020-02-01", "2020-01-31"]),
    "slashes that could be either": (["01/02/2020"], ["2020-01-02"]),
    "dashes that could be either": (["01-02-2020"], ["2020-02-01"]),
    "two digits of the year": (["31.12.69", "31.12.70"], ["2069-12-31", "1970-12-31"]),
    "times": (["31.12.2024 23:59", "01.01.2025 00:00:01"],
              ["2024-12-31 23:59:00", "2025-01-01 00:00:01"]),
    "Chinese signs": (["2019年3月5日", "2019年12月05日", " 2019 年 3 月 15 日 ", "2019/3/5"],
                      ["2019-03-05", "2019-12-05", "2019-03-15", "2019-03-05"]),
    "Chinese signs and times": (["2019年3月5日 14:30", "2019年03月05日14:30:15"],
                                ["2019-03-05 14:30:00", "2019-03-05 14:30:15"]),
    "months in Chinese": (["2019年3月", "2019 年 12 月"], ["2019-03-01", "2019-12-01"]),
    "names of months": (
        ["3 Mar 2024", "3. März 2024", "03MAR2024", "3-Dec-24", "4. Mai 71", "3Okt2024"],
        ["2024-03-03", "2024-03-03", "2024-03-03", "2024-12-03", "1971-05-04", "2024-10-03"],
    ),
    "names of months before days": (
        ["March 3, 2024", "Mar. 3rd 2024", "Sept 21st, 24", "2024-Mar-03"],
        ["2024-03-03", "2024-03-03", "2024-09-21", "2024-03-03"],
    ),
    "names and times": (["3 Mar 2024 14:30", "Mar 3, 2024 2:30 pm"], ["2024-03-03 14:30:00"] * 2),
    "months": (["2024-03", "2024-12", "2010/11"], ["2024-03-01", "2024-12-01", "2010-11-01"]),
    "months before years": (["03/2024", "12-2024"], ["2024-03-01", "2024-12-01"]),
    "names of months and years": (
        ["Mar 2024", "März 2024", "2024 Okt", "Sept. 2024"],
        ["2024-03-01", "2024-03-01", "2024-10-01", "2024-09-01"],
    ),
    "names beside other dates": (["3 Mar 2024", "04.03.2024", "2024-03-05"],
                                 ["2024-03-03", "2024-03-04", "2024-03-05"]),
    "dots beside months first": (["01.03.2024", "03/25/2024", "2024-01-31"],
                                 ["2024-03-01", "2024-03-25", "2024-01-31"]),
    "before and after noon": (["1/31/2024 12:05 AM", "1/31/2024 3:45:00 pm"],
                              ["2024-01-31 00:05:00", "2024-01-31 15:45:00"]),
}  # fmt: skip


@pytest.mark.parametrize("case", DATES)
def test_dates_are_read(case: str) -> None:
    cells, dates = DATES[case]
    assert [*map(str, read(*cells)[1])] == dates


@pytest.mark.parametrize(
    "cells",
    [["31.02.2024"], ["13/13/2024"], ["31/01/2024", "01/31/2024"], ["1.2.3"], ["2024-13-01"],
     ["01.02/2024"], ["31.12.2024 25:00"], ["1.2.2024", "soon"], ["13/2024"],
     ["2019年13月"], ["19年3月5日"], ["2024-13"], ["2024-3"], ["May", "June"], ["May 3", "Jun 4"],
     ["Mar-24", "Apr-24"], ["31 Feb 2024"], ["3 Mars 2024"], ["Mar 32024"], ["133 Mar 2024"],
     ["2019年13月5日"], ["2019年3月5"], ["2019年3月5日。"]],
)  # fmt: skip
def test_what_is_no_date_in_any_order_is_text(cells: list[str]) -> None:
    assert read(*cells) == (None, [])


@pytest.mark.parametrize(
    "cells",
    [["2024-03-01", "03/04/2024"], ["01.03.2024", "03/04/2024"], ["3 Mar 2024", "03/04/2024"]],
)
def test_dates_in_several_formats_are_text_unless_their_order_is_known(cells: list[str]) -> None:
    assert read(*cells) == (None, [])
    for order, fourth in (("dmy", datetime.date(2024, 4, 3)), ("mdy", datetime.date(2024, 3, 4))):
        assert read(*cells, order=order)[1][1] == fourth  # type: ignore[arg-type]
        known = "25/03/2024" if order == "dmy" else "03/25/2024"
        assert read(*cells, known)[1][1] == fourth


def test_seasons_are_text_but_months_in_that_form_are_dates() -> None:
    assert read("2010-11", "2011-12", "2000-01") == (None, [])
    assert not read_as(pa.array(["2010-11", "2011-12"]), "date").any()
    assert read("2010-11", "2011-12", "2010-10")[1][0] == datetime.date(2010, 11, 1)
    assert read("2010-11", order="ymd")[1] == [datetime.date(2010, 11, 1)]


def test_formats_of_dates_are_told() -> None:
    found = read("3 Mar 2024", "Mar 2024")[0]
    assert isinstance(found, DateFormat)
    assert found.words() == "dates with names of months, months as their first days"
    found = read("01.03.2024", "03/25/2024", "2024-01-31")[0]
    assert isinstance(found, DateFormat)
    words = "dates, month/day/year, some of them year-month-day or day.month.year"
    assert found.words() == words


def test_a_cell_far_down_a_column_decides_for_all() -> None:
    cells = [f"{day:02}/{month:02}/2020" for day in range(1, 13) for month in range(1, 13)]
    assert read(*cells)[0] == DateFormat("mdy", guessed=True)
    found, dates = read(*cells, "31/01/2020")
    assert found == DateFormat("dmy")
    assert dates[1] == datetime.date(2020, 2, 1)
    numbers = [f"{i},{i}" for i in range(100, 200)]
    assert read(*numbers)[0] == NumberFormat(".", whole=True, guessed=True)
    assert read(*numbers, "1,5")[1][0] == 100.1
