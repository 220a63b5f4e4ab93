"""Estimators for raw tables: an encoder, a classifier and a regressor without tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, column_or_1d

from handgrad.engines.deterministic_ufuncs import deterministic
from handgrad.exchange.exporting.model_spec import ModelParts
from handgrad.exchange.exporting.wrapper_layers import MeanOfMembers, Numbers, Temperature
from handgrad.files.features import Column
from handgrad.files.tensors import damaged
from handgrad.files.values import read_classes, written_array
from handgrad.tables.data.frames import numbers_in
from handgrad.tables.tabular.base import TableEstimator, Tabular, refuse_one_row, refuse_unusable
from handgrad.tables.tabular.decisions import (
    Threshold,
    best_threshold,
    check_threshold,
    class_thresholds,
    positive_of,
)
from handgrad.tables.tabular.features import MergedRows, features_of, merged, quantiles
from handgrad.tables.tabular.files import FittedToTable, checked
from handgrad.tables.tabular.members import Members, Recipe
from handgrad.tables.tabular.scorers import EpochMetric, Scoring, score_classes, score_numbers
from handgrad.tables.tabular.streamed import StreamedClasses, StreamedNumbers
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.layers import SELU, Array, Mish, Softmax
from handgrad.textbook.losses import Loss, MAELoss, MSELoss, SoftTargetCrossEntropyLoss
from handgrad.textbook.net import Net
from handgrad.textbook.special_functions import power

SMOOTHING = 0.1
NORMAL_QUARTILES = 1.349  # interquartile range of a normal distribution, in standard deviations
FAR = 1e9  # clips targets of mae to the range of float32
OF_SQUARES = ("rmse", "root_mean_squared_error", "mean_squared_error")
TEMPERATURES = power(np.e, np.linspace(-2, 2, 161))


class TableEncoder(TransformerMixin, TableEstimator):  # type: ignore[misc]
    """Encoder of a table as a float32 matrix for a net: fitted once, then fixed.

    `X` is a data frame of pandas, polars or pyarrow, or an array: numbers, text, categories,
    booleans and dates, with missing values. Numbers become robust z-scores and come first;
    `summary()` shows the type inferred for each column. Columns are matched by name: their order,
    further columns and unseen values do not matter. `TabularClassifier` encodes tables in the same
    way, except that it embeds categories; here the 256 most frequent values are one-hot encoded.

    `features_` has the encoders of the columns, `n_features_in_` is their number.

    >>> import pyarrow as pa, handgrad as hg
    >>> table = pa.table({"age": [20, 30, 40, 50], "town": ["Ulm", "Bonn", "Ulm", "Bonn"]})
    >>> encoder = hg.tables.TableEncoder().fit(table)
    >>> print(encoder.summary())
    age   number
    town  binary, 'Bonn' or 'Ulm'
    >>> encoder.transform(table)[:, 1].tolist(), encoder.get_feature_names_out().tolist()
    ([1.0, -1.0, 1.0, -1.0], ['age', 'town'])
    """

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Fit an encoder to each column of a table.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows of the table.
        y : None
            Ignored.
        sample_weight : array-like, (n,), optional
            Weight of each row.

        Returns
        -------
        self

        Raises
        ------
        DataError
            If all rows are the same.
        """
        with self._as_it_was_if_it_fails():
            table = self._table(X, reset=True)
            w = self._weights(table, sample_weight)
            rows = merged(table, np.zeros(len(w)), w)
            refuse_one_row(rows)
            self.features_ = features_of(rows.table, rows.w)
        return self

    def transform(self, X: object) -> Array:
        """Encode each row of `X`: (n, n_numbers), float32."""
        check_is_fitted(self)
        return self._encoded(X)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Array:
        """Names of the encoded columns: `town_Ulm` is 1 where the town is Ulm."""
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        names = None if input_features is None else [str(name) for name in input_features]
        return np.array(self.features_.names(names), object)

    def summary(self) -> str:
        """Table of the columns and their types."""
        check_is_fitted(self)
        return self.features_.summary()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _exported_before(self, parts: ModelParts) -> ModelParts:
        names, predict = tuple(self.features_.names()), self._quietly(parts.predict)
        return replace(parts, features=self.features_, names=names, predict=predict)

    # in a file

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._columns_from_file(checked(fitted, self._in_file))


