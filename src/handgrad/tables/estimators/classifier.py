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

from handgrad.exchange.exporting.model_spec import (
    ModelParts,
    column_names,
    followed,
    link_of,
    of_both,
)
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
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss

ClassWeight = dict[Any, float] | list[dict[Any, float]] | str | None  # labels are of any type
Y_TYPES = ("binary", "multiclass", "multilabel-indicator")


@dataclass(repr=False, eq=False)
class MLPClassifier(Perceptron, neural_network.MLPClassifier):  # type: ignore[misc]
    """Multi-layer perceptron classifier: scikit-learn's `MLPClassifier`, compiled; multilabel too.

    Parameters, attributes, methods, warnings and errors are those of
    `sklearn.neural_network.MLPClassifier`, and so are the numbers, given the same `random_state`.
    Extensions, all off by default: layers as activations, `normalization`, `dropout`, more solvers,
    schedules and losses, `class_weight`, `scoring`, `transform`, `progress` and `engine`.

    `net_` outputs logits, or probabilities if the loss takes them; `coefs_` and `intercepts_` are
    views of its weights. With a loss that takes scores there is a `decision_function` and no
    `predict_proba`. `validation_loss_curve_` and `validation_scores_` are those of the validation
    rows.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer.
    activation : str, Layer or list of these, default "relu"
        "identity", "logistic", "tanh", "relu" or a layer; a list has one for each hidden layer.
    loss : str or Loss, default "log_loss"
        "log_loss", "label_smoothing", "focal", "hinge", or a loss for classes.
    solver : str or Optimizer, default "adam"
        "adam", "sgd", "lbfgs", "adagrad", "rmsprop", "adamw", "nadam", "lion", or an optimizer.
    alpha : float, default 0.0001
        Strength of the L2 penalty.
    batch_size : int or "auto", default "auto"
        Rows of a minibatch; "auto" is min(200, n_samples).
    learning_rate : str or schedule, default "constant"
        "constant", "invscaling", "adaptive", or a schedule: its name or a function.
    learning_rate_init : float, default 0.001
        Initial learning rate; an Optimizer as `solver` has its own.
    power_t : float, default 0.5
        Exponent of "invscaling".
    max_iter : int, default 200
        Epochs at most; iterations at most for "lbfgs".
    shuffle : bool, default True
        Whether rows are shuffled in each epoch.
    random_state : int, RandomState or None, default None
        Seed of the initial weights, the shuffling and the held-out rows.
    tol : float, default 1e-4
        Smallest improvement of the loss or the score that counts.
    verbose : bool, default False
        Whether each epoch is printed.
    warm_start : bool, default False
        Whether `fit` continues from the weights of the previous one.
    momentum : float, default 0.9
        Momentum of "sgd".
    nesterovs_momentum : bool, default True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default False
        Whether training stops when the validation score stops improving; the best weights are kept.
    validation_fraction : float, default 0.1
        Fraction of the rows held out for early stopping.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999, 1e-8
        Decay rates and numerical constant of "adam".
    n_iter_no_change : int, default 10
        Epochs without improvement before training stops.
    max_fun : int, default 15000
        Evaluations of the loss at most, for "lbfgs".
    normalization : {"batch", "layer"} or None, default None
        Normalization of each hidden layer, before its activation.
    dropout : float, default 0.0
        Fraction of hidden units dropped in each step.
    scoring : str, callable or None, default None
        Score for early stopping: a metric, a scorer of scikit-learn, or "loss".
    transform_layer : int, default -1
        Index of the hidden layer that `transform` returns.
    progress : bool, default False
        Whether a progress bar is shown.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        Engine, as in `hg.train`.
    class_weight : dict, "balanced" or None, default None
        Weight of the rows of each class in the loss.

    Examples
    --------
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
        """Predict the class of each row, (n,), or its labels, (n, n_labels)."""
        check_is_fitted(self)
        p = self._outputs(X)
        if self._has_class_indices():
            return self.classes_[self._loss.target_kind.decide(p)]
        return self._label_binarizer.inverse_transform(p.ravel() if self.n_outputs_ == 1 else p)

    @available_if(check_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: object) -> Array:
        """Predict the probability of each class, (n, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if self.n_outputs_ == 1 else p

    @available_if(gives_scores)  # type: ignore[untyped-decorator]
    def decision_function(self, X: object) -> Array:
        """Score of each class or label, (n, n_classes); of the second of two classes, (n,).

        For losses of scores, such as hinge; the second of two classes is predicted from 0 on.
        """
        check_is_fitted(self)
        z = self._outputs(X, linked=False)
        if self._has_class_indices():
            return z[:, 1] - z[:, 0] if len(self.classes_) == 2 else z
        return z.ravel() if self.n_outputs_ == 1 else z

    @available_if(check_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: object) -> Array:
        """Predict the logarithm of each probability, (n, n_classes)."""
        log_p: Array = np.log(self.predict_proba(X))
        return log_p

    def _chosen_loss(self) -> Loss:
        return loss_for(self.loss, self._label_binarizer.y_type_)

    def _has_class_indices(self) -> bool:
        """Return True if the loss takes class indices; else binary targets, one in each column."""
        return isinstance(self._loss.target_kind, ClassLabels)

    def _n_outputs(self, y: Array) -> int:
        return 2 if self._has_class_indices() and y.shape[1] == 1 else y.shape[1]

    def _targets(self, y: Array) -> Array:
        if self._has_class_indices():
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
        if self._has_class_indices():
            correct = p.argmax(axis=1) == self._targets(y)
        else:
            correct = ((p > 0.5) == y).all(axis=1)
        return float(np.average(correct, weights=w))

    def _link(self) -> list[Layer]:
        """Layers from the output of the net to probabilities."""
        return link_of(self._loss.input_kind)

    def _exported_parts(self) -> ModelParts:
        if self._label_binarizer.y_type_ == "multilabel-indicator":
            raise SettingError(
                f"{type(self).__name__} of several labels a row",
                "one class a row",
                "hg.export(model.net_, path), which exports a logit for each label",
            )
        net, kind = self._current_net(), self._loss.input_kind
        scored = isinstance(kind, Scores)
        both = [] if self.n_outputs_ > 1 else [BothScores() if scored else BothClasses()]
        return ModelParts(
            "classifier",
            "scores" if scored else "probabilities",
            followed(net, *([] if scored else self._link()), *both),
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
        kinds = [loss.target_kind for loss in losses_of(self.loss)]
        tags.classifier_tags.multi_label = any(isinstance(k, BinaryLabels) for k in kinds)
        tags.classifier_tags.multi_class = any(isinstance(k, ClassLabels) for k in kinds)
        return tags
