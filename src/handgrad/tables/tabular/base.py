"""Base of the estimators of tables: columns, encoding, training of the ensemble."""

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, asdict, dataclass
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from handgrad.engines.dispatch import EngineName
from handgrad.engines.sharding import Shardable
from handgrad.exchange.exporting.wrapper_layers import EachMember
from handgrad.files.features import Column, Columns, Features
from handgrad.files.tensors import damaged, shown
from handgrad.tables.data import TableStream
from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.data.frames import (
    columns_of_array,
    columns_of_frame,
    columns_of_records,
    frame_of,
    numbers_in,
    records_in,
)
from handgrad.tables.data.out_of_range import out_of_range
from handgrad.tables.data.unseen_values import no_unseen_warnings, tell
from handgrad.tables.data.validation_rows import parts_of
from handgrad.tables.tabular.conformal import ConformityScores, Intervals
from handgrad.tables.tabular.features import (
    MergedRows,
    encoded,
    features_of,
    merged,
    parsed,
    unseen_in,
    without_ranges,
)
from handgrad.tables.tabular.files import FittedToTable, checked, features_from
from handgrad.tables.tabular.members import (
    EMBEDDED_FROM,
    MemberData,
    Members,
    outputs_of,
    rows_beside,
    rows_by_units,
    rows_of_members,
    train_members,
)
from handgrad.tables.tabular.random_state import generator_of
from handgrad.tables.tabular.scorers import EpochMetric, Scoring, refuse_unknown
from handgrad.tables.tabular.streamed import (
    MemberRows,
    Survey,
    checked_name,
    fits_in_memory,
)
from handgrad.tables.tabular.text_columns import refuse_streamed, text_columns
from handgrad.tables.tabular.training_state import Earlier, TrainingState
from handgrad.textbook.errors import (
    DataError,
    HandgradError,
    SettingError,
    between_0_and_1,
    positive,
)
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net import Net
from handgrad.textbook.net.shared_rows import SharedRows
from handgrad.training import History
from handgrad.training.results import NetRows, is_classifier

NO_STATE: TrainingState | None = None  # of a training to continue
FAR = 1e9  # clips encoded targets to the range of float32


