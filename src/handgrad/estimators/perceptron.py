"""What the classifier and the regressor share: the net, its start, its fits, its outputs."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, validate_data

from handgrad.engines.choice import NAMES, EngineName
from handgrad.errors import SettingError
from handgrad.estimators.engines import Job
from handgrad.estimators.epochs import NOT_FINITE, fit_epochs
from handgrad.estimators.files import InFiles
from handgrad.estimators.losses import (
    BinaryLogLoss,
    HalfPoissonDeviance,
    HalfSquaredLoss,
    L2PenaltyOfABatch,
    LogLoss,
)
from handgrad.estimators.lowest import fit_lowest
from handgrad.estimators.nets import (
    ACTIVATIONS,
    activations_of,
    draw_weights,
    in_float64,
    new_net,
)
from handgrad.estimators.rows import Weighted, predicted, rows_of
from handgrad.layers import Array, Layer, Linear
from handgrad.losses import Loss
from handgrad.net import Net

LOSSES: dict[str, type[Loss]] = {
    "softmax": LogLoss,
    "logistic": BinaryLogLoss,
    "identity": HalfSquaredLoss,
    "exp": HalfPoissonDeviance,
}
STOCHASTIC = ("sgd", "adam")


class Perceptron(InFiles, BaseEstimator):  # type: ignore[misc]
    """A multi-layer perceptron with scikit-learn's parameters and attributes.

    `net_` is the net, whose last layer gives logits, log rates or numbers; `coefs_` and
    `intercepts_` are views of its weights. What is put in their place is predicted with, too.
    """

    net_: Net

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({*ACTIVATIONS}), list, tuple, Layer],
        "solver": [StrOptions({"lbfgs", *STOCHASTIC})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "engine": [StrOptions({*NAMES})],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any,
        activation: Any,
        solver: str,
        alpha: float,
        batch_size: int | str,
        learning_rate: str,
        learning_rate_init: float,
        power_t: float,
        max_iter: int,
        loss: str,
        shuffle: bool,
        random_state: Any,
        tol: float,
        verbose: bool | int,
        warm_start: bool,
        momentum: float,
        nesterovs_momentum: bool,
        early_stopping: bool,
        validation_fraction: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        n_iter_no_change: float,
        max_fun: int,
        dropout: float,
        engine: EngineName,
    ) -> None:
        self.hidden_layer_sizes, self.activation, self.solver = (
            hidden_layer_sizes,
            activation,
            solver,
        )
        self.alpha, self.batch_size, self.max_iter = alpha, batch_size, max_iter
        self.learning_rate, self.learning_rate_init = learning_rate, learning_rate_init
        self.power_t, self.loss, self.shuffle = power_t, loss, shuffle
        self.random_state, self.tol, self.verbose = random_state, tol, verbose
        self.warm_start, self.momentum = warm_start, momentum
        self.nesterovs_momentum, self.early_stopping = nesterovs_momentum, early_stopping
        self.validation_fraction, self.beta_1, self.beta_2 = validation_fraction, beta_1, beta_2
        self.epsilon, self.n_iter_no_change = epsilon, n_iter_no_change
        self.max_fun, self.dropout, self.engine = max_fun, dropout, engine

    # what a classifier and a regressor say for themselves

    def _validate_input(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> Any:
        raise NotImplementedError

    def _output_activation(self) -> str:
        raise NotImplementedError

    def _targets(self, y: Array) -> Array:
        """The targets `y` (n, n_outputs) as the loss takes them."""
        raise NotImplementedError

    def _weights_of_classes(self, y: Array) -> Array | None:
        """What each row counts in the loss for its class, beside its own weight."""
        return None

    def _strata(self, y: Array) -> Array | None:
        """What the rows that are held out are to have as many of as the others."""
        raise NotImplementedError

    def _scorer(self, y: Array, w: Array | None) -> Callable[[Array], float]:
        """What gives the validation score of predicted outputs for the rows with targets `y`."""
        raise NotImplementedError

    # fitting

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool = False) -> Self:
        if incremental:
            self._refuse_to_go_on()
        if not (incremental and hasattr(self, "coefs_")):
            self._validate_params()
        if self.dropout and self.solver == "lbfgs":
            raise SettingError(
                f"dropout={self.dropout} with solver='lbfgs', whose loss must not change by chance",
                "a solver that goes by batches",
                "solver='adam'",
            )
        sizes = self._hidden_sizes()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._validate_input(X, y, incremental=incremental, reset=first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        self.n_outputs_ = y.shape[1]
        rows = Weighted(X, y, sample_weight, self._weights_of_classes(y))
        self._random_state = check_random_state(self.random_state)
        if first:
            self._start([X.shape[1], *sizes, self.n_outputs_], X.dtype)
        if self.solver in STOCHASTIC:
            self._current_net()
            fit_epochs(self, rows, incremental=incremental)
        else:
            if self._current_net().dtype != np.float64:  # SciPy's type
                self.net_ = in_float64(self.net_)
            fit_lowest(self, rows)
        self._show_weights()
        if not np.isfinite(self.net_.parameters).all():
            raise ValueError(NOT_FINITE)
        return self

    def _hidden_sizes(self) -> list[int]:
        given = self.hidden_layer_sizes
        sizes = list(given) if hasattr(given, "__iter__") else [given]
        if np.any(np.array(sizes) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes

    def _start(self, sizes: list[int], dtype: Any) -> None:
        """A new net, whose weights are drawn as scikit-learn draws them, and nothing learnt."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output_activation()
        activations = activations_of(self.activation, len(sizes) - 2)
        self.net_ = new_net(sizes, activations, self.dropout, dtype)
        draw_weights(self._linears(), activations or [self.activation], self._random_state)
        if self.dropout:  # only then, since scikit-learn draws nothing here
            self.net_.seed(int(self._random_state.randint(2**31 - 1)))
        self._show_weights()
        self._best_parameters = self.net_.parameters.copy()
        if self.solver in STOCHASTIC:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            stopping = self.early_stopping
            self.validation_scores_: list[float] | None = [] if stopping else None
            self.best_validation_score_ = -np.inf if stopping else None
            self.best_loss_ = None if stopping else np.inf

    def _job(self, rows: Weighted, *, optimizer: Any, batch_size: int, held_out: Any) -> Job:
        net, w = self.net_, rows.in_loss
        return Job(
            net,
            self._loss(),
            optimizer,
            rows_of(rows.X, net.dtype),
            self._targets(rows.y),
            None if w is None else np.ascontiguousarray(w, net.dtype),
            None if held_out is None else rows_of(held_out, net.dtype),
            L2PenaltyOfABatch(self.alpha) if self.alpha else None,
            batch_size,
            self.max_iter,
        )

    def _loss(self) -> Loss:
        return LOSSES[self.out_activation_]()

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    # predicting

    def _outputs(self, X: Any) -> Array:
        """What the net says of the rows of `X`, (n, n_outputs): probabilities, rates, numbers."""
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        net = self._current_net()
        p = self._loss().inverse_link(predicted(net, rows_of(X, net.dtype)))
        return p.astype(np.result_type(X.dtype, net.dtype), copy=False)

    # the weights

    def _linears(self) -> list[Linear]:
        return [layer for layer in self.net_.layers if isinstance(layer, Linear)]

    def _show_weights(self) -> None:
        self.coefs_ = [linear.W.T for linear in self._linears()]
        self.intercepts_ = [linear.b for linear in self._linears()]

    def _current_net(self) -> Net:
        """The net, with what somebody may have put in the place of its weights."""
        for linear, coef, b in zip(self._linears(), self.coefs_, self.intercepts_, strict=True):
            if not _same_memory(coef, linear.W.T):
                linear.W = np.asarray(coef).T
            if not _same_memory(b, linear.b):
                linear.b = np.asarray(b)
        return self.net_

    def __getstate__(self) -> dict[str, Any]:
        if "net_" in vars(self):
            self._current_net()
        state = super().__getstate__()
        return {k: v for k, v in state.items() if k not in ("coefs_", "intercepts_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "net_" in vars(self):
            self._show_weights()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _same_memory(a: Any, view: Array) -> bool:
    """Whether `a` is that view of a net's weights."""
    return (
        isinstance(a, np.ndarray)
        and a.ctypes.data == view.ctypes.data
        and (a.shape, a.strides, a.dtype) == (view.shape, view.strides, view.dtype)
    )
