"""scikit-learn's multi-layer perceptrons, trained by handgrad: change one import line."""

from handgrad.estimators.classifier import MLPClassifier
from handgrad.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
