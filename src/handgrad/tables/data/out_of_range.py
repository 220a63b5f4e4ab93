"""Numbers and dates of rows to predict that are outside the range of the training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from handgrad.files.cells import DAY
from handgrad.files.features import Columns, Features
from handgrad.textbook.layers import Array

# Fraction of the range of the training beyond which a value is reported: in nearly every column
# some new row is a little beyond the ends, and farther in a skewed one.
MARGIN = 0.5
# Least distance, in ranges, of a negative number in a column that had none: in 791 tables with 20%
# held out at random, 0.1% of the columns have one.
OF_NEGATIVE = 1.0
ROUNDING = 1e-6  # relative difference of numbers that were rounded to float32
MOST_COLUMNS, MOST_NAMES = 5, 8
DIGITS = (6, 9, 17)
WORDS = {
    # is_date, above
    (False, False): ("numbers", "below", "smallest"),
    (False, True): ("numbers", "above", "largest"),
    (True, False): ("dates", "before", "earliest"),
    (True, True): ("dates", "after", "latest"),
}


@dataclass(frozen=True)
class OutOfRange:
    """Values of a column beyond one `end` of the training's range, in `n` rows.

    `far` is the distance of the farthest, in ranges; `first` is the first value that is farther
    than the margin, in row `row`.
    """

    column: str
    end: float
    above: bool
    is_date: bool
    n: int
    far: float
    first: float
    row: int

    @property
    def key(self) -> tuple[str, bool]:
        """Column and end, equal in each chunk of a table."""
        return self.column, self.above

    @property
    def is_reported(self) -> bool:
        """True if a value is farther than the margin."""
        return self.far > MARGIN

    def after(self, n_rows: int) -> OutOfRange:
        """The same, `n_rows` further down."""
        return replace(self, row=self.row + n_rows)

    def __add__(self, other: OutOfRange) -> OutOfRange:
        """Merge with the same of a later chunk."""
        first = self if self.is_reported else other
        return replace(first, n=self.n + other.n, far=max(self.far, other.far))

    def text(self, n_rows: int, place: Callable[[int], str]) -> str:
        """Sentence on a table of `n_rows`, with the `place` of a row."""
        what, beyond, extreme = WORDS[self.is_date, self.above]
        end, first = shown(self.end, self.first, is_date=self.is_date)
        has = f"has a {what.removesuffix('s')}" if self.n == 1 else f"have {what}"
        return (
            f"column {self.column!r}: {self.n} of {n_rows} rows {has} {beyond} {end}, the "
            f"{extreme} in training: {first} in {place(self.row)}"
        )


def out_of_range(features: Features, table: Columns) -> list[OutOfRange]:
    """Values of each parsed column of numbers or dates beyond the range of the training."""
    parts = []
    for name, feature in features.used.items():
        number = feature.number
        if number is None or number.lowest is None or number.highest is None:
            continue
        values, ends = table[name].values, (number.lowest, number.highest)
        is_date = feature.kind == "date"
        skewed = number.lowest > 0 and not is_date
        for end, above in zip(ends, (False, True), strict=True):
            distances = _distances(values, *ends, above=above, skewed=skewed)
            if not above and number.lowest >= 0 and not is_date:
                distances = np.where(values < 0, np.maximum(distances, OF_NEGATIVE), distances)
            beyond = distances > 0
            if beyond.any():
                row = int((distances > MARGIN).argmax())
                far, first = float(distances.max()), float(values[row])
                about = (name, end, above, is_date, int(beyond.sum()))
                parts.append(OutOfRange(*about, far, first, row))
    return parts


def sentences(
    parts: Iterable[OutOfRange], n_rows: int, place: Callable[[int], str]
) -> Iterator[str]:
    """Sentences on the columns that are farthest outside in a table of `n_rows`, and the others."""
    reported = sorted((part for part in parts if part.is_reported), key=lambda part: -part.far)
    for part in reported[:MOST_COLUMNS]:
        yield part.text(n_rows, place)
    if names := [*dict.fromkeys(repr(part.column) for part in reported[MOST_COLUMNS:])]:
        listed = ", ".join(names[:MOST_NAMES]) + ", …" * (len(names) > MOST_NAMES)
        yield f"values outside the range of the training also in {len(names)} columns: {listed}"


def _distances(values: Array, lowest: float, highest: float, *, above: bool, skewed: bool) -> Array:
    """Distances of values beyond one end, in ranges, (n,): 0 inside, and where they are missing.

    Positive numbers may be `skewed`: there the distance to the largest is the smaller of those of
    the numbers and of their logarithms. The next integer beyond a range of integers
    is within the margin.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        span = highest - lowest
        over = values - highest if above else lowest - values
        distance = over / span
        if skewed and above:
            logarithms = np.log(values / highest) / np.log(highest / lowest)
            distance = np.minimum(distance, logarithms)
        if span >= 1 and lowest % 1 == highest % 1 == 0:
            distance = np.where(over == 1, np.minimum(distance, MARGIN), distance)
        rounding = ROUNDING * max(abs(lowest), abs(highest))
        return np.where(over > rounding, distance, 0.0)


def shown(end: float, value: float, *, is_date: bool) -> tuple[str, str]:
    """Both numbers with as many digits as tell them apart; dates without a time of 0:00."""
    if is_date:
        times = ((np.array([end, value]) * DAY).round()).astype("M8[s]").astype(str).tolist()
        plain = [time.removesuffix("T00:00:00").replace("T", " ") for time in times]
        return plain[0], plain[1]
    pairs = [(f"{end:.{digits}g}", f"{value:.{digits}g}") for digits in DIGITS]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])
