"""Estimators on tables larger than memory: a survey in one pass, then rows in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

# Largest number of held-out rows, and of rows that the features are fitted to.
MOST_HELD_OUT, MOST_LOOKED_AT = 20_000, 100_000
# Fractions of the memory for these rows, and for a chunk of the members' rows.
SAMPLED, ENCODED = 1 / 16, 1 / 64
# Target number of steps, and most epochs.
STEPS, MOST_EPOCHS = 20_000, 12
MOST_CLASSES = 10_000
# Distinct values of a text column in the coverage sample.
MOST_TEXTS = 1000
# Copies of the columns in a fit in memory, and rows to estimate their size.
COPIES, FEW = 8, 10_000
NUMBERS = 3  # copies of each member's row indices in a fit in memory
# Weight of the coverage sample when quantiles are estimated.
WEIGHT_OF_COVERAGE = 1e-6


def fits_in_memory(stream: TableStream, target: str, n_members: int) -> bool:
    """Return True if half the memory is enough for all rows and the members' copies of them.

    These are the row indices of each member, and a copy of its held-out rows: at most half of them.
    """
    first = next(stream.chunks(stream.names)).columns.slice(0, FEW)
    columns = columns_of_frame(frame_of(first.drop_columns([target])))
    try:
        width = features_of(columns, np.ones(first.num_rows), EMBEDDED_FROM).n_out
    except DataError:  # all these rows are equal
        width = len(columns)
    row = 4 * width * (n_members / 2 + 3) + 8 * NUMBERS * n_members
    room = stream.memory / 2 - row * stream.n_rows
    if COPIES * first.nbytes / first.num_rows * stream.n_rows > room:
        return False
    for piece in stream.chunks(stream.names):  # later rows may be larger
        room -= COPIES * piece.columns.nbytes
        if room < 0:
            return False
    return True


def checked_name(stream: TableStream, y: object, given: Mapping[str, object]) -> str:
    """Name of the target column; refused if `y` is anything else, or other arguments are given."""
    for name, value in given.items():
        if value is not None:
            raise SettingError(
                f"{name} with a streamed table",
                "rows of equal weight"
                if name in ("sample_weight", "exposure")
                else "rows held out at random",
                "fit(stream.to_table(), …) if it fits in memory",
            )
    if not isinstance(y, str):
        raise SettingError(
            f"y = {described(y)} with a streamed table",
            "the name of the target column",
            f"fit(stream, {stream.names[-1]!r}), for example",
        )
    check_columns(stream.name, stream.names, y)
    return y


class Survey:
    """Results of one pass through a table larger than memory, needed before training.

    `sample` has the features of rows with weights `w` to which the encoders are fitted; `held_out`
    those of the held-out rows, about a fraction `share`, whose encoded targets are `t`: the rows
    whose hash with `seed` is at most `last`. `targets` describes the target of all rows. The sample
    has the ends of the `columns_of_numbers`, as it may not of numbers in text.
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
        held_out, sampled = [], []
        coverage = CoverageSample([name for name in stream.names if name != target])
        for piece in stream.chunks(stream.names):
            frame = piece.columns
            targets.add(np.asarray(as_numbers(frame[target]).to_numpy()))
            hashes = mixed(self.seed, piece.numbers)
            held_out.append(
                frame.filter(hashes <= self.last)
            )  # copies, so that the chunk can be freed
            sampled.append(frame.filter((hashes > self.last) & (hashes <= drawn[-1])))
            coverage.look_at(frame)
        sample, held = _joined([*sampled, *coverage.rows.values()]), _joined(held_out)
        self.w = np.ones(sample.num_rows)
        self.w[sum(part.num_rows for part in sampled) :] = WEIGHT_OF_COVERAGE
        self.sample, self.held_out = (part.drop_columns([target]) for part in (sample, held))
        self.t = targets.encoded(held[target])
        self.columns_of_numbers = {name for name, _ in coverage.ends}


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).combine_chunks()


class StreamedClasses:
    """Classes of a target that is read in chunks."""

    names: Array  # all of them, in order
    counts: Array  # number of rows of each

    def add(self, y: Array) -> None:
        """Update with the targets of some rows."""
        names, counts = np.unique(y, return_counts=True)
        if hasattr(self, "names"):
            names, counts = (
                np.concatenate(pair) for pair in ((self.names, names), (self.counts, counts))
            )
        self.names, places = np.unique(names, return_inverse=True)
        self.counts = np.bincount(places, counts)
        if len(self.names) > MOST_CLASSES:
            raise DataError(
                f"a target of more than {MOST_CLASSES} classes",
                "classes with many rows each",
                "TabularRegressor if these are numbers",
            )

    def encoded(self, column: pa.ChunkedArray) -> Array:
        """One-hot targets, (n, n_classes), float32."""
        codes = np.searchsorted(self.names, np.asarray(as_numbers(column).to_numpy()))
        return np.eye(len(self.names), dtype=np.float32)[codes]


