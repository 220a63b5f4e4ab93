"""scikit-learn's MLPRegressor, trained by handgrad."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn import neural_network
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from handgrad.exchange.exporting.estimators import column_names, followed, link_of
from handgrad.exchange.exporting.parts import Parts
from handgrad.files.tensors import damaged, shown
from handgrad.tables.estimators.perceptron import Perceptron
from handgrad.tables.estimators.rows import Rows
from handgrad.tables.estimators.settings import OF_NUMBERS, loss_for
from handgrad.textbook.errors import DataError
from handgrad.textbook.kinds import Counts
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss


@dataclass(repr=False, eq=False)
class MLPRegressor(Perceptron, neural_network.MLPRegressor):  # type: ignore[misc]
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

    _usual_metric = "r2"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({*OF_NUMBERS}), Loss],
    }

    loss: str | Loss = "squared_error"

    @available_if(Perceptron._check_solver)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: object, y: object, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Go on for one epoch over these rows."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: object) -> Array:
        """The number of each row, (n,), or its numbers, (n, n_outputs)."""
        check_is_fitted(self)
        return self._labels(self._outputs(X))

    def _validate_input(
        self, X: object, y: object, incremental: bool, reset: bool
    ) -> tuple[Rows, Array]:
        rows, targets = super()._validate_input(X, y, incremental, reset)
        if isinstance(self._chosen_loss().target_kind, Counts) and targets.min() < 0:
            raise DataError(
                f"y from {targets.min()}, with loss={self.loss!r}",
                "counts, or other numbers that are not below 0",
                "loss='squared_error'",
            )
        return rows, targets

    def _chosen_loss(self) -> Loss:
        return loss_for(self.loss, "numbers")

    def _usual_score(self, p: Array, y: Array, w: Array | None) -> float:
        return float(r2_score(y, p, sample_weight=w)) if np.isfinite(p).all() else np.nan

    def _exported_parts(self) -> Parts:
        net = followed(self._current_net(), *link_of(self._loss.input_kind))
        return Parts("regressor", "values", net, self.predict, column_names(self))

    # in a file

    _target_keys = frozenset({"n_outputs"})

    def _target_to_file(self) -> dict[str, object]:
        return {"n_outputs": int(self.n_outputs_)}

    def _target_from_file(self, fitted: dict[str, object]) -> int:
        if type(fitted["n_outputs"]) is not int:
            raise damaged(f"{shown(fitted['n_outputs'])} outputs", "a whole number")
        return fitted["n_outputs"]
