"""From a table as it comes to a strong model: estimators with scikit-learn's habits."""

from typing import TYPE_CHECKING, Any

from handgrad.tabular.features import Features
from handgrad.tabular.file_summary import SUMMARIES as SUMMARIES

if TYPE_CHECKING:
    from handgrad.tabular.encoder import TableEncoder
    from handgrad.tabular.estimators import TabularClassifier, TabularRegressor

__all__ = ["Features", "TableEncoder", "TabularClassifier", "TabularRegressor"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'handgrad.tabular' has no attribute {name!r}")
    from handgrad.tabular import encoder, estimators

    return getattr(encoder if name == "TableEncoder" else estimators, name)