class StreamedNumbers:
    """Mean, deviation and range of a target that is read in chunks, for so many outputs."""

    def __init__(self, n_outputs: int) -> None:
        self.n_outputs = n_outputs
        self.n, self.mean, self.squares = 0, 0.0, 0.0
        self.low, self.high = np.inf, -np.inf

    def add(self, y: Array) -> None:
        """Update with the targets of some rows."""
        if y.dtype.kind not in "fiub":
            raise DataError(
                f"targets such as {y.tolist()[0]!r}",
                "numbers",
                "TabularClassifier if these are classes",
            )
        y = y.astype(float)
        if not np.isfinite(y).all():
            raise DataError("the target contains infinity", "finite targets", "remove them")
        # means and squares of two parts joined: Chan, Golub, LeVeque, 1979
        n, mean = len(y), float(y.mean())
        apart = mean - self.mean
        self.squares += float(((y - mean) ** 2).sum()) + apart**2 * self.n * n / (self.n + n)
        self.n += n
        self.mean += apart * n / self.n
        self.low, self.high = min(self.low, float(y.min())), max(self.high, float(y.max()))

    @property
    def deviation(self) -> float:
        """Standard deviation; 1 if all are equal."""
        return float(np.sqrt(self.squares / self.n)) or 1.0

    def encoded(self, column: pa.ChunkedArray) -> Array:
        """Standardized targets, (n, n_outputs), float32."""
        y = np.asarray(as_numbers(column).to_numpy(), float)
        t = ((y - self.mean) / self.deviation).astype(np.float32)
        return np.repeat(t[:, None], self.n_outputs, axis=1)


class MemberRows(RowSource):
    """Training rows for all members together, each in its own order."""

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
        """Yield all rows once: x (n, n_members, n_features), and t (n, n_members, n_outputs)."""
        self.passes += 1
        order_rng = np.random.default_rng((self.seed, self.passes))
        for piece in self.learned.chunks(self.learned.names, rng):
            yield from self._side_by_side(piece.columns, order_rng)

    def seek(
        self, row: int, rng: np.random.Generator | None = None
    ) -> tuple[int, Iterator[tuple[Array, Array]]]:
        """Skip to the part that contains a row; orders do not depend on earlier chunks.

        Returns the number of rows skipped, and the chunks from there on.
        """
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
        self, learned: pa.Table, order_rng: np.random.Generator
    ) -> Iterator[tuple[Array, Array]]:
        survey, k, width = self.survey, self.n_members, self.features.n_out
        rows = max(BATCH, int(self.memory * ENCODED) // (4 * k * width))
        for start in range(0, learned.num_rows, rows):
            part = learned.slice(start, rows)
            table = columns_of_frame(frame_of(part.drop_columns([survey.target])))
            x, t = encoded(self.features, table), survey.targets.encoded(part[survey.target])
            t = (1 - self.smoothing) * t + self.smoothing / t.shape[1]
            orders = [order_rng.permutation(len(t)) for _ in range(k)]
            yield (
                np.stack([x[order] for order in orders], axis=1),
                np.stack([t[order] for order in orders], axis=1),
            )


class CoverageSample:
    """Rows that cover all values that decide a column's type.

    For each column: a row where it is missing, its smallest and largest number, each of the first
    thousand texts, and a text that does not parse as a number, or as a date. `rows` has a table of
    one row for each.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.rows: dict[tuple[str, ...], pa.Table] = {}
        self.names = names
        self.texts: dict[str, set[str]] = {name: set() for name in names}
        self.ends: dict[tuple[str, str], Any] = {}
        self.reads = {(name, reading) for name in names for reading in READINGS}

    def look_at(self, frame: pa.Table) -> None:
        """Search a chunk of the table for such rows."""
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
        seen = self.texts[name]
        if len(seen) >= MOST_TEXTS and not reading:
            return
        texts = pc.unique(column.filter(~missing_targets(column))).to_pylist()
        for text in [text for text in texts if text not in seen][: MOST_TEXTS - len(seen)]:
            seen.add(text)
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
