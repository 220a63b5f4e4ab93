"""The estimators on a table larger than memory: what is decided in a first pass, then learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state

from handgrad.data import TableStream
from handgrad.data.drawing import mixed, smallest
from handgrad.data.files import Table as Piece
from handgrad.data.tables import check_column
from handgrad.data.targets import as_numbers
from handgrad.engines.choice import EngineName
from handgrad.errors import DataError, SettingError, described
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.row_source import Rng, RowSource
from handgrad.tabular.features import Features
from handgrad.tabular.members import BATCH, EMBEDDED_FROM, Members, Recipe, train_members
from handgrad.tabular.rows import Rows
from handgrad.tabular.tables import Table, columns_of_frame, frame_of
from handgrad.tabular.witnesses import Witnesses
from handgrad.training import History

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
# A row that only shows what there is weighs next to nothing among the quantiles.
WEIGHT_OF_A_WITNESS = 1e-6


class Estimator(Protocol):
    """What is asked of an estimator that is fit to a stream, and what is set there."""

    n_members: int
    epochs: int | None
    validation_fraction: float
    engine: EngineName
    verbose: bool
    random_state: int | np.random.RandomState | None
    features_: Features
    net_: Net
    best_epochs_: list[int]
    history_: History | None
    target_: tuple[float, float, float, float]

    def _table(self, X: pyarrow.Table, *, reset: bool) -> Table: ...
    def _checked_target(self, y: Array) -> Array: ...
    def _check_rows(self, rows: Rows) -> None: ...
    def _recipe(self) -> Recipe: ...
    def _badness(self, z: Array, t: Array) -> float: ...


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
    check_column(stream.name, stream.names, y)
    return y


def fit_streamed(model: Estimator, stream: TableStream, target: str) -> tuple[Members, Array]:
    """The members, trained on the rows of the stream, and the targets of the rows held out.

    All members hold out the same rows and go through all others, each in an order of its own.
    """
    rng = np.random.default_rng(check_random_state(model.random_state).randint(2**31 - 1))
    n_held_out = int(min(MOST_HELD_OUT, max(1, model.validation_fraction * stream.n_rows)))
    drawn = _Drawn.of(stream, int(rng.integers(2**63)), n_held_out)
    targets: _Targets = _Classes() if is_classifier(model) else _Numbers()
    held_out, looked_at, witnesses = _looked_through(stream, target, drawn, targets)
    targets.finish(model)
    frame = _joined([*looked_at, *witnesses])
    table = model._table(frame.drop_columns([target]), reset=True)
    w = np.ones(frame.num_rows)
    w[sum(part.num_rows for part in looked_at) :] = WEIGHT_OF_A_WITNESS
    model.features_ = Features.of(table, w, EMBEDDED_FROM)
    held, seed = _joined(held_out), int(rng.integers(2**63))
    n_learned = stream.n_rows - held.num_rows
    rows = _MemberRows(model, stream, target, targets, drawn, n_learned, seed)
    t = targets.encoded(held[target])
    nothing, all_held_out = np.zeros(0, int), np.arange(held.num_rows)
    batches = -(-rows.n_rows // BATCH)
    members = train_members(
        model.features_.encoded(model._table(held.drop_columns([target]), reset=False)),
        model.features_,
        t,
        [(nothing, all_held_out)] * model.n_members,
        model._recipe(),
        model._badness,
        epochs=model.epochs or int(np.clip(STEPS // batches, 1, MOST_EPOCHS)),
        rng=rng,
        engine=model.engine,
        verbose=model.verbose,
        stream=rows,
    )
    model.net_, model.best_epochs_ = members.net, members.best_epochs
    model.history_ = members.history
    return members, t


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


def _looked_through(
    stream: TableStream, target: str, drawn: _Drawn, targets: _Targets
) -> tuple[list[pyarrow.Table], list[pyarrow.Table], list[pyarrow.Table]]:
    """Rows held out, rows to decide the features from, and rows that show what else there is."""
    held_out, looked_at = [], []
    witnesses = Witnesses([name for name in stream.names if name != target])
    for piece in stream.chunks(stream.names):
        frame = piece.columns
        targets.add(np.asarray(as_numbers(frame[target]).to_numpy()))
        of_held_out, of_looked_at = drawn.masks(piece)
        held_out.append(_taken(frame, of_held_out))
        looked_at.append(_taken(frame, of_looked_at))
        witnesses.look_at(frame)
    return held_out, looked_at, [*witnesses.rows.values()]


def _taken(frame: pyarrow.Table, mask: Array) -> pyarrow.Table:
    """Those rows, copied, so that the others can go."""
    return frame.take(np.flatnonzero(mask))


def _joined(tables: Sequence[pyarrow.Table]) -> pyarrow.Table:
    import pyarrow as pa

    return pa.concat_tables(tables).combine_chunks()


class _Targets(Protocol):
    """What a pass through the target finds, and what the members learn of it."""

    def add(self, y: Array) -> None:
        """Look at the targets of some rows."""

    def finish(self, model: Estimator) -> None:
        """Tell the model."""

    def encoded(self, column: pyarrow.ChunkedArray) -> Array:
        """(n, n_outputs), float32."""


class _Classes:
    """The classes, all of them."""

    def __init__(self) -> None:
        self.names: Array | None = None

    def add(self, y: Array) -> None:
        names = np.unique(y)
        self.names = names if self.names is None else np.unique(np.concatenate([self.names, names]))
        if len(self.names) > MOST_CLASSES:
            raise DataError(
                f"a target of more than {MOST_CLASSES} classes",
                "classes of which there are many rows each",
                "TabularRegressor, if these are numbers",
            )

    def finish(self, model: Estimator) -> None:
        codes = model._checked_target(np.repeat(self.names, 3))  # type: ignore[arg-type]
        model._check_rows(Rows({}, codes, np.ones(len(codes))))

    def encoded(self, column: pyarrow.ChunkedArray) -> Array:
        codes = np.searchsorted(self.names, np.asarray(as_numbers(column).to_numpy()))  # type: ignore[arg-type]
        return np.eye(len(self.names), dtype=np.float32)[codes]  # type: ignore[arg-type]


class _Numbers:
    """Mean, deviation and range of the target."""

    def __init__(self) -> None:
        self.n, self.mean, self.squares = 0, 0.0, 0.0
        self.low, self.high = np.inf, -np.inf

    def add(self, y: Array) -> None:
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

    def finish(self, model: Estimator) -> None:
        self.deviation = float(np.sqrt(self.squares / self.n)) or 1.0
        model.target_ = (self.mean, self.deviation, self.low, self.high)

    def encoded(self, column: pyarrow.ChunkedArray) -> Array:
        y = np.asarray(as_numbers(column).to_numpy(), float)
        return ((y - self.mean) / self.deviation).astype(np.float32)[:, None]


class _MemberRows(RowSource):
    """The rows that are learned from, for all members side by side, each in its own order."""

    def __init__(
        self,
        model: Estimator,
        stream: TableStream,
        target: str,
        targets: _Targets,
        drawn: _Drawn,
        n_rows: int,
        seed: int,
    ) -> None:
        self.model, self.stream, self.target = model, stream, target
        self.targets, self.drawn, self.seed = targets, drawn, seed
        self.memory, self.n_rows = stream.memory, n_rows
        self.passes = 0

    def split(self, share: float, rng: Rng = None) -> tuple[Self, Self]:
        raise NotImplementedError

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """All rows once: x (n, n_members · n_features), and t (n, n_members · n_outputs)."""
        self.passes += 1
        own = np.random.default_rng((self.seed, self.passes))
        k, width = self.model.n_members, self.model.features_.n_out
        rows = max(BATCH, int(self.memory * ENCODED) // (4 * k * width))
        smoothing = self.model._recipe().smoothing
        for piece in self.stream.chunks(self.stream.names, rng):
            learned = piece.columns.filter(~self.drawn.masks(piece)[0])
            for start in range(0, learned.num_rows, rows):
                part = learned.slice(start, rows)
                table = columns_of_frame(frame_of(part.drop_columns([self.target])))
                x = self.model.features_.encoded(table)
                t = self.targets.encoded(part[self.target])
                t = (1 - smoothing) * t + smoothing / t.shape[1]
                orders = [own.permutation(len(t)) for _ in range(k)]
                yield (
                    np.concatenate([x[order] for order in orders], axis=1),
                    np.concatenate([t[order] for order in orders], axis=1),
                )
