"""The outputs of a fitted model for the rows of a table."""

from typing import cast

import numpy as np

from handgrad.base.errors import SettingError, described
from handgrad.layers import Array
from handgrad.results import Predictor, is_classifier


def fitted(model: object) -> Predictor:
    """`model`, which is refused if it does not predict, or has not learned."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    expected = "a fitted estimator, such as TabularClassifier, or a Pipeline that ends in one"
    if not hasattr(model, "fit") or not hasattr(model, "predict") or isinstance(model, type):
        raise SettingError(f"model = {described(model)}", expected, "model.fit(X, y), and then it")
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise SettingError(
            f"a {type(model).__name__} that has not learned yet", expected, "model.fit(X, y) first"
        ) from error
    return cast(Predictor, model)


def classes_of(model: Predictor) -> Array | None:
    """The classes that a model tells apart, (n_classes,); None for numbers."""
    return getattr(model, "classes_", None)


def outputs_of(model: Predictor, table: object) -> Array:
    """Probabilities (n, n_classes), or 1 for the class that is predicted; or numbers (n, 1)."""
    if is_classifier(model):
        return np.asarray(model.predict_proba(table))
    predicted, classes = np.asarray(model.predict(table)), classes_of(model)
    if classes is None:
        return predicted.astype(float).reshape(len(predicted), -1)
    return (predicted[:, None] == classes).astype(float)