class TableEstimator(BaseEstimator):  # type: ignore[misc]
    """Estimator of raw tables; the types of the columns are fitted."""

    features_: Features
    feature_names_in_: Array
    conformal_: Intervals | ConformityScores | None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags

    def _table(self, X: object, *, reset: bool) -> Columns:
        """The columns of X; their names and number are stored, or compared with the stored ones."""
        records = records_in(X)
        frame = None if records is not None else frame_of(X)
        if records is not None:
            table = columns_of_records(records)
        elif frame is not None:
            table = columns_of_frame(frame)
        else:
            array: Array = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=reset)
            table = columns_of_array(array)
            if reset or not hasattr(self, "feature_names_in_"):
                return table
            return dict(zip(self.feature_names_in_, table.values(), strict=True))
        if not reset and not hasattr(self, "feature_names_in_"):
            table = {f"x{i}": column for i, column in enumerate(table.values())}
        if reset:
            n_rows = max((len(column.values) for column in table.values()), default=0)
            if not n_rows:
                raise DataError(
                    f"a table of {n_rows} rows and {len(table)} columns",
                    "at least one column and two rows",
                    "check the filter or the file",
                )
            self.n_features_in_ = len(table)
            self.feature_names_in_ = np.array([*table], object)
        return table

    def _encoded(self, X: object) -> Array:
        """Encode rows to predict, (n, n_out), and warn of values beyond those of the training."""
        table = parsed(self.features_, self._table(X, reset=False))
        x = self.features_.encoded(table)
        values = unseen_in(self.features_, table), out_of_range(self.features_, table)
        tell(*values, X, len(x), stacklevel=4)
        return x

    def _weights(self, table: Columns, sample_weight: object) -> Array:
        """Weight of each row of a table, (n,)."""
        n = len(next(iter(table.values())).values)
        w: Array = _check_sample_weight(sample_weight, np.empty((n, 1)), ensure_non_negative=True)
        return w

    def _target_weights(self, targets: Array) -> Array | None:
        """Factors of the rows' weights, (n,), by their targets; None without."""
        return None

    @contextmanager
    def _as_it_was_if_it_fails(self) -> Iterator[None]:
        """Context that restores all attributes if the fit inside fails."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _quietly(self, predict: Callable[[object], Array]) -> Callable[[object], Array]:
        """`predict` without warnings of unseen values, for examples."""

        def quietly(table: object) -> Array:
            with no_unseen_warnings():
                return predict(table)

        return quietly

    # in a file

    _in_file: ClassVar[tuple[str, ...]] = ("columns", "named")
    _optional_in_file: ClassVar[tuple[str, ...]] = ("conformal",)

    def _to_file(self) -> tuple[dict[str, Any], Net | None]:
        named = hasattr(self, "feature_names_in_")
        return {"columns": self.features_.described(), "named": named}, None

    def _columns_from_file(self, fitted: FittedToTable) -> None:
        self.features_ = features_from(fitted["columns"])
        self.n_features_in_ = len(self.features_.features)
        if fitted["named"]:
            self.feature_names_in_ = np.array([*self.features_.features], object)
        elif [*self.features_.features] != [f"x{i}" for i in range(self.n_features_in_)]:
            raise damaged("columns with names instead of numbers", "x0, x1 and so on")


@dataclass(frozen=True)
class HeldOut:
    """Arguments of a fit for validation: groups or times of the rows, or rows of its own."""

    groups: object = None
    time: object = None
    eval_set: object = None

    def units(self, n: int) -> Units | None:
        """Groups or times of `n` rows; None without them."""
        units = Units.of(self.groups, self.time, n)
        if units is not None and self.eval_set is not None:
            what = "time=" if units.ordered else "groups="
            raise SettingError(
                f"{what} with eval_set=",
                "one of them, for the validation rows",
                f"without {what}, which would have no effect",
            )
        return units


@dataclass(repr=False, eq=False)
class Tabular(Shardable, TableEstimator):
    """Parameters of both estimators, the encoding, and the ensemble."""

    n_members: int = 8
    _: KW_ONLY
    metric: Scoring = ""
    epochs: int | None = None
    validation_fraction: float = 0.125
    engine: EngineName = "auto"
    verbose: bool = False
    random_state: int | np.random.RandomState | None = None
    text: Sequence[str] = ()
    time_limit: float | None = None
    warm_start: bool = False

    metrics: ClassVar[tuple[str, ...]] = ()
    _optional_in_file: ClassVar[tuple[str, ...]] = ("conformal", "training", "arrays")
    _state = NO_STATE

    @property
    def _weighs_in_loss(self) -> bool:
        """True if the weights of rows are in the loss; else rows are repeated."""
        return False

    @property
    def _smallest_target(self) -> float:
        """Smallest encoded target."""
        return -FAR

    def _check_settings(self) -> None:
        positive("n_members", self.n_members, whole=True)
        if self.epochs is not None:
            positive("epochs", self.epochs, whole=True)
        if self.time_limit is not None:
            positive("time_limit", self.time_limit)
        between_0_and_1("validation_fraction", self.validation_fraction)
        if self.metric not in self.metrics:
            refuse_unknown(self.metric, self.metrics)

    def _fit(
        self,
        X: object,
        y: object,
        sample_weight: object,
        held_out: HeldOut,
        *,
        incremental: bool = False,
    ) -> tuple[Members, MemberData]:
        """Train the members; returns them and the data that the held-out rows index.

        A warm start, or an `incremental` fit, continues with the members of the fit before.
        """
        self._check_settings()
        earlier, keep = None, self.warm_start or incremental
        if keep and hasattr(self, "net_"):
            earlier = self._earlier()
        if isinstance(X, TableStream):
            arguments = {"sample_weight": sample_weight, **vars(held_out)}
            y, notes = checked_name(X, y, arguments), X.notes
            X = X.with_target(y)
            for note in X.notes[len(notes) :]:
                warnings.warn(f"{X.name}: {note}", stacklevel=4)
        if isinstance(X, TableStream) and not fits_in_memory(X, str(y), self.n_members):
            refuse_streamed(self.text)
            if earlier is not None:
                raise SettingError(
                    f"{X.name}, larger than memory, to continue the training",
                    "a table that fits in memory",
                    "a part of it; or a new model of all rows, with warm_start=False",
                )
            data = self._streamed_data(X, str(y))
        else:
            data = self._member_data(X, y, sample_weight, held_out, earlier)
        recipe = self._recipe()
        parts = data, self.features_, recipe, self.engine
        members = train_members(
            *parts,
            self.sharding,
            verbose=self.verbose,
            time_limit=self.time_limit,
            earlier=earlier,
            keep_state=keep,
        )
        if isinstance(recipe.badness, EpochMetric) and all(map(len, members.held_out)):
            recipe.badness.check(members.badness)
        self.net_, self.best_epochs_ = members.net, members.best_epochs
        self.history_: History | None = members.history
        self._state = members.state
        return members, data

    def _earlier(self) -> Earlier:
        """Members to continue with; refused if the settings do not fit them."""
        if self.n_members != len(self.best_epochs_):
            raise SettingError(
                f"n_members={self.n_members}, to continue with {len(self.best_epochs_)} members",
                "the members of the fit before",
                f"n_members={len(self.best_epochs_)}; or warm_start=False, for a new ensemble",
            )
        return Earlier(self.net_, self._state)

    def _table_to_continue_with(self, X: object) -> Columns:
        """Columns of the fit before, with a warning of values beyond those of its rows."""
        table = self._table(X, reset=False)
        read = parsed(self.features_, table)
        n_rows = max((len(column.values) for column in table.values()), default=0)
        values = unseen_in(self.features_, read), out_of_range(self.features_, read)
        tell(*values, X, n_rows, stacklevel=6)
        return {name: table[name] for name in self.features_.features if name in table}

    def _member_data(
        self,
        X: object,
        y: object,
        sample_weight: object,
        held_out: HeldOut,
        earlier: Earlier | None,
    ) -> MemberData:
        """Encode a table in memory, and divide its rows among the members."""
        if isinstance(X, TableStream):
            frame = X.to_table()
            X, y = frame.drop_columns([y]), frame[y]
            del frame
        if earlier is None:
            table, targets = self._table(X, reset=True), self._checked_target(values_of(y))
        else:
            table = self._table_to_continue_with(X)
            targets = self._further_targets(values_of(y))
        w = self._weights(table, sample_weight)
        check_consistent_length(w, targets)
        if (of_targets := self._target_weights(targets)) is not None:
            w = w * of_targets
        rows = merged(table, targets, w, held_out.units(len(w)))
        del X, table, y, targets, w  # free the memory for the members' rows
        self._check_rows(rows)
        rng = self._generator()
        if earlier is None:
            t, strata = self._targets(rows)
            texts = text_columns(rows, self._for_texts(t), rng, self.text)
            self.features_ = features_of(rows.table, rows.w, EMBEDDED_FROM, texts.features)
            x = encoded(self.features_, rows.table, texts.scores)
        else:
            t = self._scaled(rows.y)
            strata = rows.y if is_classifier(self) else np.zeros(len(t), int)
            x = encoded(self.features_, rows.table)
            if earlier.state is not None:
                rng.bit_generator.state = earlier.state.split
        split = rng.bit_generator.state
        w, w_held_out = rows.w, None
        if held_out.eval_set is not None:
            x_more, t_more, w_held_out = self._given(held_out.eval_set)
            x, t, w = map(np.concatenate, ((x, x_more), (t, t_more), (w, w_held_out)))
        of_members = self._divided(rows, strata, w_held_out, rng)
        in_loss = w if self._weighs_in_loss and (w != w[0]).any() else None
        independent = rows.units is None
        return MemberData(
            x, t, of_members, rng, self.epochs, split=split, w=in_loss, independent=independent
        )

    def _divided(
        self, rows: MergedRows, strata: Array, held_out: Array | None, rng: np.random.Generator
    ) -> list[tuple[Array, Array]]:
        """Training and held-out rows of each member; `held_out` are weights of an `eval_set`."""
        n_members, share, w = self.n_members, self.validation_fraction, rows.w
        if self._weighs_in_loss:
            w, held_out = np.ones_like(w), None if held_out is None else np.ones_like(held_out)
        if held_out is not None:
            return rows_beside(w, held_out, n_members, rng)
        if rows.units is not None:
            return rows_by_units(w, strata, rows.units, n_members, share, rng)
        return rows_of_members(w, strata, n_members, share, rng)

    def _for_texts(self, t: Array) -> Array:
        """Encoded targets by which words are scored; a regressor's are quantiles of one number."""
        return t if is_classifier(self) else t[:, :1]

    def _scaled(self, targets: Array) -> Array:
        """Targets for the net, in the scale of the fit."""
        t = self._net_targets(targets)[0]
        return np.clip(t, self._smallest_target, FAR).astype(np.float32)

    def _given(self, eval_set: object) -> tuple[Array, Array, Array]:
        """Features, encoded targets and weights of the rows of `eval_set`."""
        X, y, weights = parts_of(eval_set)
        try:
            table = self._table(X, reset=False)
            w, codes = self._weights(table, weights), self._further_targets(values_of(y))
            check_consistent_length(w, codes)
            if (of_targets := self._target_weights(codes)) is not None:
                w = w * of_targets
            if not (w > 0).any():
                raise ValueError("no rows of weight")
            x = encoded(self.features_, table)
        except (TypeError, ValueError) as error:
            came = error.came if isinstance(error, HandgradError) else str(error)
            raise DataError(
                f"eval_set: {came}",
                "rows and targets like the training rows",
                "the same columns, and no class that the training rows lack",
            ) from error
        return x[w > 0], self._scaled(codes)[w > 0], w[w > 0]

    def _streamed_data(self, stream: TableStream, target: str) -> MemberData:
        """The same as `_member_data`, for a table larger than memory.

        All members hold out the same rows, and read all others, each in its own order.
        """
        rng = self._generator()
        survey = Survey(stream, target, self.validation_fraction, self._streamed_target(), rng)
        self._take_streamed(survey.targets)
        table = self._table(survey.sample, reset=True)
        self.features_ = without_ranges(
            features_of(table, survey.w, EMBEDDED_FROM), survey.columns_of_numbers
        )
        smoothing, seed = self._recipe().smoothing, int(rng.integers(2**63))
        rows = MemberRows(survey, self.features_, self.n_members, smoothing, seed)
        held_out = [(np.zeros(0, int), np.arange(len(survey.t)))] * self.n_members
        x = encoded(self.features_, self._table(survey.held_out, reset=False))
        return MemberData(x, survey.t, held_out, rng, self.epochs or rows.usual_epochs, rows)

    def _generator(self) -> np.random.Generator:
        return generator_of(self.random_state)

    def _outputs(self, X: object) -> tuple[Array, Array]:
        """Encoded rows, and the output of each member for each: (n, n_members, n_outputs)."""
        check_is_fitted(self)
        x, n_members = self._encoded(X), len(self.best_epochs_)
        members = np.broadcast_to(np.arange(len(x))[:, None], (len(x), n_members))
        return x, outputs_of(self.net_, SharedRows(x, members), self.engine)

    def _without_codes(self, x: Array) -> Array:
        """Encoded rows without the codes of embedded categories, which are no quantities."""
        return x[:, : self.features_.n_out - len(self.features_.n_codes)]

    def training_history(self) -> tuple[History | None, None]:
        """`history_`, and no best epoch: each member has its own."""
        return self.history_, None

    def net_rows(self, X: object, y: Array) -> NetRows:
        """Rows and targets, numbers or class indices, in the form of `net_`."""
        members = len(self.best_epochs_)
        x = encoded(self.features_, self._table(X, reset=False))
        t, loss = self._net_targets(y)
        names = self.features_.names() * members
        x, t = (np.repeat(part[:, None], members, axis=1) for part in (x, t))
        return NetRows(x, t, loss, True, names)

    def _whole_net(self, *after: Layer) -> Net:
        """Net that takes one row, copies it for each member, and combines their outputs."""
        first = EachMember(self.features_.n_out, len(self.best_epochs_))
        return Net(first, *map(copy.deepcopy, self.net_.layers), *after, dtype=self.net_.dtype)

    # in a file

    def _to_file(self) -> tuple[dict[str, Any], Net | None]:
        columns, _ = super()._to_file()
        members: dict[str, Any] = {"best_epochs": [*self.best_epochs_]}
        if (scores := getattr(self, "conformal_", None)) is not None:
            members["conformal"] = asdict(scores)
        if self.warm_start and (state := self._state) is not None:
            members |= {"training": state.described(), "arrays": state.arrays}
        return columns | members | self._target_to_file(), self.net_

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._check_settings()
        state = checked(fitted, self._in_file, self._optional_in_file)
        self._columns_from_file(state)
        self.best_epochs_, self.history_ = [*state["best_epochs"]], None
        n_outputs, n_members = self._target_from_file(state), len(self.best_epochs_)
        shape = (n_members, self.features_.n_out)
        fits = net is not None and (net.shape_in, net.n_out) == (shape, n_outputs)
        if net is None or not fits or net.dtype != np.float64:
            raise damaged(f"the net {shown(net)}", f"a net from {shape} to {n_outputs} outputs")
        self.net_ = net
        if "training" in state:
            self._state = TrainingState.read(state["training"], state.get("arrays", {}), net)


