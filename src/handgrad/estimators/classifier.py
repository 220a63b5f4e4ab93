"""scikit-learn's MLPClassifier, trained by handgrad."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from handgrad.engines.choice import EngineName
from handgrad.errors import SettingError
from handgrad.estimators.files import binarizer_from, said_of_columns
from handgrad.estimators.perceptron import Perceptron
from handgrad.layers import Array
from handgrad.saving.values import read_classes, written_array


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """scikit-learn's multi-layer perceptron for classes, several labels a row too, but compiled.

    Parameters, attributes, methods, warnings and errors are those of
    `sklearn.neural_network.MLPClassifier`, and so are the numbers, given the same `random_state`.
    Of its own it has:

    - `activation` may be a layer, as `hg.GELU()`, or a list with one for each hidden layer;
    - `class_weight`, "balanced" or {class: weight}, weighs rows in the loss;
    - `dropout`, the share of hidden units left out of a step, for sgd and adam;
    - `engine`, auto, eager or compiled, as in `train`; auto compiles a form of fit once such fits
      have been enough work in this process;
    - `net_`, the fitted net, whose output are logits; `coefs_` and `intercepts_` are views of its
      weights.

    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array(["low", "low", "high", "high"])
    >>> model = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> model.predict([[-1.0], [4.0]]).tolist(), model.net_
    (['low', 'high'], Net(Linear(1, 5), ReLU(), Linear(5, 1)))
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
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
        class_weight: Any = None,
        dropout: float = 0.0,
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
            loss="log_loss",
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
            dropout=dropout,
            engine=engine,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to the rows `X` (n, n_features), dense or sparse, and their classes or labels `y`.

        `y` is (n,), or (n, n_labels) of 0 and 1; `sample_weight` (n,) says how much rows count.
        """
        return self._fit(X, y, sample_weight)

    @available_if(lambda model: model._check_solver())  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go on for one epoch over these rows; the first call needs all `classes` there will be."""
        if self.class_weight == "balanced":
            raise SettingError(
                "class_weight='balanced' in partial_fit, which sees a part of the rows",
                "a weight for each class",
                "class_weight={0: 1.0, 1: 5.0}, for example",
            )
        if _check_partial_fit_first_call(self, classes):
            labels = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(labels)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Any:
        """The class of each row, (n,), or its labels, (n, n_labels)."""
        check_is_fitted(self)
        p = self._outputs(X)
        return self._label_binarizer.inverse_transform(p.ravel() if self.n_outputs_ == 1 else p)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (n, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if self.n_outputs_ == 1 else p

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of each probability, (n, n_classes)."""
        p = self.predict_proba(X)
        log_p: Array = np.log(p, out=p)
        return log_p

    def _validate_input(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> Any:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        return X, self._label_binarizer.transform(y).astype(bool)

    def _check_classes(self, classes: Array) -> None:
        """Refuse classes that the fit so far does not know."""
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        if not self.warm_start and len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )

    def _output_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _targets(self, y: Array) -> Array:
        return y.argmax(axis=1) if self.out_activation_ == "softmax" else y.astype(self.net_.dtype)

    def _weights_of_classes(self, y: Array) -> Array | None:
        if self.class_weight is None:
            return None
        labels = self._label_binarizer.inverse_transform(y)
        w: Array = compute_sample_weight(self.class_weight, labels)
        return w

    def _strata(self, y: Array) -> Array | None:
        return y if self.n_outputs_ == 1 else None

    def _scorer(self, y: Array, w: Array | None) -> Callable[[Array], float]:
        def accuracy(p: Array) -> float:
            if self.out_activation_ == "softmax":
                right = p.argmax(axis=1) == y.argmax(axis=1)
            else:
                right = ((p > 0.5) == y).all(axis=1)
            return float(np.average(right, weights=w))

        return accuracy

    # in a file

    _target_keys = frozenset({"classes", "y_type", "sparse_input"})

    def _target_to_file(self) -> dict[str, Any]:
        binarizer = self._label_binarizer
        return {
            "classes": written_array(self.classes_),
            "y_type": binarizer.y_type_,
            "sparse_input": bool(binarizer.sparse_input_),
        }

    def _target_from_file(self, fitted: dict[str, Any]) -> int:
        self.classes_ = read_classes(fitted["classes"])
        self._label_binarizer, n_outputs = binarizer_from(
            self.classes_, fitted["y_type"], fitted["sparse_input"]
        )
        return n_outputs

    @staticmethod
    def _in_file(fitted: dict[str, Any]) -> dict[str, Any]:
        return said_of_columns(fitted) | {
            "classes": read_classes(fitted["classes"]).tolist(),
            "target": {"kind": fitted["y_type"]},
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
