"""Summaries of the files of perceptrons, made without importing scikit-learn."""

from handgrad.saving.entries import Summary
from handgrad.saving.values import read_classes, read_value


def of_classifier(fitted: dict[str, object]) -> Summary:
    """The columns, the classes and their kind."""
    return _of_columns(fitted) | {
        "classes": read_classes(fitted["classes"]).tolist(),
        "target": {"kind": fitted["y_type"]},
    }


def of_regressor(fitted: dict[str, object]) -> Summary:
    """The columns, and how many numbers a row are predicted."""
    return _of_columns(fitted) | {"target": {"numbers a row": fitted["n_outputs"]}}


def _of_columns(fitted: dict[str, object]) -> Summary:
    """The columns, where they have names."""
    names = read_value(fitted.get("feature_names_in_"))
    return {"columns": {} if names is None else dict.fromkeys(map(str, names), "number")}


SUMMARIES = {"MLPClassifier": of_classifier, "MLPRegressor": of_regressor}