def values_of(y: object) -> Any:
    """A target as an array, from an array or the column of a frame."""
    if y is None:
        raise DataError(
            "y is None",
            "a target for each row",
            "fit(X, y): this estimator requires y to be passed, but the target y is None",
        )
    y = y.to_numpy() if hasattr(y, "to_numpy") else y
    values = np.asarray(y)
    if values.dtype == object and values.size and isinstance(values.flat[0], Decimal):
        whole = all(value.as_tuple().exponent >= 0 for value in values.flat)
        return values.astype(float).astype(int) if whole else values.astype(float)
    return y


def numbers_of(y: object, instead: str) -> Array:
    """Targets as numbers, (n,), also from texts of numbers; `instead` is the advice for others."""
    values: Array = column_or_1d(y, warn=True)
    try:
        texts = [value for value in values.tolist() if isinstance(value, str)]
        column = numbers_in(Column("text", values.astype(object))) if texts else None
        if texts and column is None:
            raise ValueError(texts[0])
        return column.values if column else np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"targets such as {values.tolist()[0]!r}", "numbers", instead or "a column of numbers"
        ) from error


def refuse_one_row(rows: MergedRows) -> None:
    """Refuse a table all of whose rows are the same."""
    if len(rows.w) < 2:
        raise DataError(
            "1 sample after equal rows are merged",
            "at least two distinct rows",
            "more rows, or check the filter",
        )


def refuse_unusable(y: Array) -> None:
    """Refuse missing or infinite targets."""
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise DataError(
            "Input y contains infinity or a value too large for dtype('float64').",
            "finite targets",
            "remove those rows",
        )
    missing = np.array([value is None or value != value for value in y.ravel()], bool)
    if missing.any():
        raise DataError(
            f"Input y contains NaN: {missing.sum()} targets are missing, the first in row "
            f"{np.flatnonzero(missing)[0]}, counted from 0",
            "a target in every row",
            "remove those rows",
        )
