"""scikit-learn's multi-layer perceptrons, trained by handgrad: change one import line."""

from typing import TYPE_CHECKING, Any

from handgrad.estimators.file_summary import SUMMARIES as SUMMARIES

if TYPE_CHECKING:
    from handgrad.estimators.classifier import MLPClassifier
    from handgrad.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'handgrad.estimators' has no attribute {name!r}")
    from handgrad.estimators import classifier, regressor

    return getattr(classifier if name == "MLPClassifier" else regressor, name)
