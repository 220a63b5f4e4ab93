"""Multi-layer perceptron: net, fit, prediction, plot of the training, and file format."""

import copy
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from handgrad.files.tensors import damaged, shown
from handgrad.files.values import read_value, written
from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.estimators.base import (
    ACTIVATIONS,
    NORMALIZATIONS,
    Activation,
    Base,
)
from handgrad.tables.estimators.callbacks import CallbackSupport, FitTasks
from handgrad.tables.estimators.fit_loop import NOT_FINITE, FitOptions, begin, fit_epochs, fit_lbfgs
from handgrad.tables.estimators.fit_state import RECORDED, FitState
from handgrad.tables.estimators.rows import Weighted, predicted, rows_of
from handgrad.tables.estimators.settings import check_incremental, check_together
from handgrad.tables.estimators.validation import LOSS, rows_of_eval_set
from handgrad.textbook.errors import HandgradError, SettingError, did_you_mean
from handgrad.textbook.kinds import ClassProbabilities, Probabilities
from handgrad.textbook.layers import Array, Dropout, Layer, Linear, Sigmoid, Softmax, defaults
from handgrad.textbook.layers.initializers import without_initialization
from handgrad.textbook.net import Net
from handgrad.training import EpochReport, History, check_takes_weights
from handgrad.training.results import NetRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Fitted attributes that a file stores beside the net, with their types; first those of columns,
# then those of the record of the fit, each by its name there.
OF_COLUMNS = {name: get_type_hints(Base)[name] for name in ("n_features_in_", "feature_names_in_")}
OF_THE_FIT = {f"{name}_" if hasattr(Base, f"{name}_") else f"_{name}": name for name in RECORDED}
SAVED = OF_COLUMNS | {key: get_type_hints(FitState)[name] for key, name in OF_THE_FIT.items()}


