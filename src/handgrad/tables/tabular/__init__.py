"""Estimators for raw tables, with the interface of scikit-learn."""

from typing import TYPE_CHECKING, Any

from handgrad.tables.packages import require_packages
from handgrad.tables.tabular.files import SUMMARIES as SUMMARIES

if TYPE_CHECKING:
    from handgrad.tables.tabular.classifier import TabularClassifier
    from handgrad.tables.tabular.encoder import TableEncoder
    from handgrad.tables.tabular.regressor import TabularRegressor
    from handgrad.tables.tabular.streamed import fits_in_memory
    from handgrad.tables.tabular.survival import TabularSurvival

__all__ = [
    "TableEncoder",
    "TabularClassifier",
    "TabularRegressor",
    "TabularSurvival",
    "fits_in_memory",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'handgrad.tables.tabular' has no attribute {name!r}")
    require_packages(name)
    from handgrad.tables.tabular import classifier, encoder, regressor, streamed, survival

    modules = {
        "TableEncoder": encoder,
        "TabularClassifier": classifier,
        "TabularRegressor": regressor,
        "TabularSurvival": survival,
        "fits_in_memory": streamed,
    }
    return getattr(modules[name], name)
