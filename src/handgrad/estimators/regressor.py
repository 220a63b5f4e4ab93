"""scikit-learn's MLPRegressor, trained by handgrad."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from handgrad.base.errors import DataError
from handgrad.base.kinds import Counts
from handgrad.estimators.loss_choice import OF_NUMBERS, loss_of_numbers
from handgrad.estimators.perceptron import Perceptron
from handgrad.estimators.rows import SparseMatrix
from handgrad.estimators.settings import check_incremental
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.saving.tensors import damaged, shown


@dataclass(repr=False, eq=False)
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

    loss: str | Loss = "squared_error"

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        *,
        eval_set: object = None,
    ) -> Self:
        """Fit to the rows `X` (n, n_features), dense or sparse, and their numbers `y`.

        `y` is (n,) or (n, n_outputs), not below 0 for a loss of counts; `sample_weight` (n,) says
        how much rows count. `eval_set`, a pair (X, y) or (X, y, sample_weight), has rows that are
        looked at after each epoch and not learnt from; early stopping goes by them.
        """
        return self._fit(X, y, sample_weight, eval_set=eval_set)

    @available_if(check_incremental)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: object, y: object, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Go on for one epoch over these rows."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: object) -> Array:
        """The number of each row, (n,), or its numbers, (n, n_outputs)."""
        check_is_fitted(self)
        p = self._outputs(X)
        return p.ravel() if p.shape[1] == 1 else p

    def _validate_input(
        self, X: object, y: object, *, incremental: bool, reset: bool
    ) -> tuple[Array | SparseMatrix, Array]:
        return self._checked_numbers(X, y, reset=reset, dtype=(np.float64, np.float32))

    def _validate_more(self, X: object, y: object) -> tuple[Array | SparseMatrix, Array]:
        return self._checked_numbers(X, y, reset=False)

    def _checked_numbers(
        self, X: object, y: object, **options: Any
    ) -> tuple[Array | SparseMatrix, Array]:
        rows, targets = self._checked(X, y, y_numeric=True, **options)
        self._check_counts(targets)
        return rows, targets

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

    def _target_to_file(self) -> dict[str, object]:
        return {"n_outputs": int(self.n_outputs_)}

    def _target_from_file(self, fitted: dict[str, object]) -> int:
        if type(fitted["n_outputs"]) is not int:
            raise damaged(f"{shown(fitted['n_outputs'])} outputs", "a whole number")
        return fitted["n_outputs"]