class Perceptron(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    CallbackSupport,  # type: ignore[misc]
    Base,
):
    """Multi-layer perceptron with scikit-learn's parameters and attributes.

    `net_` is the net, whose last layer outputs logits, log rates or numbers; `coefs_` and
    `intercepts_` are views of its weights. Replaced ones are used in prediction.
    """

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        *,
        eval_set: object = None,
        groups: object = None,
        time: object = None,
        checkpoints: str | Path | None = None,
    ) -> Self:
        """Fit the model to the rows of `X` and their targets `y`.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, n_features)
            Training rows.
        y : array-like, (n,), (n, n_labels) or (n, n_outputs)
            Classes or numbers; 0 and 1 for multilabel targets. Counts must not be negative.
        sample_weight : array-like, (n,), optional
            Weight of each row.
        eval_set : tuple (X, y) or (X, y, sample_weight), optional
            Validation rows: evaluated after each epoch, used for early stopping.
        groups : array-like, (n,), optional
            Group of each row: early stopping holds out whole groups.
        time : array-like, (n,), optional
            Date or number of each row: early stopping holds out the end.
        checkpoints : path, optional
            Folder in which the state of the fit is saved every few seconds, and from which it
            continues if it was stopped: with the bits of one that was not.

        Returns
        -------
        self
        """
        units = Units.of(groups, time, _n_rows(X))
        with FitTasks.of(self, X, y, sample_weight) as tasks:
            return self._fit(
                *(X, y, sample_weight),
                eval_set=eval_set,
                units=units,
                checkpoints=checkpoints,
                tasks=tasks,
            )

    def fit_by_epoch(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        *,
        eval_set: object = None,
        groups: object = None,
        time: object = None,
    ) -> Generator[EpochReport, None, None]:
        """Fit as `fit` does, and yield an EpochReport after every epoch; `break` stops it.

        A stopped fit keeps the weights of its last epoch; one that ends has those of `fit`. With
        `scale_targets` predictions between epochs are of the scaled targets.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, n_features)
            Training rows.
        y : array-like, (n,), (n, n_labels) or (n, n_outputs)
            Classes or numbers.
        sample_weight : array-like, (n,), optional
            Weight of each row.
        eval_set : tuple (X, y) or (X, y, sample_weight), optional
            Validation rows: evaluated after each epoch, used for early stopping.
        groups : array-like, (n,), optional
            Group of each row: early stopping holds out whole groups.
        time : array-like, (n,), optional
            Date or number of each row: early stopping holds out the end.

        Returns
        -------
        iterator of EpochReport
            The fit begins with the first report.
        """
        if self.solver == "lbfgs":
            raise SettingError(
                "fit_by_epoch with solver='lbfgs', which has no epochs",
                "a solver with minibatches",
                "solver='adam'; or fit",
            )
        units = Units.of(groups, time, _n_rows(X))
        return self._by_epoch(X, y, sample_weight, eval_set, units)

    def _by_epoch(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None,
        eval_set: object,
        units: Units | None,
    ) -> Generator[EpochReport, None, None]:
        how = FitOptions(units)
        with self._begun(X, y, sample_weight, eval_set, how) as (rows, held_out):
            epochs = begin(self, self._state, rows, held_out, how)
            yield from epochs
            epochs.finish()

    def _fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        *,
        incremental: bool = False,
        eval_set: object = None,
        units: Units | None = None,
        checkpoints: str | Path | None = None,
        tasks: FitTasks | None = None,
    ) -> Self:
        """Fit, or train for one epoch; if the input is refused, the estimator is unchanged."""
        how = FitOptions(units, checkpoints, incremental=incremental, tasks=tasks)
        with self._begun(X, y, sample_weight, eval_set, how) as (rows, held_out):
            if self.solver != "lbfgs":
                fit_epochs(self, self._state, rows, held_out, how)
            else:
                if self.net_.dtype != np.float64:  # SciPy's type
                    self.net_ = Net(*map(copy.deepcopy, self.net_.layers), dtype=np.float64)
                    self._show_weights()
                fit_lbfgs(self, self._state, rows, tasks)
        return self

    @contextmanager
    def _begun(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None,
        eval_set: object,
        how: FitOptions,
    ) -> Iterator[tuple[Weighted, Weighted | None]]:
        """Context of a fit: its checked rows and validation rows; if refused, nothing changes.

        Nor does anything if a callback raises an exception.
        """
        before, incremental = self.__dict__.copy(), how.incremental
        try:
            if incremental:
                self._check_partial_fit()
            if not (incremental and hasattr(self, "coefs_")):
                self._validate_params()
            check_together(self, eval_set, how.units, how.checkpoints)
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
            self._state = FitState() if first else copy.copy(self._state)
            if not first and how.tasks is not None:
                self.net_ = copy.deepcopy(self._current_net())
                self._state = copy.deepcopy(self._state)
                self._show_weights()
            self._state.random_state = check_random_state(self.random_state)
            if first:
                self._start([x.shape[1], *sizes, self.n_outputs_], x.dtype)
            self._current_net()
            with self._to_train_on(rows, held_out, first, how) as sides:
                yield sides
            self._show_weights()
        except Exception as error:
            if isinstance(error, HandgradError) or how.tasks is not None:
                self.__dict__ = before
            raise
        if not np.isfinite(self.net_.parameters).all():
            raise ValueError(NOT_FINITE)

    @contextmanager
    def _to_train_on(
        self, rows: Weighted, held_out: Weighted | None, first: bool, how: FitOptions
    ) -> Iterator[tuple[Weighted, Weighted | None]]:
        """Context of a training: its rows and validation rows; a regressor may scale targets."""
        yield rows, held_out

    _check_solver = check_incremental  # scikit-learn: whether there is `partial_fit`

    def _check_partial_fit(self) -> None:
        if hasattr(self, "coefs_") and self._state.steps is None:
            raise SettingError(
                "partial_fit of a model that came from a file or lbfgs, without optimizer state",
                "a model fitted in this process, or unpickled",
                "fit with warm_start=True, which continues from its weights",
            )
        if getattr(self, "class_weight", None) == "balanced":
            raise SettingError(
                "class_weight='balanced' in partial_fit, which sees only some rows",
                "a weight for each class",
                "class_weight={0: 1.0, 1: 5.0}, for example",
            )

    def _choose_loss(self, rows: Weighted, first: bool) -> None:
        """Set the loss; refused if it does not fit the output of the net."""
        loss = self._chosen_loss()
        if rows.in_loss is not None:
            check_takes_weights(loss)
        both = (loss, loss if first else self._loss)
        if len({(str(each.input_kind), str(each.target_kind)) for each in both}) > 1:
            raise SettingError(
                f"loss={self.loss!r}, for a net that was fitted with {self._loss!r}",
                f"a loss that takes {self._loss.input_kind}, for targets that are "
                f"{self._loss.target_kind}",
                "warm_start=False, or a new estimator",
            )
        self._loss = loss
        self.n_outputs_ = self._n_outputs(rows.y)

    def _start(self, sizes: list[int], dtype: npt.DTypeLike) -> None:
        """Create a new net with weights drawn as in scikit-learn, and reset the history."""
        state = self._state
        self.net_ = self._new_net(sizes, dtype, state.random_state)
        self._show_weights()
        if self.solver != "lbfgs":
            state.loss_curve, state.no_improvement_count = [], 0
            state.validation_scores = state.validation_loss_curve = None
            state.best_validation_score = None
            state.best_loss = None if self.early_stopping else np.inf

    def _new_net(self, sizes: list[int], dtype: npt.DTypeLike, rng: np.random.RandomState) -> Net:
        return new_net(self, sizes, dtype, rng)

    # predicting

    def _outputs(self, X: object, hidden: int | None = None, *, linked: bool = True) -> Array:
        """Output of the net for the rows of `X`, (n, n_outputs): probabilities, rates, numbers.

        Without `linked`, the raw output; or that of a `hidden` layer, (n, n_units).
        """
        rows = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        net = self._current_net()
        x = rows_of(rows, net.dtype)
        engine = self.engine
        if hidden is not None:  # a temporary net: not worth compiling
            net, engine = net[: net.layers.index(self._linears()[hidden + 1])], "auto"
        p = predicted(net, x, engine)
        if linked and hidden is None:
            p = self._meaning(p)
        return p.astype(np.result_type(rows.dtype, net.dtype), copy=False)

    def net_rows(self, X: object, y: Array) -> NetRows:
        """Rows and targets, numbers or class indices, in the form of `net_`."""
        x = np.asarray(X.toarray() if hasattr(X, "toarray") else X, float)
        y = y if self._loss.target_kind.indices else y[:, None].astype(float)
        return NetRows(x, y, self._loss, bool(self.early_stopping))

    # hidden layers

    def transform(self, X: object) -> Array:
        """Activations of a hidden layer for the rows of `X`, (n, n_units).

        The layer is `transform_layer`, by default the last one. The columns are named
        mlpclassifier0, mlpclassifier1, and so on by `get_feature_names_out`.
        """
        check_is_fitted(self)
        return self._outputs(X, self._transforming())

    @property
    def _n_features_out(self) -> int:
        return self.coefs_[self._transforming()].shape[1]

    def _transforming(self) -> int:
        """Index of the hidden layer that transforms, from 0."""
        layer, n = self.transform_layer, len(self.coefs_) - 1
        if not -n <= layer < n:
            raise SettingError(
                f"transform_layer={layer} of {n} hidden layers",
                f"a number from {-n} to {n - 1}" if n else "a hidden layer",
                "transform_layer=-1, the last one" if n else "hidden_layer_sizes=(100,)",
            )
        return layer % n

    # the training

    def plot(self, what: str = LOSS, ax: "Axes | None" = None) -> "Axes":
        """Plot the loss of the training over epochs, or a score by its name or "score".

        Validation rows add their curve, early stopping the best epoch. Without `ax` a new figure is
        made: `axes.figure`.
        """
        from handgrad import plots

        check_is_fitted(self)
        history, best = self.training_history()
        if history is None:
            raise SettingError(
                "a fit by lbfgs, which has no epochs", "a solver with epochs", "solver='adam'"
            )
        score = self._state.scored_by if what == "score" and self.validation_scores_ else what
        return plots.plot_training_progress(history, score, ax, best)

    def training_history(self) -> tuple[History | None, int | None]:
        """History of the fit, None without epochs, and the epoch whose weights were kept."""
        if not hasattr(self, "loss_curve_"):
            return None, None
        state = self._state
        scores, losses = state.validation_scores or [], state.validation_loss_curve or []
        looked = zip(state.validated_at if scores else [], losses, scores, strict=True)
        seen = {epoch: figures for epoch, *figures in looked}
        reports = []
        for epoch, train_loss in enumerate(state.loss_curve, 1):
            loss, score = seen.get(epoch, (np.nan, np.nan))
            named = {state.scored_by: score} if scores and state.scored_by != LOSS else {}
            validation_loss = loss if scores else None
            reports.append(EpochReport(epoch, train_loss, {}, validation_loss, named))
        history = History(reports)
        if getattr(state, "interrupted", False):
            history.stopped_because = f"interrupted in epoch {len(history) + 1}"
        if not scores or not self.early_stopping or state.best_validation_score is None:
            return history, None
        return history, state.validated_at[scores.index(state.best_validation_score)]

    # in a file, by `hg.save` and `hg.load`: a classifier and a regressor add the state of their
    # targets; `_target_from_file` restores it and returns the number of targets in a row

    _target_keys: ClassVar[frozenset[str]]
    _optional_keys: ClassVar[frozenset[str]] = frozenset()

    def _to_file(self) -> tuple[dict[str, object], Net]:
        net = self._current_net()
        fitted = {key: getattr(self, key) for key in OF_COLUMNS if hasattr(self, key)}
        state = vars(self._state)
        fitted |= {key: state[name] for key, name in OF_THE_FIT.items() if name in state}
        values = {name: written(value) for name, value in fitted.items()}
        return values | {"loss": type(self._loss).__name__} | self._target_to_file(), net

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._validate_params()
        others = {"loss", *self._target_keys}
        more = self._optional_keys
        if others - fitted.keys() or fitted.keys() - SAVED.keys() - others - more:
            raise damaged(f"the keys {shown(sorted(fitted))}", ", ".join((*SAVED, *others)))
        self._state = FitState()
        for name in fitted.keys() - others - more:
            value, kind = read_value(fitted[name]), SAVED[name]
            if not _fits(value, kind):
                raise damaged(f"{name} is {shown(value)}", f"{getattr(kind, '__name__', kind)}")
            setattr(self._state if name in OF_THE_FIT else self, OF_THE_FIT.get(name, name), value)
        n_targets = self._target_from_file(fitted)
        self._loss = self._chosen_loss()
        if type(self._loss).__name__ != fitted["loss"]:
            expected = f"{type(self._loss).__name__}, as loss={shown(self.loss)} requires"
            raise damaged(f"a fit with {shown(fitted['loss'])}", expected)
        self.n_outputs_ = self._n_outputs(np.empty((0, n_targets)))
        sizes = (self.n_features_in_, self.n_outputs_)
        if net is None or (net.n_in, net.n_out) != sizes:
            raise damaged(f"the net {shown(net)}", f"a net from {sizes[0]} numbers to {sizes[1]}")
        names = getattr(self, "feature_names_in_", None)
        if names is not None and len(names) != net.n_in:
            raise damaged(f"{len(names)} names for {net.n_in} columns", "a name for each")
        self.net_ = net
        self._show_weights()

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


