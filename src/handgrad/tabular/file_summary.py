"""Summaries of the files of estimators of tables, made without importing scikit-learn."""

from handgrad.saving.entries import Summary
from handgrad.saving.values import read_classes
from handgrad.tabular.files import FittedToTable, features_from

TARGET = ("center", "spread", "lowest", "highest")  # what `target_` says of the numbers learned


def of_encoder(fitted: FittedToTable) -> Summary:
    """What each column was read as."""
    return {"columns": features_from(fitted["columns"]).read_as()}


def of_classifier(fitted: FittedToTable) -> Summary:
    """The columns and the classes."""
    return of_encoder(fitted) | {"classes": read_classes(fitted["classes"]).tolist()}


def of_regressor(fitted: FittedToTable) -> Summary:
    """The columns and the numbers that were learned."""
    return of_encoder(fitted) | {"target": dict(zip(TARGET, fitted["target"], strict=True))}


SUMMARIES = {
    "TableEncoder": of_encoder,
    "TabularClassifier": of_classifier,
    "TabularRegressor": of_regressor,
}
