"""scikit-learn's MLPClassifier, trained by handgrad."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted

from handgrad.base.errors import SettingError
from handgrad.base.kinds import BinaryLabels, ClassLabels
from handgrad.estimators.files import binarizer_from
from handgrad.estimators.loss_choice import (
    OF_CLASSES,
    check_probabilities,
    gives_scores,
    loss_of_classes,
    target_kinds_of,
)
from handgrad.estimators.perceptron import Perceptron
from handgrad.estimators.rows import ClassWeight, SparseMatrix, weights_of_classes
from handgrad.estimators.settings import check_incremental
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.saving.values import read_classes, written_array


@dataclass(repr=False, eq=False)
class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """scikit-learn's multi-layer perceptron for classes, several labels a row too, but compiled.

    Parameters, attributes, methods, warnings and errors are those of
    `sklearn.neural_network.MLPClassifier`, and so are the numbers, given the same `random_state`.
    Of its own it has, by keyword and off by default:

    - `activation` may be a layer, as `hg.GELU()`, or a list with one for each hidden layer;
    - `normalization`, "batch" or "layer", of each hidden layer before its activation; `dropout`,
      the share of hidden units left out of a step;
    - `solver` may be "adagrad", "rmsprop", "adamw", "nadam", "lion", at `learning_rate_init`, or an
      optimizer, which has a rate of its own;
    - `learning_rate` may be a schedule over `max_iter`: a name of `hg.schedules`, or a function;
    - `loss`, "log_loss", "label_smoothing", "focal", "hinge", or a loss of handgrad; of a loss of
      scores there is a `decision_function` and no `predict_proba`;
    - `class_weight`, "balanced" or {class: weight}, weighs rows in the loss;
    - `scoring`, what early stopping looks at: a metric, a scorer, or "loss";
    - `transform_layer`, the hidden layer that `transform` gives, the last one by default;
    - `progress`, a bar in a terminal or a notebook; `engine`, auto, eager or compiled, as in
      `train`;
    - `net_`, whose output are logits, or probabilities where the loss takes those; `coefs_` and
      `intercepts_` are views of its weights;
    - `validation_loss_curve_` and `validation_scores_` of rows that were not learnt from.

    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array(["low", "low", "high", "high"])
    >>> model = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> model.predict([[-1.0], [4.0]]).tolist(), model.net_
    (['low', 'high'], Net(Linear(1, 5), ReLU(), Linear(5, 1)))
    """

    _usual_score = "accuracy"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({*OF_CLASSES}), Loss],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    loss: str | Loss = field(default="log_loss", kw_only=True)
    class_weight: ClassWeight = field(default=None, kw_only=True)

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        *,
        eval_set: object = None,
    ) -> Self:
        """Fit to the rows `X` (n, n_features), dense or sparse, and their classes or labels `y`.

        `y` is (n,), or (n, n_labels) of 0 and 1; `sample_weight` (n,) says how much rows count.
        `eval_set`, a pair (X, y) or (X, y, sample_weight), has rows that are looked at after each
        epoch and not learnt from; early stopping goes by them.
        """
        return self._fit(X, y, sample_weight, eval_set=eval_set)

    @available_if(check_incremental)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        classes: npt.ArrayLike | None = None,
    ) -> Self:
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

    def predict(self, X: object) -> Any:
        """The class of each row, (n,), or its labels, (n, n_labels)."""
        check_is_fitted(self)
        p = self._outputs(X)
        if self._one_column_a_class():
            return self.classes_[self._loss.target_kind.decide(p)]
        return self._label_binarizer.inverse_transform(p.ravel() if self.n_outputs_ == 1 else p)

    @available_if(check_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: object) -> Array:
        """The probability of each class, (n, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if self.n_outputs_ == 1 else p

    @available_if(gives_scores)  # type: ignore[untyped-decorator]
    def decision_function(self, X: object) -> Array:
        """The score of each class, (n, n_classes), of yes, (n,), or of each label, (n, n_labels).

        For losses of scores, as hinge; yes, the second class, is predicted from 0 on.
        """
        check_is_fitted(self)
        z = self._outputs(X, linked=False)
        if self._one_column_a_class():
            return z[:, 1] - z[:, 0] if len(self.classes_) == 2 else z
        return z.ravel() if self.n_outputs_ == 1 else z

    @available_if(check_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: object) -> Array:
        """The logarithm of each probability, (n, n_classes)."""
        p = self.predict_proba(X)
        log_p: Array = np.log(p, out=p)
        return log_p

    def _validate_input(
        self, X: object, y: object, *, incremental: bool, reset: bool
    ) -> tuple[Array | SparseMatrix, Array]:
        rows, targets = self._checked(X, y, reset=reset, dtype=(np.float64, np.float32))
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(targets)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(targets))
        return rows, self._label_binarizer.transform(targets).astype(bool)

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

    def _validate_more(self, X: object, y: object) -> tuple[Array | SparseMatrix, Array]:
        rows, targets = self._checked(X, y, reset=False)
        unknown = np.setdiff1d(unique_labels(targets), self.classes_)
        if len(unknown):
            raise ValueError(f"the class {unknown.tolist()[0]!r}, which the rows to fit have not")
        return rows, self._label_binarizer.transform(targets).astype(bool)

    def _chosen_loss(self) -> Loss:
        return loss_of_classes(self.loss, self._label_binarizer.y_type_)

    def _one_column_a_class(self) -> bool:
        """Whether the loss takes one class a row; else answers of yes and no, one a column."""
        return isinstance(self._loss.target_kind, ClassLabels)

    def _n_outputs(self, y: Array) -> int:
        return 2 if self._one_column_a_class() and y.shape[1] == 1 else y.shape[1]

    def _targets(self, y: Array) -> Array:
        if self._one_column_a_class():
            return y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(np.int64)
        return y.astype(self.net_.dtype)

    def _labels(self, y: Array) -> Array:
        labels: Array = self._label_binarizer.inverse_transform(y)
        return labels

    def _weights_of_classes(self, y: Array, as_in: Array | None = None) -> Array | None:
        if self.class_weight is None:
            return None
        others = None if as_in is None else self._labels(as_in)
        return weights_of_classes(self.class_weight, self._labels(y), others)

    def _strata(self, y: Array) -> Array | None:
        return y if y.shape[1] == 1 else None

    def _scorer(self, y: Array, w: Array | None) -> Callable[[Array], float]:
        one_class = self._one_column_a_class()
        targets = self._targets(y) if one_class else y

        def accuracy(p: Array) -> float:
            right = p.argmax(axis=1) == targets if one_class else ((p > 0.5) == y).all(axis=1)
            return float(np.average(right, weights=w))

        return accuracy

    # in a file

    _target_keys = frozenset({"classes", "y_type", "sparse_input"})

    def _target_to_file(self) -> dict[str, object]:
        binarizer = self._label_binarizer
        return {
            "classes": written_array(self.classes_),
            "y_type": binarizer.y_type_,
            "sparse_input": bool(binarizer.sparse_input_),
        }

    def _target_from_file(self, fitted: dict[str, object]) -> int:
        self.classes_ = read_classes(fitted["classes"])
        self._label_binarizer, n_outputs = binarizer_from(
            self.classes_, fitted["y_type"], fitted["sparse_input"]
        )
        return n_outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        learns = target_kinds_of(self.loss)
        tags.classifier_tags.multi_label = any(isinstance(k, BinaryLabels) for k in learns)
        tags.classifier_tags.multi_class = any(isinstance(k, ClassLabels) for k in learns)
        return tags
