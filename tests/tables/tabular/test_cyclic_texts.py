"""Times of day and names of months and weekdays: numbers in a cycle, if all cells are."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.files.features import Category, Cyclic, Features, Number
from handgrad.tables.data.cyclic_texts import places_in
from handgrad.tables.data.frames import columns_of_frame, frame_of
from handgrad.tables.tabular.features import encoded
from handgrad.tables.tabular.files import features_from
from tests.bad_input.refused import refused

N = 120
MINUTES = np.random.default_rng(3).integers(0, 24 * 60, N)
TIMES = [datetime.time(m // 60, m % 60, 30) for m in MINUTES.tolist()]
HOUR = "hour of the day: number + cyclic features (text that reads as times of day, in hours)"

CELLS: dict[str, tuple[str, list[str], list[float]]] = {
    "minutes": ("time", ["14:30", "9:05", "00:00", " 23:59 "], [14.5, 9 + 5 / 60, 0, 23 + 59 / 60]),
    "seconds": ("time", ["14:30:36", "14:30:00.9"], [14.51, 52200.9 / 3600]),
    "halves of the day": ("time", ["2:30 pm", "12:00 AM", "12 p.m.", "7am"], [14.5, 0, 12, 7]),
    "in German": ("time", ["14:30 Uhr", "8 Uhr"], [14.5, 8]),
    "the end of the day": ("time", ["24:00"], [24]),
    "months": ("month", ["March", "März", "MAR", "mrz.", "Dez"], [3, 3, 3, 3, 12]),
    "weekdays": ("weekday", ["Monday", "Mo", "Sonnabend", "sun", "Th"], [1, 1, 6, 7, 4]),
}


@pytest.mark.parametrize("case", CELLS)
def test_cells_are_places_in_a_cycle(case: str) -> None:
    cycle, cells, places = CELLS[case]
    assert places_in(pa.array(cells), cycle).tolist() == pytest.approx(places, rel=1e-15)


@pytest.mark.parametrize(
    "cell",
    ["16:9", "14", "25:00", "24:01", "12:60", "13:00 pm", "1:2:3", "14:30 h", "Mars", "May 1", ""],
)
def test_other_cells_are_in_no_cycle(cell: str) -> None:
    for cycle in ("time", "month", "weekday"):
        assert np.isnan(places_in(pa.array([cell, None]), cycle)).all()


SUMMARIES = {
    HOUR: [str(time)[:5] for time in TIMES],
    "month of the year: number + cyclic features "
    "(text that reads as names of months, January as 1)": ["Jan", "February", "März", "Dez."] * 30,
    "day of the week: number + missing-value flag + cyclic features "
    "(text that reads as names of weekdays, Monday as 1)": ["Mo", "Di", None, "Thu", "Fri"] * 24,
    "category of 4 values": ["16:9", "4:3", "21:9", "1:1"] * 30,
    "category of 5 values": ["April", "May", "June", "Jan", "Bob"] * 24,
    "category of 3 values": ["April", "May", "June"] * 40,
    "binary, '16:10' or '21:09'": ["16:10", "21:09"] * 60,
}


@pytest.mark.parametrize("summary", SUMMARIES)
def test_columns_are_in_a_cycle_if_all_cells_are_and_several_differ(summary: str) -> None:
    frame = pd.DataFrame({"a": SUMMARIES[summary]})
    assert hg.tables.TableEncoder().fit(frame).summary() == f"a  {summary}"
    declared = hg.tables.TableEncoder().fit(frame.astype("category")).summary()
    assert declared.startswith(("a  category", "a  binary"))


def test_times_of_every_library_are_those_of_their_text() -> None:
    text = pd.DataFrame({"a": list(map(str, TIMES))})
    encoder = hg.tables.TableEncoder().fit(text)
    assert encoder.summary() == f"a  {HOUR}"
    names = ["a", "a_sine of the day", "a_cosine of the day"]
    assert encoder.get_feature_names_out().tolist() == names
    x = encoder.transform(text)
    angle = 2 * np.pi * (MINUTES * 60 + 30) / 86400
    np.testing.assert_allclose(x[:, 1:].T, [np.sin(angle), np.cos(angle)], atol=1e-6)
    hours = pd.DataFrame({"a": (MINUTES * 60 + 30) / 3600})
    frames: list[Any] = [pd.DataFrame, pa.table, pl.DataFrame]
    for given in (*(frame({"a": TIMES}) for frame in frames), hours, hours.astype(str)):
        assert np.array_equal(encoder.transform(given), x)
    for frame in frames:
        assert hg.tables.TableEncoder().fit(frame({"a": TIMES})).summary() == f"a  {HOUR}"


def test_cells_that_are_in_no_cycle_are_refused() -> None:
    encoder = hg.tables.TableEncoder().fit({"a": list(map(str, TIMES))})
    with refused(hg.errors.DataError, "'a' has 'noon' in row 1", "times of day", "leave it empty"):
        encoder.transform({"a": ["12:00", "noon"]})


def test_one_row_is_read_as_the_training_was_also_from_a_file(tmp_path: Path) -> None:
    months = ["January", "February", "March", "April", "May"] * 24
    model = hg.TabularRegressor(1, epochs=2, random_state=0).fit(
        {"a": months, "b": MINUTES}, np.arange(N) % 5
    )
    expected = model.predict({"a": ["März"], "b": [1]}).tolist()
    again = hg.load(hg.save(model, tmp_path / "a.safetensors"))
    for cell in ("March", "mar.", 3, 3.0, "3"):
        assert again.predict({"a": [cell], "b": [1]}).tolist() == expected
    assert again.features_.summary() == model.features_.summary()


def test_a_damaged_cycle_is_refused() -> None:
    feature = Cyclic(Number(12.0, 0.1, marks_missing=False, written="time"))
    columns = Features({"a": feature}).described()
    assert features_from(columns).features == {"a": feature}
    for wrong in ("", "dmy", "year"):
        columns["a"]["place"]["written"] = wrong
        with refused(hg.errors.FileError, "the encoder of a column"):
            features_from(columns)


def test_a_model_that_took_times_as_categories_still_does() -> None:
    known = tuple(sorted({str(time) for time in TIMES}))[:20]
    features = Features({"a": Category(known, 20)})
    table = columns_of_frame(frame_of(pa.table({"a": pa.array(TIMES, pa.time32("s"))})))
    x = encoded(features, table)
    assert x.sum(axis=1).tolist() == [float(str(time) in known) for time in TIMES]
