"""Estimator of times to an event, some of which are censored: discrete hazards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

import numpy as np
from sklearn.base import RegressorMixin

from handgrad.engines.deterministic_ufuncs import deterministic
from handgrad.exchange.exporting.model_spec import ModelParts
from handgrad.exchange.exporting.wrapper_layers import InverseLink, MeanOfMembers, RestrictedMean
from handgrad.tables.tabular.base import (
    HeldOut,
    Tabular,
    numbers_of,
    refuse_one_row,
    refuse_unusable,
)
from handgrad.tables.tabular.deviances import CENSORED
from handgrad.tables.tabular.features import MergedRows, quantiles
from handgrad.tables.tabular.files import FittedToTable
from handgrad.tables.tabular.members import BATCH, Recipe
from handgrad.tables.tabular.scorers import Scoring
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.kinds import Logits, RiskLabels
from handgrad.textbook.layers import Array, Mish
from handgrad.textbook.losses import LogisticHazardLoss, Loss
from handgrad.textbook.metrics import concordance_index

# Most intervals, of as many events each; and fewest events of an interval.
MOST_INTERVALS, LEAST_EVENTS = 20, 20
NO_START: Array | None = None  # logits of the hazards of all rows together
HAZARDS, RISK = Logits(), RiskLabels()


@dataclass(repr=False, eq=False)
class TabularSurvival(RegressorMixin, Tabular):  # type: ignore[misc]
    """Ensemble of small nets for survival times in tables, some of which are censored.

    The same as `TabularClassifier`, for times until an event, such as the death of a patient or the
    end of a contract. A target is the time of an event, or minus the time up to which there was
    none: `y = np.where(died, time, -time)`.

    Time is cut into intervals at quantiles of the times of events, `times_`. The hazard of an
    interval is the probability of the event for rows that had none before. Its logit is that of all
    rows, plus a number that a net computes for the row, times a learned weight of the interval: the
    hazards begin proportional, as in Cox's model, and the weights let the effect change with time.

    Parameters
    ----------
    n_members : int, default 8
        Nets of the ensemble, trained together, each on rows of its own.
    metric : {"log_likelihood"}, default "log_likelihood"
        Validation metric that selects each member's best epoch.
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
        Seconds of training: the epoch that is under way then is the last. Encoding takes further
        time, and results depend on the machine.
    warm_start : bool, default False
        Whether a further fit continues with the members as they are, on the rows that it gets: the
        encoder and the intervals are kept, and a member keeps its weights if no epoch is better on
        its held-out rows. The state of the training is in files then.

    References
    ----------
    Gensheimer, Narasimhan, "A scalable discrete-time survival model for neural networks", 2019.

    Examples
    --------
    >>> import handgrad as hg, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 2))
    >>> died, left = rng.exponential(np.exp(x[:, 0])), rng.exponential(2, 300)
    >>> y = np.where(died < left, died, -left)
    >>> model = hg.TabularSurvival(n_members=2, random_state=0).fit(x[:200], y[:200])
    >>> bool(model.score(x[200:], y[200:]) > 0.7), model.predict_survival(x[:3], [0.5, 1]).shape
    (True, (3, 2))
    """

    metric: Scoring = field(default="log_likelihood", kw_only=True)

    metrics = ("log_likelihood",)
    loss_ = CENSORED  # reports measure the errors of such times
    _start = NO_START

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
        """Fit the ensemble to a table and its times.

        Parameters
        ----------
        X : data frame, array-like (n, n_features), or TableStream
            Training rows; a stream of `hg.data.open_table` must fit in memory.
        y : array-like (n,), or str
            Times: of the event, or minus the time of censoring; with a stream, the name of the
            target column.
        sample_weight : array-like (n,), optional
            Weight of each row; a weight of 2 is the same as the row twice.
        groups : array-like (n,), optional
            Group of each row, such as a hospital: each member holds out whole groups.
        time : array-like (n,), optional
            Date or number of each row, such as the start of its observation: each member holds out
            a block of time.
        eval_set : tuple (X, y) or (X, y, sample_weight), optional
            Validation rows that select the best epochs; none are held out then.

        Returns
        -------
        self
        """
        with self._as_it_was_if_it_fails():
            self._fit(X, y, sample_weight, HeldOut(groups, time, eval_set))
        return self

    def partial_fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Continue the training on rows, as `fit` with `warm_start=True`; or start it.

        Only these rows are trained on: what earlier ones told may be forgotten, unless they come
        again.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows, with the columns of the first ones.
        y : array-like (n,)
            Times: of the event, or minus the time of censoring.
        sample_weight : array-like (n,), optional
            Weight of each row.

        Returns
        -------
        self
        """
        with self._as_it_was_if_it_fails():
            self._fit(X, y, sample_weight, HeldOut(), incremental=True)
        return self

    def predict(self, X: object) -> Array:
        """Predict the restricted mean time of each row, (n,).

        That is the mean time without an event until the last of `times_`: the area under the
        survival curve, in which a longer time does not count.
        """
        hazards = self._hazards(X)
        return np.asarray(self._restricted_mean().forward(hazards)[..., 0].mean(axis=1))

    def predict_survival(self, X: object, times: object = None) -> Array:
        """Predict the probability of each row to have had no event until given times.

        The curve falls linearly within an interval. After the last of `times_`, the time of the
        last event in the training rows, it is not known how it goes on: later times get the
        probability of that one.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows.
        times : array-like (n_times,), optional
            Times, of at least 0; the ends of the intervals, `times_`, if not given.

        Returns
        -------
        array (n, n_times)
            Probabilities, which do not increase with time.
        """
        hazards = self._hazards(X)
        of_intervals = np.cumprod(1 - hazards, axis=2).mean(axis=1)
        ends = np.append(0.0, self.times_)
        curves = np.hstack([np.ones((len(of_intervals), 1)), of_intervals])
        asked = self.times_ if times is None else _checked_times(times)
        place = np.clip(np.searchsorted(ends, asked), 1, len(ends) - 1)
        share = np.minimum((asked - ends[place - 1]) / (ends[place] - ends[place - 1]), 1)
        return np.asarray((1 - share) * curves[:, place - 1] + share * curves[:, place])

    def score(self, X: object, y: object, sample_weight: Array | None = None) -> float:
        """Compute the concordance index of the predicted times, `hg.metrics.concordance_index`.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows.
        y : array-like (n,)
            Times: of the event, or minus the time of censoring.
        sample_weight : array-like (n,), optional
            Weight of each row.
        """
        return concordance_index(self.predict(X), _signed_times(y), sample_weight)

    def _hazards(self, X: object) -> Array:
        """Hazard of each interval by each member, (n, n_members, n_intervals)."""
        z = self._outputs(X)[1]
        return np.asarray(HAZARDS.inverse_link(deterministic(z, self.engine)))

    def _restricted_mean(self) -> RestrictedMean:
        return RestrictedMean(np.diff(self.times_, prepend=0.0).tolist())

    def _check_settings(self) -> None:
        if self.metric not in self.metrics:
            raise SettingError(
                f"metric={self.metric!r}",
                "best epochs by the log-likelihood of the times",
                "without metric=; score() is the concordance index",
            )
        super()._check_settings()

    def _streamed_target(self) -> NoReturn:
        raise SettingError(
            "survival times in a table larger than memory",
            "a table that fits in memory",
            "a part of it",
        )

    def _checked_target(self, y: object) -> Array:
        return _signed_times(y)

    _further_targets = _checked_target

    def _check_rows(self, rows: MergedRows) -> None:
        refuse_one_row(rows)
        if not (rows.y > 0).any():
            raise DataError(
                f"{len(rows.y)} times that are all censored: negative",
                "at least one event, whose time is positive",
                "y = np.where(event, time, -time), where event is True for rows with an event",
            )

    def _targets(self, rows: MergedRows) -> tuple[Array, Array]:
        event = rows.y > 0
        n_intervals = int(np.clip(event.sum() // LEAST_EVENTS, 1, MOST_INTERVALS))
        levels = [(i + 1) / n_intervals for i in range(n_intervals)]
        ends = quantiles(rows.y[event], rows.w[event], levels)
        self.times_: Array = np.unique(np.array(ends))
        t = risk_labels(rows.y, self.times_)
        (hazards,) = RISK.constant_answers(t, len(self.times_), rows.w)
        self._start = HAZARDS.link(hazards)
        return t.astype(np.float32), event.astype(int)

    def _for_texts(self, t: Array) -> Array:
        """Martingale residuals: events of a row minus those to be expected in its intervals."""
        (hazards,) = RISK.constant_answers(t, t.shape[1], np.ones(len(t)))
        return np.asarray(np.where(t < 0, 0, t - hazards).sum(axis=1, keepdims=True))

    def _net_targets(self, y: Array) -> tuple[Array, Loss]:
        return risk_labels(y, self.times_), LogisticHazardLoss()

    def _recipe(self) -> Recipe:
        return Recipe(
            LogisticHazardLoss,
            Mish,
            0.03,
            self._badness,
            start=self._start,
            smallest_batch=BATCH,
        )

    def _badness(self, z: Array, t: Array) -> float:
        return float(LogisticHazardLoss().forward(deterministic(z), deterministic(t.astype(float))))

    def _exported_parts(self) -> ModelParts:
        net = self._whole_net(InverseLink(HAZARDS), self._restricted_mean(), MeanOfMembers())
        names = tuple(self.features_.names())
        predict = self._quietly(self.predict)
        return ModelParts("regressor", "values", net, predict, names, features=self.features_)

    # in a file

    _in_file = ("columns", "named", "best_epochs", "times")
    _optional_in_file = ("training", "arrays")

    def _target_to_file(self) -> dict[str, Any]:
        return {"times": self.times_.tolist()}

    def _target_from_file(self, fitted: FittedToTable) -> int:
        self.times_ = np.array(fitted["times"])
        self._start = np.zeros(len(self.times_))  # a further fit has the biases of the net
        return len(self.times_)


def risk_labels(y: Array, times: Array) -> Array:
    """Labels of `LogisticHazardLoss`, (n, n_intervals), for times and ends of intervals.

    A row that was censored in an interval was at risk in it if it saw more than half of it.
    """
    time, event = np.abs(y)[:, None], y[:, None] > 0
    begins = np.append(0.0, times[:-1])
    died = event & (begins < time) & (time <= times)
    survived = np.where(event, time > times, time >= (begins + times) / 2)
    return np.where(died, 1.0, np.where(survived, 0.0, -1.0))


def _signed_times(y: object) -> Array:
    """Times as numbers, (n,): of events, or negative ones of censoring."""
    times = numbers_of(y, "")
    refuse_unusable(times)
    if not times.all():
        raise DataError(
            f"a time of 0 in row {int((times == 0).argmax())}, counted from 0",
            "times above 0, of an event; or minus the time of censoring",
            "half a unit of time for rows that have it at once; remove those never observed",
        )
    return times


def _checked_times(times: object) -> Array:
    asked = np.asarray(times, float)
    if asked.ndim != 1 or not (asked >= 0).all():
        raise SettingError(
            f"times={times!r}", "a list of times of at least 0", "times=[30, 90, 365]"
        )
    return asked