@dataclass(repr=False, eq=False)
class TabularClassifier(ClassifierMixin, Tabular):  # type: ignore[misc]
    """Ensemble of small nets for classification of tables, without preprocessing or tuning.

    `X` is a data frame of pandas, polars or pyarrow, or an array: numbers, text, categories,
    booleans and dates, with missing values; `features_.summary()` shows the type inferred for each
    column. At prediction columns are matched by name: their order, further columns and unseen
    values do not matter.

    The members' probabilities are averaged, and calibrated by a temperature fitted to the held-out
    rows. `history_` has the mean losses of the members, epoch by epoch; None in a loaded model.

    Parameters
    ----------
    n_members : int, default 8
        Nets of the ensemble, trained together, each on rows of its own.
    metric : str or callable, default "log_loss"
        Validation metric that selects each member's best epoch: a metric of `hg.metrics`, a scorer
        of scikit-learn, or a function of (estimator, X, y), larger for better predictions.
    epochs : int, optional
        Epochs; if not given, as many as make about 500 steps, 12 to 32.
    validation_fraction : float, default 0.125
        Fraction of the rows held out from each member.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        Engine, as in `hg.train`.
    verbose : bool, default False
        Whether progress is printed.
    random_state : int, RandomState or None, default None
        Seed of the initial weights, the shuffling and the held-out rows.
    class_weight : dict of class to number, "balanced" or None, default None
        Weights of the classes, multiplied with those of the rows.
    positive : class, optional
        The positive class of two; the rarer one if not given.
    threshold : number, str or dict, optional
        Probability of the positive class above which it is predicted. Or chosen on the held-out
        rows: by the metric "f1", "balanced_accuracy" or "accuracy"; or as the cheapest for costs,
        `{"miss": 10, "false_alarm": 1}`. If not given, the most probable class is predicted.

    References
    ----------
    Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees
    on Tabular Data", 2024; Gorishniy et al., "TabM", 2025, for members trained together.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, x_test, y, y_test = hg.data.train_test_split(*hg.data.load("iris"), rng=0)
    >>> model = hg.TabularClassifier(n_members=2, epochs=20, random_state=0).fit(x, y)
    >>> model.score(x_test, y_test) > 0.9, model.predict_proba(x_test).shape
    (True, (30, 3))
    """

    metric: Scoring = field(default="log_loss", kw_only=True)
    class_weight: Mapping[Any, float] | str | None = field(default=None, kw_only=True)
    positive: object = field(default=None, kw_only=True)
    threshold: Threshold | None = field(default=None, kw_only=True)

    metrics = ("log_loss", "accuracy")
    streamed_target = StreamedClasses

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Fit the ensemble to a table and its targets.

        Parameters
        ----------
        X : data frame, array-like (n, n_features), or TableStream
            Training rows; a stream of `hg.data.open_table` may be larger than memory.
        y : array-like (n,), or str
            Classes, numbers or text; with a stream, the name of the target column.
        sample_weight : array-like (n,), optional
            Weight of each row; a weight of 2 is the same as the row twice.

        Returns
        -------
        self
        """
        check_threshold(self.threshold)
        with self._as_it_was_if_it_fails():
            members, t = self._fit(X, y, sample_weight)
            self.temperature_ = _temperature(members, t)
            self.threshold_ = self._threshold(members, t)
        return self

    def _threshold(self, members: Members, t: Array) -> float | None:
        """Threshold for the positive class, chosen on the members' held-out rows."""
        if self.threshold is None:
            return None
        k = self.positive_
        if k is None:
            raise DataError(
                f"threshold={self.threshold!r}, with {len(self.classes_)} classes",
                "two classes, one of which is positive",
                "no threshold; or a target of two classes",
            )
        z, of_rows = held_out_rows(members, t)
        p = Softmax().forward(deterministic(z / self.temperature_))
        return best_threshold(self.threshold, p[:, k], of_rows.argmax(axis=1) == k)

    @property
    def class_thresholds(self) -> Array | None:
        """Threshold of each class, (2,), or None: the largest ratio to its own is predicted."""
        return class_thresholds(self.threshold_, self.positive_)

    def predict_proba(self, X: object) -> Array:
        """Predict the probability of each of `classes_` for each row: (n, n_classes)."""
        z = self._outputs(X) / self.temperature_
        return np.asarray(Softmax().forward(deterministic(z, self.engine)).mean(axis=1))

    def predict(self, X: object) -> Array:
        """Predict the class of each row, (n,): the most probable one, or by the threshold."""
        p = self.predict_proba(X)  # first: it checks that the estimator is fitted
        thresholds = self.class_thresholds
        return np.asarray(
            self.classes_[(p if thresholds is None else p / thresholds).argmax(axis=1)]
        )

    def _net_targets(self, y: Array) -> tuple[Array, Loss]:
        return np.eye(len(self.classes_))[y], SoftTargetCrossEntropyLoss()

    def _checked_target(self, y: object) -> Array:
        labels: Array = column_or_1d(y, warn=True)
        refuse_unusable(labels)
        check_classification_targets(labels)
        self.classes_, classes = np.unique(labels, return_inverse=True)
        return np.asarray(classes)

    def _take_streamed(self, survey: StreamedClasses) -> None:
        if self.class_weight is not None:
            raise SettingError(
                f"class_weight={self.class_weight!r} with a streamed table",
                "rows of equal weight",
                "fit(stream.to_table(), …) if it fits in memory",
            )
        codes = self._checked_target(np.repeat(survey.names, 3))
        self._check_rows(MergedRows({}, codes, np.ones(len(codes))))
        self.positive_ = positive_of(self.classes_, survey.counts, self.positive)

    def _target_weights(self, targets: Array) -> Array | None:
        if self.class_weight is None:
            return None
        known, weights = self.classes_.tolist(), self.class_weight
        if isinstance(weights, Mapping) and (unknown := [*{*weights} - {*known}]):
            raise DataError(
                f"class_weight for {unknown[0]!r}, which is no class of the target",
                f"some of {', '.join(map(repr, known[:20]))}",
                "class_weight='balanced', or weights of classes that occur",
            )
        return np.asarray(compute_sample_weight(weights, self.classes_[targets]))

    def _check_rows(self, rows: MergedRows) -> None:
        if len(np.unique(rows.y)) < 2:
            raise DataError(
                f"{len(rows.y)} distinct rows, with 1 class of weight",
                "at least two classes",
                "rows of another class, or check the target column",
            )

    def _targets(self, rows: MergedRows) -> tuple[Array, Array]:
        counts = np.bincount(rows.y, rows.w, len(self.classes_))
        self.positive_ = positive_of(self.classes_, counts, self.positive)
        t = np.eye(len(self.classes_), dtype=np.float32)[rows.y]
        return t, rows.y

    def _recipe(self) -> Recipe:
        badness = self._badness
        if self.metric not in self.metrics:
            badness = EpochMetric(self.metric, self._score)
        return Recipe(SoftTargetCrossEntropyLoss, SELU, 0.04, badness, SMOOTHING)

    def _badness(self, z: Array, t: Array) -> float:
        if self.metric == "accuracy":
            return float((z.argmax(axis=1) != t.argmax(axis=1)).mean())
        return _log_loss(z, t)

    def _score(self, z: Array, t: Array) -> float:
        p, y = np.asarray(Softmax().forward(deterministic(z))), t.argmax(axis=1)
        return score_classes(self.metric, p, y, self.classes_, self.positive_)

    def _exported_parts(self) -> ModelParts:
        net = self._whole_net(Temperature(float(self.temperature_)), Softmax(), MeanOfMembers())
        names, predict = tuple(self.features_.names()), self._quietly(self.predict_proba)
        return ModelParts(
            "classifier",
            "probabilities",
            net,
            predict,
            names,
            self.classes_,
            self.features_,
            thresholds=self.class_thresholds,
        )

    # in a file

    _in_file = ("columns", "named", "best_epochs", "classes", "temperature")
    _optional_in_file = ("positive", "threshold")

    def _target_to_file(self) -> dict[str, Any]:
        of_two: dict[str, float] = {} if self.positive_ is None else {"positive": self.positive_}
        if self.threshold_ is not None:
            of_two["threshold"] = self.threshold_
        return {
            "classes": written_array(self.classes_),
            "temperature": self.temperature_,
            **of_two,
        }

    def _target_from_file(self, fitted: FittedToTable) -> int:
        self.classes_ = read_classes(fitted["classes"])
        self.temperature_ = fitted["temperature"]
        self.positive_ = fitted.get("positive")
        self.threshold_ = fitted.get("threshold")
        if self.positive_ is not None and len(self.classes_) != 2:
            raise damaged(f"a positive class of {len(self.classes_)}", "one of two")
        return len(self.classes_)


