"""Tables larger than memory for the estimators: a survey in one pass, then rows in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from handgrad.base.errors import DataError, SettingError, described
from handgrad.data.columns import check_columns
from handgrad.data.files import Table as Piece
from handgrad.data.frames import columns_of_frame, frame_of
from handgrad.data.table_stream import TableStream, mixed, smallest
from handgrad.data.targets import as_numbers
from handgrad.layers import Array
from handgrad.row_source import RowSource
from handgrad.tabular.coverage_sample import CoverageSample
from handgrad.tabular.features import Features
from handgrad.tabular.members import BATCH, EMBEDDED_FROM

if TYPE_CHECKING:
    import pyarrow

# At most so many rows are held out, and so many are what the features are decided from.
MOST_HELD_OUT, MOST_LOOKED_AT = 20_000, 100_000
# The share of the memory that these rows may take, and that a piece for the members may.
SAMPLED, ENCODED = 1 / 16, 1 / 64
# Where there are more steps than this in an epoch, one is enough; where fewer, so many are made.
STEPS, MOST_EPOCHS = 20_000, 12
MOST_CLASSES = 10_000
# How many copies of its columns a fit in memory makes, and the rows that say how large one is.
COPIES, FEW = 8, 10_000
# Weight of the coverage sample when quantiles are estimated.
WEIGHT_OF_COVERAGE = 1e-6


def fits_in_memory(stream: TableStream, target: str, n_members: int) -> bool:
    """Whether half the memory is enough for all rows, and one copy of them for each member."""
    first = next(stream.chunks(stream.names)).columns.slice(0, FEW)
    columns = columns_of_frame(frame_of(first.drop_columns([target])))
    try:
        width = Features.of(columns, np.ones(first.num_rows), EMBEDDED_FROM).n_out
    except DataError:  # all these rows are the same
        width = len(columns)
    room = stream.memory / 2 - 4 * width * (n_members + 3) * stream.n_rows
    if COPIES * first.nbytes / first.num_rows * stream.n_rows > room:
        return False
    for piece in stream.chunks(stream.names):  # the first rows may be smaller than others
        room -= COPIES * piece.columns.nbytes
        if room < 0:
            return False
    return True


def checked_name(stream: TableStream, y: object, sample_weight: object) -> str:
    """The name of the target column, if that is what `y` is."""
    if sample_weight is not None:
        raise SettingError(
            "sample_weight beside a table that is streamed",
            "rows that all weigh the same",
            "fit(stream.to_table(), …), where memory has room for it",
        )
    if not isinstance(y, str):
        raise SettingError(
            f"y = {described(y)}, beside a table that is streamed",
            "the name of the column to predict",
            f"fit(stream, {stream.names[-1]!r}), say",
        )
    check_columns(stream.name, stream.names, y)
    return y


@dataclass(frozen=True)
class _Drawn:
    """Rows by a number that each has, as good as random: held out below one bound, looked at
    below the next.
    """

    seed: int
    held_out: int
    looked_at: int

    @classmethod
    def of(cls, stream: TableStream, seed: int, n_held_out: int) -> Self:
        """Bounds that exactly so many rows are below."""
        first = next(stream.chunks(stream.names)).columns
        room = int(stream.memory * SAMPLED * first.num_rows / first.nbytes)
        n_held_out = min(n_held_out, max(1, room))
        n = n_held_out + min(MOST_LOOKED_AT, max(1, room))
        drawn = smallest(seed, stream.numbers(), n)
        return cls(seed, int(drawn[n_held_out - 1]), int(drawn[-1]))

    def masks(self, piece: Piece) -> tuple[Array, Array]:
        """Which rows of a piece are held out, and which are looked at."""
        found = mixed(self.seed, piece.numbers)
        held_out = found <= self.held_out
        return held_out, (found <= self.looked_at) & ~held_out


@dataclass(frozen=True)
class Survey:
    """What one pass through a table larger than memory finds: all that is decided before training.

    `sample` has the features of rows to decide by, which weigh `w`; `held_out` those of the rows
    held out, whose encoded targets are `t`. `targets` is what the target of all rows is.
    """

    stream: TableStream
    target: str
    targets: StreamedClasses | StreamedNumbers
    drawn: _Drawn
    sample: pyarrow.Table
    w: Array
    held_out: pyarrow.Table
    t: Array

    @classmethod
    def of(
        cls,
        stream: TableStream,
        target: str,
        share: float,
        targets: StreamedClasses | StreamedNumbers,
        rng: np.random.Generator,
    ) -> Self:
        """Go through the table; about a `share` of the rows is held out."""
        n_held_out = int(min(MOST_HELD_OUT, max(1, share * stream.n_rows)))
        drawn = _Drawn.of(stream, int(rng.integers(2**63)), n_held_out)
        held_out, looked_at = [], []
        coverage = CoverageSample([name for name in stream.names if name != target])
        for piece in stream.chunks(stream.names):
            frame = piece.columns
            targets.add(np.asarray(as_numbers(frame[target]).to_numpy()))
            of_held_out, of_looked_at = drawn.masks(piece)
            held_out.append(_taken(frame, of_held_out))
            looked_at.append(_taken(frame, of_looked_at))
            coverage.look_at(frame)
        sample, held = _joined([*looked_at, *coverage.rows.values()]), _joined(held_out)
        w = np.ones(sample.num_rows)
        w[sum(part.num_rows for part in looked_at) :] = WEIGHT_OF_COVERAGE
        features = (part.drop_columns([target]) for part in (sample, held))
        t = targets.encoded(held[target])
        return cls(stream, target, targets, drawn, next(features), w, next(features), t)


def _taken(frame: pyarrow.Table, mask: Array) -> pyarrow.Table:
    """Those rows, copied, so that the others can go."""
    return frame.take(np.flatnonzero(mask))


def _joined(tables: Sequence[pyarrow.Table]) -> pyarrow.Table:
    import pyarrow as pa

    return pa.concat_tables(tables).combine_chunks()


class StreamedClasses:
    """The classes of a target that is read in chunks."""

    def __init__(self) -> None:
        self.parts: list[Array] = []

    @property
    def names(self) -> Array:
        """All of them, in order."""
        return self.parts[0]

    def add(self, y: Array) -> None:
        """Look at the targets of some rows."""
        self.parts = [np.unique(np.concatenate([*self.parts, np.unique(y)]))]
        if len(self.names) > MOST_CLASSES:
            raise DataError(
                f"a target of more than {MOST_CLASSES} classes",
                "classes of which there are many rows each",
                "TabularRegressor, if these are numbers",
            )

    def encoded(self, column: pyarrow.ChunkedArray) -> Array:
        """A 1 for the class of each row, (n, n_classes), float32."""
        codes = np.searchsorted(self.names, np.asarray(as_numbers(column).to_numpy()))
        return np.eye(len(self.names), dtype=np.float32)[codes]


class StreamedNumbers:
    """Mean, deviation and range of a target that is read in chunks."""

    def __init__(self) -> None:
        self.n, self.mean, self.squares = 0, 0.0, 0.0
        self.low, self.high = np.inf, -np.inf

    def add(self, y: Array) -> None:
        """Look at the targets of some rows."""
        if y.dtype.kind not in "fiub":
            raise DataError(
                f"targets such as {y.tolist()[0]!r}",
                "numbers",
                "TabularClassifier, if these are classes",
            )
        y = y.astype(float)
        if not np.isfinite(y).all():
            raise DataError("the target contains infinity", "finite targets", "leave them out")
        # means and squares of two parts joined: Chan, Golub, LeVeque, 1979
        n, mean = len(y), float(y.mean())
        apart = mean - self.mean
        self.squares += float(((y - mean) ** 2).sum()) + apart**2 * self.n * n / (self.n + n)
        self.n += n
        self.mean += apart * n / self.n
        self.low, self.high = min(self.low, float(y.min())), max(self.high, float(y.max()))

    @property
    def deviation(self) -> float:
        """The standard deviation, 1 where all are the same."""
        return float(np.sqrt(self.squares / self.n)) or 1.0

    def encoded(self, column: pyarrow.ChunkedArray) -> Array:
        """Deviations from the mean, (n, 1), float32."""
        y = np.asarray(as_numbers(column).to_numpy(), float)
        return ((y - self.mean) / self.deviation).astype(np.float32)[:, None]


class MemberRows(RowSource):
    """The rows that are learned from, for all members side by side, each in its own order."""

    def __init__(
        self, survey: Survey, features: Features, n_members: int, smoothing: float, seed: int
    ) -> None:
        self.survey, self.features, self.n_members = survey, features, n_members
        self.smoothing, self.seed, self.passes = smoothing, seed, 0
        self.memory = survey.stream.memory
        self.n_rows = survey.stream.n_rows - len(survey.t)

    def usual_epochs(self) -> int:
        """As many passes as make `STEPS` steps, one at least."""
        return int(np.clip(STEPS // -(-self.n_rows // BATCH), 1, MOST_EPOCHS))

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """All rows once: x (n, n_members, n_features), and t (n, n_members, n_outputs)."""
        self.passes += 1
        own = np.random.default_rng((self.seed, self.passes))
        survey, k, width = self.survey, self.n_members, self.features.n_out
        rows = max(BATCH, int(self.memory * ENCODED) // (4 * k * width))
        for piece in survey.stream.chunks(survey.stream.names, rng):
            learned = piece.columns.filter(~survey.drawn.masks(piece)[0])
            for start in range(0, learned.num_rows, rows):
                part = learned.slice(start, rows)
                table = columns_of_frame(frame_of(part.drop_columns([survey.target])))
                x, t = self.features.encoded(table), survey.targets.encoded(part[survey.target])
                t = (1 - self.smoothing) * t + self.smoothing / t.shape[1]
                orders = [own.permutation(len(t)) for _ in range(k)]
                yield (
                    np.stack([x[order] for order in orders], axis=1),
                    np.stack([t[order] for order in orders], axis=1),
                )
