"""scikit-learn's perceptrons, trained by handgrad: change one import line; a language model."""

from typing import TYPE_CHECKING, Any

from handgrad.files.estimators import Summary
from handgrad.files.values import read_classes, read_value
from handgrad.tables.packages import require_packages

if TYPE_CHECKING:
    from handgrad.tables.estimators.classifier import MLPClassifier
    from handgrad.tables.estimators.image_classifier import PictureClassifier
    from handgrad.tables.estimators.language_model import LanguageModel
    from handgrad.tables.estimators.regressor import MLPRegressor

__all__ = ["LanguageModel", "MLPClassifier", "MLPRegressor", "PictureClassifier"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'handgrad.tables.estimators' has no attribute {name!r}")
    require_packages(name)
    from handgrad.tables.estimators import classifier, image_classifier, language_model, regressor

    modules = (classifier, regressor, image_classifier, language_model)
    return next(getattr(module, name) for module in modules if hasattr(module, name))


# Summaries of the files of perceptrons, made without importing scikit-learn.


def _summary_of_classifier(fitted: dict[str, object]) -> Summary:
    return _columns(fitted) | {
        "classes": read_classes(fitted["classes"]).tolist(),
        "target": {"kind": fitted["y_type"]},
    }


def _summary_of_regressor(fitted: dict[str, object]) -> Summary:
    return _columns(fitted) | {"target": {"numbers a row": fitted["n_outputs"]}}


def _columns(fitted: dict[str, object]) -> Summary:
    names = read_value(fitted.get("feature_names_in_"))
    return {"columns": {} if names is None else dict.fromkeys(map(str, names), "number")}


def _summary_of_language_model(fitted: dict[str, object]) -> Summary:
    return {"target": {"characters": fitted["vocabulary"]}}


SUMMARIES = {
    "LanguageModel": _summary_of_language_model,
    "MLPClassifier": _summary_of_classifier,
    "MLPRegressor": _summary_of_regressor,
    "PictureClassifier": _summary_of_classifier,
}
