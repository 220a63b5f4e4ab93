"""What the estimators share: the table, its features, the training of the members."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from handgrad.engines.choice import EngineName
from handgrad.errors import DataError, SettingError, between_0_and_1, did_you_mean, positive
from handgrad.layers import Array
from handgrad.tabular.features import Features
from handgrad.tabular.members import (
    EMBEDDED_FROM,
    Members,
    outputs_of,
    rows_of_members,
    train_members,
)
from handgrad.tabular.rows import Rows, merged
from handgrad.tabular.tables import Table, columns_of_array, columns_of_frame, frame_of


class Tabular(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: the table, its features, the members."""

    metrics: tuple[str, ...] = ()

    def __init__(
        self,
        n_members: int = 8,
        *,
        metric: str,
        epochs: int | None = None,
        validation_fraction: float = 0.125,
        engine: EngineName = "auto",
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_members = n_members
        self.metric = metric
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.engine = engine
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags

    def _check_settings(self) -> None:
        positive("n_members", self.n_members, whole=True)
        if self.epochs is not None:
            positive("epochs", self.epochs, whole=True)
        between_0_and_1("validation_fraction", self.validation_fraction)
        if self.metric not in self.metrics:
            raise SettingError(
                f"metric={self.metric!r}",
                f"one of {', '.join(self.metrics)}",
                did_you_mean(self.metric, self.metrics, f"metric={self.metrics[0]!r}"),
            )

    def _table(self, X: Any, *, reset: bool) -> Table:
        """The columns of X; names and their number are kept, or compared with those kept."""
        frame = frame_of(X)
        if frame is None:
            X = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=reset)
            return columns_of_array(X)
        table = columns_of_frame(frame)
        if not reset and not hasattr(self, "feature_names_in_"):
            table = {f"x{i}": column for i, column in enumerate(table.values())}
        if reset:
            if not table or not len(frame):
                raise DataError(
                    f"a table of {len(frame)} rows and {len(table)} columns",
                    "one column and two rows at least",
                    "check the filter or the file before",
                )
            self.n_features_in_ = len(table)
            self.feature_names_in_ = np.array([*table], object)
        return table

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> tuple[Members, Rows, Array]:
        """The trained members, the rows they learned from and the targets of these."""
        self._check_settings()
        table = self._table(X, reset=True)
        n = len(next(iter(table.values())).values)
        y = self._checked_target(values_of(y))
        check_consistent_length(np.empty(n), y)
        w = _check_sample_weight(sample_weight, np.empty((n, 1)), ensure_non_negative=True)
        rows = merged(table, y, w)
        self._check_rows(rows)
        self.features_ = Features.of(rows.table, rows.w, EMBEDDED_FROM)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        t, strata = self._targets(rows)
        share = self.validation_fraction
        members = train_members(
            self.features_.encoded(rows.table),
            self.features_,
            t,
            rows_of_members(rows.w, strata, self.n_members, share, rng),
            self._recipe(),
            self._badness,
            epochs=self.epochs,
            rng=rng,
            engine=self.engine,
            verbose=self.verbose,
        )
        self.net_, self.best_epochs_ = members.net, members.best_epochs
        return members, rows, t

    def _outputs(self, X: Any) -> Array:
        """What each member says of each row: (n, n_members, n_outputs)."""
        check_is_fitted(self)
        x = self.features_.encoded(self._table(X, reset=False))
        return outputs_of(self.net_, x, len(self.best_epochs_))


def values_of(y: Any) -> Any:
    """A target as NumPy has it, if it came as the column of a frame."""
    if y is None:
        raise DataError(
            "y is None",
            "a target for each row",
            "fit(X, y): this estimator requires y to be passed, but the target y is None",
        )
    to_numpy = getattr(y, "to_numpy", None)
    return to_numpy() if to_numpy else y


def refuse_unusable(y: Array) -> None:
    """Refuse a target that is not there, or not finite, in every row."""
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise DataError(
            "Input y contains infinity or a value too large for dtype('float64').",
            "finite targets",
            "leave those rows out",
        )
    missing = np.array([value is None or value != value for value in y.ravel()], bool)
    if missing.any():
        raise DataError(
            f"Input y contains NaN: {missing.sum()} targets are missing, the first in row "
            f"{np.flatnonzero(missing)[0]}, counted from 0",
            "a target in every row",
            "leave those rows out",
        )
