"""Multi-layer perceptron: its fits, its outputs, its hidden layers and the plot of its training."""

import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from handgrad.base.errors import HandgradError, SettingError
from handgrad.estimators.files import InFiles
from handgrad.estimators.fits import NOT_FINITE, fit_epochs, fit_lbfgs
from handgrad.estimators.nets import new_net
from handgrad.estimators.rows import Weighted, predicted, rows_of
from handgrad.estimators.settings import check_incremental, check_together
from handgrad.estimators.validation import LOSS, rows_of_eval_set
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.results import NetRows
from handgrad.training import EpochReport, History, check_takes_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Perceptron(ClassNamePrefixFeaturesOutMixin, TransformerMixin, InFiles):  # type: ignore[misc]
    """A multi-layer perceptron with scikit-learn's parameters and attributes.

    `net_` is the net, whose last layer gives logits, log rates or numbers; `coefs_` and
    `intercepts_` are views of its weights. What is put in their place is predicted with, too.
    """

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        *,
        eval_set: object = None,
    ) -> Self:
        """Fit to the rows `X` (n, n_features), dense or sparse, and their targets `y`.

        `y` is (n,) of classes or numbers; or (n, n_labels) of 0 and 1, (n, n_outputs) of numbers.
        A loss of counts takes none below 0. `sample_weight` (n,) says how much rows count.
        `eval_set`, a pair (X, y) or (X, y, sample_weight), has rows that are looked at after each
        epoch and not learnt from; early stopping goes by them.
        """
        return self._fit(X, y, sample_weight, eval_set=eval_set)

    def _fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        *,
        incremental: bool = False,
        eval_set: object = None,
    ) -> Self:
        """Fit, or go on for one epoch; what is refused leaves the estimator as it was."""
        before = self.__dict__.copy()
        try:
            if incremental:
                self._check_partial_fit()
            if not (incremental and hasattr(self, "coefs_")):
                self._validate_params()
            check_together(self, eval_set)
            sizes = np.ravel(self.hidden_layer_sizes).tolist()
            if min(sizes, default=1) <= 0:
                raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
            first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
            x, targets = self._validate_input(X, y, incremental=incremental, reset=first)
            w = None if sample_weight is None else _check_sample_weight(sample_weight, x)
            targets = targets.reshape(len(targets), -1)
            rows = Weighted(x, targets, w, self._weights_of_classes(targets))
            self._choose_loss(rows, first)
            held_out = None if eval_set is None else rows_of_eval_set(self, eval_set, rows)
            self._random_state = check_random_state(self.random_state)
            if first:
                self._start([x.shape[1], *sizes, self.n_outputs_], x.dtype)
            net = self._current_net()
            if self.solver != "lbfgs":
                fit_epochs(self, rows, held_out, incremental=incremental)
            else:
                if net.dtype != np.float64:  # SciPy's type
                    self.net_ = Net(*map(copy.deepcopy, net.layers), dtype=np.float64)
                    self._show_weights()
                fit_lbfgs(self, rows)
            self._show_weights()
        except HandgradError:
            self.__dict__ = before
            raise
        if not np.isfinite(self.net_.parameters).all():
            raise ValueError(NOT_FINITE)
        return self

    _check_solver = check_incremental  # by which scikit-learn has `partial_fit`, or has not

    def _check_partial_fit(self) -> None:
        """Refuse `partial_fit` where something is missing that it needs."""
        if getattr(self, "_steps", self) is None:
            raise SettingError(
                "partial_fit of a model that came from a file, which has no optimizer's memory",
                "a model that was fitted in this process, or that came from a pickle",
                "fit with warm_start=True, which goes on from its weights",
            )
        if getattr(self, "class_weight", None) == "balanced":
            raise SettingError(
                "class_weight='balanced' in partial_fit, which sees a part of the rows",
                "a weight for each class",
                "class_weight={0: 1.0, 1: 5.0}, for example",
            )

    def _choose_loss(self, rows: Weighted, first: bool) -> None:
        """Take the loss as it is asked for now, if what the net puts out is what it takes."""
        loss = self._chosen_loss()
        if rows.in_loss is not None:
            check_takes_weights(loss)
        both = (loss, loss if first else self._loss)
        if len({(str(each.input_kind), str(each.target_kind)) for each in both}) > 1:
            raise SettingError(
                f"loss={self.loss!r}, for a net that was fit by {self._loss!r}",
                f"a loss that takes {self._loss.input_kind} too, for targets that are "
                f"{self._loss.target_kind}",
                "warm_start=False, or a new estimator",
            )
        self._loss = loss
        self.n_outputs_ = self._n_outputs(rows.y)

    def _start(self, sizes: list[int], dtype: npt.DTypeLike) -> None:
        """A new net, whose weights are drawn as scikit-learn draws them, and nothing learnt."""
        self.n_iter_ = self.t_ = 0
        self.net_ = new_net(self, sizes, dtype)
        self._show_weights()
        if self.solver != "lbfgs":
            self.loss_curve_ = []
            self._no_improvement_count = 0
            self.validation_scores_ = self.validation_loss_curve_ = None
            self.best_validation_score_ = None
            self.best_loss_ = None if self.early_stopping else np.inf

    # predicting

    def _outputs(self, X: object, hidden: int | None = None, *, linked: bool = True) -> Array:
        """The net's output for the rows of `X`, (n, n_outputs): probabilities, rates, numbers.

        Without `linked` its output as it is; or that of a `hidden` layer, (n, n_units).
        """
        rows = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        net = self._current_net()
        x = rows_of(rows, net.dtype)
        if hidden is not None:
            net = net[: net.layers.index(self._linears()[hidden + 1])]
        p = predicted(net, x)
        if linked and hidden is None:
            p = self._meaning(p)
        return p.astype(np.result_type(rows.dtype, net.dtype), copy=False)

    def net_rows(self, X: object, y: Array) -> NetRows:
        """Rows and their targets, numbers or numbers of classes, as `net_` takes them."""
        x = np.asarray(X.toarray() if hasattr(X, "toarray") else X, float)
        y = y if self._loss.target_kind.indices else y[:, None].astype(float)
        return NetRows(x, y, self._loss, bool(self.early_stopping))

    # hidden layers

    def transform(self, X: object) -> Array:
        """The activations of a hidden layer for the rows of `X`, (n, n_units).

        `transform_layer` says which, the last one by default. `get_feature_names_out` gives the
        columns names: mlpclassifier0, mlpclassifier1 …
        """
        check_is_fitted(self)
        return self._outputs(X, self._transforming())

    @property
    def _n_features_out(self) -> int:
        return self.coefs_[self._transforming()].shape[1]

    def _transforming(self) -> int:
        """Which hidden layer transforms, counted from 0."""
        given, n = self.transform_layer, len(self.coefs_) - 1
        if not -n <= given < n:
            raise SettingError(
                f"transform_layer={given} of {n} hidden layers",
                f"a number from {-n} to {n - 1}" if n else "a hidden layer",
                "transform_layer=-1, the last one" if n else "hidden_layer_sizes=(100,)",
            )
        return given % n

    # the training

    def plot(self, what: str = LOSS, ax: "Axes | None" = None) -> "Axes":
        """Draw the loss of the training, epoch by epoch, or the score by its name or "score".

        With rows that were not learnt from, their curve too; after early stopping, with the best
        epoch. Without `ax` a new figure is made, `axes.figure`.
        """
        from handgrad import plots

        check_is_fitted(self)
        history, best = self.training_history()
        if history is None:
            raise SettingError(
                "a fit by lbfgs, which keeps no curve", "a solver with epochs", "solver='adam'"
            )
        score = self._scored_by if what == "score" and self.validation_scores_ else what
        return plots.plot_training_progress(history, score, ax, best)

    def training_history(self) -> tuple[History | None, int | None]:
        """The epochs of the fit, None where none are kept, and the one whose weights it kept."""
        if not hasattr(self, "loss_curve_"):
            return None, None
        scores, losses = self.validation_scores_ or [], self.validation_loss_curve_ or []
        looked = zip(self._validated_at if scores else [], losses, scores, strict=True)
        seen = {epoch: figures for epoch, *figures in looked}
        reports = []
        for epoch, train_loss in enumerate(self.loss_curve_, 1):
            report = EpochReport(epoch, train_loss)
            if scores:
                loss, score = seen.get(epoch, (np.nan, np.nan))
                named = {} if self._scored_by == LOSS else {self._scored_by: score}
                report = EpochReport(epoch, train_loss, {}, loss, named)
            reports.append(report)
        if not scores or not self.early_stopping or self.best_validation_score_ is None:
            return History(reports), None
        best = scores.index(self.best_validation_score_)
        return History(reports), self._validated_at[best]

    # the weights

    def __getstate__(self) -> dict[str, Any]:
        if "net_" in vars(self):
            self._current_net()
        state = super().__getstate__()
        return {k: v for k, v in state.items() if k not in ("coefs_", "intercepts_", "_views")}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        if "net_" in vars(self):
            self._show_weights()
