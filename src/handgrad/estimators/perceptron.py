"""What the classifier and the regressor share: the net, its start, its fits, its outputs."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from handgrad.engines.choice import EngineName
from handgrad.errors import SettingError
from handgrad.estimators.engines import Job
from handgrad.estimators.epochs import NOT_FINITE, fit_epochs
from handgrad.estimators.files import InFiles
from handgrad.estimators.lbfgs import fit_lbfgs
from handgrad.estimators.looking import Looking
from handgrad.estimators.loss_choice import last_layers, out_activation
from handgrad.estimators.losses import L2PenaltyOfABatch
from handgrad.estimators.nets import activations_of, draw_weights, in_float64, new_net, up_to_hidden
from handgrad.estimators.rows import Weighted, predicted, rows_of
from handgrad.estimators.settings import CONSTRAINTS, check_together, unchanged_if_refused
from handgrad.estimators.validation import rows_of_eval_set, weights_of
from handgrad.layers import Array, Linear
from handgrad.losses import Loss
from handgrad.net import Net
from handgrad.results import NetRows
from handgrad.training import check_takes_weights


class Perceptron(Looking, InFiles, BaseEstimator):  # type: ignore[misc]
    """A multi-layer perceptron with scikit-learn's parameters and attributes.

    `net_` is the net, whose last layer gives logits, log rates or numbers; `coefs_` and
    `intercepts_` are views of its weights. What is put in their place is predicted with, too.
    """

    net_: Net

    _loss: Loss  # by which the net was fit
    _usual_score: ClassVar[str]
    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    def __init__(
        self,
        hidden_layer_sizes: Any,
        activation: Any,
        solver: Any,
        alpha: float,
        batch_size: int | str,
        learning_rate: Any,
        learning_rate_init: float,
        power_t: float,
        max_iter: int,
        loss: Any,
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
        normalization: str | None,
        dropout: float,
        scoring: Any,
        transform_layer: int,
        progress: bool,
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
        self.normalization, self.scoring = normalization, scoring
        self.transform_layer, self.progress = transform_layer, progress

    # what a classifier and a regressor say for themselves

    def _validate_input(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> Any:
        raise NotImplementedError

    def _validate_more(self, X: Any, y: Any) -> Any:
        """Rows and targets beside those that are fit, checked as those were."""
        raise NotImplementedError

    def _chosen_loss(self) -> Loss:
        raise NotImplementedError

    def _n_outputs(self, y: Array) -> int:
        """How many numbers the net puts out for a row with the targets `y` (n, n_targets)."""
        return y.shape[1]

    def _targets(self, y: Array) -> Array:
        """The targets `y` (n, n_targets) as the loss takes them."""
        raise NotImplementedError

    def _labels(self, y: Array) -> Array:
        """The targets `y` (n, n_targets) as they were given."""
        raise NotImplementedError

    def _weights_of_classes(self, y: Array, as_in: Array | None = None) -> Array | None:
        """What each row counts in the loss for its class, beside its own weight.

        Classes are balanced as they are among `as_in`, or else among these rows.
        """
        return None

    def _strata(self, y: Array) -> Array | None:
        """What the rows that are held out are to have as many of as the others."""
        raise NotImplementedError

    def _scorer(self, y: Array, w: Array | None) -> Callable[[Array], float]:
        """What gives the validation score of predicted outputs for the rows with targets `y`."""
        raise NotImplementedError

    # fitting

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        eval_set: Any = None,
        incremental: bool = False,
    ) -> Self:
        with unchanged_if_refused(self):
            if incremental:
                self._refuse_to_go_on()
            if not (incremental and hasattr(self, "coefs_")):
                self._validate_params()
            check_together(self, eval_set)
            sizes = self._hidden_sizes()
            first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
            X, y = self._validate_input(X, y, incremental=incremental, reset=first)
            if sample_weight is not None:
                sample_weight = _check_sample_weight(sample_weight, X)
            y = y.reshape(-1, 1) if y.ndim == 1 else y
            rows = Weighted(X, y, sample_weight, self._weights_of_classes(y))
            self._choose_loss(rows, first)
            held_out = None if eval_set is None else rows_of_eval_set(self, eval_set, rows)
            self._random_state = check_random_state(self.random_state)
            if first:
                self._start([X.shape[1], *sizes, self.n_outputs_], X.dtype)
            if self.solver != "lbfgs":
                self._current_net()
                fit_epochs(self, rows, held_out, incremental=incremental)
            else:
                if self._current_net().dtype != np.float64:  # SciPy's type
                    self.net_ = in_float64(self.net_)
                fit_lbfgs(self, rows)
            self._show_weights()
            if not np.isfinite(self.net_.parameters).all():
                raise ValueError(NOT_FINITE)
        return self

    def _choose_loss(self, rows: Weighted, first: bool) -> None:
        """Take the loss as it is asked for now, if what the net puts out is what it takes."""
        loss = self._chosen_loss()
        if rows.in_loss is not None:
            check_takes_weights(loss)
        if not first and _kinds(loss) != _kinds(self._loss):
            raise SettingError(
                f"loss={self.loss!r}, for a net that was fit by {self._loss!r}",
                f"a loss that takes {self._loss.input_kind} too, for targets that are "
                f"{self._loss.target_kind}",
                "warm_start=False, or a new estimator",
            )
        self._loss = loss
        self.n_outputs_ = self._n_outputs(rows.y)

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
        self.out_activation_ = out_activation(self._loss)
        activations = activations_of(self.activation, len(sizes) - 2)
        extras = (self.normalization, self.dropout, last_layers(self._loss))
        self.net_ = new_net(sizes, activations, *extras, dtype)
        draw_weights(self._linears(), activations or [self.activation], self._random_state)
        if self.dropout:  # only then, since scikit-learn draws nothing here
            self.net_.seed(int(self._random_state.randint(2**31 - 1)))
        self._show_weights()
        if self.solver != "lbfgs":
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self._best_weights = weights_of(self.net_)
            self.validation_scores_: list[float] | None = None
            self.validation_loss_curve_: list[float] | None = None
            self.best_validation_score_: float | None = None
            self.best_loss_ = None if self.early_stopping else np.inf

    def _job(self, rows: Weighted, *, optimizer: Any, batch_size: int, held_out: Any) -> Job:
        net, w = self.net_, rows.in_loss
        return Job(
            net,
            self._loss,
            optimizer,
            rows_of(rows.X, net.dtype),
            self._targets(rows.y),
            None if w is None else np.ascontiguousarray(w, net.dtype),
            None if held_out is None else rows_of(held_out, net.dtype),
            L2PenaltyOfABatch(self.alpha) if self.alpha else None,
            batch_size,
            self.max_iter,
        )

    # predicting

    def _outputs(self, X: Any, hidden: int | None = None, *, linked: bool = True) -> Array:
        """What the net says of the rows of `X`, (n, n_outputs): probabilities, rates, numbers.

        Without `linked` its output as it is; or that of a `hidden` layer, (n, n_units).
        """
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        net = self._current_net()
        x = rows_of(X, net.dtype)
        if hidden is None:
            p = predicted(net, x)
            p = self._meaning(p) if linked else p
        else:
            p = predicted(up_to_hidden(net, hidden), x)
        return p.astype(np.result_type(X.dtype, net.dtype), copy=False)

    def _meaning(self, p: Array) -> Array:
        """What the output `p` of the net says."""
        return self._loss.input_kind.inverse_link(p)

    def net_rows(self, X: Any, y: Array) -> NetRows:
        """Rows and their targets, numbers or numbers of classes, as `net_` takes them."""
        x = np.asarray(X.toarray() if hasattr(X, "toarray") else X, float)
        y = y if self._loss.target_kind.indices else y[:, None].astype(float)
        return NetRows(x, y, self._loss, bool(self.early_stopping))

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


def _kinds(loss: Loss) -> tuple[str, str]:
    """What a loss takes of the net and as targets."""
    return str(loss.input_kind), str(loss.target_kind)


def _same_memory(a: Any, view: Array) -> bool:
    """Whether `a` is that view of a net's weights."""
    return (
        isinstance(a, np.ndarray)
        and a.ctypes.data == view.ctypes.data
        and (a.shape, a.strides, a.dtype) == (view.shape, view.strides, view.dtype)
    )
