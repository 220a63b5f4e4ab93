"""Text in frames that spreadsheets wrote: numbers and dates, alike in training and afterwards."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.files.features import Column
from handgrad.tables.data.files import Table
from handgrad.tables.data.frames import numbers_in
from handgrad.tables.data.table_stream import numbers
from handgrad.tables.data.targets import target_of
from tests.bad_input.refused import refused

N = 120
LARGE = "123456789012345678"  # whole, and beyond what float64 holds each whole number of
RNG = np.random.default_rng(3)
AMOUNTS = RNG.integers(1000, 999_000, N)
DAYS = pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 1000, N), unit="D")
Y = np.where(AMOUNTS > 400_000, "high", "low")


def german(number: int) -> str:
    return f"{number:,}".replace(",", ".")


TEXTS: dict[str, tuple[list[str], str]] = {
    "decimal commas": (
        [f"{german(a)},25 €" for a in AMOUNTS],
        "number (text that reads as numbers, in €, with decimal commas)",
    ),
    "English thousands": (
        [f"${a:,.2f}" for a in AMOUNTS],
        "number (text that reads as numbers, in $)",
    ),
    "per cent": (
        [f"{a / 10_000:.1f}%" for a in AMOUNTS],
        "number (text that reads as numbers, in percent, 12.5 for 12.5%)",
    ),
    "day.month.year": (
        [*DAYS.strftime("%d.%m.%Y")],
        "date: timestamp + cyclic year and week features "
        "(text that reads as dates, day.month.year)",
    ),
    "month/day/year": (
        [*DAYS.strftime("%m/%d/%Y %H:%M")],
        "date: timestamp + cyclic year and week features "
        "(text that reads as dates, month/day/year)",
    ),
}


@pytest.mark.parametrize("case", TEXTS)
def test_text_of_spreadsheets_is_read_as_what_it_says(case: str) -> None:
    texts, words = TEXTS[case]
    assert hg.tables.TableEncoder().fit(pd.DataFrame({"a": texts})).summary() == f"a  {words}"


def fitted(texts: list[str]) -> Any:
    return hg.TabularClassifier(n_members=2, epochs=2, random_state=0).fit(
        pd.DataFrame({"a": texts, "b": AMOUNTS % 7}), Y
    )


def test_one_row_is_read_as_the_training_was_though_alone_it_could_be_otherwise(
    tmp_path: Path,
) -> None:
    texts = [german(a) if i % 2 else f"{german(a)},50" for i, a in enumerate(AMOUNTS)]
    model = fitted(texts)
    row = pd.DataFrame({"a": ["912.345"], "b": [1]})
    as_thousands = pd.DataFrame({"a": ["912.345,00"], "b": [1]})
    p = model.predict_proba(as_thousands)
    assert p.tolist() == model.predict_proba(row).tolist()
    assert p.tolist() != model.predict_proba(row.assign(a=["912,345"])).tolist()
    again = hg.load(hg.save(model, tmp_path / "a.safetensors"))
    assert again.predict_proba(row).tolist() == p.tolist()


@pytest.mark.parametrize("order", ["%d/%m/%Y", "%m/%d/%Y"])
def test_one_date_is_read_in_the_order_of_the_training(order: str) -> None:
    model = fitted([*DAYS.strftime(order)])
    day = pd.Timestamp("2021-03-04")
    row = pd.DataFrame({"a": [day.strftime(order)], "b": [1]})
    iso = row.assign(a=["2021-03-04"])
    assert model.predict_proba(row).tolist() == model.predict_proba(iso).tolist()


def test_words_for_nothing_are_words_in_frames() -> None:
    numbers = [str(i) for i in range(40)]
    read_as = hg.tables.TableEncoder().fit(pd.DataFrame({"a": ["n/a", *numbers]})).summary()
    assert read_as.startswith("a  category of 41 values")
    assert "1_0" in hg.tables.TableEncoder().fit(pd.DataFrame({"a": ["1_0", "2"] * 9})).summary()


@pytest.mark.parametrize(
    "text", ["12", "-1.5", " 7 ", "1,234.5", "12%", LARGE, "1_000", "0x10", "inf", "１２"]
)
def test_whether_a_text_reads_as_a_number_has_one_answer(text: str) -> None:
    read = {"12": 12.0, "-1.5": -1.5, " 7 ": 7.0, "1,234.5": 1234.5, "12%": 12.0}
    number = (read | {LARGE: float(LARGE)}).get(text)
    texts = [text, *[f"{i}%" if "%" in text else str(i) for i in range(100, 125)]]
    column = numbers_in(Column("text", np.array(texts, object)))
    assert (None if column is None else column.values[0]) == number
    X, rows = {"a": [*range(len(texts))]}, pa.table({"y": texts})
    table = Table("t", (Path("t.csv"),), (len(texts),), rows, np.arange(len(texts)))
    if number is None:
        with refused(hg.errors.DataError, "numbers"):
            hg.TabularRegressor(n_members=1, epochs=1).fit(X, texts)
        with refused(hg.errors.DataError, "a number in every row"):
            target_of(table, "y", "regression")
    else:
        assert target_of(table, "y", "regression").values[0] == number
        model = hg.TabularRegressor(n_members=1, epochs=1, random_state=0).fit(X, texts)
        assert model.target_[2:] == (min(number, 100), max(number, 124))


def test_large_whole_numbers_are_the_nearest_float64() -> None:
    columns = pa.table({"a": [*range(24), int(LARGE)], "y": [int(LARGE), *range(24)]})
    table = Table("t", (Path("t.csv"),), (25,), columns, np.arange(25))
    assert target_of(table, "y", "regression").values[0] == float(LARGE)
    assert numbers(table, "a")[-1] == np.float32(LARGE)
