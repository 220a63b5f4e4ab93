"""Tables: read, encoded, learned by estimators, explained and reported."""

from typing import TYPE_CHECKING, Any

from handgrad.textbook.layers import (
    EnsembleEmbedding,
    EnsembleLinear,
    EnsemblePeriodicEmbedding,
    TabularEmbedding,
)

if TYPE_CHECKING:
    from handgrad.tables.forecasting import Backtest, Forecaster
    from handgrad.tables.inspection import (
        contributions,
        partial_dependence,
        permutation_importance,
    )
    from handgrad.tables.reporting import write_report
    from handgrad.tables.runs import compare_tables, evaluate_table, list_runs, train_table
    from handgrad.tables.tabular import (
        TableEncoder,
        TabularClassifier,
        TabularRegressor,
        TabularSurvival,
    )
    from handgrad.training.results import Contributions, PartialDependence, PermutationImportance

__all__ = [
    "Backtest",
    "Contributions",
    "EnsembleEmbedding",
    "EnsembleLinear",
    "EnsemblePeriodicEmbedding",
    "Forecaster",
    "PartialDependence",
    "PermutationImportance",
    "TableEncoder",
    "TabularClassifier",
    "TabularEmbedding",
    "TabularRegressor",
    "TabularSurvival",
    "compare_tables",
    "contributions",
    "evaluate_table",
    "list_runs",
    "partial_dependence",
    "permutation_importance",
    "train_table",
    "write_report",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Public names, imported on first use: estimators load scikit-learn."""
        if name not in __all__:
            raise AttributeError(f"module 'handgrad.tables' has no attribute {name!r}")
        from handgrad.tables import forecasting, inspection, reporting, runs, tabular
        from handgrad.training import results

        modules = (results, forecasting, inspection, reporting, runs, tabular)
        return next(getattr(module, name) for module in modules if hasattr(module, name))


def __dir__() -> list[str]:
    return __all__