def _fits(value: object, kind: Any) -> bool:
    """Return True if a value has the type of a fitted attribute; integers must be non-negative."""
    if get_origin(kind) is np.ndarray:  # the names of columns
        if not isinstance(value, np.ndarray) or value.dtype != object:
            return False
        return all(type(name) is str for name in value)
    if get_origin(kind) is list:
        (part,) = get_args(kind)
        return isinstance(value, list) and all(_fits(each, part) for each in value)
    if either := get_args(kind):
        return any(_fits(value, one) for one in either)
    return type(value) is kind and (type(value) is not int or 0 <= value < 2**63)


def new_net(m: Base, sizes: Sequence[int], dtype: npt.DTypeLike, rng: np.random.RandomState) -> Net:
    """Net of an estimator with these layer sizes, from input to output.

    Normalization precedes each activation, dropout follows it; a loss of probabilities adds a
    Softmax or Sigmoid. Weights and biases are drawn in the order of scikit-learn, (n_in, n_out),
    uniform in ±√(6/(n_in + n_out)), with 2 in place of 6 for logistic units; the output layer
    follows the last activation. Source: Glorot, Bengio, "Understanding the difficulty of training
    deep feedforward neural networks", 2010.
    """
    activations, layers = _activations(m.activation, len(sizes) - 2), list[Layer]()
    last = activations[-1] if activations else m.activation
    with defaults(), without_initialization(lambda shape: None):
        for i, (n_in, n_out) in enumerate(pairwise(sizes)):
            if i > 0:
                layers += [NORMALIZATIONS[m.normalization](n_in)] if m.normalization else []
                if isinstance(hidden_activation := activations[i - 1], Layer):
                    layers.append(copy.deepcopy(hidden_activation))
                else:
                    layers += [kind() for kind in ACTIVATIONS[hidden_activation]]
                layers += [Dropout(m.dropout)] if m.dropout else []
            layers.append(Linear(int(n_in), int(n_out)))
    linears = [layer for layer in layers if isinstance(layer, Linear)]
    if isinstance(m._loss.input_kind, Probabilities):
        of_classes = isinstance(m._loss.input_kind, ClassProbabilities)
        layers.append(Softmax() if of_classes else Sigmoid())
    net = Net(*layers, dtype=dtype)
    for linear, activation in zip(linears, [*activations, last], strict=True):
        n_out, n_in = linear.W.shape
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (n_in + n_out))
        linear.W = rng.uniform(-bound, bound, (n_in, n_out)).T
        linear.b = rng.uniform(-bound, bound, n_out)
    if m.dropout:  # scikit-learn draws nothing here
        net.seed(int(rng.randint(2**31 - 1)))
    return net


def _activations(setting: Activation | Sequence[Activation], hidden: int) -> list[Activation]:
    """One activation for each hidden layer, from one for all or a list."""
    each = [setting] * hidden if isinstance(setting, str | Layer) else [*setting]
    if len(each) != hidden:
        names = [a if isinstance(a, str) else type(a).__name__ for a in each[:1]]
        raise SettingError(
            f"{len(each)} activations for {hidden} hidden layers",
            "one activation, or one for each hidden layer",
            f"activation={names * hidden}",
        )
    for activation in each:
        if not isinstance(activation, Layer) and str(activation) not in ACTIVATIONS:
            raise SettingError(
                f"activation {activation!r}",
                f"one of {', '.join(ACTIVATIONS)}, or a layer such as hg.GELU()",
                did_you_mean(activation, ACTIVATIONS, "'relu'"),
            )
    return each


def _n_rows(X: object) -> int:
    shape = getattr(X, "shape", None)
    return int(shape[0]) if shape else len(np.asarray(X))
