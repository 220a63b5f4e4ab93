"""From a table as it comes to a strong model: estimators with scikit-learn's habits."""

from handgrad.tabular.encoder import TableEncoder
from handgrad.tabular.estimators import TabularClassifier, TabularRegressor
from handgrad.tabular.features import Features

__all__ = ["Features", "TableEncoder", "TabularClassifier", "TabularRegressor"]
