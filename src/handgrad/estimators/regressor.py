"""scikit-learn's MLPRegressor, trained by handgrad."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from handgrad.engines.choice import EngineName
from handgrad.errors import DataError
from handgrad.estimators.loss_choice import OF_NUMBERS, loss_of_numbers
from handgrad.estimators.perceptron import Perceptron
from handgrad.estimators.settings import check_incremental
from handgrad.kinds import Counts
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.saving.tensors import damaged, shown


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """scikit-learn's multi-layer perceptron for numbers, several a row too, but compiled.

    Parameters, attributes, methods, warnings and errors are those of
    `sklearn.neural_network.MLPRegressor`, and so are the numbers, given the same `random_state`.
    Of its own it has what `MLPClassifier` has, but for `class_weight`; `loss` may be
    "absolute_error", "huber", "quantile" or a loss of handgrad for numbers too. The output of
    `net_` are numbers, or log rates where the loss takes those.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, random_state=0)
    >>> model.fit(X, [1, 3, 5, 7]).predict([[10.0]]).round(2).tolist()
    [21.0]
    """

    _usual_score = "r2"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({*OF_NUMBERS}), Loss],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        normalization: str | None = None,
        dropout: float = 0.0,
        scoring: Any = None,
        transform_layer: int = -1,
        progress: bool = False,
        engine: EngineName = "auto",
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            loss=loss,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            normalization=normalization,
            dropout=dropout,
            scoring=scoring,
            transform_layer=transform_layer,
            progress=progress,
            engine=engine,
        )

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None) -> Self:
        """Fit to the rows `X` (n, n_features), dense or sparse, and their numbers `y`.

        `y` is (n,) or (n, n_outputs), not below 0 for a loss of counts; `sample_weight` (n,) says
        how much rows count. `eval_set`, a pair (X, y) or (X, y, sample_weight), has rows that are
        looked at after each epoch and not learnt from; early stopping goes by them.
        """
        return self._fit(X, y, sample_weight, eval_set=eval_set)

    @available_if(check_incremental)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on for one epoch over these rows."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """The number of each row, (n,), or its numbers, (n, n_outputs)."""
        check_is_fitted(self)
        p = self._outputs(X)
        return p.ravel() if p.shape[1] == 1 else p

    def _validate_input(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> Any:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._check_counts(y)
        return X, y

    def _validate_more(self, X: Any, y: Any) -> Any:
        given: dict[str, Any] = {"multi_output": True, "y_numeric": True, "reset": False}
        X, y = validate_data(self, X, y, accept_sparse=["csr", "csc"], **given)
        self._check_counts(y)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _check_counts(self, y: Array) -> None:
        if isinstance(self._chosen_loss().target_kind, Counts) and y.min() < 0:
            raise DataError(
                f"y from {y.min()}, with loss={self.loss!r}",
                "counts, or other numbers that are not below 0",
                "loss='squared_error'",
            )

    def _chosen_loss(self) -> Loss:
        return loss_of_numbers(self.loss)

    def _labels(self, y: Array) -> Array:
        return y.ravel() if y.shape[1] == 1 else y

    def _targets(self, y: Array) -> Array:
        return np.ascontiguousarray(y, self.net_.dtype)

    def _strata(self, y: Array) -> None:
        return None

    def _scorer(self, y: Array, w: Array | None) -> Callable[[Array], float]:
        def r2(p: Array) -> float:
            return float(r2_score(y, p, sample_weight=w)) if np.isfinite(p).all() else np.nan

        return r2

    # in a file

    _target_keys = frozenset({"n_outputs"})

    def _target_to_file(self) -> dict[str, Any]:
        return {"n_outputs": int(self.n_outputs_)}

    def _target_from_file(self, fitted: dict[str, Any]) -> int:
        if type(fitted["n_outputs"]) is not int:
            raise damaged(f"{shown(fitted['n_outputs'])} outputs", "a whole number")
        return fitted["n_outputs"]
