"""Steps of time: found in the times, counted from the first, continued."""

import datetime

import numpy as np
import pytest

import handgrad as hg
from handgrad.tables.forecasting.steps import TimeStep
from handgrad.textbook.layers import Array
from tests.bad_input.refused import refused


def days(*texts: str) -> Array:
    return np.array(texts, "M8[s]").astype(float) / 86400


def every(start: str, n: int, step: str) -> Array:
    """Times of NumPy's steps, such as "1M", as days."""
    count, unit = int(step[:-1]), step[-1]
    begin: Array = np.array(start, f"M8[{unit}]")
    return days(*(np.arange(n) * count + begin).astype(str))


@pytest.mark.parametrize(
    ("times", "words", "seasons"),
    [
        (every("2020-01", 40, "1M"), "1 month", (12,)),
        (every("2020-01", 40, "1M") - 1, "1 month", (12,)),  # ends of months
        (every("2020-01", 40, "1M") + 14.5, "1 month", (12,)),  # noon of the 15th
        (every("2020-01", 40, "3M"), "3 months", (4,)),
        (every("1990", 40, "1Y"), "12 months", ()),
        (every("2024-02-03", 40, "1D"), "1 day", (7, 365)),
        (every("2024-02-03", 40, "1W"), "1 week", (52,)),
        (every("2024-02-03T05", 90, "1h"), "1 hour", (24, 168)),
        (every("2024-02-03T05:30", 90, "15m"), "15 minutes", (96, 672)),
        (every("2024-02-03T05:30", 90, "7s"), "7 seconds", ()),
        (every("2024-02-03", 40, "28D"), "4 weeks", ()),
    ],
)
def test_the_step_of_regular_times(times: Array, words: str, seasons: tuple[int, ...]) -> None:
    step = TimeStep.of([times], dates=True)
    assert (step.words(), step.seasons()) == (words, seasons)
    np.testing.assert_array_equal(step.positions(times), np.arange(len(times)))
    np.testing.assert_allclose(step.times(np.arange(len(times))), times, rtol=0, atol=1e-9)


def test_days_of_the_week_without_rows_have_no_steps() -> None:
    times = every("2024-01-01", 28, "1D")
    times = times[np.arange(28) % 7 < 5]  # the first of January was a Monday
    step = TimeStep.of([times], dates=True)
    assert (step.open_days, step.seasons()) == ((0, 1, 2, 3, 4), (5, 261))
    np.testing.assert_array_equal(step.positions(times), np.arange(20))
    monday = datetime.date(2024, 1, 29)
    later = (np.datetime64("1970-01-01") + step.times(np.arange(20, 26)).astype(int)).tolist()
    assert later == [monday + datetime.timedelta(days=k) for k in (0, 1, 2, 3, 4, 7)]
    saturday = step.positions(days("2024-01-06"))
    assert saturday % 1 != 0
    few = TimeStep.of([times[:10]], dates=True)  # two weeks may lack a Sunday by chance
    assert few.open_days == ()


def test_gaps_and_other_series_have_places_too() -> None:
    times = every("2024-01-01", 50, "1D")
    step = TimeStep.of([times[[20, 21, 22, 25]], times[[3, 4, 10]]], dates=True)
    assert step.positions(times[[3, 10, 25]]).tolist() == [0, 7, 22]


def test_numbers_are_times_too() -> None:
    step = TimeStep.of([np.array([1990.25, 1990.5, 1991.0, 1991.25])], dates=False)
    assert (step.words(), step.seasons()) == ("0.25", ())
    assert step.positions(np.array([1990.5, 1991.25])).tolist() == [1, 4]
    assert step.times(np.array([5.0])).tolist() == [1991.5]


@pytest.mark.parametrize(
    ("times", "dates", "words"),
    [
        (
            days("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04T12"),
            True,
            "most are 1 day apart, 1 of 3 others, such as 36 hours",
        ),
        (days("2024-01-15", "2024-01-31", "2024-02-29"), True, "such as 29 days"),
        (np.array([1.0, 2.0, 3.0, 3.5]), False, "most are 1 apart, 1 of 3 others, such as 0.5"),
    ],
)
def test_irregular_times_are_refused(times: Array, dates: bool, words: str) -> None:
    with refused(hg.errors.DataError, "irregular", words, "one row for each step"):
        TimeStep.of([times], dates=dates)


def test_one_row_shows_no_step() -> None:
    with refused(hg.errors.DataError, "2 series of one row each"):
        TimeStep.of([days("2024-01-01"), days("2024-01-02")], dates=True)
