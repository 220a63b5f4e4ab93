"""Tables larger than memory for the estimators: a survey in one pass, then rows in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from handgrad.engines.streams import RowSource
from handgrad.files.features import Column, Features
from handgrad.tables.data.files import check_columns
from handgrad.tables.data.frames import columns_of_frame, frame_of
from handgrad.tables.data.table_stream import TableStream, mixed, smallest
from handgrad.tables.data.targets import as_numbers, is_text, missing_targets
from handgrad.tables.tabular.features import READINGS, encoded, features_of
from handgrad.tables.tabular.members import BATCH, EMBEDDED_FROM
from handgrad.textbook.errors import DataError, SettingError, described
from handgrad.textbook.layers import Array

# At most so many rows are held out, and so many are what the features are decided from.
MOST_HELD_OUT, MOST_LOOKED_AT = 20_000, 100_000
# The share of the memory that these rows may take, and that a piece for the members may.
SAMPLED, ENCODED = 1 / 16, 1 / 64
# Where there are more steps than this in an epoch, one is enough; where fewer, so many are made.
STEPS, MOST_EPOCHS = 20_000, 12
MOST_CLASSES = 10_000
# So many values of a column of text are looked for.
MOST_TEXTS = 1000
# How many copies of its columns a fit in memory makes, and the rows that say how large one is.
COPIES, FEW = 8, 10_000
NUMBERS = 3  # how many times a fit in memory has the numbers of each member's rows
# Weight of the coverage sample when quantiles are estimated.
WEIGHT_OF_COVERAGE = 1e-6


def fits_in_memory(stream: TableStream, target: str, n_members: int) -> bool:
    """Whether half the memory is enough for all rows, and what each member has of them.

    That is their numbers, and a copy of those held out, of which it has half at the most.
    """
    first = next(stream.chunks(stream.names)).columns.slice(0, FEW)
    columns = columns_of_frame(frame_of(first.drop_columns([target])))
    try:
        width = features_of(columns, np.ones(first.num_rows), EMBEDDED_FROM).n_out
    except DataError:  # all these rows are the same
        width = len(columns)
    row = 4 * width * (n_members / 2 + 3) + 8 * NUMBERS * n_members
    room = stream.memory / 2 - row * stream.n_rows
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


class Survey:
    """What one pass through a table larger than memory finds: all that is decided before training.

    `sample` has the features of rows to decide by, which weigh `w`; `held_out` those of the rows
    held out, about a `share`, whose encoded targets are `t`: the rows whose number, mixed with the
    `seed`, is `last` or less. `targets` is what the target of all rows is.
    """

    def __init__(
        self,
        stream: TableStream,
        target: str,
        share: float,
        targets: StreamedClasses | StreamedNumbers,
        rng: np.random.Generator,
    ) -> None:
        self.stream, self.target, self.targets = stream, target, targets
        self.seed, first = int(rng.integers(2**63)), next(stream.chunks(stream.names)).columns
        room = max(1, int(stream.memory * SAMPLED * first.num_rows / first.nbytes))
        n_held_out = int(min(MOST_HELD_OUT, max(1, share * stream.n_rows), room))
        drawn = smallest(self.seed, stream.numbers(), n_held_out + min(MOST_LOOKED_AT, room))
        self.last = int(drawn[n_held_out - 1])
        held_out, looked_at = [], []
        coverage = CoverageSample([name for name in stream.names if name != target])
        for piece in stream.chunks(stream.names):
            frame = piece.columns
            targets.add(np.asarray(as_numbers(frame[target]).to_numpy()))
            found = mixed(self.seed, piece.numbers)
            held_out.append(frame.filter(found <= self.last))  # a copy: the others can go
            looked_at.append(frame.filter((found > self.last) & (found <= drawn[-1])))
            coverage.look_at(frame)
        sample, held = _joined([*looked_at, *coverage.rows.values()]), _joined(held_out)
        self.w = np.ones(sample.num_rows)
        self.w[sum(part.num_rows for part in looked_at) :] = WEIGHT_OF_COVERAGE
        self.sample, self.held_out = (part.drop_columns([target]) for part in (sample, held))
        self.t = targets.encoded(held[target])


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).combine_chunks()


class StreamedClasses:
    """The classes of a target that is read in chunks."""

    names: Array  # all of them, in order

    def add(self, y: Array) -> None:
        """Look at the targets of some rows."""
        known = [self.names] if hasattr(self, "names") else []
        self.names = np.unique(np.concatenate([*known, np.unique(y)]))
        if len(self.names) > MOST_CLASSES:
            raise DataError(
                f"a target of more than {MOST_CLASSES} classes",
                "classes of which there are many rows each",
                "TabularRegressor, if these are numbers",
            )

    def encoded(self, column: pa.ChunkedArray) -> Array:
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

    def encoded(self, column: pa.ChunkedArray) -> Array:
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
        self.learned = survey.stream.drawn(survey.seed, survey.last, inside=False)
        self.n_rows = self.learned.n_rows
        self.usual_epochs = int(np.clip(STEPS // -(-self.n_rows // BATCH), 1, MOST_EPOCHS))

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """All rows once: x (n, n_members, n_features), and t (n, n_members, n_outputs)."""
        self.passes += 1
        own = np.random.default_rng((self.seed, self.passes))
        for piece in self.learned.chunks(self.learned.names, rng):
            yield from self._side_by_side(piece.columns, own)

    def seek(
        self, row: int, rng: np.random.Generator | None = None
    ) -> tuple[int, Iterator[tuple[Array, Array]]]:
        """The last of the rows, in chunks whose orders do not depend on what was read before."""
        before, pieces = self.learned.seek(self.learned.names, row, rng)
        drawn = 0 if rng is None else int(rng.integers(2**63))
        return before, (
            pair
            for piece in pieces
            for pair in self._side_by_side(
                piece.columns, np.random.default_rng((self.seed, drawn, int(piece.numbers[0])))
            )
        )

    def _side_by_side(
        self, learned: pa.Table, own: np.random.Generator
    ) -> Iterator[tuple[Array, Array]]:
        survey, k, width = self.survey, self.n_members, self.features.n_out
        rows = max(BATCH, int(self.memory * ENCODED) // (4 * k * width))
        for start in range(0, learned.num_rows, rows):
            part = learned.slice(start, rows)
            table = columns_of_frame(frame_of(part.drop_columns([survey.target])))
            x, t = encoded(self.features, table), survey.targets.encoded(part[survey.target])
            t = (1 - self.smoothing) * t + self.smoothing / t.shape[1]
            orders = [own.permutation(len(t)) for _ in range(k)]
            yield (
                np.stack([x[order] for order in orders], axis=1),
                np.stack([t[order] for order in orders], axis=1),
            )


class CoverageSample:
    """For each column a row where it is missing, its smallest and largest number, each text of
    the first thousand, and a text that does not read as a number, or as a date.

    `rows` has a table of one row for each. A sample that these are added to has all that decides
    what a column is.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.rows: dict[tuple[str, ...], pa.Table] = {}
        self.names = names
        self.texts: dict[str, set[str]] = {name: set() for name in names}
        self.ends: dict[tuple[str, str], Any] = {}
        self.reads = {(name, reading) for name in names for reading in READINGS}

    def look_at(self, frame: pa.Table) -> None:
        """Look for such rows in a piece of the table."""
        for name in self.names:
            column = as_numbers(frame[name])
            if types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            missing = missing_targets(column)
            if is_text(column.type):
                self._look_at_text(frame, name, column)
            elif not (types.is_null(column.type) or types.is_nested(column.type)):
                self._look_at_ends(frame, name, column)
            if missing.any() and (name, "missing") not in self.rows:
                self.rows[name, "missing"] = frame.take([int(missing.argmax())])

    def _look_at_ends(self, frame: pa.Table, name: str, column: pa.ChunkedArray) -> None:
        if types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        for which, end in pc.min_max(column).as_py().items():
            so_far = self.ends.get((name, which))
            if end is None or end == so_far:
                continue
            if so_far is None or (end > so_far) == (which == "max"):
                self.ends[name, which] = end
                self.rows[name, which] = _row_with(frame, column, end)

    def _look_at_text(self, frame: pa.Table, name: str, column: pa.ChunkedArray) -> None:
        reading = [r for r in READINGS if (name, r) in self.reads]
        known = self.texts[name]
        if len(known) >= MOST_TEXTS and not reading:
            return
        texts = pc.unique(column.filter(~missing_targets(column))).to_pylist()
        for text in [text for text in texts if text not in known][: MOST_TEXTS - len(known)]:
            known.add(text)
            self.rows[name, text] = _row_with(frame, column, text)
        for kind in reading:
            if not _reads(kind, texts):
                odd = next(text for text in texts if not _reads(kind, [text]))
                self.reads.remove((name, kind))
                self.rows[name, kind, "not"] = _row_with(frame, column, odd)


def _row_with(frame: pa.Table, column: pa.ChunkedArray, value: object) -> pa.Table:
    return frame.take([pc.index(column, value).as_py()])


def _reads(reading: str, texts: Sequence[str]) -> bool:
    return READINGS[reading](Column("text", np.array(texts, object))) is not None