@dataclass(repr=False, eq=False)
class TabularRegressor(RegressorMixin, Tabular):  # type: ignore[misc]
    """Ensemble of small nets for regression on tables, without preprocessing or tuning.

    The same as `TabularClassifier`, for numbers of any scale; predictions stay within the range of
    the training targets.

    Parameters
    ----------
    n_members : int, default 8
        Nets of the ensemble, trained together, each on rows of its own.
    metric : str or callable, default "rmse"
        Validation metric that selects each member's best epoch: "rmse"; "mae", which is the
        training loss too; another metric of `hg.metrics`, a scorer of scikit-learn, or a function
        of (estimator, X, y), larger for better predictions.
    epochs : int, optional
        Epochs; if not given, as many as make about 500 steps, 12 to 32.
    validation_fraction : float, default 0.125
        Fraction of the rows held out from each member.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        Engine, as in `hg.train`.
    verbose : bool, default False
        Whether progress is printed.
    random_state : int, RandomState or None, default None
        Seed of the initial weights, the shuffling and the held-out rows.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, x_test, y, y_test = hg.data.train_test_split(*hg.data.load("diabetes"), rng=0)
    >>> model = hg.TabularRegressor(n_members=2, epochs=20, random_state=0).fit(x, y)
    >>> model.score(x_test, y_test) > 0.3
    True
    """

    metric: Scoring = field(default="rmse", kw_only=True)

    metrics = ("rmse", "mae")
    streamed_target = StreamedNumbers

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Fit the ensemble to a table and its targets.

        Parameters
        ----------
        X : data frame, array-like (n, n_features), or TableStream
            Training rows; a stream of `hg.data.open_table` may be larger than memory.
        y : array-like (n,), or str
            Numbers; with a stream, the name of the target column.
        sample_weight : array-like (n,), optional
            Weight of each row; a weight of 2 is the same as the row twice.

        Returns
        -------
        self
        """
        with self._as_it_was_if_it_fails():
            self._fit(X, y, sample_weight)
        return self

    def predict(self, X: object) -> Array:
        """Predict the number of each row, (n,)."""
        z = self._outputs(X)[:, :, 0].mean(axis=1)
        center, spread, low, high = self.target_
        return np.clip(z * spread + center, low, high)

    def _net_targets(self, y: Array) -> tuple[Array, Loss]:
        center, spread, *_ = self.target_
        return ((y - center) / spread)[:, None], MSELoss()

    def _checked_target(self, y: object) -> Array:
        values: Array = column_or_1d(y, warn=True)
        try:
            texts = [value for value in values.tolist() if isinstance(value, str)]
            column = numbers_in(Column("text", values.astype(object))) if texts else None
            if texts and column is None:
                raise ValueError(texts[0])
            numbers = column.values if column else np.asarray(values, float)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"targets such as {values.tolist()[0]!r}",
                "numbers",
                "TabularClassifier if these are classes",
            ) from error
        refuse_unusable(numbers)
        return numbers

    def _take_streamed(self, survey: StreamedNumbers) -> None:
        self.target_: tuple[float, ...] = (survey.mean, survey.deviation, survey.low, survey.high)

    def _check_rows(self, rows: MergedRows) -> None:
        refuse_one_row(rows)

    def _targets(self, rows: MergedRows) -> tuple[Array, Array]:
        # scaled by a power of two, which is exact, so that sums and squares are finite
        size = 2.0 ** int(np.frexp(np.abs(rows.y).max())[1] - 1)
        y = rows.y / size
        center = float(np.average(y, weights=rows.w))
        spread = float(np.sqrt(np.average((y - center) ** 2, weights=rows.w))) or 1.0
        if self._loss_is_mae:
            low, center, high = quantiles(y, rows.w, (0.25, 0.5, 0.75))
            spread = (high - low) / NORMAL_QUARTILES or spread
        moments = center * size, spread * size, rows.y.min(), rows.y.max()
        self.target_ = tuple(map(float, moments))
        t = ((y - center) / spread).clip(-FAR, FAR).astype(np.float32)[:, None]
        return t, np.zeros(len(t), int)

    def _recipe(self) -> Recipe:
        loss = MAELoss if self._loss_is_mae else MSELoss
        known = self._loss_is_mae or self.metric in OF_SQUARES
        badness = self._badness if known else EpochMetric(self.metric, self._score)
        return Recipe(loss, Mish, 0.07, badness)

    def _badness(self, z: Array, t: Array) -> float:
        return float((np.abs(z - t) if self._loss_is_mae else (z - t) ** 2).mean())

    def _score(self, z: Array, t: Array) -> float:
        center, spread, low, high = self.target_
        predicted = np.clip(z[:, 0] * spread + center, low, high)
        return score_numbers(self.metric, predicted, t[:, 0] * spread + center)

    @property
    def _loss_is_mae(self) -> bool:
        return self.metric in ("mae", "mean_absolute_error")

    def _exported_parts(self) -> ModelParts:
        net = self._whole_net(MeanOfMembers(), Numbers(*self.target_))
        names, predict = tuple(self.features_.names()), self._quietly(self.predict)
        return ModelParts("regressor", "values", net, predict, names, features=self.features_)

    # in a file

    _in_file = ("columns", "named", "best_epochs", "target")

    def _target_to_file(self) -> dict[str, Any]:
        return {"target": [*self.target_]}

    def _target_from_file(self, fitted: FittedToTable) -> int:
        self.target_ = tuple(fitted["target"])
        return 1


def _log_loss(z: Array, t: Array) -> float:
    """Log loss of one member: logits and targets (n, n_classes)."""
    return float(SoftTargetCrossEntropyLoss().forward(deterministic(z), t))


def held_out_rows(members: Members, t: Array) -> tuple[Array, Array]:
    """Outputs of all members for their held-out rows, and the targets of these rows."""
    z = np.concatenate(members.outputs)
    return z, np.concatenate([t[rows] for rows in members.held_out])


def _temperature(members: Members, t: Array) -> float:
    """Temperature that minimizes the members' log loss on held-out rows.

    As in Platt scaling (1999), targets are smoothed by one further row of any class: n correct rows
    do not make certain. Averaging already reduces confidence: with several members it is at most 1.
    """
    z, t = held_out_rows(members, t)
    if not len(z):
        return 1.0
    t = t + (1 / t.shape[1] - t) / len(t)
    losses = [_log_loss(z / temperature, t) for temperature in TEMPERATURES]
    best = float(TEMPERATURES[int(np.argmin(losses))])
    return min(best, 1.0) if len(members.outputs) > 1 else best
