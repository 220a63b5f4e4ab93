"""Ensemble of small nets for numbers in tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self, cast, overload

import numpy as np
from sklearn.base import RegressorMixin

from handgrad.engines.deterministic_ufuncs import deterministic
from handgrad.exchange.exporting.model_spec import ModelParts, link_of
from handgrad.exchange.exporting.wrapper_layers import MeanOfMembers, Numbers, Sorted
from handgrad.tables.data import TableStream
from handgrad.tables.tabular.base import (
    FAR,
    HeldOut,
    Tabular,
    numbers_of,
    refuse_one_row,
    refuse_unusable,
    values_of,
)
from handgrad.tables.tabular.conformal import (
    Intervals,
    checked_coverage,
    intervals_from,
    refuse_without_scores,
)
from handgrad.tables.tabular.deviances import SQUARED_ERROR, deviance_of
from handgrad.tables.tabular.exposure import per_exposure
from handgrad.tables.tabular.features import MergedRows, quantiles
from handgrad.tables.tabular.files import FittedToTable
from handgrad.tables.tabular.members import MemberData, Members, Recipe
from handgrad.tables.tabular.quantiles import MEDIAN, checked_quantiles, levels_of_net
from handgrad.tables.tabular.scorers import EpochMetric, Scoring, score_numbers
from handgrad.tables.tabular.streamed import StreamedNumbers, checked_name
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.kinds import Amounts, LogRates
from handgrad.textbook.layers import Array, Layer, Mish
from handgrad.textbook.losses import Loss, MAELoss, MSELoss, QuantileLoss

NORMAL_QUARTILES = 1.349  # interquartile range of a normal distribution, in standard deviations
OF_DEVIANCES = LogRates()  # outputs of a net with a deviance
OF_SQUARES = ("rmse", "root_mean_squared_error", "mean_squared_error")


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
    quantiles : sequence of float, optional
        Levels between 0 and 1, ascending, such as (0.1, 0.5, 0.9), for `predict_quantiles`: the
        nets have an output for each, trained by the pinball loss, which selects the best epochs
        too. `predict` gives the median then, not the mean.
    loss : {"squared_error", "poisson", "gamma", "tweedie"}, default "squared_error"
        Loss of the training. The deviance of "poisson" is for counts, of "gamma" for amounts above
        0, of "tweedie" for amounts of which many are 0. The nets then give the logarithm of the
        mean, and the deviance selects the best epochs too.
    power : float, default 1.5
        Power of the variance for "tweedie", between 1 and 2.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, x_test, y, y_test = hg.data.train_test_split(*hg.data.load("diabetes"), rng=0)
    >>> model = hg.TabularRegressor(n_members=2, epochs=20, random_state=0).fit(x, y)
    >>> model.score(x_test, y_test) > 0.3
    True
    """

    metric: Scoring = field(default="rmse", kw_only=True)
    quantiles: Sequence[float] | None = field(default=None, kw_only=True)
    loss: str = field(default=SQUARED_ERROR, kw_only=True)
    power: float = field(default=1.5, kw_only=True)

    metrics = ("rmse", "mae")

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: object = None,
        *,
        exposure: object = None,
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
            Numbers; with a stream, the name of the target column.
        sample_weight : array-like (n,), optional
            Weight of each row; a weight of 2 is the same as the row twice.
        exposure : array-like (n,), optional
            Exposure of each row, such as the insured part of a year, or the number of claims of
            which `y` is the sum: the model predicts the rate, `y / exposure`, and a row's weight is
            multiplied by its exposure.
        groups : array-like (n,), optional
            Group of each row, such as a customer: each member holds out whole groups.
        time : array-like (n,), optional
            Date or number of each row: each member holds out a block of time.
        eval_set : tuple (X, y) or (X, y, sample_weight), optional
            Validation rows that select the best epochs; none are held out then. With `exposure`
            their targets are rates, and their weights the exposures.

        Returns
        -------
        self
        """
        with self._as_it_was_if_it_fails():
            self._take_outputs(to_continue=self.warm_start)
            rates = self._rates(X, y, sample_weight, exposure)
            members, data = self._fit(X, *rates, HeldOut(groups, time, eval_set))
            self.conformal_ = None if exposure is not None else self._intervals(members, data)
        return self

    def partial_fit(
        self, X: object, y: object, sample_weight: object = None, *, exposure: object = None
    ) -> Self:
        """Continue the training on rows, as `fit` with `warm_start=True`; or start it.

        Only these rows are trained on: what earlier ones told may be forgotten, unless they come
        again.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows, with the columns of the first ones.
        y : array-like (n,)
            Numbers.
        sample_weight : array-like (n,), optional
            Weight of each row.
        exposure : array-like (n,), optional
            Exposure of each row, as in `fit`.

        Returns
        -------
        self
        """
        with self._as_it_was_if_it_fails():
            self._take_outputs(to_continue=True)
            rates = self._rates(X, y, sample_weight, exposure)
            members, data = self._fit(X, *rates, HeldOut(), incremental=True)
            self.conformal_ = None if exposure is not None else self._intervals(members, data)
        return self

    def _rates(
        self, X: object, y: object, sample_weight: object, exposure: object
    ) -> tuple[object, object]:
        """Targets and weights: with an exposure, rates and weights times the exposure.

        Such a fit has no intervals: a rate scatters the more, the smaller its exposure, which a row
        to predict does not have.
        """
        if exposure is None:
            return y, sample_weight
        if isinstance(X, TableStream):
            checked_name(X, y, {"exposure": exposure})
        totals = self._checked_target(values_of(y))
        return per_exposure(totals, sample_weight, values_of(exposure))

    def _take_outputs(self, *, to_continue: bool) -> None:
        """Take the quantiles and the loss; refused if they are not those of the fit before."""
        levels = checked_quantiles(self.quantiles)
        deviance_of(self.loss, self.power)  # refuses an unknown one
        for name, value in (("quantiles", levels), ("loss", self.loss)):
            before = getattr(self, f"{name}_", value)
            if to_continue and hasattr(self, "net_") and value != before:
                raise SettingError(
                    f"{name}={getattr(self, name)!r}, to continue with {before}",
                    f"the {name} of the fit before",
                    "warm_start=False, for a new ensemble",
                )
        self.quantiles_: tuple[float, ...] | None = levels
        self.loss_: str = self.loss

    def _check_settings(self) -> None:
        super()._check_settings()
        levels, deviance = checked_quantiles(self.quantiles), self._deviance
        if levels and deviance is not None:
            raise SettingError(
                f"loss={self.loss!r} with quantiles={self.quantiles!r}",
                "a prediction of the mean, or of quantiles",
                "without quantiles=; or without loss=",
            )
        if (levels or deviance is not None) and self.metric != "rmse":
            by = "the pinball loss of the quantiles" if levels else "the deviance"
            came = f"quantiles={self.quantiles!r}" if levels else f"loss={self.loss!r}"
            raise SettingError(
                f"metric={self.metric!r} with {came}",
                f"best epochs by {by}",
                "without metric=; hg.metrics scores predictions by any metric",
            )

    @property
    def _deviance(self) -> Loss | None:
        """A new loss of log means; None for the squared error."""
        return deviance_of(self.loss, self.power)

    @property
    def _weighs_in_loss(self) -> bool:
        # rare rows of large rates, repeated or left out by their weights, would make large steps
        return self._deviance is not None

    def _streamed_target(self) -> StreamedNumbers:
        if self._deviance is not None:
            raise SettingError(
                f"loss={self.loss!r} with a table larger than memory",
                "a table that fits in memory",
                f"a part of it; or loss={SQUARED_ERROR!r}",
            )
        return StreamedNumbers(len(self._levels))

    @property
    def _levels(self) -> tuple[float, ...]:
        """Levels of the net's outputs; without quantiles its only output is the prediction."""
        return levels_of_net(self.quantiles_)

    @property
    def _middle(self) -> int:
        """Index of the output that is the prediction."""
        return self._levels.index(MEDIAN)

    @overload
    def predict(self, X: object) -> Array: ...

    @overload
    def predict(
        self, X: object, *, interval: float | None = None, return_std: bool = False
    ) -> Any: ...

    def predict(self, X: object, *, interval: float | None = None, return_std: bool = False) -> Any:
        """Predict the number of each row, (n,); with its interval or standard deviation if asked.

        Intervals are conformal: as wide as the residuals of rows that members did not see, wider
        where these were larger. They hold on average over rows like the training rows, not in each
        group, and not for rows of another kind.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows.
        interval : float, optional
            Coverage between 0 and 1: the interval of a row has its true value with at least about
            this probability.
        return_std : bool, default False
            Whether the standard deviation of the members' predictions is returned too. It says how
            far the members disagree, and grows away from the training rows; it has no part in the
            noise of the target, so it is no prediction error: for that, use `interval`.

        Returns
        -------
        array (n,), or a tuple of it and an array
            Predictions; then the ends of the intervals (n, 2), or the standard deviations (n,).

        Raises
        ------
        SettingError
            If too few rows were held out for the coverage, or none; if both are asked for.

        Examples
        --------
        >>> import handgrad as hg
        >>> x, x_test, y, y_test = hg.data.train_test_split(*hg.data.load("diabetes"), rng=0)
        >>> model = hg.TabularRegressor(n_members=4, epochs=20, random_state=0).fit(x, y)
        >>> p, ends = model.predict(x_test, interval=0.9)
        >>> inside = (ends[:, 0] <= y_test) & (y_test <= ends[:, 1])
        >>> ends.shape, bool(0.8 < inside.mean() < 1)
        ((89, 2), True)
        """
        if interval is not None:
            interval = checked_coverage("interval", interval)
            if return_std:
                raise SettingError(
                    f"interval={interval} with return_std=True",
                    "one of them",
                    "a call for each",
                )
        x, z = self._outputs(X)
        center, spread, low, high = self.target_
        p = self._averaged(z)[:, self._middle]
        if return_std:
            if z.shape[1] == 1:
                raise SettingError(
                    "return_std=True with one member",
                    "at least two members, which can disagree",
                    "n_members=8",
                )
            return p, self._linked(np.sort(z, axis=2))[:, :, self._middle].std(axis=1) * spread
        if interval is None:
            return p
        if not isinstance(self.conformal_, Intervals):
            refuse_without_scores(f"interval={interval}")
        x = self._without_codes(x)
        half = self.conformal_.half_widths(x, (p - center) / spread, interval) * spread
        return p, np.clip(np.column_stack([p - half, p + half]), low, high)

    def predict_quantiles(self, X: object) -> Array:
        """Predict the quantiles of each row, which never cross.

        A quantile of level q is the number below which the target of such a row lies with
        probability q. Each member's outputs are sorted (Chernozhukov, Fernández-Val, Galichon,
        "Quantile and probability curves without crossing", 2010), then averaged. They are estimates
        of the nets, not calibrated as `predict(X, interval=...)` is.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows.

        Returns
        -------
        array (n, n_quantiles)
            The quantiles, a column for each of the `quantiles` of the fit.

        Raises
        ------
        SettingError
            If the model was fitted without quantiles.

        Examples
        --------
        >>> import handgrad as hg
        >>> x, x_test, y, y_test = hg.data.train_test_split(*hg.data.load("diabetes"), rng=0)
        >>> model = hg.TabularRegressor(4, quantiles=(0.1, 0.9), epochs=20, random_state=0)
        >>> p = model.fit(x, y).predict_quantiles(x_test)
        >>> p.shape, bool((p[:, 0] <= p[:, 1]).all())
        ((89, 2), True)
        """
        _, z = self._outputs(X)
        if self.quantiles_ is None:
            raise SettingError(
                "predict_quantiles of a model without quantiles",
                "a model that was fitted with them",
                "TabularRegressor(quantiles=(0.1, 0.5, 0.9)).fit(X, y)",
            )
        return self._averaged(z)[:, self._places]

    def _averaged(self, z: Array) -> Array:
        """Numbers (n, n_levels): the mean of the members' sorted outputs (n, n_members, n_levels).

        All levels are averaged together: with the same order of the sums none can cross.
        """
        center, spread, low, high = self.target_
        means = self._linked(np.sort(z, axis=2)).mean(axis=1)
        return np.asarray(np.clip(means * spread + center, low, high))

    def _linked(self, z: Array) -> Array:
        """Numbers in the scale of the net's targets, for its outputs of any shape."""
        if self.loss_ == SQUARED_ERROR:
            return z
        return np.asarray(OF_DEVIANCES.inverse_link(deterministic(z, self.engine)))

    @property
    def _places(self) -> list[int]:
        """Index of the output of each quantile."""
        return [self._levels.index(level) for level in self.quantiles_ or ()]

    def _intervals(self, members: Members, data: MemberData) -> Intervals | None:
        """Intervals from the held-out rows, in the scale of the net's targets."""
        center, spread, *ends = self.target_
        low, high = ((end - center) / spread for end in ends)
        k = self._middle
        rows = members.held_out_rows(
            lambda z: np.clip(self._linked(np.sort(z, axis=1))[:, k : k + 1], low, high)
        )
        if data.w is not None:
            w = data.w[rows.rows]
            rows = replace(rows, w=rows.w * w / w.mean())
        x, t = self._without_codes(data.x)[rows.rows], data.t[rows.rows, 0].astype(float)
        return Intervals.of(rows, x, t)

    def _net_targets(self, y: Array) -> tuple[Array, Loss]:
        center, spread, *_ = self.target_
        t = np.repeat(((y - center) / spread)[:, None], len(self._levels), axis=1)
        usual = MSELoss() if self.quantiles_ is None else QuantileLoss(self._levels)
        return t, self._deviance or usual

    def _checked_target(self, y: object) -> Array:
        numbers = numbers_of(y, "TabularClassifier if these are classes")
        refuse_unusable(numbers)
        kind = self._kind
        if kind is not None and not kind.allows(least := numbers.min(initial=np.inf)):
            raise DataError(
                f"a target of {least:g}, with loss={self.loss!r}",
                f"{kind.name}, {kind.least}",
                f"loss={SQUARED_ERROR!r}" if least < 0 else "loss='tweedie', which takes 0",
            )
        return numbers

    _further_targets = _checked_target

    @property
    def _kind(self) -> Amounts | None:
        """Kind of targets that the deviance takes; None for the squared error."""
        kind = None if self._deviance is None else self._deviance.target_kind
        return kind if isinstance(kind, Amounts) else None

    @property
    def _smallest_target(self) -> float:
        return super()._smallest_target if self._kind is None or self._kind.allows(0) else 1 / FAR

    def _take_streamed(self, survey: StreamedNumbers) -> None:
        self.target_: tuple[float, ...] = (survey.mean, survey.deviation, survey.low, survey.high)

    def _check_rows(self, rows: MergedRows) -> None:
        refuse_one_row(rows)
        if self._deviance is not None and not rows.y.any():
            raise DataError(
                f"targets that are all 0, with loss={self.loss!r}",
                "some targets above 0",
                "more rows, or check the target column",
            )

    def _targets(self, rows: MergedRows) -> tuple[Array, Array]:
        # scaled by a power of two, which is exact, so that sums and squares are finite
        size = 2.0 ** int(np.frexp(np.abs(rows.y).max())[1] - 1)
        y = rows.y / size
        center = float(np.average(y, weights=rows.w))
        spread = float(np.sqrt(np.average((y - center) ** 2, weights=rows.w))) or 1.0
        if self._loss_is_mae or self.quantiles_:
            low, center, high = quantiles(y, rows.w, (0.25, 0.5, 0.75))
            spread = (high - low) / NORMAL_QUARTILES or spread
        if self._deviance is not None:  # an output of 0 is the mean
            center, spread = 0.0, center
        moments = center * size, spread * size, rows.y.min(), rows.y.max()
        self.target_ = tuple(map(float, moments))
        t = ((y - center) / spread).clip(self._smallest_target, FAR).astype(np.float32)[:, None]
        return np.repeat(t, len(self._levels), axis=1), np.zeros(len(t), int)

    def _recipe(self) -> Recipe:
        if self.quantiles_:
            return Recipe(partial(QuantileLoss, self._levels), Mish, 0.07, self._pinball_loss)
        if (deviance := self._deviance) is not None:
            return Recipe(lambda: deviance, Mish, 0.07, self._mean_deviance)
        loss = MAELoss if self._loss_is_mae else MSELoss
        known = self._loss_is_mae or self.metric in OF_SQUARES
        badness = self._badness if known else EpochMetric(self.metric, self._score)
        return Recipe(loss, Mish, 0.07, badness)

    def _badness(self, z: Array, t: Array) -> float:
        return float((np.abs(z - t) if self._loss_is_mae else (z - t) ** 2).mean())

    def _mean_deviance(self, z: Array, t: Array, w: Array | None = None) -> float:
        loss, t = cast("Loss", self._deviance), deterministic(t.astype(float))
        return float(loss.forward(deterministic(z), t, *(() if w is None else (w,))))

    def _pinball_loss(self, z: Array, t: Array) -> float:
        return float(QuantileLoss(self._levels).forward(np.sort(z, axis=1), t))

    def _score(self, z: Array, t: Array) -> float:
        center, spread, low, high = self.target_
        predicted = np.clip(z[:, 0] * spread + center, low, high)
        return score_numbers(self.metric, predicted, t[:, 0] * spread + center)

    @property
    def _loss_is_mae(self) -> bool:
        return self.metric in ("mae", "mean_absolute_error")

    def _exported_parts(self) -> ModelParts:
        link = [] if self.loss_ == SQUARED_ERROR else link_of(OF_DEVIANCES)
        numbers: list[Layer] = [*link, MeanOfMembers(), Numbers(*self.target_)]
        predict: Callable[[object], Array] = self.predict
        if self.quantiles_ is not None:
            numbers.insert(0, Sorted(len(self._levels), self._places))
            predict = self.predict_quantiles
        return ModelParts(
            "regressor",
            "values",
            self._whole_net(*numbers),
            self._quietly(predict),
            tuple(self.features_.names()),
            features=self.features_,
            quantiles=self.quantiles_,
        )

    # in a file

    _in_file = ("columns", "named", "best_epochs", "target")
    _optional_in_file = (*Tabular._optional_in_file, "quantiles", "loss")

    def _target_to_file(self) -> dict[str, Any]:
        levels = {} if self.quantiles_ is None else {"quantiles": [*self.quantiles_]}
        loss = {} if self.loss_ == SQUARED_ERROR else {"loss": self.loss_}
        return {"target": [*self.target_], **levels, **loss}

    def _target_from_file(self, fitted: FittedToTable) -> int:
        self.target_ = tuple(fitted["target"])
        self.quantiles_ = tuple(fitted["quantiles"]) if "quantiles" in fitted else None
        self.loss_ = fitted.get("loss", SQUARED_ERROR)
        self.conformal_ = None
        if "conformal" in fitted:
            n_features = self.features_.n_out - len(self.features_.n_codes)
            self.conformal_ = intervals_from(fitted["conformal"], n_features)
        return len(self._levels)
