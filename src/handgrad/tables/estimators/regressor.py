"""scikit-learn's MLPRegressor, trained by handgrad."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn import neural_network
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from handgrad.exchange.exporting.model_spec import ModelParts, column_names, followed, link_of
from handgrad.files.tensors import damaged, shown
from handgrad.tables.estimators.fit_loop import FitOptions
from handgrad.tables.estimators.perceptron import Perceptron
from handgrad.tables.estimators.rows import Rows, Weighted
from handgrad.tables.estimators.settings import OF_NUMBERS, loss_for
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.kinds import Amounts
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss


@dataclass(repr=False, eq=False)
class MLPRegressor(Perceptron, neural_network.MLPRegressor):  # type: ignore[misc]
    """Multi-layer perceptron regressor: scikit-learn's `MLPRegressor`, compiled.

    Parameters, attributes, methods, warnings and errors are those of
    `sklearn.neural_network.MLPRegressor`, and so are the numbers, given the same `random_state`.
    The extensions are those of `MLPClassifier` except `class_weight`, and `scale_targets`. `net_`
    outputs predictions, or log rates if the loss takes them.

    Parameters
    ----------
    loss : str or Loss, default "squared_error"
        "squared_error", "poisson", "absolute_error", "huber", "quantile", or a loss for numbers.
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer.
    activation : str, Layer or list of these, default "relu"
        "identity", "logistic", "tanh", "relu" or a layer; a list has one for each hidden layer.
    solver : str or Optimizer, default "adam"
        "adam", "sgd", "lbfgs", "adagrad", "rmsprop", "adamw", "nadam", "lion", or an optimizer.
    alpha : float, default 0.0001
        Strength of the L2 penalty.
    batch_size : int or "auto", default "auto"
        Rows of a minibatch; "auto" is min(200, n_samples).
    learning_rate : str or schedule, default "constant"
        "constant", "invscaling", "adaptive", or a schedule: its name or a function.
    learning_rate_init : float, default 0.001
        Initial learning rate; an Optimizer as `solver` has its own.
    power_t : float, default 0.5
        Exponent of "invscaling".
    max_iter : int, default 200
        Epochs at most; iterations at most for "lbfgs".
    shuffle : bool, default True
        Whether rows are shuffled in each epoch.
    random_state : int, RandomState or None, default None
        Seed of the initial weights, the shuffling and the held-out rows.
    tol : float, default 1e-4
        Smallest improvement of the loss or the score that counts.
    verbose : bool, default False
        Whether each epoch is printed.
    warm_start : bool, default False
        Whether `fit` continues from the weights of the previous one.
    momentum : float, default 0.9
        Momentum of "sgd".
    nesterovs_momentum : bool, default True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default False
        Whether training stops when the validation score stops improving; the best weights are kept.
    validation_fraction : float, default 0.1
        Fraction of the rows held out for early stopping.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999, 1e-8
        Decay rates and numerical constant of "adam".
    n_iter_no_change : int, default 10
        Epochs without improvement before training stops.
    max_fun : int, default 15000
        Evaluations of the loss at most, for "lbfgs".
    normalization : {"batch", "layer"} or None, default None
        Normalization of each hidden layer, before its activation.
    dropout : float, default 0.0
        Fraction of hidden units dropped in each step.
    scoring : str, callable or None, default None
        Score for early stopping: a metric, a scorer of scikit-learn, or "loss".
    transform_layer : int, default -1
        Index of the hidden layer that `transform` returns.
    progress : bool, default False
        Whether a progress bar is shown.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        Engine, as in `hg.train`.
    scale_targets : bool, default False
        Whether each target is trained with mean 0 and standard deviation 1, in which losses and
        scores of the fit are; predictions and `net_` have the units of `y`.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, random_state=0)
    >>> model.fit(X, [1, 3, 5, 7]).predict([[10.0]]).round(2).tolist()
    [21.0]
    """

    _usual_metric = "r2"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({*OF_NUMBERS}), Loss],
        "scale_targets": ["boolean"],
    }

    loss: str | Loss = "squared_error"
    scale_targets: bool = field(default=False, kw_only=True)

    @available_if(Perceptron._check_solver)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: object, y: object, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Train for one epoch on these rows."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: object) -> Array:
        """Predict the number of each row, (n,), or its numbers, (n, n_outputs)."""
        check_is_fitted(self)
        return self._labels(self._outputs(X))

    def _validate_input(
        self, X: object, y: object, incremental: bool, reset: bool
    ) -> tuple[Rows, Array]:
        rows, targets = super()._validate_input(X, y, incremental, reset)
        kind = self._chosen_loss().target_kind
        if isinstance(kind, Amounts) and not kind.allows(targets.min()):
            raise DataError(
                f"y from {targets.min()}, with loss={self.loss!r}",
                f"{kind.name}, {kind.least}",
                "loss='squared_error'",
            )
        return rows, targets

    def _chosen_loss(self) -> Loss:
        return loss_for(self.loss, "numbers")

    @contextmanager
    def _to_train_on(
        self, rows: Weighted, held_out: Weighted | None, first: bool, how: FitOptions
    ) -> Iterator[tuple[Weighted, Weighted | None]]:
        if not self.scale_targets:
            yield rows, held_out
            return
        if how.incremental or isinstance(self._loss.target_kind, Amounts):
            where = "in partial_fit" if how.incremental else f"with {self._loss!r}"
            raise SettingError(
                f"scale_targets=True {where}",
                "fit, which sees all targets, with a loss for numbers",
                "scale_targets=False",
            )
        mean, deviation = rows.y.mean(axis=0), rows.y.std(axis=0)
        deviation[deviation == 0] = 1
        if not first:
            self.net_ = copy.deepcopy(self.net_)  # a refused fit leaves the former as it was
            self._show_weights()
            self._rescale_outputs(1 / deviation, -mean / deviation)
        if how.tasks is not None:
            how.tasks.in_units_of_y = lambda twin: twin._rescale_outputs(deviation, mean)
        try:
            rows = replace(rows, y=(rows.y - mean) / deviation)
            yield rows, held_out and replace(held_out, y=(held_out.y - mean) / deviation)
        finally:
            self._rescale_outputs(deviation, mean)

    def _rescale_outputs(self, scale: Array, shift: Array) -> None:
        """Multiply the outputs of the net by `scale` and add `shift`, both (n_outputs,)."""
        last = self._linears()[-1]
        last.W *= scale[:, None]
        last.b *= scale
        last.b += shift

    def _usual_score(self, p: Array, y: Array, w: Array | None) -> float:
        return float(r2_score(y, p, sample_weight=w)) if np.isfinite(p).all() else np.nan

    def _exported_parts(self) -> ModelParts:
        net = followed(self._current_net(), *link_of(self._loss.input_kind))
        return ModelParts("regressor", "values", net, self.predict, column_names(self))

    # in a file

    _target_keys = frozenset({"n_outputs"})

    def _target_to_file(self) -> dict[str, object]:
        return {"n_outputs": int(self.n_outputs_)}

    def _target_from_file(self, fitted: dict[str, object]) -> int:
        if type(fitted["n_outputs"]) is not int:
            raise damaged(f"{shown(fitted['n_outputs'])} outputs", "a whole number")
        return fitted["n_outputs"]
