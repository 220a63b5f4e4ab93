"""scikit-learn's MLPClassifier, trained by handgrad."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from sklearn import neural_network
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from handgrad.exchange.exporting.estimators import column_names, followed, link_of, of_both
from handgrad.exchange.exporting.parts import Parts
from handgrad.exchange.exporting.wrapper_layers import BothClasses, BothScores
from handgrad.files.tensors import damaged, shown
from handgrad.files.values import read_classes, written_array
from handgrad.tables.estimators.perceptron import Perceptron
from handgrad.tables.estimators.settings import (
    OF_CLASSES,
    check_probabilities,
    gives_scores,
    loss_for,
    losses_of,
)
from handgrad.textbook.errors import SettingError
from handgrad.textbook.kinds import BinaryLabels, ClassLabels, Scores
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss

ClassWeight = dict[Any, float] | list[dict[Any, float]] | str | None  # labels are of any type
Y_TYPES = ("binary", "multiclass", "multilabel-indicator")


@dataclass(repr=False, eq=False)
class MLPClassifier(Perceptron, neural_network.MLPClassifier):  # type: ignore[misc]
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
    - `progress`, a bar in a terminal or a notebook; `engine`, auto, eager, compiled, portable
      or jax, as in `train`;
    - `net_`, whose output are logits, or probabilities where the loss takes those; `coefs_` and
      `intercepts_` are views of its weights;
    - `validation_loss_curve_` and `validation_scores_` of rows that were not learnt from.

    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array(["low", "low", "high", "high"])
    >>> model = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> model.predict([[-1.0], [4.0]]).tolist(), model.net_
    (['low', 'high'], Net(Linear(1, 5), ReLU(), Linear(5, 1)))
    """

    _usual_metric = "accuracy"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({*OF_CLASSES}), Loss],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    loss: str | Loss = field(default="log_loss", kw_only=True)
    class_weight: ClassWeight = field(default=None, kw_only=True)

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
        log_p: Array = np.log(self.predict_proba(X))
        return log_p

    def _chosen_loss(self) -> Loss:
        return loss_for(self.loss, self._label_binarizer.y_type_)

    def _one_column_a_class(self) -> bool:
        """Whether the loss takes one class a row; else answers of yes and no, one a column."""
        return isinstance(self._loss.target_kind, ClassLabels)

    def _n_outputs(self, y: Array) -> int:
        return 2 if self._one_column_a_class() and y.shape[1] == 1 else y.shape[1]

    def _targets(self, y: Array) -> Array:
        if self._one_column_a_class():
            return y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(np.int64)
        return super()._targets(y)

    def _labels(self, y: Array) -> Array:
        labels: Array = self._label_binarizer.inverse_transform(y)
        return labels

    def _weights_of_classes(self, y: Array, as_in: Array | None = None) -> Array | None:
        if self.class_weight is None:
            return None
        labels = self._labels(y)
        if as_in is None or self.class_weight != "balanced":
            w: Array = compute_sample_weight(self.class_weight, labels)
            return w
        both, n = np.concatenate([self._labels(as_in), labels]), len(as_in)
        return compute_sample_weight("balanced", both, indices=range(n))[n:]

    def _usual_score(self, p: Array, y: Array, w: Array | None) -> float:
        if self._one_column_a_class():
            right = p.argmax(axis=1) == self._targets(y)
        else:
            right = ((p > 0.5) == y).all(axis=1)
        return float(np.average(right, weights=w))

    def _exported_parts(self) -> Parts:
        if self._label_binarizer.y_type_ == "multilabel-indicator":
            raise SettingError(
                f"{type(self).__name__} of several labels a row",
                "one class a row",
                "hg.export(model.net_, path), which gives a logit for each label",
            )
        net, kind = self._current_net(), self._loss.input_kind
        scored = isinstance(kind, Scores)
        both = [] if self.n_outputs_ > 1 else [BothScores() if scored else BothClasses()]
        linked = [] if scored else link_of(kind)
        return Parts(
            "classifier",
            "scores" if scored else "probabilities",
            followed(net, *linked, *both),
            of_both(self.decision_function) if scored else self.predict_proba,
            column_names(self),
            self.classes_,
        )

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
        classes = read_classes(fitted["classes"])
        y_type, sparse = fitted["y_type"], fitted["sparse_input"]
        fits = {"binary": len(classes) <= 2, "multiclass": len(classes) > 2}
        if y_type not in Y_TYPES or not fits.get(y_type, True) or type(sparse) is not bool:
            raise damaged(f"{shown(y_type)} targets of {len(classes)} classes", ", ".join(Y_TYPES))
        self.classes_, binarizer = classes, LabelBinarizer()
        binarizer.classes_, binarizer.y_type_, binarizer.sparse_input_ = classes, y_type, sparse
        self._label_binarizer = binarizer
        return 1 if y_type == "binary" else len(classes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        learns = [loss.target_kind for loss in losses_of(self.loss)]
        tags.classifier_tags.multi_label = any(isinstance(k, BinaryLabels) for k in learns)
        tags.classifier_tags.multi_class = any(isinstance(k, ClassLabels) for k in learns)
        return tags
