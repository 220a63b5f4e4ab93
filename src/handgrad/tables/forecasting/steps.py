"""Regular steps of time: found in the times of series, counted and continued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from handgrad.files.cells import DAY
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

Unit = Literal["month", "second", "number"]
WEEK = 7
# Days since 1970 of the first Monday.
MONDAY = 4
# Weeks that show which days of the week never have a row.
WEEKS_SEEN = 3
# The last day of a month that every month has.
LAST_DAY = 28
WORDS = (("week", WEEK * DAY), ("day", DAY), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0))


@dataclass(frozen=True)
class TimeStep:
    """Step of series: `count` months, seconds, or a number.

    Times are days since 1970, or numbers; `start` is that of position 0. With `open_days`, days of
    the week from Monday, 0, a step goes to the next of them. With `month_ends` the times are the
    last days of months.
    """

    unit: Unit
    count: float
    start: float
    open_days: tuple[int, ...] = ()
    month_ends: bool = False

    @classmethod
    def of(cls, times: Sequence[Array], *, dates: bool) -> Self:
        """Step of series with the sorted, distinct `times` (n,) of each.

        Raises a DataError if the times are irregular.
        """
        start = min(float(t[0]) for t in times)
        if not dates:
            return cls("number", _most_frequent(times, "number"), start)
        for ends in (False, True):
            months, within = _months(np.concatenate(times) + ends)
            if np.ptp(months) and (within == within[0]).all() and within[0] < LAST_DAY:
                of_each = [_months(t + ends)[0] for t in times]
                return cls("month", _most_frequent(of_each, "month"), start, month_ends=ends)
        seconds = [np.rint(t * DAY) for t in times]
        open_days = _open_days(seconds)
        if open_days:
            return cls("second", DAY, start, open_days)
        return cls("second", _most_frequent(seconds, "second"), start)

    def positions(self, times: Array) -> Array:
        """Number of steps from the start to each time, (n,); not whole between two steps."""
        if self.unit == "number":
            return (times - self.start) / self.count
        if self.unit == "month":
            (months, within), (first, of_first) = (
                _months(np.asarray(t) + self.month_ends) for t in (times, self.start)
            )
            return (months - first + (within - of_first) / 31) / self.count
        if not self.open_days:
            return np.rint((times - self.start) * DAY) / self.count
        place = np.full(WEEK, 0.5)
        place[[*self.open_days]] = np.arange(len(self.open_days))
        weeks, of_week = np.divmod(np.array([*times, self.start]) - MONDAY, WEEK)
        days = np.floor(of_week).astype(int)
        among = weeks * len(self.open_days) + place[days] + of_week - days
        return np.asarray(among[:-1] - among[-1])

    def times(self, positions: Array) -> Array:
        """Times at whole positions, (n,)."""
        if self.unit == "number":
            return self.start + positions * self.count
        if self.unit == "month":
            start, within = _months(np.asarray(self.start + self.month_ends))
            months = (start + positions * self.count).astype("M8[M]")
            return np.asarray(months.astype("M8[D]").astype(float) + within - self.month_ends)
        if not self.open_days:
            return np.rint(self.start * DAY + positions * self.count) / DAY
        week, of_week = np.divmod(self.start - MONDAY, WEEK)
        first = self.open_days.index(int(of_week))
        weeks, place = np.divmod(first + positions, len(self.open_days))
        days = np.array(self.open_days)[place.astype(int)]
        return np.asarray(MONDAY + WEEK * (week + weeks) + days + of_week % 1)

    def seasons(self) -> tuple[int, ...]:
        """Usual seasons of this step, in steps, the shortest first: a day, a week, a year."""
        count = int(self.count)
        if self.unit == "month":
            return (12 // count,) if count < 12 and 12 % count == 0 else ()
        if self.unit == "number":
            return ()
        if self.open_days:
            return len(self.open_days), round(len(self.open_days) * 365.25 / WEEK)
        if count % DAY == 0:
            return {1: (WEEK, 365), WEEK: (52,)}.get(count // int(DAY), ())
        return (int(DAY) // count, WEEK * int(DAY) // count) if DAY % count == 0 else ()

    @property
    def months_vary(self) -> bool:
        """True if times have several months, as those of whole years do not."""
        return self.unit == "second" or (self.unit == "month" and self.count % 12 != 0)

    def words(self) -> str:
        """The step in words, such as "1 month"."""
        if self.open_days:
            return f"1 day, of the {len(self.open_days)} days of the week that have rows"
        return _in_words(self.count, self.unit)

    def several_in_words(self, n: int) -> str:
        """A number of steps in words, such as "14 days"."""
        if self.open_days:
            return f"{n:,} day{'s' * (n != 1)} with rows"
        if self.unit == "number":
            return f"{n:,} step{'s' * (n != 1)}"
        name, size = _name_of(self.count, self.unit)
        total = n * self.count / size
        return f"{total:,g} {name}{'s' * (total != 1)}"


def _open_days(seconds: Sequence[Array]) -> tuple[int, ...]:
    """Days of the week with rows, from Monday, 0; () if all have, or it is not sure.

    Sure are weeks enough, most of whose days have a row.
    """
    if any((np.diff(t) % DAY != 0).any() for t in seconds):
        return ()
    days = np.unique(np.floor(np.concatenate(seconds) / DAY))
    weeks, open_days = np.ptp(days) / WEEK, np.unique((days - MONDAY) % WEEK)
    if (
        weeks < WEEKS_SEEN
        or not 1 < len(open_days) < WEEK
        or len(days) < weeks * len(open_days) / 2
    ):
        return ()
    return tuple(open_days.astype(int).tolist())


def _in_words(count: float, unit: Unit) -> str:
    if unit == "number":
        return f"{count:g}"
    name, size = _name_of(count, unit)
    n = count / size
    return f"{n:g} {name}{'s' * (n != 1)}"


def _name_of(count: float, unit: Unit) -> tuple[str, float]:
    """The largest unit that a step is a whole number of, and its size."""
    if unit == "month":
        return unit, 1.0
    return next((name, size) for name, size in WORDS if count % size == 0)


def _months(days: Array) -> tuple[Array, Array]:
    """Months since 1970, and the days from their beginning."""
    seconds = np.rint(np.asarray(days) * DAY).astype("M8[s]")
    months = seconds.astype("M8[M]")
    return months.astype(int), (seconds - months).astype(float) / DAY


def _most_frequent(times: Sequence[Array], unit: Unit) -> float:
    """Most frequent difference of neighbours; refused unless all are multiples of it."""
    differences = np.concatenate([np.diff(t) for t in times])
    if not len(differences):
        raise DataError(
            f"{len(times)} series of one row each",
            "at least two times in a series, which show the step",
            "more rows; or without the group, if it is another in each row",
        )
    # Nine decimals of numbers are no rounding error.
    values, counts = np.unique(differences.round(9), return_counts=True)
    step = float(values[counts.argmax()])
    other = differences[np.abs(differences / step - np.rint(differences / step)) > 1e-6]
    if len(other):
        raise DataError(
            f"irregular times: most are {_in_words(step, unit)} apart, {len(other):,} of "
            f"{len(differences):,} others, such as {_in_words(float(other[0]), unit)}",
            "regular steps, such as days, weeks or months",
            "one row for each step: the sum or the mean of its rows",
        )
    return step
