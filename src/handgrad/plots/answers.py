"""What a model answers for rows: a net, or an estimator that predicts as scikit-learn's do."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.errors import DataError, ShapeError
from handgrad.layers import Array
from handgrad.metrics.shapes import decided
from handgrad.net import Net
from handgrad.net.minibatches import array_of
from handgrad.plots.rows import as_probabilities, classes_of, names_of, table_of, targets_of
from handgrad.training import check_kinds


def is_estimator(model: Any, method: str) -> bool:
    """Whether `model` is no net, but has that method of estimators; refused, if it is neither."""
    if not isinstance(model, Net) and not isinstance(model, type) and hasattr(model, method):
        return True
    check_kinds(net=(model, Net))
    return False


def answered_classes(
    model: Any, x: Any, y: Any, class_names: Sequence[str] | None
) -> tuple[Array, Array, Array, list[str]]:
    """The class predicted for each row (n,), the probabilities (n, n_classes), the true classes
    (n,), all counted from 0, and the names of the classes.
    """
    if is_estimator(model, "predict_proba"):
        p = np.asarray(model.predict_proba(x))
        known = [*model.classes_]
        predicted, true = (_places(values, known) for values in (model.predict(x), y))
        names = [str(name) for name in known] if class_names is None else class_names
        return predicted, p, true, names_of(names, len(known), "class")
    x = table_of(x)
    output = np.asarray(model.predict(x))
    p = as_probabilities(model, output)
    y = classes_of(y, x, p.shape[1])
    predicted = decided(output, y)[1].ravel().astype(np.int64)
    return predicted, p, y, names_of(class_names, p.shape[1], "class")[: p.shape[1]]


def answered_numbers(model: Any, x: Any, y: Any) -> tuple[Any, Array, Array]:
    """The rows as they are to be drawn, the number predicted for each, and the true one, (n,)."""
    x = x if is_estimator(model, "predict") else table_of(x)
    y = targets_of(y, x)
    if y.ndim != 1:
        raise ShapeError(f"y of shape {y.shape}", "one number a row", "y[:, 0], for one column")
    return x, predicted_numbers(model, x), y


def predicted_numbers(model: Any, x: Any) -> Array:
    """One predicted number a row, (n,)."""
    p: Array = np.asarray(model.predict(x))
    if p.shape not in ((len(x),), (len(x), 1)) or p.dtype.kind not in "fiu":
        raise ShapeError(
            f"predictions of shape {p.shape}"
            + ("" if p.dtype.kind in "fiu" else f", such as {str(p.flat[0])!r}"),
            "one number a row",
            "plot_decision_boundary(net, x, y), for classes",
        )
    return p.reshape(len(x))


def _places(values: Any, known: list[Any]) -> Array:
    """Where in the `known` classes the class of each row is."""
    place = {label: i for i, label in enumerate(known)}
    found = np.array([place.get(label, -1) for label in array_of(values, "y").ravel()], np.int64)
    if (found < 0).any():
        odd = array_of(values, "y").ravel()[found < 0][0]
        raise DataError(
            f"a target of {odd}",
            f"one of the classes that the model was fitted to: {', '.join(map(str, known))}",
            "the rows of those classes, y[np.isin(y, model.classes_)]",
        )
    return found
