"""Ensemble of small nets for classes in tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from handgrad.engines.deterministic_ufuncs import deterministic
from handgrad.exchange.exporting.model_spec import ModelParts
from handgrad.exchange.exporting.wrapper_layers import MeanOfMembers, Temperature
from handgrad.files.tensors import damaged
from handgrad.files.values import read_classes, written_array
from handgrad.tables.estimators.temperature import fitted_temperature, log_loss
from handgrad.tables.tabular.base import HeldOut, Tabular, refuse_unusable
from handgrad.tables.tabular.conformal import (
    ConformityScores,
    checked_coverage,
    refuse_without_scores,
    scores_from,
)
from handgrad.tables.tabular.decisions import (
    Threshold,
    best_threshold,
    check_threshold,
    class_thresholds,
    decided,
    positive_of,
)
from handgrad.tables.tabular.features import MergedRows
from handgrad.tables.tabular.files import FittedToTable
from handgrad.tables.tabular.members import MemberData, Members, Recipe
from handgrad.tables.tabular.scorers import EpochMetric, Scoring, score_classes
from handgrad.tables.tabular.streamed import StreamedClasses
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.layers import SELU, Array, Softmax
from handgrad.textbook.losses import Loss, SoftTargetCrossEntropyLoss

SMOOTHING = 0.1


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
    text : sequence of str, default ()
        Columns of free text, beside those that are detected: mostly distinct texts of several
        words. A categorical column is never detected as free text.
    time_limit : float, optional
        Seconds of training: the epoch that is under way then is the last. Encoding and calibration
        take further time, and results depend on the machine.
    warm_start : bool, default False
        Whether a further fit continues with the members as they are, on the rows that it gets: the
        encoder and the target's scale or classes are kept, and a member keeps its weights if no
        epoch is better on its held-out rows. The state of the training is in files then.
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
    _streamed_target = StreamedClasses
    _all_classes = None  # from the first call of partial_fit

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: object = None,
        *,
        groups: object = None,
        time: object = None,
        eval_set: object = None,
    ) -> Self:
        """Fit the ensemble to a table and its targets.

        Parameters
        ----------
        X : data frame, array-like (n, n_features), or TableStream
            Training rows; a stream of `hg.data.open_table` may be larger than memory.
        y : array-like (n,), or str
            Classes, numbers or text; with a stream, the name of the target column.
        sample_weight : array-like (n,), optional
            Weight of each row; a weight of 2 is the same as the row twice.
        groups : array-like (n,), optional
            Group of each row, such as a customer: each member holds out whole groups.
        time : array-like (n,), optional
            Date or number of each row: each member holds out a block of time.
        eval_set : tuple (X, y) or (X, y, sample_weight), optional
            Validation rows that select the best epochs; none are held out then.

        Returns
        -------
        self
        """
        check_threshold(self.threshold)
        with self._as_it_was_if_it_fails():
            self._calibrate(*self._fit(X, y, sample_weight, HeldOut(groups, time, eval_set)))
        return self

    def partial_fit(
        self, X: object, y: object, sample_weight: object = None, *, classes: object = None
    ) -> Self:
        """Continue the training on rows, as `fit` with `warm_start=True`; or start it.

        Only these rows are trained on: what earlier ones told may be forgotten, unless they come
        again.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows, with the columns of the first ones.
        y : array-like (n,)
            Classes.
        sample_weight : array-like (n,), optional
            Weight of each row.
        classes : array-like (n_classes,), optional
            All classes, in the first call, if some come later; those of `y` if not given.

        Returns
        -------
        self
        """
        check_threshold(self.threshold)
        with self._as_it_was_if_it_fails():
            self._all_classes = None if classes is None else np.unique(column_or_1d(classes))
            named, known = self._all_classes, self.classes_ if hasattr(self, "net_") else None
            if named is not None and known is not None and not np.array_equal(named, known):
                raise DataError(
                    f"classes={named.tolist()[:20]}",
                    f"the classes of the first call, {known.tolist()[:20]}",
                    "without classes=; or a new model for other classes",
                )
            self._calibrate(*self._fit(X, y, sample_weight, HeldOut(), incremental=True))
            self._all_classes = None
        return self

    def _calibrate(self, members: Members, data: MemberData) -> None:
        """Fit temperature, threshold and conformal scores to the members' held-out rows."""
        self.temperature_ = _temperature(members, data.t)
        self.threshold_ = self._threshold(members, data.t)
        self.conformal_ = self._set_scores(members, data.t)

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
        return np.asarray(self._probabilities(self._outputs(X)[1]).mean(axis=1))

    def predict(self, X: object) -> Array:
        """Predict the class of each row, (n,): the most probable one, or by the threshold."""
        p = self.predict_proba(X)  # first: it checks that the estimator is fitted
        return np.asarray(self.classes_[decided(p, self.class_thresholds).argmax(axis=1)])

    def predict_sets(self, X: object, coverage: float = 0.9) -> Array:
        """Predict a set of classes for each row that has the true one with a given probability.

        A conformal set has the classes that are at least as probable as the true class was in most
        rows that members did not see: the least ambiguous set (Sadinle, Lei, Wasserman, 2019), but
        never empty. The probability holds on average over rows like the training rows, not in each
        class or group.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows.
        coverage : float, default 0.9
            Probability that a set has the true class, between 0 and 1.

        Returns
        -------
        array of bool, (n, n_classes)
            Whether each of `classes_` is in the set.

        Raises
        ------
        SettingError
            If too few rows were held out for the coverage, or none.

        Examples
        --------
        >>> import handgrad as hg
        >>> x, x_test, y, y_test = hg.data.train_test_split(*hg.data.load("wine"), rng=0)
        >>> model = hg.TabularClassifier(n_members=4, epochs=20, random_state=0).fit(x, y)
        >>> sets = model.predict_sets(x_test, coverage=0.9)
        >>> sets.shape, bool(sets[range(len(y_test)), y_test].mean() >= 0.9)
        ((36, 3), True)
        """
        coverage = checked_coverage("coverage", coverage)
        p = self.predict_proba(X)
        if not isinstance(self.conformal_, ConformityScores):
            refuse_without_scores(f"coverage={coverage}")
        sets = 1 - p <= self.conformal_.at(coverage, "coverage")
        sets[np.arange(len(p)), p.argmax(axis=1)] = True
        return np.asarray(sets)

    def _probabilities(self, z: Array) -> Array:
        """Probabilities from logits (…, n_classes)."""
        return Softmax().forward(deterministic(z / self.temperature_, self.engine))

    def _set_scores(self, members: Members, t: Array) -> ConformityScores | None:
        """1 − p of the true class of each held-out row."""
        rows = members.held_out_rows(self._probabilities)
        if not len(rows.w):
            return None
        p = rows.outputs[np.arange(len(rows.w)), t[rows.rows].argmax(axis=1)]
        return ConformityScores.of(1 - p, rows.w)

    def _net_targets(self, y: Array) -> tuple[Array, Loss]:
        return np.eye(len(self.classes_))[y], SoftTargetCrossEntropyLoss()

    def _checked_target(self, y: object) -> Array:
        labels: Array = column_or_1d(y, warn=True)
        refuse_unusable(labels)
        check_classification_targets(labels)
        self.classes_ = np.unique(labels) if self._all_classes is None else self._all_classes
        return self._further_targets(labels)

    def _further_targets(self, y: object) -> Array:
        labels: Array = column_or_1d(y, warn=True)
        refuse_unusable(labels)
        if len(unknown := np.setdiff1d(labels, self.classes_)):
            raise DataError(
                f"the class {unknown.tolist()[0]!r}, which the training rows lack",
                f"one of {', '.join(map(repr, self.classes_.tolist()[:20]))}",
                "a new model of all rows; classes= in the first call of partial_fit",
            )
        return np.searchsorted(self.classes_, labels)

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
        return log_loss(z, t)

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
    _optional_in_file = ("conformal", "positive", "threshold")

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
        self.conformal_ = scores_from(fitted["conformal"]) if "conformal" in fitted else None
        self.positive_ = fitted.get("positive")
        self.threshold_ = fitted.get("threshold")
        if self.positive_ is not None and len(self.classes_) != 2:
            raise damaged(f"a positive class of {len(self.classes_)}", "one of two")
        return len(self.classes_)


def held_out_rows(members: Members, t: Array) -> tuple[Array, Array]:
    """Outputs of all members for their held-out rows, and the targets of these rows."""
    z = np.concatenate(members.outputs)
    return z, np.concatenate([t[rows] for rows in members.held_out])


def _temperature(members: Members, t: Array) -> float:
    """Temperature that minimizes the members' log loss on held-out rows.

    Averaging already reduces confidence: with several members it is at most 1.
    """
    fitted = fitted_temperature(*held_out_rows(members, t))
    return min(fitted, 1.0) if len(members.outputs) > 1 else fitted
