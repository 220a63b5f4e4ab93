"""Multi-layer perceptron: the net, its start, its fits and its outputs, for both kinds."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from handgrad.base.errors import SettingError
from handgrad.estimators.epochs import NOT_FINITE, fit_epochs
from handgrad.estimators.files import InFiles
from handgrad.estimators.lbfgs import fit_lbfgs
from handgrad.estimators.loss_choice import last_layers, out_activation
from handgrad.estimators.nets import activations_of, draw_weights, in_float64, new_net, up_to_hidden
from handgrad.estimators.rows import Weighted, predicted, rows_of
from handgrad.estimators.settings import check_together, unchanged_if_refused
from handgrad.estimators.transformer import HiddenLayerTransformer
from handgrad.estimators.validation import rows_of_eval_set
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.results import NetRows
from handgrad.training import check_takes_weights


class Perceptron(HiddenLayerTransformer, InFiles):
    """A multi-layer perceptron with scikit-learn's parameters and attributes.

    `net_` is the net, whose last layer gives logits, log rates or numbers; `coefs_` and
    `intercepts_` are views of its weights. What is put in their place is predicted with, too.
    """

    def _fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None,
        *,
        eval_set: object = None,
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
            x, y = self._validate_input(X, y, incremental=incremental, reset=first)
            w = None if sample_weight is None else _check_sample_weight(sample_weight, x)
            y = y.reshape(-1, 1) if y.ndim == 1 else y
            rows = Weighted(x, y, w, self._weights_of_classes(y))
            self._choose_loss(rows, first)
            held_out = None if eval_set is None else rows_of_eval_set(self, eval_set, rows)
            self._random_state = check_random_state(self.random_state)
            if first:
                self._start([x.shape[1], *sizes, self.n_outputs_], x.dtype)
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

    def _start(self, sizes: list[int], dtype: npt.DTypeLike) -> None:
        """A new net, whose weights are drawn as scikit-learn draws them, and nothing learnt."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = out_activation(self._loss)
        activations = activations_of(self.activation, len(sizes) - 2)
        for_the_output = self.activation if isinstance(self.activation, str) else "identity"
        extras = (self.normalization, self.dropout, last_layers(self._loss))
        self.net_ = new_net(sizes, activations, *extras, dtype)
        draw_weights(self._linears(), activations or [for_the_output], self._random_state)
        if self.dropout:  # only then, since scikit-learn draws nothing here
            self.net_.seed(int(self._random_state.randint(2**31 - 1)))
        self._show_weights()
        if self.solver != "lbfgs":
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.validation_scores_: list[float] | None = None
            self.validation_loss_curve_: list[float] | None = None
            self.best_validation_score_: float | None = None
            self.best_loss_ = None if self.early_stopping else np.inf

    # predicting

    def _outputs(self, X: object, hidden: int | None = None, *, linked: bool = True) -> Array:
        """The net's output for the rows of `X`, (n, n_outputs): probabilities, rates, numbers.

        Without `linked` its output as it is; or that of a `hidden` layer, (n, n_units).
        """
        rows = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        net = self._current_net()
        x = rows_of(rows, net.dtype)
        if hidden is None:
            p = predicted(net, x)
            p = self._meaning(p) if linked else p
        else:
            p = predicted(up_to_hidden(net, hidden), x)
        return p.astype(np.result_type(rows.dtype, net.dtype), copy=False)

    def _meaning(self, p: Array) -> Array:
        """The output `p` of the net in terms of the targets: probabilities, rates, numbers."""
        return self._loss.input_kind.inverse_link(p)

    def net_rows(self, X: object, y: Array) -> NetRows:
        """Rows and their targets, numbers or numbers of classes, as `net_` takes them."""
        x = np.asarray(X.toarray() if hasattr(X, "toarray") else X, float)
        y = y if self._loss.target_kind.indices else y[:, None].astype(float)
        return NetRows(x, y, self._loss, bool(self.early_stopping))

    # the weights

    def __getstate__(self) -> dict[str, Any]:
        if "net_" in vars(self):
            self._current_net()
        state = super().__getstate__()
        return {k: v for k, v in state.items() if k not in ("coefs_", "intercepts_")}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        if "net_" in vars(self):
            self._show_weights()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _kinds(loss: Loss) -> tuple[str, str]:
    """The kinds of predictions and targets of a loss."""
    return str(loss.input_kind), str(loss.target_kind)
