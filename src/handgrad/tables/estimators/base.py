"""Base of the perceptrons: parameters, fitted attributes, and methods for targets."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.neural_network import MLPClassifier
from sklearn.utils._param_validation import Interval, StrOptions

from handgrad.engines.dispatch import NAMES, EngineName
from handgrad.engines.sharding import Shardable
from handgrad.tables.estimators.fit_state import FitState
from handgrad.tables.estimators.rows import Rows, Weighted
from handgrad.textbook import schedules
from handgrad.textbook.layers import Array, BatchNorm, Layer, LayerNorm, Linear, ReLU, Sigmoid, Tanh
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Adagrad, AdamW, Lion, NAdam, Optimizer, RMSprop
from handgrad.textbook.schedules import Schedule

Activation = str | Layer
ACTIVATIONS: dict[str, list[type[Layer]]] = {
    "identity": [],
    "logistic": [Sigmoid],
    "tanh": [Tanh],
    "relu": [ReLU],
}
NORMALIZATIONS: dict[str, type[BatchNorm | LayerNorm]] = {"batch": BatchNorm, "layer": LayerNorm}
# In addition to "sgd", "adam" and "lbfgs".
SOLVERS: dict[str, type[Optimizer]] = {
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adamw": AdamW,
    "nadam": NAdam,
    "lion": Lion,
}
POLICIES = ("constant", "invscaling", "adaptive")
SCHEDULES = tuple(name for name in schedules.__all__ if name != "constant")


def _recorded(name: str) -> Any:
    """Property for an attribute of scikit-learn that is in the record of the fit."""
    return property(lambda m: getattr(m._state, name))


class FittedAttributes:
    """Fitted attributes: scikit-learn's, the net, and the record of the fit."""

    n_features_in_: int
    feature_names_in_: Array
    net_: Net
    coefs_: list[Array]
    intercepts_: list[Array]
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_iter_: int = _recorded("n_iter")
    t_: int = _recorded("t")
    loss_: float = _recorded("loss")
    best_loss_: float | None = _recorded("best_loss")
    loss_curve_: list[float] = _recorded("loss_curve")
    validation_scores_: list[float] | None = _recorded("validation_scores")
    validation_loss_curve_: list[float] | None = _recorded("validation_loss_curve")
    best_validation_score_: float | None = _recorded("best_validation_score")

    _state: FitState
    _loss: Loss  # with which the net was fitted
    _views: list[Array]  # coefs_ and intercepts_ of the net, to detect replaced ones


@dataclass(repr=False, eq=False)
class Base(FittedAttributes, Shardable, BaseEstimator):  # type: ignore[misc]
    """Parameters of scikit-learn's perceptrons, in its order, and of handgrad's extensions."""

    loss: str | Loss
    hidden_layer_sizes: int | Sequence[int] | Array = (100,)
    activation: Activation | Sequence[Activation] = "relu"
    _: KW_ONLY
    solver: str | Optimizer = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str | Schedule = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: int | np.random.RandomState | None = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    normalization: str | None = None
    dropout: float = 0.0
    scoring: str | Callable[..., float] | None = None
    transform_layer: int = -1
    progress: bool = False
    engine: EngineName = "auto"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **MLPClassifier._parameter_constraints,
        "activation": [StrOptions({*ACTIVATIONS}), list, tuple, Layer],
        "solver": [StrOptions({"lbfgs", "sgd", "adam", *SOLVERS}), Optimizer],
        "learning_rate": [StrOptions({*POLICIES, *SCHEDULES}), callable],
        "normalization": [StrOptions({*NORMALIZATIONS}), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "scoring": [str, callable, None],
        "transform_layer": [Integral],
        "progress": ["boolean"],
        "engine": [StrOptions({*NAMES})],
    }
    _usual_metric: ClassVar[str]  # of the validation rows
    _usual_batch_size: ClassVar[int] = 200

    # for numeric targets; a classifier overrides them

    def _n_outputs(self, y: Array) -> int:
        """Number of outputs of the net for targets `y` (n, n_targets)."""
        return int(y.shape[1])

    def _targets(self, y: Array) -> Array:
        """Targets `y` (n, n_targets) in the form of the loss."""
        return np.ascontiguousarray(y, self.net_.dtype)

    def _labels(self, y: Array) -> Array:
        """Targets `y` (n, n_targets) in the form that `fit` took."""
        return y.ravel() if y.shape[1] == 1 else y

    def _weights_of_classes(self, y: Array, as_in: Array | None = None) -> Array | None:
        """Class weight of each row in the loss, in addition to its own.

        Balanced weights are those of the classes among `as_in`, or among these rows.
        """
        return None

    def _usual_score(self, p: Array, y: Array, w: Array | None) -> float:
        """Default validation score of the output for rows with targets `y`."""
        raise NotImplementedError

    def _chosen_loss(self) -> Loss:
        raise NotImplementedError

    def _validate_more(self, X: object, y: object) -> tuple[Rows, Array]:
        """Check further rows and targets like those to fit."""
        twin = copy.copy(self)
        twin.warm_start = False  # it requires rows of every class
        rows, targets = twin._validate_input(X, y, incremental=True, reset=False)
        return rows, targets

    def _meaning(self, p: Array) -> Array:
        """Apply the inverse link to the output of the net: probabilities, rates, numbers."""
        return self._loss.input_kind.inverse_link(p)

    def _calibrate(self, held_out: Weighted) -> None:
        """Fit what the probabilities need to the validation rows of early stopping."""

    def _linears(self) -> list[Linear]:
        return [layer for layer in self.net_.layers if isinstance(layer, Linear)]

    def _show_weights(self) -> None:
        """Set the attributes that follow from the net and the loss."""
        self.coefs_ = [linear.W.T for linear in self._linears()]
        self.intercepts_ = [linear.b for linear in self._linears()]
        self._views = [*self.coefs_, *self.intercepts_]
        self.n_layers_ = len(self.coefs_) + 1
        name = self._loss.input_kind.activation
        self.out_activation_ = {"": "identity", "sigmoid": "logistic"}.get(name, name)

    def _current_net(self) -> Net:
        """The net, with replaced `coefs_` and `intercepts_` copied into it."""
        pairs = zip([*self.coefs_, *self.intercepts_], self._views, strict=True)
        if any(now is not view for now, view in pairs):
            for linear, coef, b in zip(self._linears(), self.coefs_, self.intercepts_, strict=True):
                linear.W, linear.b = np.asarray(coef).T, np.asarray(b)
        return self.net_
